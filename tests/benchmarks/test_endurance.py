from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from benchmarks.comparison import endurance
from benchmarks.comparison.endurance import Endurance, endure, peak_bytes
from benchmarks.workloads import HEAVY, SIMPLE


def test_a_long_run_is_made_in_a_process_of_its_own():
    seen = endure(HEAVY, 500)
    assert (seen.workload, seen.n) == ("heavy", 500)
    assert seen.flat
    assert seen.longest_wall_ms > 0


@pytest.mark.parametrize(
    ("slices", "longest", "turns"),
    [
        ([0.001, 0.004, 0.002], 0.004, 2),
        ([0.001, 0.001, 0.007], 0.007, 2),
        ([0.009], 0.009, 0),
    ],
)
def test_the_longest_wait_reaches_from_the_start_of_the_run_to_its_end(
    monkeypatch, slices, longest, turns
):
    now = 0.0

    class Engine:
        """Keeps the loop for each slice and yields between them."""

        async def run(self, _target):
            nonlocal now
            for spent in slices[:-1]:
                now += spent
                await asyncio.sleep(0)
            now += slices[-1]
            return "done"

    monkeypatch.setattr(endurance.time, "thread_time", lambda: now)
    monkeypatch.setattr(endurance.time, "perf_counter", lambda: now)
    sibling = asyncio.run(endurance._beside_a_sibling(Engine(), SIMPLE, 1))
    assert sibling.longest_cpu == pytest.approx(longest)
    assert sibling.longest_wall == pytest.approx(longest)
    assert sibling.turns == turns


@pytest.mark.parametrize(
    ("seen", "kept", "made"),
    [
        ([(0, 1.1)], (0, 1.1), 1),
        ([(0, 80.0), (0, 1.2)], (0, 1.2), 2),
        ([(0, 80.0), (0, 60.0), (0, 70.0)], (0, 60.0), 3),
        ([(1 << 21, 1.3), (1 << 21, 1.1), (1 << 21, 1.2)], (1 << 21, 1.1), 3),
    ],
)
def test_a_run_that_misses_is_made_at_most_three_times(monkeypatch, seen, kept, made):
    runs = [
        Endurance(
            workload="heavy",
            n=1,
            grown_bytes=grown,
            longest_cpu_ms=longest,
            longest_wall_ms=longest,
            turns=1,
        )
        for grown, longest in seen
    ]
    left = iter(runs)
    monkeypatch.setattr(endurance, "_run_once", lambda _workload, _n: next(left))
    best = endure(HEAVY, 1)
    assert (best.grown_bytes, best.longest_cpu_ms) == kept
    assert len(runs) - len(list(left)) == made


def test_a_run_that_fails_says_why_and_how_to_see_it():
    with pytest.raises(RuntimeError) as error:
        endure(replace(HEAVY, name="absent"), 500)
    fact, remedy = str(error.value).split("; ")
    assert fact == "500 bounces of 'absent' failed in their process: KeyError: 'absent'"
    assert remedy.startswith("run it by hand: ")
    assert remedy.endswith(" -m benchmarks.comparison.endurance absent 500")


def test_the_peak_grows_with_what_a_process_holds():
    before = peak_bytes()
    held = bytearray(64 << 20)
    # The peak of this process may stand above what it holds now, by less than was taken here.
    held[:: 1 << 12] = b"x" * (len(held) >> 12)
    assert before > 1 << 20
    assert peak_bytes() >= len(held)
