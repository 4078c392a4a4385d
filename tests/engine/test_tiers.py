"""What the tiers are, when they are used, what they keep, and that it stays bounded."""

from __future__ import annotations

import asyncio
import collections
import subprocess
import sys
import traceback
import types

import pytest

import cascade as cs
from cascade.blueprint import cache as cycle_cache
from cascade.blueprint.compiled import MISSING
from cascade.codegen import source
from cascade.runtime import pace


@cs.task
def one():
    return 1


@cs.task
def add(a, b):
    return a + b


@cs.task
def loop(n, value=0):
    return value if n == 0 else loop(n - 1, add(one(), n))


@cs.task(pure=True)
def pure():
    return 1


@cs.task(mode="thread")
def threaded():
    return 1


@cs.task
async def waits():
    return 1


@cs.task
def uses(tx=cs.Inject("tx")):
    return tx


class Works:
    """The log of work that an engine did beyond calling bodies."""

    STAGES = types.MappingProxyType(
        {
            "build": "cascade.graph.build.build_graph",
            "key": "cascade.graph.template.template_key",
            "plan": "cascade.blueprint.compile.plan_stages",
            "scan": "cascade.blueprint.compile.scan_resources",
            "bind": "cascade.blueprint.bind.bind",
            "compile": "cascade.blueprint.compile.compile_blueprint",
        }
    )

    def __init__(self, monkeypatch):
        self.log = []
        for word, path in self.STAGES.items():
            module, _, name = path.rpartition(".")
            real = getattr(__import__(module, fromlist=[name]), name)
            monkeypatch.setattr(path, self._noting(word, real))

    def _noting(self, word, real):
        def noting(*args, **kwargs):
            self.log.append(word)
            return real(*args, **kwargs)

        return noting

    def take(self):
        taken, self.log[:] = list(self.log), []
        return taken


FIRST_SIGHT = ["build", "key", "plan", "scan"]


def test_the_second_bounce_of_a_template_builds_no_graph(monkeypatch):
    works = Works(monkeypatch)
    asyncio.run(cs.Engine().run(loop(3)))
    assert works.take() == [*FIRST_SIGHT, "bind", *FIRST_SIGHT, "bind", "bind", "bind", "bind"]


def test_a_warm_engine_does_no_work_for_what_it_knows(monkeypatch):
    made = cs.Engine()
    asyncio.run(made.run(loop(30)))
    works = Works(monkeypatch)
    asyncio.run(made.run(loop(30, one())))
    assert works.take() == ["bind", *FIRST_SIGHT]
    for _ in range(9):
        asyncio.run(made.run(add(1, 2)))
    works.take()
    asyncio.run(made.run(add(1, 2)))
    assert works.take() == []


def test_the_reference_tier_keeps_nothing(monkeypatch):
    works = Works(monkeypatch)
    asyncio.run(cs.Engine(tier="reference").run(loop(1)))
    assert works.take() == ["build", "plan", "scan", "build", "plan", "scan"]


def test_statistics_count_bounces_hits_and_misses(tier):
    made = cs.Engine(tier=tier)
    asyncio.run(made.run(loop(600)))
    statistics = made.statistics()
    assert statistics.bounces == 601
    if tier == "reference":
        assert (statistics.blueprint_hits, statistics.blueprint_misses) == (0, 601)
        assert statistics.compiled == 0
    else:
        assert (statistics.blueprint_hits, statistics.blueprint_misses) == (599, 2)
        assert statistics.compiled == (0 if tier == "blueprint" else 1)
    assert statistics.evicted == 0
    made.clear_caches()
    assert made.statistics().cache.size == 0
    assert made.statistics().evicted == (0 if tier == "reference" else 2)
    assert asyncio.run(made.run(loop(20))) == 2


@cs.task
def wide(n, items=()):
    return items if n == 0 else wide(n - 1, [one() for _ in range(n)])


def test_a_task_keeps_32_blueprints_and_colder_ones_give_way(tier):
    made = cs.Engine(tier=tier)
    for _ in range(2):
        assert asyncio.run(made.run(wide(40))) == [1]
    statistics = made.statistics()
    assert statistics.cache.size == (0 if tier == "reference" else 32)
    assert statistics.evicted == (0 if tier == "reference" else 41 + 41 - 32)


