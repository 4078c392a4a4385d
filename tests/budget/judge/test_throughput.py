from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade_budget.judge.paired_rounds import halved, judge_throughput, worse_of
from cascade_budget.judge.sequential import Plan
from cascade_budget.judge.statistics import proportion_interval
from cascade_budget.model.throughput import Outcome, Throughput

#: Twelve rounds of the same code on both sides, in log ratios: a spread of 0.4 %.
QUIET = [0.0011, -0.0042, 0.0035, 0.0008, -0.0013, 0.0061, -0.0027, 0.0019, -0.0055, 0.0004, 0.0023, -0.0016]  # fmt: skip


def judged(values: list[float], **changes: object) -> Throughput:
    return judge_throughput(values, plan=Plan(**changes))  # type: ignore[arg-type]


def slower(percent: float, values: list[float] = QUIET) -> list[float]:
    return [value + math.log1p(percent / 100) for value in values]


def test_the_same_code_is_unchanged_after_the_first_look() -> None:
    verdict = judged(QUIET)
    assert verdict.outcome is Outcome.UNCHANGED
    assert verdict.rounds == 12
    assert verdict.slowdown == pytest.approx(0.000112, abs=1e-6)
    assert verdict.interval.lower <= 0 <= verdict.interval.upper
    assert verdict.rounds_to_decide is None


def test_two_percent_more_is_regressed_and_its_interval_excludes_nothing_changed() -> None:
    verdict = judged(slower(2))
    assert verdict.outcome is Outcome.REGRESSED
    assert verdict.slowdown == pytest.approx(0.020115, abs=1e-6)
    assert 0 < verdict.interval.lower < 0.02 < verdict.interval.upper


def test_two_percent_less_is_improved() -> None:
    verdict = judged(slower(-2))
    assert verdict.outcome is Outcome.IMPROVED
    assert verdict.slowdown < -0.0197


def test_a_slowdown_within_the_tolerance_is_no_regression_however_sure_it_is() -> None:
    sure = [0.008 + value / 50 for value in QUIET]
    verdict = judged(sure)
    assert verdict.interval.lower > 0
    assert verdict.outcome is Outcome.UNCHANGED


def test_a_large_mean_that_noise_explains_is_unresolved_and_says_what_would_decide() -> None:
    noisy = [0.02 + value * 30 for value in QUIET]
    verdict = judged(noisy)
    assert verdict.outcome is Outcome.UNRESOLVED
    assert verdict.interval.lower < 0 < verdict.slowdown
    assert verdict.smallest_detectable > 0.1
    assert verdict.rounds_to_decide is not None
    assert verdict.rounds_to_decide > 24


def test_the_rounds_said_to_decide_do_decide_when_the_noise_stays_the_same() -> None:
    noisy = [0.024 + value * 6 for value in QUIET]
    verdict = judged(noisy)
    assert verdict.outcome is Outcome.UNRESOLVED
    assert verdict.rounds_to_decide is not None
    repeats = math.ceil((12 + verdict.rounds_to_decide) / 12)
    more = judge_throughput(noisy * repeats, plan=Plan(looks=(12, 12 * repeats)))
    assert more.outcome is Outcome.REGRESSED


def test_more_tests_in_the_session_ask_for_more_evidence() -> None:
    values = slower(1.9, [value * 3 for value in QUIET])
    assert judged(values).interval.lower > 0
    assert judged(values, tests=1000).interval.lower < 0


def test_the_smallest_detectable_slowdown_is_found_as_often_as_said() -> None:
    rng = np.random.default_rng(11)
    verdict = judged(QUIET)
    spread = float(np.std(QUIET, ddof=1))
    found = sum(
        judged(list(rng.normal(math.log1p(verdict.smallest_detectable), spread, 12))).outcome
        is Outcome.REGRESSED
        for _ in range(400)
    )
    # Its own spread is an estimate from twelve values, so a share near 99 % is what can be asked.
    assert proportion_interval(found, 400).upper > 0.97


def test_of_two_clocks_the_graver_verdict_speaks() -> None:
    regressed, unchanged, improved = judged(slower(3)), judged(QUIET), judged(slower(-3))
    unresolved = judged([value * 40 for value in QUIET])
    assert worse_of(unchanged, regressed) is regressed
    assert worse_of(improved, unresolved) is unresolved
    assert worse_of(unchanged, improved) is unchanged
    assert halved(Plan(tests=3)) == Plan(alpha=0.0005, tests=3)


@given(st.lists(st.floats(-0.5, 0.5), min_size=12, max_size=36))
def test_exactly_one_story_is_told(values: list[float]) -> None:
    verdict = judged(values)
    assert verdict.interval.lower <= verdict.slowdown <= verdict.interval.upper
    assert verdict.smallest_detectable >= 0.01
    if verdict.outcome is Outcome.REGRESSED:
        assert verdict.slowdown > 0.01
        assert verdict.interval.lower > 0
    if verdict.outcome is Outcome.IMPROVED:
        assert verdict.slowdown < 0
        assert verdict.interval.upper < 0
    assert (verdict.rounds_to_decide is not None) <= (verdict.outcome is Outcome.UNRESOLVED)


@given(st.lists(st.floats(-0.5, 0.5), min_size=12, max_size=36))
def test_swapping_the_sides_never_leaves_a_regression_standing(values: list[float]) -> None:
    forward = judged(values)
    backward = judged([-value for value in values])
    if forward.outcome is Outcome.REGRESSED:
        assert backward.outcome is not Outcome.REGRESSED
        assert backward.slowdown == pytest.approx(1 / (1 + forward.slowdown) - 1, abs=1e-9)


def test_too_few_rounds_and_a_tolerance_of_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^4 values; a trimmed mean needs at least 5$"):
        judge_throughput([0.0] * 4, plan=Plan())
    with pytest.raises(ValueError, match=r"^tolerance is 0; it must be positive$"):
        judge_throughput(QUIET, plan=Plan(), tolerance=0)


@pytest.mark.parametrize("spread", [0.003, 0.01])
def test_one_false_alarm_in_a_thousand_verdicts_over_all_looks_at_most(spread: float) -> None:
    trials, plan = 200_000, Plan()
    noise = np.random.default_rng(5).normal(0, spread, (trials, plan.most))
    alarms = np.zeros(trials, bool)
    for look in plan.looks:
        ordered = np.sort(noise[:, :look], axis=1)
        cut = int(0.2 * look)
        # Only a mean above the tolerance can be an alarm: the judge itself decides about those.
        suspects = ordered[:, cut : look - cut].mean(axis=1) > math.log1p(0.009)
        for row in np.flatnonzero(suspects):
            verdict = judge_throughput(list(noise[row, :look]), plan=plan)
            alarms[row] |= verdict.outcome is Outcome.REGRESSED
    assert proportion_interval(int(alarms.sum()), trials, confidence=0.999).lower <= 0.001
    assert int(alarms.sum()) <= trials / 1000


@pytest.mark.parametrize("spread", [0.003, 0.01])
def test_two_percent_slower_is_found_ninety_nine_times_in_a_hundred(spread: float) -> None:
    plan = Plan()
    noise = np.random.default_rng(6).normal(math.log1p(0.02), spread, (1000, plan.most))
    found = 0
    for row in noise:
        for look in plan.looks:
            outcome = judge_throughput(list(row[:look]), plan=plan).outcome
            if outcome is not Outcome.UNRESOLVED:
                break
        found += outcome is Outcome.REGRESSED
    assert found >= 990
