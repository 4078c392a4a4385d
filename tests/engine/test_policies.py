from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

import cascade as cs


@cs.task
def one():
    return 1


@cs.task
def give(value, other=None):
    return value


class FakeSleep:
    """Stands for asyncio.sleep: notes what it was asked for and lets others run once."""

    def __init__(self, monkeypatch):
        self.slept = []
        self.real = asyncio.sleep
        monkeypatch.setattr("cascade.runtime.nodes.asyncio.sleep", self)

    async def __call__(self, delay):
        self.slept.append(delay)
        await self.real(0)


def failing(times, error=ValueError):
    calls = []

    @cs.task
    def flaky():
        calls.append(len(calls) + 1)
        if len(calls) <= times:
            raise error(f"failure {len(calls)}")
        return len(calls)

    return flaky, calls


def test_retry_counts_all_attempts(engine):
    flaky, calls = failing(2)
    assert engine.run(flaky().with_retry(max_attempts=3)) == 3
    assert calls == [1, 2, 3]


def test_the_last_error_is_raised_as_it_was(engine):
    flaky, calls = failing(5)
    with pytest.raises(ValueError, match=r"^failure 2$") as caught:
        engine.run(flaky().with_retry(max_attempts=2))
    assert caught.value.__cause__ is None
    assert calls == [1, 2]


def test_retry_waits_with_backoff(engine, monkeypatch):
    sleep = FakeSleep(monkeypatch)
    flaky, _ = failing(3)
    assert engine.run(flaky().with_retry(max_attempts=4, delay=0.5, backoff=2)) == 4
    assert sleep.slept == [0.5, 1.0, 2.0]


def test_retry_does_not_catch_what_is_no_exception(engine):
    flaky, calls = failing(1, error=type("Stop", (BaseException,), {}))
    with pytest.raises(BaseException, match=r"^failure 1$"):
        engine.run(flaky().with_retry(max_attempts=3))
    assert calls == [1]


def test_retry_is_about_its_own_body_and_not_about_what_it_tail_calls(engine):
    flaky, calls = failing(1)

    @cs.task
    def outer():
        return flaky()

    with pytest.raises(ValueError, match=r"^failure 1$"):
        engine.run(outer().with_retry(3))
    assert calls == [1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"max_attempts": 0},
            "max_attempts is 0, but the first call is an attempt too. Pass 1 for a single call.",
        ),
        ({"delay": -1}, "delay is -1 s. Pass 0 or more."),
        ({"backoff": -1}, "backoff is -1. Pass 0 or more; 1 keeps the delay."),
    ],
)
def test_a_retry_that_makes_no_sense_is_refused_at_the_call(arguments, message):
    with pytest.raises(ValueError) as caught:
        one().with_retry(**arguments)
    assert str(caught.value) == message


class DictCache:
    def __init__(self):
        self.values = {}
        self.asked = []

    async def get(self, key):
        self.asked.append((key.task, key.arguments))
        return self.values.get(key, cs.MISS)

    async def put(self, key, value):
        self.values[key] = value


def test_a_cached_none_is_a_hit(engine):
    ran = []

    @cs.task
    def nothing(x):
        ran.append(x)

    cache = DictCache()
    for _ in range(12):
        assert engine.run(nothing(one()).with_cache(cache)) is None
    assert ran == [1]
    assert cache.asked[0] == ("nothing", (("x", 1),))


def test_caches_keep_tasks_of_one_name_apart(engine):
    def make(result):
        @cs.task
        def load(x):
            return result

        return load

    cache = cs.MemoryCache()
    first, second = make("first"), make("second")
    for _ in range(3):
        assert engine.run(first(1).with_cache(cache)) == "first"
        assert engine.run(second(1).with_cache(cache)) == "second"
    assert cache.statistics() == cs.MemoryCacheStatistics(hits=4, misses=2, evicted=0, size=2)


