"""The programs that engines of this kind have got wrong, with their right answers."""

from __future__ import annotations

import asyncio
import contextlib
import itertools

import pytest

import cascade as cs


def test_even_and_odd_alternate_from_0_to_7(engine):
    @cs.task
    def even(n):
        return True if n == 0 else odd(n - 1)

    @cs.task
    def odd(n):
        return False if n == 0 else even(n - 1)

    assert [engine.run(even(n)) for n in range(8)] == [True, False] * 4


def test_ping_and_pong_take_turns_for_7_bounces(engine):
    log = []

    @cs.task
    def ping(n):
        log.append("i")
        return "end" if n == 0 else pong(n - 1)

    @cs.task
    def pong(n):
        log.append("o")
        return "end" if n == 0 else ping(n - 1)

    assert engine.run(ping(7)) == "end"
    assert " ".join(log) == "i o i o i o i o"


@pytest.mark.parametrize("start", [4, 40])
def test_a_nested_argument_is_a_number_each_time(engine, start):
    runs = []

    @cs.task
    def src():
        runs.append("src")
        return 1

    @cs.task
    def add1(x):
        return x + 1

    seen = []

    @cs.task
    def loop(n, v=0):
        seen.append(v)
        return v if n == 0 else loop(n - 1, v=add1(src()))

    assert engine.run(loop(start)) == 2
    assert seen == [0] + [2] * start
    assert len(runs) == start


def test_two_closures_of_one_name_run_their_own_bodies(engine):
    def make(step):
        @cs.task
        def countdown(n, visited=()):
            visited = (*visited, n)
            return visited if n <= 0 else countdown(n - step, visited)

        return countdown

    ones, tens = make(1), make(10)
    for _ in range(12):
        assert engine.run(ones(3)) == (3, 2, 1, 0)
        assert engine.run(tens(30)) == (30, 20, 10, 0)


def test_two_calls_run_twice_and_one_call_used_twice_runs_once(engine):
    runs = []

    @cs.task
    def src():
        runs.append("src")
        return len(runs)

    @cs.task
    def pair(a, b):
        return a, b

    for _ in range(12):
        runs.clear()
        assert engine.run(pair(src(), src())) == (1, 2)
        runs.clear()
        s = src()
        assert engine.run(pair(s, s)) == (1, 1)


def test_sharing_that_changes_from_bounce_to_bounce_is_seen(engine):
    runs = []

    @cs.task
    def src():
        runs.append("src")
        return len(runs)

    @cs.task
    def loop(n, a=0, b=0):
        if n == 0:
            return len(runs)
        s = src()
        return loop(n - 1, s, s if n % 2 else src())

    assert engine.run(loop(60)) == 90


def test_a_hop_with_a_retry_that_fails_once_is_retried(engine):
    bodies = []

    @cs.task
    def hop(n):
        bodies.append(n)
        if n == 2 and bodies.count(2) == 1:
            raise RuntimeError("once")
        return "done" if n == 0 else hop(n - 1).with_retry(max_attempts=2)

    assert engine.run(hop(4)) == "done"
    assert bodies == [4, 3, 2, 2, 1, 0]


def test_a_hop_whose_condition_is_false_ends_the_run_with_the_reason(engine):
    bodies = []

    @cs.task
    def hop(n):
        bodies.append(n)
        return hop(n - 1).run_if(n != 2)

    with pytest.raises(cs.DependencyMissingError) as caught:
        engine.run(hop(5))
    assert bodies == [5, 4, 3, 2]
    assert caught.value.task == "hop"
    assert str(caught.value) == (
        "task 'hop' has no result: it was skipped because its condition was false. "
        "Return another value in that case, or handle DependencyMissingError around the run."
    )


def test_an_always_hit_cache_on_a_hop_gives_the_cached_value(engine):
    bodies = []

    class AlwaysHit:
        async def get(self, key):
            return "cached"

        async def put(self, key, value):
            raise AssertionError("a hit is not put again")

    @cs.task
    def hop(n):
        bodies.append(n)
        return hop(n - 1).with_cache(AlwaysHit())

    assert engine.run(hop(3)) == "cached"
    assert bodies == [3]


def test_3_concurrent_runs_under_one_slot_have_one_body_at_a_time(engine):
    busy = []
    most = []

    @cs.task
    async def work(n):
        busy.append(n)
        most.append(len(busy))
        await asyncio.sleep(0)
        busy.remove(n)
        return "end" if n % 10 == 0 else work(n - 1).with_constraints(slot=1)

    made = engine(capacity={"slot": 1})

    async def main():
        return await asyncio.gather(
            *(made.run(work(n).with_constraints(slot=1)) for n in (9, 19, 29))
        )

    assert asyncio.run(main()) == ["end"] * 3
    assert len(most) == 30
    assert max(most) == 1


def test_a_pause_at_bounce_50_of_100_stops_after_51_bodies(engine):
    made = engine.default
    bodies = []

    @cs.task
    def loop(n):
        bodies.append(n)
        if n == 50:
            made.pause("loop")
        return "done" if n == 0 else loop(n - 1)

    async def main():
        running = asyncio.ensure_future(made.run(loop(100)))
        while made.statistics().waiting == 0:
            await asyncio.sleep(0)
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(bodies) == 51
        made.resume("loop")
        return await running

    assert asyncio.run(main()) == "done"
    assert len(bodies) == 101