@pytest.mark.parametrize("seen_before", [0, 8, 40, 200])
def test_a_loop_is_learnt_however_many_shapes_were_seen_before(seen_before, monkeypatch):
    made = cs.Engine()
    for n in range(seen_before):
        asyncio.run(made.run(wide_of_one(0, [[one()] * (n + 1)])))
    works = Works(monkeypatch)
    asyncio.run(made.run(wide_of_one(100, [one()])))
    assert works.take().count("build") == 1
    asyncio.run(made.run(wide_of_one(100, [one()])))
    assert works.take() == []


@cs.task
def wide_of_one(n, items):
    return items if n == 0 else wide_of_one(n - 1, [one()])


def test_shapes_that_are_looped_on_outlive_those_that_are_seen_once(monkeypatch):
    made = cs.Engine()
    asyncio.run(made.run(wide_of_one(100, [one()])))
    works = Works(monkeypatch)
    for n in range(100):
        asyncio.run(made.run(wide_of_one(0, [[one()] * (n + 2)])))
        works.take()
        asyncio.run(made.run(wide_of_one(100, [one()])))
        assert "build" not in works.take()


@pytest.mark.parametrize("kinds", [2, 8, 12, 30])
def test_templates_that_alternate_each_keep_their_loop(kinds, monkeypatch):
    tasks = [cs.task(name=f"kind{k}")(lambda n, k=k: n + k) for k in range(kinds)]

    @cs.task
    def alternate(n, value):
        return value if n == 0 else alternate(n - 1, tasks[n % kinds](n))

    made = cs.Engine()
    for _ in range(2):
        assert asyncio.run(made.run(alternate(20 * kinds, tasks[0](1)))) == 2
    works = Works(monkeypatch)
    assert asyncio.run(made.run(alternate(20 * kinds, tasks[0](1)))) == 2
    assert works.take() == []
    assert made.statistics().compiled == kinds
    assert made.statistics().evicted == 0


def test_loops_entered_by_a_look_are_forgotten_with_their_blueprint(monkeypatch):
    monkeypatch.setattr(cycle_cache, "PER_TASK", 2)
    made = cs.Engine(tier="hot")
    for kind in (int, str, float, bytes):
        asyncio.run(made.run(wide_of_one(5, [kind()])))
    for n in range(1, 9):
        asyncio.run(made.run(wide_of_one(0, [one()] * n)))
        asyncio.run(made.run(wide_of_one(0, [one()] * n)))
    loops = made._core.cache.loops[False]
    assert made.statistics().cache.size <= 4
    assert len(loops) <= 8


def test_tasks_beyond_the_bound_are_evicted_oldest_first(tier, monkeypatch):
    monkeypatch.setattr(cycle_cache, "TASKS", 10)
    made = cs.Engine(tier=tier)

    async def main():
        for n in range(30):

            @cs.task
            def closure(m, n=n):
                return n if m == 0 else closure(m - 1, n)

            assert await made.run(closure(10)) == n
        return made.statistics()

    statistics = asyncio.run(main())
    if tier == "reference":
        assert statistics.cache.size == 0
    else:
        assert (statistics.cache.tasks, statistics.evicted) == (10, 20)


def test_two_shapes_of_one_task_in_turn_are_both_right(engine):
    @cs.task
    def turn(n, value=0):
        if n == 0:
            return value
        return turn(n - 1, add(value, 1)) if n % 2 else turn(n - 1, value)

    def value_of(n):
        return n // 2

    for _ in range(3):
        assert engine.run(turn(100)) == value_of(100)


def test_a_blueprint_is_shared_by_runs_that_overlap(engine):
    @cs.task
    async def step(tag, n, seen=()):
        await asyncio.sleep(0)
        return seen if n == 0 else step(tag, n - 1, join(seen, tag))

    @cs.task
    def join(seen, tag):
        return (*seen, tag)

    async def main():
        return await asyncio.gather(*(engine.default.run(step(t, 20)) for t in range(20)))

    assert asyncio.run(main()) == [(t,) * 20 for t in range(20)]


