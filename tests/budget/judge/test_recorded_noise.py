"""Error rates of the whole rule on noise as real processes made it, by resampling."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from cascade_budget.judge.paired_rounds import judge_throughput
from cascade_budget.judge.sequential import Plan
from cascade_budget.model.throughput import Outcome

RECORDED = json.loads(Path(__file__).with_name("recorded_noise.json").read_text("utf-8"))["rounds"]
TRIALS = 20_000


def resampled(workload: str, trials: int) -> np.ndarray:
    """Sequences of rounds as long as the plan: which side is base is chance, so both signs occur."""
    rounds = np.array(RECORDED[workload])
    both = np.concatenate([rounds, -rounds])
    return np.random.default_rng(2024).choice(both, size=(trials, Plan().most))


def first_decision(rounds: np.ndarray) -> Outcome:
    plan = Plan()
    for look in plan.looks:
        outcome = judge_throughput(list(rounds[:look]), plan=plan).outcome
        if outcome is not Outcome.UNRESOLVED:
            return outcome
    return Outcome.UNRESOLVED


@pytest.mark.parametrize("workload", RECORDED)
def test_one_false_alarm_in_a_thousand_verdicts_at_most(workload: str) -> None:
    plan = Plan()
    noise = resampled(workload, TRIALS)
    alarms = np.zeros(TRIALS, bool)
    for look in plan.looks:
        ordered = np.sort(noise[:, :look], axis=1)
        cut = int(0.2 * look)
        # An alarm needs a mean above the tolerance; the judge itself decides about those.
        suspects = ordered[:, cut : look - cut].mean(axis=1) > math.log1p(0.009)
        for row in np.flatnonzero(suspects & ~alarms):
            verdict = judge_throughput(list(noise[row, :look]), plan=plan)
            alarms[row] = verdict.outcome is Outcome.REGRESSED
    assert alarms.sum() <= TRIALS / 1000


@pytest.mark.parametrize("workload", RECORDED)
def test_two_percent_slower_is_found_and_five_percent_always(workload: str) -> None:
    noise = resampled(workload, 500)
    two = [first_decision(rounds + math.log1p(0.02)) for rounds in noise]
    five = [first_decision(rounds + math.log1p(0.05)) for rounds in noise]
    assert two.count(Outcome.REGRESSED) >= 0.95 * len(two)
    assert five.count(Outcome.REGRESSED) == len(five)
    assert two.count(Outcome.UNCHANGED) <= 0.02 * len(two)
