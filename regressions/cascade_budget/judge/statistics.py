"""Robust location of a small sample and exact bounds of a proportion.

Everything here takes numbers and returns numbers; nothing reads a clock. scipy, an extra that takes
long to import, is imported when a quantile is asked for: most who import this read what was judged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cascade_budget.model.throughput import Interval

if TYPE_CHECKING:
    from collections.abc import Sequence


#: The share cut from each end of a sample.
#: Source: Wilcox, "Introduction to Robust Estimation and Hypothesis Testing" (4th ed., 2017),
#: section 3.3: 20 % keeps nearly the mean's efficiency under normality and survives one outlier in
#: five.
TRIM = 0.2

#: With fewer values a 20 % trimmed mean trims nothing and its error has no meaning.
SMALLEST_SAMPLE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class TrimmedMean:
    """A trimmed mean with its standard error.

    Attributes:
        center: The trimmed mean, in the unit of the values.
        standard_error: Estimated standard deviation of `center`, in the same unit.
        degrees_of_freedom: Of the t distribution that `center` follows when studentized.
    """

    center: float
    standard_error: float
    degrees_of_freedom: int

    def margin(self, alpha: float) -> float:
        """Distance from the center to a one-sided bound that errs with probability `alpha`.

        Source: Yuen, "The two-sample trimmed t for unequal population variances", Biometrika 61
        (1974) 165-170, in its one-sample form: Tukey and McLaughlin, Sankhya A 25 (1963) 331-352.
        """
        return -student_quantile(self.degrees_of_freedom, alpha) * self.standard_error

    def bounds(self, alpha: float) -> Interval:
        """The lower and the upper one-sided bound, each of level `alpha`.

        Together they make a two-sided interval of confidence 1 - 2 alpha.
        """
        margin = self.margin(alpha)
        return Interval(lower=self.center - margin, upper=self.center + margin)


def trimmed_mean(values: Sequence[float]) -> TrimmedMean:
    """The trimmed mean of `values` with the standard error of Yuen's test.

    With g = floor(TRIM * n) values cut at each end, h = n - 2 g remain; their mean is the center,
    the squared standard error is (n - 1) s_w^2 / (h (h - 1)), s_w^2 the winsorized variance (the
    cut values replaced by the nearest one kept), and h - 1 the degrees of freedom.

    Args:
        values: A sample of at least five finite numbers, in any order.

    Raises:
        ValueError: Too few values, or a value that is not finite.

    Source: Yuen (1974), equations 1 to 3; Wilcox (2017), sections 3.3 and 4.3.
    """
    size = len(values)
    if size < SMALLEST_SAMPLE:
        raise ValueError(f"{size} values; a trimmed mean needs at least {SMALLEST_SAMPLE}")
    ordered = sorted(values)
    if not all(map(math.isfinite, ordered)):
        raise ValueError("a value is not finite; every value must be a number")
    cut = int(TRIM * size)
    kept = ordered[cut : size - cut]
    winsorized = [kept[0]] * cut + kept + [kept[-1]] * cut
    mean = math.fsum(winsorized) / size
    squares = math.fsum((value - mean) ** 2 for value in winsorized)
    remaining = len(kept)
    return TrimmedMean(
        center=math.fsum(kept) / remaining,
        standard_error=math.sqrt(squares / (remaining * (remaining - 1))),
        degrees_of_freedom=remaining - 1,
    )


def student_quantile(degrees_of_freedom: float, probability: float) -> float:
    """The value of Student's t that is exceeded with probability 1 - `probability`."""
    return float(_special().stdtrit(degrees_of_freedom, probability))


def proportion_interval(successes: int, trials: int, *, confidence: float = 0.95) -> Interval:
    """The exact two-sided interval of a proportion.

    Args:
        successes: How often it happened.
        trials: How often it could have; at least one.
        confidence: Least probability that the interval covers the true proportion.

    Raises:
        ValueError: No trials, or more successes than trials.

    Source: Clopper and Pearson, Biometrika 26 (1934) 404-413, by the beta quantiles.
    """
    if not 0 <= successes <= trials or trials == 0:
        raise ValueError(f"{successes} of {trials} is no proportion")
    tail = (1 - confidence) / 2
    special = _special()
    lower = special.betaincinv(successes, trials - successes + 1, tail) if successes else 0.0
    upper = (
        special.betaincinv(successes + 1, trials - successes, 1 - tail)
        if successes < trials
        else 1.0
    )
    return Interval(lower=float(lower), upper=float(upper))


def _special() -> Any:
    from scipy import special  # noqa: PLC0415 - an extra, and slow to import

    return special