def test_a_state_of_ones_own_hears_of_every_node_and_is_asked_for_the_result(tier):
    class Recording:
        def __init__(self):
            self.log = []
            self.results = {}

        async def put(self, key, value):
            self.log.append(("put", key.node, value))
            self.results[key] = value

        async def get(self, key):
            self.log.append(("get", key.node))
            return self.results[key]

        async def has(self, key):
            return key in self.results

        async def skip(self, key, reason):
            self.log.append(("skip", key.node, reason.name))

        async def clear(self, generation):
            self.log.append(("clear", *generation))
            self.results = {k: v for k, v in self.results.items() if k.generation != generation}

    state = Recording()
    made = cs.Engine(tier=tier, state=state)
    asyncio.run(made.run(loop(2)))
    assert state.log == [
        ("clear", 1, 1),
        ("put", 0, 1),
        ("put", 1, 3),
        ("clear", 1, 2),
        ("put", 0, 1),
        ("put", 1, 2),
        ("put", 2, 2),
        ("get", 2),
        ("clear", 1, 3),
    ]
    assert state.results == {}
    state.log.clear()
    with pytest.raises(cs.DependencyMissingError):
        asyncio.run(made.run(add(one().run_if(False), 1)))
    assert state.log == [
        ("skip", 0, "CONDITION_FALSE"),
        ("skip", 1, "UPSTREAM_SKIPPED"),
        ("clear", 2, 1),
    ]


def test_the_memory_state_keeps_generations_apart():
    async def main():
        state = cs.MemoryState()
        first, second = (
            cs.StateKey(cs.Generation(1, 1), 0),
            cs.StateKey(cs.Generation(1, 2), 0),
        )
        await state.put(first, "first")
        await state.skip(second, cs.SkipReason.CACHE_HIT)
        assert len(state) == 2
        assert await state.has(first)
        assert not await state.has(second)
        assert await state.get(first) == "first"
        with pytest.raises(KeyError):
            await state.get(second)
        await state.clear(cs.Generation(1, 1))
        assert not await state.has(first)
        await state.clear(cs.Generation(1, 2))
        assert len(state) == 0

    asyncio.run(main())


def test_a_loop_can_be_printed():
    text = cs.explain(add(one(), 2)).source
    assert text is not None
    assert "r0 = B0()" in text
    assert "target = B1(r0, v0)" in text
    made = cs.Engine(tier="hot")
    for _ in range(3):
        asyncio.run(made.run(add(one(), 2)))
    (entry,) = made._core.cache.entries(add.spec.plain_class)
    assert source.source_of(entry.silent) == text


def test_an_error_in_a_fused_loop_shows_the_generated_line():
    @cs.task
    def bad(n):
        return 1 // n if n == 0 else bad(n - 1)

    with pytest.raises(ZeroDivisionError) as caught:
        cs.run(bad(30))
    shown = "".join(traceback.format_exception(caught.value))
    assert "in loop of bad\n    target = B0(v0)\n" in shown


@pytest.mark.parametrize(
    ("target", "tier_name", "reason"),
    [
        (one, "hot", None),
        (lambda: add(one(), one()), "hot", None),
        (lambda: add(one().with_retry(), {"x": 1}).with_retry(), "hot", None),
        (
            lambda: add(one().with_retry().run_if(True), 1),
            "blueprint",
            "'one' carries a policy beyond retries",
        ),
        (one.map, "blueprint", "'one' is mapped"),
        (lambda: [one()], "reference", "it has several targets"),
        (lambda: add(cs.Router(selector=1, routes={1: 1}), 1), "hot", None),
        (
            lambda: add(cs.Router(selector=1, routes={1: 1}), cs.Router(selector=1, routes={1: 1})),
            "blueprint",
            "several Routers choose what runs",
        ),
        (
            lambda: add(cs.Router(selector=1, routes={1: cs.Param("p", 1)}), 1),
            "blueprint",
            "a Router chooses which resources and inputs it needs",
        ),
        (
            lambda: add(cs.Router(selector=1, routes={1: 1}), waits()),
            "blueprint",
            "calls run side by side",
        ),
        (lambda: add({"x": {one()}}, 1), "hot", None),
        (lambda: add(pure(), pure()), "hot", None),
        (threaded, "blueprint", "'threaded' runs in a thread"),
        (lambda: add(waits(), waits()), "blueprint", "calls run side by side"),
        (lambda: add([one() for _ in range(64)], 1), "blueprint", "it has more than 64 nodes"),
        (uses, "blueprint", "it needs a step-scoped resource"),
    ],
)
def test_explain_says_which_tier_and_why_not_a_faster_one(target, tier_name, reason):
    @cs.resource(scope="step")
    def tx():
        yield

    explained = cs.explain(target(), cs.Engine(resources=[tx]))
    assert (explained.tier, explained.why_not_faster) == (tier_name, reason)


