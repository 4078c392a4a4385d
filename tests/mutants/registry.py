"""Every mutant: what it did to an engine of this kind, and what must catch it here."""

from __future__ import annotations

import difflib
from typing import Final

from . import binding, graphs, running
from .mutant import COUNTDOWNS, Check, Gate, Mutant, Timed, UnknownMutantError

SIMPLE: Final = "test_simple_countdown"
HEAVY: Final = "test_heavy_complex_countdown"
RECEIVED: Final = "test_stable_complex_countdown_passes_its_chain_on_as_received"
CAPTURED: Final = "test_stable_complex_countdown_passes_the_captured_chain_again"
PROGRAMS: Final = "tests/engine/test_programs.py"
GUARDS: Final = "tests/engine/differential/test_guards.py"
BUILD: Final = "cascade.graph.build:build_graph"
SUBMIT: Final = "concurrent.futures.thread:ThreadPoolExecutor.submit"
SCAN: Final = "cascade.graph.resources:scan_resources"
CLEAR: Final = "cascade.runtime.state:MemoryState.clear"

MUTANTS: Final[tuple[Mutant, ...]] = (
    Mutant(
        slug="graph-built-again-in-the-executor",
        mistake="The graph that the loop built or cached is built again where it is executed.",
        seen="202 builds in 100 bounces, and a third less throughput.",
        plant=graphs.graph_built_again_in_the_executor,
        caught_by=(Gate(SIMPLE, BUILD, "n + 1 calls, budget 1", "execute"),),
        timed=Timed(SIMPLE, f"{__package__}.graphs:execute"),
    ),
    Mutant(
        slug="signature-on-every-resolve",
        mistake="The resolver reads the body's signature each time that it resolves its arguments.",
        seen="202 signatures in 100 simple bounces, 2,402 in 100 heavy ones.",
        plant=running.signature_on_every_resolve,
        caught_by=(
            Gate(SIMPLE, "inspect:signature", "n + 1 calls, budget 0", "resolve"),
            Gate(HEAVY, "inspect:signature", "12*n + 1 calls, budget 0", "resolve"),
        ),
        timed=Timed(SIMPLE, f"{__package__}.running:resolve"),
    ),
    Mutant(
        slug="one-node-refreshed-on-a-cache-hit",
        mistake="On a cache hit only the root's literals are taken from the new target.",
        seen="Stale values; a wrong result at the third bounce.",
        plant=binding.one_node_refreshed_on_a_cache_hit,
        caught_by=(
            Check(f"{GUARDS}::test_literals_of_every_call_are_those_of_this_bounce", "assert"),
        ),
    ),
    Mutant(
        slug="cache-keyed-by-name",
        mistake="Templates are told apart by the names of their tasks.",
        seen="Two closures of one name share a body: wrong results.",
        plant=graphs.cache_keyed_by_name,
        caught_by=(
            Check(f"{PROGRAMS}::test_two_closures_of_one_name_run_their_own_bodies", "assert"),
        ),
    ),
    Mutant(
        slug="map-not-told-of-a-new-signature",
        mistake="A function's signature changes, and one of its call sites does not.",
        seen="Every .map raises TypeError.",
        plant=running.map_not_told_of_a_new_signature,
        caught_by=(
            Check(
                f"{PROGRAMS}::test_a_map_under_one_slot_with_capacity_one_completes", "TypeError"
            ),
        ),
    ),
    Mutant(
        slug="source-parsed-on-every-build",
        mistake="Building a graph parses the source of its tasks.",
        seen="1,201 parses in 100 heavy bounces, and a fifth of the throughput left.",
        plant=graphs.source_parsed_on_every_build,
        caught_by=(
            Gate(SIMPLE, "ast:parse", "1 call, budget 0", "add"),
            Gate(SIMPLE, "inspect:getsource", "1 call, budget 0", "add"),
            Gate(HEAVY, "ast:parse", "13 calls, budget 0", "add"),
        ),
    ),
    Mutant(
        slug="shape-check-skipped-for-the-same-task",
        mistake="A target of the same task is bound without a look at its shape, until a loop is "
        "compiled.",
        seen="noop runs 1,111 times instead of 11, and the result is still right.",
        plant=binding.shape_check_skipped_for_the_same_task,
        caught_by=(Gate(RECEIVED, "benchmarks.workloads:noop", "99 calls, budget 11"),),
    ),
    Mutant(
        slug="caching-dropped",
        mistake="What is made for a template is not kept.",
        seen="A graph and a plan for every bounce, and two fifths less throughput.",
        plant=graphs.caching_dropped,
        caught_by=(
            Gate(SIMPLE, BUILD, "n + 1 calls, budget 1"),
            Gate(SIMPLE, "cascade.graph.stages:plan_stages", "n + 1 calls, budget 1"),
        ),
        timed=Timed(SIMPLE, "cascade.runtime.trampoline:_bounce_new"),
    ),
    Mutant(
        slug="cached-pair-read-as-one",
        mistake="What is cached gains a field, and its reader does not know.",
        seen="ValueError at the third bounce, when the cache is first hit.",
        plant=graphs.cached_pair_read_as_one,
        caught_by=(Check(f"{COUNTDOWNS}::{SIMPLE}", "TypeError: 'tuple' object is not callable"),),
    ),
    Mutant(
        slug="resources-scanned-on-every-bounce",
        mistake="The resources that a template needs are looked up on every bounce, cached or not.",
        seen="201 scans in 100 bounces instead of 102, with no visible change in throughput.",
        plant=graphs.resources_scanned_on_every_bounce,
        caught_by=(Gate(CAPTURED, SCAN, "n + 1 calls, budget 1", "prepare"),),
        timed=Timed(CAPTURED, "cascade.graph.resources:scan_resources"),
    ),
    Mutant(
        slug="markers-passed-by-the-loop",
        mistake="The loop takes a task with Param, Env or Inject, and does not resolve them.",
        seen="Wrong arguments.",
        plant=binding.markers_passed_by_the_loop,
        caught_by=(Check(f"{GUARDS}::test_a_loop_hands_over_what_markers_stand_for", "assert"),),
    ),
    Mutant(
        slug="state-in-a-thread",
        mistake="Every access to the in-memory state goes through a thread.",
        seen="An executor submit for every access: 59,000 bounces a second became 5,500.",
        plant=running.state_in_a_thread,
        caught_by=(Gate(SIMPLE, SUBMIT, "budget 0"),),
        timed=Timed(SIMPLE, f"{__package__}.running:access"),
    ),
    Mutant(
        slug="state-cleared-on-every-bounce",
        mistake="The state is cleared on every bounce, though the loop puts nothing into it.",
        seen="A quarter less throughput where the chain is passed on.",
        plant=running.state_cleared_on_every_bounce,
        caught_by=(Gate(RECEIVED, CLEAR, "n + 1 calls, budget 2", "forget"),),
        timed=Timed(RECEIVED, f"{__package__}.running:forget"),
    ),
    Mutant(
        slug="yield-removed-from-the-loop",
        mistake="The loop never gives way to other coroutines.",
        seen="A sibling ticks 8 times where 500 are due.",
        plant=running.yield_removed_from_the_loop,
        caught_by=(
            Check(f"{PROGRAMS}::test_a_ticker_ticks_in_every_slice_beside_a_long_loop", "assert"),
        ),
    ),
    Mutant(
        slug="raw-lazies-handed-to-the-body",
        mistake="The loop hands lazy results to the body, and what they stand for never runs.",
        seen="Heavy 14 times faster: noop runs 11 times instead of 1,100, and the result is right.",
        plant=binding.raw_lazies_handed_to_the_body,
        caught_by=(Check(f"{COUNTDOWNS}::{HEAVY}", "TypeError: unsupported operand"),),
    ),
    Mutant(
        slug="dependencies-run-once-a-loop",
        mistake="What the root depends on runs in a loop's first bounce, and its results are kept.",
        seen="As before: faster, noop runs too seldom, and the result is right.",
        plant=binding.dependencies_run_once_a_loop,
        caught_by=(Gate(HEAVY, "benchmarks.workloads:noop", "budget 11*n"),),
    ),
    Mutant(
        slug="machinery-around-every-body",
        mistake="An instruction object, a uuid and a yield for every body.",
        seen="382,000 bounces a second became 90,000.",
        plant=running.machinery_around_every_body,
        caught_by=(Gate(SIMPLE, "uuid:uuid4", "budget 0", "instruction"),),
        timed=Timed(SIMPLE, f"{__package__}.running:instruction"),
    ),
    Mutant(
        slug="every-sync-task-in-a-thread",
        mistake="Every sync body is sent to a thread pool.",
        seen="51,000 bounces a second became 11,600, with all counts of graphs unchanged.",
        plant=running.every_sync_task_in_a_thread,
        caught_by=(
            Gate(SIMPLE, SUBMIT, "n + 1 calls, budget 0"),
            Gate(SIMPLE, "cascade.runtime.nodes:offload", "n + 1 calls, budget 0"),
        ),
        timed=Timed(SIMPLE, "cascade.runtime.nodes:offload"),
    ),
)
"""In the order in which they were met."""


def find_mutant(slug: str) -> Mutant:
    """Return the mutant of this slug.

    Raises:
        UnknownMutantError: there is none.
    """
    for mutant in MUTANTS:
        if mutant.slug == slug:
            return mutant
    slugs = [mutant.slug for mutant in MUTANTS]
    raise UnknownMutantError(slug, difflib.get_close_matches(slug, slugs, cutoff=0.6) or slugs)
