from __future__ import annotations

import asyncio

import pytest

from benchmarks import limits
from benchmarks.executions import count_executions

LITERALS = [
    (limits.SYNC, 0, "done", {"countdown": 1}),
    (limits.SYNC, 100, "done", {"countdown": 101}),
    (limits.E0, 0, "done", {"countdown": 1}),
    (limits.E0, 100, "done", {"countdown": 101}),
    (limits.YIELDING, 0, "done", {"countdown": 1}),
    (limits.YIELDING, 100, "done", {"countdown": 101}),
    (limits.F, 0, 0, {"heavy_countdown": 1, "noop": 0}),
    (limits.F, 1, 11, {"heavy_countdown": 2, "noop": 11}),
    (limits.F, 100, 1100, {"heavy_countdown": 101, "noop": 1100}),
]


@pytest.mark.parametrize(("limit", "n", "result", "executions"), LITERALS)
def test_a_loop_by_hand_gives_its_result_with_its_executions(limit, n, result, executions):
    with count_executions(limit.bodies) as counts:
        actual = asyncio.run(limit.run(n))
    assert actual == limit.result(n) == result
    assert counts == limit.executions(n) == executions


def test_the_yielding_driver_gives_a_sibling_a_turn_on_each_bounce():
    turns = []

    async def sibling():
        while True:
            turns.append(len(turns))
            await asyncio.sleep(0)

    async def both():
        other = asyncio.ensure_future(sibling())
        await limits.drive_yielding(limits.countdown(5))
        other.cancel()

    asyncio.run(both())
    assert turns == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("drive", [limits.drive, limits.drive_nested])
def test_a_driver_yields_when_its_slice_is_over_and_not_before(drive, monkeypatch):
    # A clock that a bounce moves on by 0.4 ms: the slice of 1 ms ends at every third reading.
    now = iter(number * 0.0004 for number in range(1000))
    monkeypatch.setattr(limits.time, "perf_counter", lambda: next(now))
    turns = []

    async def sibling():
        while True:
            turns.append(len(turns))
            await asyncio.sleep(0)

    async def both():
        other = asyncio.ensure_future(sibling())
        await drive(limits.countdown(10))
        other.cancel()

    asyncio.run(both())
    assert turns == [0, 1, 2]


def test_evaluate_makes_arguments_first_and_at_any_depth():
    log = []

    @limits.Task
    def leaf(name):
        log.append(name)
        return name

    @limits.Task
    def join(left, right):
        log.append(f"{left}{right}")
        return f"{left}{right}"

    assert limits.evaluate(join(join(leaf("a"), leaf("b")), "c")) == "abc"
    assert log == ["a", "b", "ab", "abc"]