def test_three_tagged_recursions_at_once_keep_apart(engine):
    @cs.task
    async def loop(tag, n, seen=()):
        await asyncio.sleep(0)
        return (tag, seen) if n == 0 else loop(tag, n - 1, (*seen, f"{tag}{n}"))

    async def main():
        return await asyncio.gather(*(engine.default.run(loop(tag, 20)) for tag in "abc"))

    assert asyncio.run(main()) == [
        (tag, tuple(f"{tag}{n}" for n in range(20, 0, -1))) for tag in "abc"
    ]


def test_a_slow_sibling_is_cancelled_before_its_resource_closes(engine):
    log = []

    @cs.resource
    def db():
        log.append("open")
        yield "db"
        log.append("close")

    @cs.task
    async def slow(conn=cs.Inject("db")):
        log.append(f"slow has {conn}")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            log.append("slow is cancelled")
            await asyncio.sleep(0)
            log.append("slow has cleaned up")
            raise

    @cs.task
    async def bad():
        raise ValueError("bad")

    @cs.task
    def both(a, b):
        raise AssertionError("never")

    with pytest.raises(ValueError, match=r"^bad$"):
        asyncio.run(engine(resources=[db]).run(both(bad(), slow())))
    assert log == ["open", "slow has db", "slow is cancelled", "slow has cleaned up", "close"]


def test_a_map_under_one_slot_with_capacity_one_completes(engine):
    @cs.task
    async def double(x):
        await asyncio.sleep(0)
        return 2 * x

    made = engine(capacity={"slot": 1})
    target = double.map(x=[1, 2, 3]).with_constraints(slot=1)
    assert asyncio.run(made.run(target)) == [2, 4, 6]


def five_spellings():
    @cs.task
    def plain(n):
        if n == 0:
            return "done"
        return plain(n - 1)

    @cs.task
    def ternary(n):
        return "done" if n == 0 else ternary(n - 1)

    @cs.task
    def assigned(n):
        result = "done"
        if n:
            result = assigned(n - 1)
        return result

    @cs.task
    def helped(n):
        return helper(n)

    def helper(n):
        return "done" if n == 0 else helped(n - 1)

    namespace = {}
    exec("def generated(n):\n    return 'done' if n == 0 else again(n - 1)\n", namespace)
    generated = namespace["again"] = cs.task(namespace["generated"])
    return plain, ternary, assigned, helped, generated


def test_five_spellings_of_one_tail_call_cost_the_same(tier):
    counted = []
    for spelling in five_spellings():
        made = cs.Engine(tier=tier)
        assert asyncio.run(made.run(spelling(50))) == "done"
        counted.append(made.statistics())
    assert counted == [counted[0]] * 5
    assert counted[0].blueprint_misses == (51 if tier == "reference" else 1)


def test_300_bounces_with_distinct_literals_leave_every_cache_as_30_do(tier):
    @cs.task
    def noop(x):
        return x

    @cs.task
    def heavy(n, text, chain):
        return text if n == 0 else heavy(n - 1, f"text {n}", noop(noop(noop(n))))

    sizes = []
    for bounces in (30, 300):
        made = cs.Engine(tier=tier)
        asyncio.run(made.run(heavy(bounces, "", 0)))
        statistics = made.statistics()
        sizes.append((statistics.cache.size, statistics.cache.tasks, statistics.recorded))
    assert sizes[0] == sizes[1] == ((0, 0, 0) if tier == "reference" else (2, 1, 0))


def test_a_body_that_changes_a_list_changes_the_callers_own(engine):
    @cs.task
    def append(items, n):
        items.append(n)
        return items if n == 0 else append(items, n - 1)

    own = []
    assert engine.run(append(own, 20)) is own
    assert own == list(range(20, -1, -1))


def test_a_ticker_ticks_in_every_slice_beside_a_long_loop(engine):
    """The clock is a counter of its own readings, so a slice is 5 bodies on any machine."""
    reads = 0

    def clock():
        nonlocal reads
        reads += 1
        return float(reads)

    bodies = 0

    @cs.task
    def loop(n):
        nonlocal bodies
        bodies += 1
        return "done" if n == 0 else loop(n - 1)

    made = engine(clock=clock, slice_s=20.0)
    waits = []

    async def main():
        async def tick():
            nonlocal bodies
            while True:
                bodies = 0
                await asyncio.sleep(0)
                waits.append(bodies)

        ticker = asyncio.ensure_future(tick())
        await asyncio.sleep(0)
        assert await made.run(loop(1000)) == "done"
        ticker.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await ticker

    asyncio.run(main())
    assert max(waits) <= 21
    assert len(waits) > 1000 / 21


def test_a_bounce_that_becomes_long_lets_others_run_between_its_bodies(engine):
    now = [0.0]
    made = engine(clock=lambda: now[0], slice_s=1.0)
    ticks = []

    @cs.task
    def step(x, takes):
        now[0] += takes
        return x + 1

    @cs.task
    def loop(n, x=0):
        if n == 0:
            return "done"
        takes = 0.5 if n % 200 < 50 else 0.001
        for _ in range(11):
            x = step(x, takes)
        return loop(n - 1, x)

    async def main():
        running = asyncio.ensure_future(made.run(loop(600)))
        while not running.done():
            ticks.append(now[0])
            await asyncio.sleep(0)
        return await running

    assert asyncio.run(main()) == "done"
    waits = [later - sooner for sooner, later in itertools.pairwise(ticks)]
    assert len(waits) > 150 * 5.5 / 1.5
    # Only the first long bounce after short ones can find the loop careless.
    assert sum(wait > 1.5 for wait in waits) <= 3
    assert max(waits) <= 1 + 11 * 0.5