def test_a_tail_call_is_cached_when_it_has_ended(engine):
    ran = []

    @cs.task
    def countdown(n):
        ran.append(n)
        return "done" if n == 0 else countdown(n - 1)

    cache = DictCache()
    for _ in range(3):
        assert engine.run(countdown(2).with_cache(cache)) == "done"
        assert engine.run(give(countdown(2).with_cache(cache))) == "done"
    assert ran == [2, 1, 0]
    assert list(cache.values.values()) == ["done"]


def test_a_failure_is_not_cached(engine):
    flaky, calls = failing(1)
    cache = DictCache()
    with pytest.raises(ValueError):
        engine.run(flaky().with_cache(cache))
    assert engine.run(flaky().with_cache(cache)) == 2
    assert calls == [1, 2]


def test_what_is_no_cache_is_refused_at_the_call():
    with pytest.raises(TypeError) as caught:
        one().with_cache({})
    assert str(caught.value) == (
        "dict is no cache: it needs 'async get(key)' and 'async put(key, value)'. "
        "Pass cs.MemoryCache() or an object with both."
    )


def test_the_memory_cache_drops_what_was_used_longest_ago():
    async def main():
        cache = cs.MemoryCache(max_size=2)
        keys = [cs.CacheKey(print, "t", (("x", n),)) for n in range(3)]
        await cache.put(keys[0], "0")
        await cache.put(keys[1], "1")
        assert await cache.get(keys[0]) == "0"
        await cache.put(keys[2], "2")
        assert await cache.get(keys[1]) is cs.MISS
        assert await cache.get(keys[0]) == "0"
        assert cache.statistics() == cs.MemoryCacheStatistics(hits=2, misses=1, evicted=1, size=2)

    asyncio.run(main())


def test_the_memory_cache_needs_room():
    with pytest.raises(ValueError) as caught:
        cs.MemoryCache(0)
    assert str(caught.value) == "max_size is 0, so nothing could be kept. Pass 1 or more."


@pytest.mark.parametrize("condition", [True, 1, "yes"])
def test_a_true_condition_runs_the_task(engine, condition):
    assert engine.run(one().run_if(condition)) == 1
    assert engine.run(one().run_if(give(condition))) == 1


def test_a_skip_reaches_what_needs_the_result(engine):
    ran = []

    @cs.task
    def note(*args):
        ran.append(args)

    for _ in range(12):
        with pytest.raises(cs.DependencyMissingError) as caught:
            engine.run(note(note(one().run_if(give(False))), 2))
        assert caught.value.task == "note"
        assert caught.value.reason == "a task whose result it needs was skipped"
    assert ran == []


def test_a_sequence_cut_by_a_skip_ends_in_none(engine):
    ran = []

    @cs.task
    def note(x):
        ran.append(x)
        return x

    for _ in range(12):
        assert engine.run(note(2).after(note(1).run_if(False))) is None
    assert ran == []


def test_after_is_order_alone(engine):
    log = []

    @cs.task
    async def slow(x):
        await asyncio.sleep(0)
        log.append(x)

    @cs.task
    def note(x):
        log.append(x)
        return x

    for _ in range(12):
        log.clear()
        assert engine.run(note("last").after(slow("first"), slow("second"))) == "last"
        assert log == ["first", "second", "last"]


def test_after_takes_lazy_results_alone():
    with pytest.raises(TypeError) as caught:
        one().after(1)
    assert str(caught.value) == (
        "after() orders lazy results, and got int. Pass what a task call returned."
    )


def test_all_policies_together_in_a_loop(engine):
    cache = DictCache()
    made = engine(capacity={"slot": 2})
    failed = set()

    @cs.task
    def step(n, seen=()):
        if n not in failed:
            failed.add(n)
            raise ValueError(n)
        seen = (*seen, n)
        if n == 0:
            return seen
        following = step(n - 1, seen).with_retry(2).with_constraints(slot=give(1))
        return following.run_if(give(True)).after(one()).with_cache(cache)

    expected = tuple(range(20, -1, -1))
    assert asyncio.run(made.run(step(20).with_retry(2))) == expected
    assert len(cache.values) == 20


