"""This repository's own gate: what a bounce of each countdown may cost, counted and timed.

The laws are in `cascade-budget.toml`. Executions are budgeted beside the engine's stages because an
engine that skips bodies is fast, and may still return the right result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import cascade as cs
from benchmarks.workloads import HEAVY, SIMPLE, STABLE_CAPTURED, STABLE_RECEIVED

if TYPE_CHECKING:
    from benchmarks.workloads import Workload

STAGES = (
    "cascade.graph.build:build_graph",
    "cascade.graph.stages:plan_stages",
    "cascade.graph.resources:scan_resources",
    "cascade.graph.template:template_key",
    "cascade.blueprint.compile:compile_blueprint",
    "cascade.blueprint.bind:bind",
    "cascade.runtime.state:MemoryState.clear",
    "cascade.runtime.nodes:offload",
)
CULPRITS = (
    "inspect:signature",
    "inspect:getsource",
    "ast:parse",
    "uuid:uuid4",
    "concurrent.futures.thread:ThreadPoolExecutor.submit",
)


def budgeted(*bodies: str) -> pytest.MarkDecorator:
    executions = [f"benchmarks.workloads:{body}" for body in bodies]
    return pytest.mark.cascade_budget(calls=[*executions, *STAGES, *CULPRITS])


def checked_run(workload: Workload, n: int) -> object:
    """Run n bounces; a wrong result fails at the size that it was got with."""
    result = cs.run(workload.target(n))
    assert result == workload.result(n)
    return result


@budgeted("simple_countdown")
def test_simple_countdown(cascade_budget):
    assert cascade_budget(lambda n: checked_run(SIMPLE, n), n=10_000) == "done"


@budgeted("stable_received_countdown", "noop")
def test_stable_complex_countdown_passes_its_chain_on_as_received(cascade_budget):
    assert cascade_budget(lambda n: checked_run(STABLE_RECEIVED, n), n=10_000)


@budgeted("stable_captured_countdown", "noop")
def test_stable_complex_countdown_passes_the_captured_chain_again(cascade_budget):
    assert cascade_budget(lambda n: checked_run(STABLE_CAPTURED, n), n=10_000)


@budgeted("heavy_complex_countdown", "noop")
def test_heavy_complex_countdown(cascade_budget):
    assert cascade_budget(lambda n: checked_run(HEAVY, n), n=10_000)