def test_explain_knows_the_engine():
    def why(engine):
        return cs.explain(one(), engine).why_not_faster

    assert why(cs.Engine(tier="reference")) == "the engine was made with tier='reference'"
    assert why(cs.Engine(tier="blueprint")) == "the engine was made with tier='blueprint'"
    assert why(cs.Engine(state=cs.MemoryState())) == (
        "every result is recorded in the engine's state"
    )
    paused = cs.Engine()
    paused.pause("o*")
    assert why(paused) == "a constraint is set for one of its tasks"
    paused.resume("o*")
    assert why(paused) is None


def test_an_explanation_reads_as_a_report():
    @cs.resource
    def db():
        yield

    @cs.task
    def query(text, db=cs.Inject("db")):
        return text

    made = cs.Engine(resources=[db])
    shown = str(cs.explain(add(query("a"), query("b").with_retry()), made)).splitlines()
    assert shown[0].startswith("template ")
    assert shown[0].endswith(": 3 node(s)")
    assert shown[1:] == [
        "  stage 1: query, query",
        "  stage 2: add",
        "  resource db, for each run",
        "tier: blueprint",
        "  not faster, because calls run side by side",
    ]
    routed = cs.explain(add(cs.Router(selector=1, routes={1: 1}), 1))
    assert "  stages: chosen by a Router while it runs" in str(routed)


def test_equal_structures_have_equal_templates_and_others_do_not():
    shared = one()
    templates = [
        cs.explain(target).template
        for target in (
            add(one(), one()),
            add(one(), one()),
            add(shared, shared),
            add(one(), 1),
            add(1, one()),
            add([one()], 1),
            add((one(),), 1),
        )
    ]
    assert templates[0] == templates[1]
    assert len(set(templates)) == 6


def test_visualize_draws_nodes_and_where_results_go():
    target = add(one.map(), cs.Router(selector=one(), routes={"a": 2, 'b"': one()}))
    target = target.after(one()).run_if(one()).with_constraints(slot=one())
    assert cs.visualize(target) == (
        "flowchart TD\n"
        '    n0[["one"]]\n'
        '    n1["one"]\n'
        '    n2["one"]\n'
        '    n3{"Router"}\n'
        '    n4["one"]\n'
        '    n5["one"]\n'
        '    n6["one"]\n'
        '    n7["add (run_if, constraints)"]\n'
        '    n1 -->|"selector"| n3\n'
        '    n2 -->|"b\'"| n3\n'
        '    n0 -->|"a"| n7\n'
        '    n3 -->|"b"| n7\n'
        '    n4 -->|"run_if"| n7\n'
        '    n5 -->|"slot"| n7\n'
        "    n6 -.-> n7\n"
    )
    assert cs.visualize(add(1, one()).after(one()), "dot") == (
        "digraph {\n"
        '    n0 [label="one", shape=box];\n'
        '    n1 [label="one", shape=box];\n'
        '    n2 [label="add", shape=box];\n'
        '    n0 -> n2 [label="b"];\n'
        '    n1 -> n2 [label="", style=dotted];\n'
        "}\n"
    )
    with pytest.raises(ValueError) as caught:
        cs.visualize(one(), "png")
    assert str(caught.value) == "form 'png' is unknown. Use 'mermaid' or 'dot'."


def test_a_chain_10000_deep_comes_out(engine):
    chain = 0
    for _ in range(10_000):
        chain = add(chain, 1)
    assert engine.run(chain) == 10_000


def test_a_fan_10000_wide_comes_out(engine):
    @cs.task
    def total(items):
        return sum(items)

    assert engine.run(total([one() for _ in range(10_000)])) == 10_000
    assert engine.run(total(one_of.map(x=list(range(10_000))))) == 49_995_000


@cs.task
async def one_of(x):
    return x


def test_a_recursion_5000_deep_that_is_no_tail_call_comes_out(engine):
    @cs.task
    def deep(n):
        return 0 if n == 0 else add(1, deep(n - 1))

    assert engine.run(deep(5_000)) == 5_000


def test_many_recursive_agents_at_once_on_one_engine(engine):
    @cs.task
    async def agent(tag, steps):
        await asyncio.sleep(0)
        return tag if steps == 0 else agent(tag, steps - 1)

    async def main():
        return await asyncio.gather(*(engine.default.run(agent(t, 2)) for t in range(2_500)))

    assert asyncio.run(main()) == list(range(2_500))


def test_an_engine_serves_several_event_loops_in_turn(engine):
    made = engine(capacity={"slot": 1})

    @cs.task
    async def work(n):
        await asyncio.sleep(0)
        return n if n == 0 else work(n - 1).with_constraints(slot=1)

    for _ in range(3):
        assert asyncio.run(made.run([work(15), work(15)])) == [0, 0]