def test_a_skip_leaves_its_siblings_alone_and_is_named_where_it_is_a_target(engine):
    ran = []

    @cs.task
    def note(x):
        ran.append(x)
        return x

    for _ in range(12):
        ran.clear()
        with pytest.raises(cs.DependencyMissingError) as caught:
            engine.run([note(1), note(2).run_if(False), note(3)])
        assert (caught.value.task, caught.value.reason) == ("note", "its condition was false")
        assert ran == [1, 3]
        assert engine.run([note(4), note(5).after(note(6).run_if(False))]) == [4, None]
        assert ran == [1, 3, 4]


def test_a_policy_of_nothing_leaves_a_plain_call(engine):
    @cs.task
    def loop(n, value=0):
        return loop(n - 1, give(n).after()).with_constraints() if n else value

    for _ in range(3):
        assert engine.run(give(1).after()) == 1
        assert engine.run(loop(20)) == 1
    plain = give(1)
    for empty in (plain.after(), plain.with_constraints()):
        assert empty is not plain
        assert type(empty) is type(plain)


@pytest.mark.parametrize("skipped", [0, 1])
def test_a_skip_is_found_whichever_of_the_results_it_is(engine, skipped):
    @cs.task
    def pair(a, b):
        raise AssertionError("never")

    for _ in range(3):
        needed = [give(1), give(2)]
        needed[skipped] = needed[skipped].run_if(False)
        with pytest.raises(cs.DependencyMissingError) as caught:
            engine.run(pair(*needed))
        assert caught.value.reason == "a task whose result it needs was skipped"


def test_a_skip_beside_a_result_skips_what_needs_both(engine, log_of):
    @cs.task
    def pair(a, b):
        raise AssertionError("never")

    for _ in range(3):
        log = log_of(engine.default, cs.TaskEvent)
        with pytest.raises(cs.DependencyMissingError) as caught:
            engine.run(pair(give(1), give(2).run_if(False)))
        assert caught.value.reason == "a task whose result it needs was skipped"
        log.unsubscribe()
        assert sorted(log) == [
            ("TaskFinished", "give", "succeeded"),
            ("TaskSkipped", "give", "CONDITION_FALSE"),
            ("TaskSkipped", "pair", "UPSTREAM_SKIPPED"),
            ("TaskStarted", "give"),
        ]


@pytest.mark.parametrize("listens", [False, True])
def test_a_loop_whose_attempts_fail_now_and_then_goes_on(engine, log_of, listens):
    attempts = []

    @cs.task
    def flaky(n, box):
        box.append(n)
        attempts.append(list(box))
        if n % 5 == 0 and len(box) == 1:
            raise OSError(n)
        return n

    @cs.task
    def loop(n, last=None):
        if n % 7 == 0 and attempts[-1:] != ["again"]:
            attempts.append("again")
            raise OSError(n)
        attempts.append(n)
        return "done" if n == 0 else loop(n - 1, flaky(n, [give(1)]).with_retry(2)).with_retry(2)

    log = log_of(engine.default, cs.TaskEvent) if listens else []
    expected = None
    for _ in range(2):
        attempts.clear()
        log.clear()
        assert engine.run(loop(40).with_retry(2)) == "done"
        assert attempts.count("again") == 6
        assert sum(type(each) is int for each in attempts) == 41
        if listens:
            assert log.count(("TaskRetrying", "loop", 1)) == 6
            assert log.count(("TaskStarted", "loop")) == 41
            assert log.count(("TaskFinished", "loop", "succeeded")) == 41
        assert expected in (None, (attempts, log))
        expected = (list(attempts), list(log))


