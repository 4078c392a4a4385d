"""The values that constraints are written with: amounts, rates, patterns."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import final

from cascade.errors import ConstraintError

_RATE = re.compile(r"\s*(\d+)\s*/\s*(\d+(?:\.\d+)?)?\s*(ms|s|m|h)\s*", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@final
@dataclass(frozen=True, slots=True)
class Rate:
    """So many starts in so many seconds.

    Attributes:
        starts: number of task starts, at least 1.
        seconds: length of the window that they share.
    """

    starts: int
    seconds: float

    @classmethod
    def parse(cls, text: object) -> Rate:
        """Read a rate such as "10/s", "100/m" or "5/200ms".

        Raises:
            ConstraintError: the text is no rate, or the rate is under 1 start a window.
        """
        match = _RATE.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise ConstraintError(
                str(text),
                f"rate {text!r} can't be read. Write starts per time, such as '10/s', '100/m' or "
                "'5/200ms'.",
            )
        starts, count, unit = match.groups()
        rate = cls(int(starts), float(count or 1) * _SECONDS[unit])
        if rate.starts < 1 or rate.seconds <= 0:
            raise ConstraintError(
                str(text),
                f"rate {text!r} lets no task start. Write at least one start per time, such as "
                "'1/2s'.",
            )
        return rate

    def __str__(self) -> str:
        return f"{self.starts:g} starts in {self.seconds:g} s"


def exact_amount(amount: object) -> Fraction | float | None:
    """Return a number of 0 or more as it is written, 0.1 as a tenth; None where it is none.

    Sums of floats depend on their order, and three times 0.1 is more than 0.3.
    """
    if isinstance(amount, bool) or not isinstance(amount, (int, float)) or not amount >= 0:
        return None
    if isinstance(amount, int):
        return Fraction(amount)
    return amount if math.isinf(amount) else Fraction(float.__repr__(amount))


def checked_amount(name: str, amount: object, task: str) -> Fraction:
    """Return an amount of a capacity as a number.

    Raises:
        ConstraintError: it is not a finite number of 0 or more.
    """
    exact = exact_amount(amount)
    if not isinstance(exact, Fraction):
        raise ConstraintError(
            name,
            f"task '{task}' asks for {amount!r} of capacity '{name}'. "
            "Pass a number of 0 or more, or a lazy result of one.",
        )
    return exact


def checked_limit(pattern: str, limit: object) -> int:
    """Return a concurrency limit.

    Raises:
        ConstraintError: it is not a whole number of 1 or more.
    """
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise ConstraintError(
            pattern,
            f"the concurrency limit of '{pattern}' is {limit!r}. Pass a whole number of 1 or more; "
            "to stop a task altogether, pause it.",
        )
    return limit
