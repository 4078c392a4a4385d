"""Throughput without a base: a calibrated cost, held against the ledger's.

Its unit is one turn of the calibration loop, so that a slower or busier machine slows both. The
quotient still moves from one kind of machine to another, because no two programs lean on the same
parts of a processor; so a record from elsewhere is held to a wide limit, and one from another
interpreter or architecture to none.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Sequence


class CoarseVerdict(StrEnum):
    """What a cost is, held against the recorded one."""

    WITHIN = "within"
    SLOWER = "slower"
    FASTER = "faster"
    UNRECORDED = "not recorded"


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
        return _platform(self.machine) == _platform(machine)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CoarseJudgement:
    """The verdict, and what it rests on.

    Attributes:
        verdict: against the record.
        laps: the lowest cost of the attempts.
        slowdown_ratio: cost over the recorded cost, above 1 is slower; None without a record.
        limit_ratio: the slowdown at which the check fails; None without a record.
        elsewhere: whether the record was made on another kind of machine.
    """

    verdict: CoarseVerdict
    laps: float
    slowdown_ratio: float | None
    limit_ratio: float | None
    elsewhere: bool


def judge_coarse(
    attempts: Sequence[float],
    recorded: RecordedCost | None,
    machine: str,
    *,
    tolerance: float,
    tolerance_elsewhere: float,
) -> CoarseJudgement:
    """The verdict of a cost against the recorded one.

    The lowest of the attempts is judged: a disturbance makes a run dearer, never cheaper, so a
    slowdown is believed only when every attempt shows it.

    Args:
        attempts: costs in laps a transaction, at least one.
        recorded: the ledger's, for this implementation and version of Python.
        machine: the kind of machine that measured the attempts.
        tolerance: slowdown allowed on the kind of machine that recorded it, 0.25 for a quarter.
        tolerance_elsewhere: slowdown allowed on another kind, of the same system and architecture.
    """
    laps = min(attempts)
    if recorded is None or not recorded.is_comparable_on(machine):
        return CoarseJudgement(
            verdict=CoarseVerdict.UNRECORDED,
            laps=laps,
            slowdown_ratio=None,
            limit_ratio=None,
            elsewhere=recorded is not None,
        )
    elsewhere = recorded.machine != machine
    allowed = max(tolerance, tolerance_elsewhere) if elsewhere else tolerance
    ratio = laps / recorded.calibrated_cost
    limit = 1 + allowed
    verdict = CoarseVerdict.WITHIN
    if ratio > limit:
        verdict = CoarseVerdict.SLOWER
    elif ratio < 1 / limit:
        verdict = CoarseVerdict.FASTER
    return CoarseJudgement(
        verdict=verdict,
        laps=laps,
        slowdown_ratio=ratio,
        limit_ratio=limit,
        elsewhere=elsewhere,
    )


def _platform(machine: str) -> str:
    return machine.rpartition("-")[0]