def test_each_attempt_is_given_the_same_object(engine):
    given = []

    @cs.task
    def spoil(n, box):
        given.append(box)
        box.append(n)
        if len(box) < 3:
            raise OSError
        return box

    @cs.task
    def loop(n, box=()):
        return box if n == 0 else loop(n - 1, spoil(n, [give(0)]).with_retry())

    for _ in range(3):
        given.clear()
        assert engine.run(loop(12)) == [0, 1, 1]
        assert len(given) == 24
        assert all(one is other for one, other in zip(given[::2], given[1::2], strict=True))


def test_the_last_error_of_a_loop_is_raised_as_it_was_and_said_once(engine, log_of):
    error = OSError("last")

    @cs.task
    def fail(n):
        if n == 0:
            raise error
        return fail(n - 1).with_retry(3, backoff=2.0)

    log = log_of(engine.default)
    for attempts in (3, 3):
        log.clear()
        with pytest.raises(OSError, match="last") as caught:
            engine.run(fail(20).with_retry(attempts))
        assert caught.value is error
        assert log[-4:] == [
            ("TaskRetrying", "fail", 1),
            ("TaskRetrying", "fail", 2),
            ("TaskFinished", "fail", "failed"),
            ("RunFinished", "failed"),
        ]


def test_another_policy_on_the_way_is_not_overlooked_by_a_loop(engine):
    cache = cs.MemoryCache()
    bodies = []

    @cs.task
    def loop(n):
        bodies.append(n)
        following = loop(n - 1).with_retry(3) if n else "done"
        if n == 10:
            return following.with_retry(1)
        return following.with_cache(cache) if n == 20 else following

    for expected in (31, 11, 11):
        bodies.clear()
        assert engine.run(loop(30).with_retry(3)) == "done"
        assert len(bodies) == expected


@pytest.mark.parametrize("make", [lambda call: {call}, lambda call: {call: 1}])
def test_what_cannot_be_hashed_fails_before_the_body_starts(engine, log_of, make):
    @cs.task
    def listing(n):
        return [n] if n == 3 else n

    @cs.task
    def loop(n, box=()):
        return box if n == 0 else loop(n - 1, make(listing(n)))

    for end in (20, 20):
        with pytest.raises(TypeError, match="unhashable"):
            engine.run(loop(end))
    log = log_of(engine.default, cs.TaskEvent)
    for _ in range(2):
        with pytest.raises(TypeError, match="unhashable"):
            engine.run(loop(20))
    assert log[-1] == ("TaskFinished", "listing", "succeeded")


@dataclasses.dataclass(frozen=True)
class Point:
    x: object
    unseen: object = dataclasses.field(default=0, compare=False)


@dataclasses.dataclass
class Changing:
    x: int = 0

    def __hash__(self):
        return 1


class Pair(NamedTuple):
    left: object
    right: object = None


class Liar:
    def __eq__(self, other):
        return True

    def __hash__(self):
        return 1


def looped():
    items = [1]
    items.append(items)
    return items


def twice(item):
    return [item, item]


BERLIN, ROME = ZoneInfo("Europe/Berlin"), ZoneInfo("Europe/Rome")
NOON = dt.datetime(2030, 7, 1, 12)  # noqa: DTZ001  zones are put on it

