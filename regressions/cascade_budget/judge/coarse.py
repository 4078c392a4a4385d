"""Throughput without a base: a calibrated cost, held against the ledger's.

Its unit is one turn of the calibration loop, so that a slower or busier machine slows both. The
quotient still moves from one kind of machine to another, because no two programs lean on the same
parts of a processor; so a record from elsewhere is held to a wide limit, and one from another
interpreter or architecture to none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, final

from cascade_budget.model.findings import RecordedTiming, TimeVerdict

if TYPE_CHECKING:
    from collections.abc import Sequence

_SIGNIFICANT: Final = 4
"""Digits of a cost that are recorded: more than its spread, few enough to read."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCost:
    """A cost that the ledger holds.

    Attributes:
        calibrated_cost: CPU time a transaction over that of one turn of the calibration loop.
        machine: the kind of machine it was measured on: `system-architecture-digest`.
    """

    calibrated_cost: float
    machine: str

    def is_comparable_on(self, machine: str) -> bool:
        """Whether system and architecture are the same."""
        return self.machine.rpartition("-")[0] == machine.rpartition("-")[0]


def judge_coarse(
    attempts: Sequence[float],
    recorded: RecordedCost | None,
    *,
    python: str,
    machine: str,
    tolerance: float,
    tolerance_elsewhere: float,
) -> tuple[TimeVerdict, RecordedTiming]:
    """The verdict of a cost against the recorded one, and what it rests on.

    The lowest of the attempts is judged: a disturbance makes a run slower, never faster, so a
    slowdown is believed only when every attempt shows it.

    Args:
        attempts: calibrated costs of a transaction, at least one.
        recorded: the ledger's, for this implementation and version of Python.
        python: implementation and version.
        machine: the kind of machine that measured the attempts.
        tolerance: slowdown allowed on the kind of machine that recorded it, 0.25 for a quarter.
        tolerance_elsewhere: slowdown allowed on another kind, of the same system and architecture.
    """
    timing = RecordedTiming(
        attempts=len(attempts),
        calibrated_cost=float(f"{min(attempts):.{_SIGNIFICANT}g}"),
        python=python,
        machine=machine,
        elsewhere=recorded is not None and recorded.machine != machine,
    )
    if recorded is None or not recorded.is_comparable_on(machine):
        return TimeVerdict.NO_RECORD, timing
    limit = max(tolerance, tolerance_elsewhere) if timing.elsewhere else tolerance
    ratio = min(attempts) / recorded.calibrated_cost
    verdict = TimeVerdict.WITHIN
    if ratio > 1 + limit:
        verdict = TimeVerdict.TOO_SLOW
    elif ratio < 1 / (1 + limit):
        verdict = TimeVerdict.FASTER
    return verdict, replace(timing, slowdown=ratio - 1, limit=limit)
