"""When to look, and what error each look may spend.

A test repeated until it says yes says yes too often. The error allowed to a verdict is therefore
split over the looks it may take, and that of a session over the tests it judges.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

#: Eight processes are enough to tell a quiet workload's fate; the gaps widen because a late look
#: adds little to what the one before knew. Looks before eight would rest on too few degrees of
#: freedom to be worth the error that they spend.
DEFAULT_LOOKS = (8, 12, 16, 20, 24, 30, 36)

DEFAULT_ALPHA = 0.001
DEFAULT_BETA = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class LookLevel:
    """The one-sided error levels of one look.

    Attributes:
        alpha: For a bound that claims a difference where there is none.
        beta: For a bound that claims no slowdown where there is one.
    """

    alpha: float
    beta: float


def pocock_spent(total: float, fraction: float) -> float:
    """The error spent once `fraction` of the largest sample has been seen.

    Args:
        total: Error of the whole sequence of looks.
        fraction: Share of the largest sample seen so far, 0 to 1.

    Source: Lan and DeMets, "Discrete sequential boundaries for clinical trials", Biometrika 70
    (1983) 659-663: alpha ln(1 + (e - 1) t), the spending function that approximates Pocock's
    constant boundary.
    """
    return total * math.log1p((math.e - 1) * min(max(fraction, 0.0), 1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Numbers of rounds at which a verdict may fall, and the error it may make.

    Attributes:
        looks: Rounds at which the values are judged, ascending; the last is the most that is spent.
        alpha: Probability of a false REGRESSED (and of a false IMPROVED) over all looks of all
            `tests`, at most.
        beta: Probability of a false UNCHANGED over all looks of one test, at most. It is not split
            over tests: a missed slowdown is the loss of the one test that missed it.
        tests: How many tests share `alpha`.

    Raises:
        ValueError: Looks that do not ascend, a level outside 0 to 0.5, or no test.
    """

    looks: tuple[int, ...] = DEFAULT_LOOKS
    alpha: float = DEFAULT_ALPHA
    beta: float = DEFAULT_BETA
    tests: int = 1

    def __post_init__(self) -> None:
        if not self.looks or list(self.looks) != sorted(set(self.looks)) or self.looks[0] < 1:
            raise ValueError(f"looks are {self.looks}; they must be positive and ascend")
        for name in ("alpha", "beta"):
            if not 0 < getattr(self, name) < 0.5:  # noqa: PLR2004
                raise ValueError(f"{name} is {getattr(self, name)}; it must be between 0 and 0.5")
        if self.tests < 1:
            raise ValueError(f"tests is {self.tests}; at least one test is judged")

    @property
    def most(self) -> int:
        """Rounds after which no more are run."""
        return self.looks[-1]

    def next_look(self, rounds: int) -> int | None:
        """The first look after `rounds`, or None when there is none."""
        return next((look for look in self.looks if look > rounds), None)

    def until_look(self, rounds: int) -> int:
        """Rounds from `rounds` on to the next look; 0 when there is none."""
        return (self.next_look(rounds) or rounds) - rounds

    def level(self, rounds: int) -> LookLevel:
        """The levels of a look after `rounds`, the looks of the plan before it already spent.

        A look may fall outside the plan (the time ran out): the spending function does not ask for
        equal or foreseen steps. Each look uses its own increment as its level, so by the union
        bound the sum over looks and tests errs with at most `alpha`, however the looks depend on
        each other; this gives away a little power for needing no assumption about their joint
        distribution.
        """
        before = max((look for look in self.looks if look < rounds), default=0)
        share = pocock_spent(1.0, rounds / self.most) - pocock_spent(1.0, before / self.most)
        return LookLevel(alpha=self.alpha * share / self.tests, beta=self.beta * share)