DIFFERENT = [
    *(1, True, 1.0, 1 + 0j, Decimal(1), Fraction(1), "1", b"1"),
    *(0.0, -0.0, 0, False, 0j, complex(0.0, -0.0), complex(-0.0, 0.0), Decimal(0), Decimal("-0")),
    *(Decimal("1.0"), Decimal("1.00")),
    *(
        (1,),
        (True,),
        [1],
        [True],
        {1},
        {True},
        frozenset({1}),
        frozenset({1.0}),
        Pair(1),
        Pair(True),
    ),
    *({1: 2}, {True: 2}, {1: 2.0}, {1: 2, 3: 4}, {3: 4, 1: 2}),
    *(Point(1), Point(1.0), Point(1, unseen=1), Point([1])),
    *(NOON, NOON.replace(fold=1), NOON.replace(tzinfo=BERLIN), NOON.replace(tzinfo=ROME)),
    *(NOON.replace(tzinfo=dt.UTC), NOON.date(), NOON.time(), NOON.time().replace(fold=1)),
    NOON.replace(tzinfo=dt.timezone(dt.timedelta(hours=1), "A")),
    NOON.replace(tzinfo=dt.timezone(dt.timedelta(hours=1), "B")),
    *(range(0, 3, 2), range(0, 4, 2), None, (None,), [], (), {}, set(), [[]], [[], []]),
    *(Changing(), Changing(), Liar(), Liar(), looped(), [1, [1]], [1, []], twice([]), float("nan")),
]
SAME = [
    lambda: 10**20,
    lambda: "a" * 3,
    lambda: float("nan"),
    lambda: -1e300,
    lambda: Decimal("1.10"),
    lambda: Fraction(1, 3),
    lambda: (1, [2, {"x": {3, 4}}], Pair(5, frozenset({6}))),
    lambda: Point((1, "x")),
    lambda: NOON.replace(tzinfo=BERLIN, fold=1),
    lambda: NOON.replace(tzinfo=dt.timezone(dt.timedelta(hours=1))),
    lambda: [Path("a") / "b", UUID(int=7), dt.timedelta(1)],
    looped,
    lambda: twice([]),
    lambda: twice((1,)),
]


@pytest.mark.parametrize("how", ["pure", "memory cache", "own cache"])
def test_values_that_a_body_can_tell_apart_are_never_taken_for_the_same(engine, how):
    runs = []

    @cs.task(pure=how == "pure")
    def load(key):
        runs.append(key)
        return len(runs)

    @cs.task
    def gather(*items):
        return list(items)

    cache = {"memory cache": cs.MemoryCache, "own cache": DictCache, "pure": None}[how]
    for _ in range(10):
        runs.clear()
        kept = cache and cache()
        calls = [load(key).with_cache(kept) if kept else load(key) for key in DIFFERENT]
        assert engine.run(gather(*calls)) == [*range(1, len(DIFFERENT) + 1)]
        assert all(mine is given for mine, given in zip(runs, DIFFERENT, strict=True))


@pytest.mark.parametrize("make", SAME)
@pytest.mark.parametrize("how", ["pure", "memory cache", "own cache"])
def test_values_whose_parts_are_the_same_are_the_same(engine, how, make):
    runs = []

    @cs.task(pure=how == "pure")
    def load(key):
        runs.append(key)
        return len(runs)

    @cs.task
    def gather(*items):
        return list(items)

    if how == "pure":
        assert engine.run(gather(load(make()), load(make()))) == [1, 1]
        return
    kept = cs.MemoryCache() if how == "memory cache" else DictCache()
    assert [engine.run(load(make()).with_cache(kept)) for _ in range(3)] == [1, 1, 1]


@pytest.mark.parametrize(
    "options",
    [
        *({"max_attempts": each} for each in (2.5, float("nan"), float("inf"), True, "3")),
        *({"delay": each} for each in (float("nan"), float("inf"), -0.1)),
        *({"backoff": each} for each in (float("nan"), float("inf"), -1)),
    ],
)
def test_a_retry_takes_whole_attempts_and_finite_times(options):
    with pytest.raises(ValueError):
        one().with_retry(**options)


def test_the_last_word_on_a_capacity_holds(engine):
    made = engine(capacity={"slot": 2, "memory": 1})
    target = one().with_constraints(slot=3, memory=1).with_constraints(slot=2)
    for _ in range(3):
        assert asyncio.run(made.run(target)) == 1
    with pytest.raises(cs.ConstraintError, match=r"asks for 3 of capacity 'slot'"):
        asyncio.run(made.run(target.with_constraints(slot=3)))
