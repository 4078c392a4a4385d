from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade_budget.interop.asv_results import describe
from cascade_budget.judge.stored_results import judge_pairs
from cascade_budget.model.benchmarks import (
    Benchmark,
    Kind,
    Measured,
    Pair,
    Quantity,
    Verdict,
    more_is_better,
    process_values,
    quantity,
)

SECONDS = Benchmark(name="time_x", kind=Kind.TIME, unit="seconds", samples_per_process=2)


def tracked(unit: str, base: float, head: float) -> Verdict:
    pair = Pair(
        benchmark=Benchmark(name="track_x", kind=Kind.TRACK, unit=unit),
        base=Measured(value=base),
        head=Measured(value=head),
    )
    (judged,) = judge_pairs([pair])
    return judged.verdict


def timed(logs: list[list[float]]) -> Measured:
    samples = tuple(math.exp(each) for process in logs for each in process)
    return Measured(value=sorted(samples)[len(samples) // 2], samples=samples)


@pytest.mark.parametrize(
    ("unit", "value", "expected"),
    [
        ("calls", 1.5, Quantity.COUNT),
        ("calls per transaction", 1.5, Quantity.COUNT),
        ("SQL queries", 3, Quantity.COUNT),
        ("unit", 3, Quantity.COUNT),
        ("unit", 3.5, Quantity.MEASURED),
        ("1/s", 3, Quantity.MEASURED),
        ("calls/s", 3, Quantity.MEASURED),
        ("ms", 3, Quantity.MEASURED),
        ("seconds", 3, Quantity.MEASURED),
        ("%", 3, Quantity.MEASURED),
        ("bytes", 3, Quantity.MEMORY),
        ("MiB", 3.5, Quantity.MEMORY),
    ],
)
def test_a_tracked_numbers_unit_says_what_it_is(
    unit: str, value: float, expected: Quantity
) -> None:
    assert quantity(Kind.TRACK, unit, value) is expected


@pytest.mark.parametrize(
    "unit",
    [
        "1/s",
        "1 / s",
        "s^-1",
        "MB/s",
        "requests/second",
        "transactions per second",
        "calls a second",
        "Hz",
        "TPS",
    ],
)
def test_of_rates_more_is_better(unit: str) -> None:
    assert more_is_better(unit)


@pytest.mark.parametrize(
    "unit",
    ["seconds", "s", "calls", "bytes", "unit", "%", "seconds a transaction", "calls/row", ""],
)
def test_of_anything_else_less_is_better(unit: str) -> None:
    assert not more_is_better(unit)


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_of_counts_more_is_always_and_less_is_never_a_regression(base: int, head: int) -> None:
    expected = {
        True: Verdict.UNCHANGED,
        head > base: Verdict.REGRESSED,
        head < base: Verdict.IMPROVED,
    }[True]
    assert tracked("calls", base, head) is expected


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_swapping_base_and_head_turns_every_verdict_round(base: float, head: float) -> None:
    mirror = {Verdict.REGRESSED: Verdict.IMPROVED, Verdict.IMPROVED: Verdict.REGRESSED}
    for unit in ("calls", "1/s", "ms", "bytes"):
        there, back = tracked(unit, base, head), tracked(unit, head, base)
        assert mirror.get(there, there) is back


def test_each_process_counts_once_however_many_samples_it_took() -> None:
    measured = Measured(value=2.0, samples=(1.0, 3.0, 5.0, 5.0))
    assert process_values(measured, SECONDS) == (2.0, 5.0)
    assert process_values(Measured(value=2.0, samples=(1.0, 3.0, 5.0)), SECONDS) == ()


def test_appended_results_are_paired_with_the_latest_of_the_other_side() -> None:
    old, new = [[0.0, 0.0]] * 12, [[1.0, 1.0]] * 12
    jitter = [[0.001 * (k % 3), 0.001 * (k % 3)] for k in range(12)]
    head = [[1.0 + a, 1.0 + b] for a, b in jitter]
    (judged,) = judge_pairs([Pair(benchmark=SECONDS, base=timed(old + new), head=timed(head))])
    assert judged.verdict is Verdict.UNCHANGED


def test_a_time_that_is_not_positive_has_no_verdict() -> None:
    zero = Measured(value=0.0, samples=(0.0, 0.0))
    (judged,) = judge_pairs([Pair(benchmark=SECONDS, base=zero, head=zero)])
    assert (judged.verdict, judged.reason) == (Verdict.NO_DATA, "a time is not positive")


def test_a_tolerance_that_is_not_positive_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^tolerances are 0 and 0\.05; both must be positive$"):
        judge_pairs([], tolerance=0)


def test_of_1000_comparisons_of_equal_code_at_most_4_are_called_changed() -> None:
    # One process is 3 % quicker than the next, its samples differ by 0.5 %: pooled, the samples
    # would look twenty times as many as there are independent values. One error in a thousand is
    # allowed for each side, and 4 of 1,000 are still likely then.
    chance = random.Random(7)
    verdicts = []
    for _ in range(1_000):
        sides = []
        for _ in range(2):
            paces = [chance.gauss(0, 0.03) for _ in range(12)]
            sides.append(timed([[pace + chance.gauss(0, 0.005) for _ in "ab"] for pace in paces]))
        (judged,) = judge_pairs([Pair(benchmark=SECONDS, base=sides[0], head=sides[1])])
        verdicts.append(judged.verdict)
    changed = sum(each in (Verdict.REGRESSED, Verdict.IMPROVED) for each in verdicts)
    assert changed <= 4
    assert verdicts.count(Verdict.UNRESOLVED) > 500


def test_the_error_is_shared_by_all_benchmarks_judged_by_interval() -> None:
    jitter = [0.004, -0.003, 0.002, 0.011, -0.006, 0.009, -0.002, 0.013, 0.007, -0.001, 0.01, 0.005]
    base = timed([[0.0, 0.0]] * 12)
    head = timed([[0.012 + each] * 2 for each in jitter])
    pair = Pair(benchmark=SECONDS, base=base, head=head)
    alone, among = judge_pairs([pair])[0], judge_pairs([pair] * 100)[0]
    assert alone.throughput is not None
    assert among.throughput is not None
    assert among.throughput.interval.lower < alone.throughput.interval.lower
    assert alone.verdict is Verdict.REGRESSED
    assert among.verdict is Verdict.UNRESOLVED


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        ({"repeat": 10}, 10),
        ({"repeat": 0, "rounds": 1}, 10),
        ({"repeat": 0, "rounds": 2}, 5),
        ({"repeat": [1, 7, 20.0]}, 7),
        ({}, None),
    ],
)
def test_samples_per_process_are_what_asv_takes(described: dict, expected: int | None) -> None:
    described = {"type": "time", "unit": "seconds", **described}
    assert describe("b.time_x", {"b.time_x": described}).samples_per_process == expected


def test_a_timeraw_benchmark_takes_each_sample_in_a_process_of_its_own() -> None:
    described = {"type": "time", "unit": "seconds", "repeat": 10}
    assert describe("b.timeraw_x", {"b.timeraw_x": described}).samples_per_process == 1
