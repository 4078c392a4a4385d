"""This project's own verdict: paired rounds of forked siblings, judged as the gate judges them."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from benchmarks.measuring.decisions import Decision, Verdict
from cascade_budget.model.throughput import Outcome
from cascade_budget.timing.trials import run_trial

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cascade_budget.timing.sides import Sides

TEST = "benchmarks/measuring/measured.py::test_allocating"
ARGUMENTS = ("-q", "-p", "no:cacheprovider", "--import-mode=importlib")
VERDICTS = {
    Outcome.REGRESSED: Verdict.SLOWER,
    Outcome.IMPROVED: Verdict.FASTER,
    Outcome.UNCHANGED: Verdict.SAME,
    Outcome.UNRESOLVED: Verdict.UNDECIDED,
}


@final
class Paired:
    """The gate's throughput verdict.

    Args:
        sides: Two copies of the working tree.
    """

    name = "cascade-budget"
    rule = "99.9 %, tolerance 1 %"

    def __init__(self, sides: Sides) -> None:
        self._sides = sides

    def trial(self, slowdowns: Sequence[float]) -> Iterator[Decision]:
        """Judge head with each slowdown, from the same pairs of processes."""
        base, head = self._sides.specs(TEST, ARGUMENTS)
        for one in run_trial(base, head, slowdowns=slowdowns):
            yield Decision(
                tool=self.name,
                rule=self.rule,
                injected=one.injected,
                verdict=VERDICTS[one.verdict.outcome],
                seconds=one.seconds,
            )