def test_interrupting_a_body_at_every_bounce_leaves_nothing_open(tier):
    log = collections.Counter()

    @cs.resource
    def outer():
        log["open"] += 1
        yield
        log["close"] += 1

    @cs.resource(scope="step")
    def inner(outer=cs.Inject("outer")):
        log["open"] += 1
        yield
        log["close"] += 1

    @cs.task
    async def leaf(n, stop, error):
        if n == stop:
            raise error
        return n

    @cs.task
    def rec(n, stop, error, *_, outer=cs.Inject("outer"), inner=None):
        if n == 0:
            return "done"
        return rec(
            n - 1,
            stop,
            error,
            leaf(n, stop, error),
            leaf(n, None, None),
            inner=cs.Inject("inner") if n % 2 else None,
        )

    made = cs.Engine(resources=[outer, inner], tier=tier)
    for error in (ValueError, asyncio.CancelledError, KeyboardInterrupt, SystemExit):
        for stop in range(12, 0, -1):
            with pytest.raises(error):
                asyncio.run(made.run(rec(12, stop, error)))
            assert log["open"] == log["close"]
            assert made.statistics().active_runs == 0
    assert asyncio.run(made.run(rec(12, None, None))) == "done"


PEAKS = """
import asyncio, tracemalloc
import cascade as cs

@cs.task
def countdown(n):
    return "done" if n == 0 else countdown(n - 1)

engine = cs.Engine()

def peak(bounces):
    tracemalloc.reset_peak()
    asyncio.run(engine.run(countdown(bounces)))
    return tracemalloc.get_traced_memory()[1]

tracemalloc.start()
peak(10_000)
print(peak(100_000), peak(10_000))
"""


def test_a_loop_over_100000_bounces_peaks_no_higher_than_one_over_10000():
    # In a process of its own: threads of the test's runner allocate too.
    ran = subprocess.run([sys.executable, "-c", PEAKS], capture_output=True, text=True, check=True)
    long, short = map(int, ran.stdout.split())
    assert long <= short + 4_096


@pytest.mark.parametrize("others_paused", [False, True])
def test_caches_cleared_by_a_body_are_learnt_again(tier, others_paused):
    clears = []

    @cs.task
    def countdown(n):
        if n in clears:
            made.clear_caches()
        return "done" if n == 0 else countdown(n - 1)

    made = cs.Engine(tier=tier)
    if others_paused:
        made.pause("another")
    assert asyncio.run(made.run(countdown(20))) == "done"
    misses = made.statistics().blueprint_misses
    clears.append(0)
    assert asyncio.run(made.run(countdown(20))) == "done"
    assert asyncio.run(made.run(countdown(0))) == "done"
    clears.clear()
    assert made.statistics().cache.size == 0
    assert made._core.cache.loops == {False: {}, True: {}}
    assert asyncio.run(made.run(countdown(20))) == "done"
    learnt = made.statistics().blueprint_misses - misses
    assert learnt == (21 + 1 + 21 if tier == "reference" else 2)


def test_turns_that_nobody_waits_for_any_more_are_passed_over(virtual_loop):
    paced = pace.Pace(0.001, virtual_loop.time)

    async def main():
        first, second = paced.queue(), paced.queue()
        first.cancel()
        second.cancel()
        assert paced.contended
        await asyncio.sleep(0)
        assert not paced.contended
        await paced.queue()
        assert not paced.contended

    virtual_loop.run_until_complete(main())


def test_what_a_debugger_shows_says_what_it_is():
    shown = [
        one(),
        one.spec,
        cs.TailCall(add, 1, 2),
        cs.Router(selector=1, routes={"a": 1, 2: one()}),
        MISSING,
    ]
    assert list(map(repr, shown)) == [
        "<LazyResult[one] of task 'one'>",
        "<TaskSpec 'one'>",
        "<TailCall of task 'add'>",
        "<Router to 'a', 2>",
        "MISSING",
    ]


def test_an_explanation_of_the_fastest_tier_gives_no_reason():
    assert str(cs.explain(add(1, 2))).splitlines()[1:] == ["  stage 1: add", "tier: hot"]


def test_visualize_names_the_columns_of_a_map():
    assert cs.visualize(add.map(a=one(), b=[1])) == (
        'flowchart TD\n    n0["one"]\n    n1[["add"]]\n    n0 -->|"a"| n1\n'
    )
