"""The verdict on paired rounds: regressed, unchanged, improved, or honestly unresolved."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import NormalDist
from typing import TYPE_CHECKING

from cascade_budget.judge.statistics import trimmed_mean
from cascade_budget.model.throughput import Interval, Outcome, Throughput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cascade_budget.judge.sequential import Plan
    from cascade_budget.judge.statistics import TrimmedMean


#: Slowdowns up to this one are no regression. Two copies of the same code differ by some tenths of
#: a percent for reasons nobody changed (where objects lie in memory); docs/measuring.md has the
#: figures.
DEFAULT_TOLERANCE = 0.01

#: A slowdown under this multiple of the tolerance is what "unchanged" rules out.
UNCHANGED_FACTOR = 2.0

#: How surely the smallest detectable slowdown would have been found.
DETECTION_POWER = 0.99


def judge_throughput(
    values: Sequence[float],
    *,
    plan: Plan,
    tolerance: float = DEFAULT_TOLERANCE,
    clock: str = "cpu",
) -> Throughput:
    """Judge the rounds seen so far.

    REGRESSED: the trimmed mean is above the tolerance *and* its lower bound is above zero.
    IMPROVED: the mirror image. UNCHANGED: the upper bound is under twice the tolerance. UNRESOLVED
    otherwise: run up to `plan.next_look(len(values))` and judge again, or report it.

    Both conditions of REGRESSED matter: the bound alone calls a real but meaningless 0.2 % a
    regression once it has seen enough rounds, the mean alone calls noise one.

    Args:
        values: One log ratio, ln(head's cost / base's cost), a round; at least five.
        plan: The looks and the errors they may spend.
        tolerance: Slowdown that is no regression; 0.01 is 1 %.
        clock: Name of what was timed, for the report.

    Raises:
        ValueError: Fewer than five values, or a tolerance that is not positive.

    Source: Yuen's test as in `stats`; error spending as in `sequential`; the double condition is
    the "minimum effect" rule of Murphy and Myors, Journal of Applied Psychology 84 (1999) 234-248.
    """
    if tolerance <= 0:
        raise ValueError(f"tolerance is {tolerance}; it must be positive")
    mean = trimmed_mean(values)
    level = plan.level(len(values))
    alarm = mean.bounds(level.alpha)
    pass_ = mean.bounds(level.beta)
    edge = math.log1p(tolerance)
    clear = math.log1p(UNCHANGED_FACTOR * tolerance)
    if mean.center > edge and alarm.lower > 0:
        outcome = Outcome.REGRESSED
    elif mean.center < -edge and alarm.upper < 0:
        outcome = Outcome.IMPROVED
    elif pass_.upper < clear:
        outcome = Outcome.UNCHANGED
    else:
        outcome = Outcome.UNRESOLVED
    power = NormalDist().inv_cdf(DETECTION_POWER) * mean.standard_error
    return Throughput(
        outcome=outcome,
        slowdown=math.expm1(mean.center),
        interval=Interval(lower=math.expm1(alarm.lower), upper=math.expm1(alarm.upper)),
        confidence=1 - plan.alpha,
        rounds=len(values),
        tolerance=tolerance,
        smallest_detectable=math.expm1(power + max(edge, mean.margin(level.alpha))),
        rounds_to_decide=(
            _rounds_to_decide(mean, len(values), plan=plan, tolerance=tolerance)
            if outcome is Outcome.UNRESOLVED
            else None
        ),
        clock=clock,
    )


def _rounds_to_decide(
    mean: TrimmedMean, rounds: int, *, plan: Plan, tolerance: float
) -> int | None:
    """Further rounds after which a verdict would fall if mean and spread stayed as they are."""
    level = plan.level(plan.most)
    edge = math.log1p(tolerance)
    if abs(mean.center) > edge:
        distance, error = abs(mean.center), level.alpha
    else:
        distance, error = math.log1p(UNCHANGED_FACTOR * tolerance) - mean.center, level.beta
    if distance <= 0:
        return None
    # The margin shrinks with the root of the sample: its quantile, too, but that is left out, so
    # the number errs on the side of too many.
    needed = math.ceil(rounds * (mean.margin(error) / distance) ** 2)
    return max(needed - rounds, 1)


def worse_of(first: Throughput, second: Throughput) -> Throughput:
    """The verdict of work judged on two clocks: the graver one speaks.

    Each should have been judged with half the plan's `alpha`, see `halved`.
    """
    gravity = (Outcome.REGRESSED, Outcome.UNRESOLVED, Outcome.UNCHANGED, Outcome.IMPROVED)
    return min(first, second, key=lambda verdict: gravity.index(verdict.outcome))


def halved(plan: Plan) -> Plan:
    """The plan of each of two verdicts of which the worse is reported."""
    return replace(plan, alpha=plan.alpha / 2)
