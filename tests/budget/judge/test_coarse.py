"""A cost is held tightly where it was recorded, widely elsewhere, and not at all where it can't be."""

from __future__ import annotations

import pytest

from cascade_budget.judge.coarse import RecordedCost, judge_coarse

HERE = "linux-x86_64-11111111"


def judged(attempts, recorded, machine=HERE):
    record = RecordedCost(calibrated_cost=recorded, machine=machine) if recorded else None
    verdict, timing = judge_coarse(
        attempts, record, python="", machine=HERE, tolerance=0.25, tolerance_elsewhere=2.0
    )
    return verdict, timing.slowdown, timing.limit


@pytest.mark.parametrize(
    ("attempts", "verdict", "slowdown"),
    [
        ([10.0], "within", 0.0),
        ([12.5], "within", 0.25),
        ([12.6], "too slow", 0.26),
        ([20.0, 12.0], "within", 0.2),
        ([20.0, 13.0, 14.0], "too slow", 0.3),
        ([7.0], "faster", -0.3),
    ],
)
def test_the_lowest_attempt_is_held_to_a_quarter(attempts, verdict, slowdown):
    assert judged(attempts, 10.0) == (verdict, pytest.approx(slowdown), 0.25)


@pytest.mark.parametrize(("cost", "verdict"), [(29.9, "within"), (30.1, "too slow")])
def test_a_record_from_another_kind_of_machine_is_held_to_three_times(cost, verdict):
    assert judged([cost], 10.0, "linux-x86_64-22222222") == (
        verdict,
        pytest.approx(cost / 10 - 1),
        2.0,
    )


@pytest.mark.parametrize("machine", ["linux-aarch64-11111111", "darwin-x86_64-11111111"])
def test_a_record_from_another_architecture_or_system_judges_nothing(machine):
    assert judged([1000.0], 10.0, machine) == ("no record", None, None)


def test_without_a_record_nothing_is_judged():
    assert judged([10.0], None) == ("no record", None, None)


def test_elsewhere_is_never_held_more_tightly_than_here():
    record = RecordedCost(calibrated_cost=10.0, machine="linux-x86_64-22222222")
    verdict, timing = judge_coarse(
        [13.0], record, python="", machine=HERE, tolerance=0.5, tolerance_elsewhere=0.1
    )
    assert (verdict, timing.limit) == ("within", 0.5)
