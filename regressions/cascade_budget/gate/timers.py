"""Timing a workload against the ledger: the coarse check, where there is no base."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, final

from cascade_budget.judge.coarse import judge_coarse
from cascade_budget.model.findings import TimeFinding, TimeVerdict
from cascade_budget.timing.calibration import machine_kind, python_key, sample_cost
from cascade_budget.timing.obstacles import timing_obstacle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cascade_budget.ledger import Entry
    from cascade_budget.model.profiles import ProfileSession
    from cascade_budget.process.workload import Workload, WorkloadCall
    from cascade_budget.settings import Settings
    from cascade_budget.timing.calibration import CostSample

ProfiledSides: TypeAlias = "tuple[Sequence[ProfileSession], Sequence[ProfileSession]]"
"""Sessions of base and of head, the i-th of each recorded next to each other."""

MAX_ATTEMPTS: Final = 3


class Timer(Protocol):
    """A way to judge the throughput of a workload."""

    def measure(
        self, call: WorkloadCall, workload: Workload, entry: Entry | None
    ) -> tuple[TimeFinding | None, Any]:
        """Time a workload whose calls have been counted.

        Args:
            call: what is timed, and at which n.
            workload: runs it in this process, warm.
            entry: what the ledger holds of it; None for nothing.

        Returns:
            The finding, None for none, and what the workload returned for n transactions, or None
            where it was not run.
        """

    def profile(self, call: WorkloadCall) -> ProfiledSides | None:
        """Sessions of base and head of a workload that was timed; None where there is no base."""


@final
class LedgerTimer:
    """Times in this process and holds the cost against the ledger's.

    Args:
        settings: the tolerances; without any nothing is timed.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._machine: str | None = None

    def profile(self, call: WorkloadCall) -> ProfiledSides | None:
        """None: there is no base."""
        del call
        return None

    def measure(
        self, call: WorkloadCall, workload: Workload, entry: Entry | None
    ) -> tuple[TimeFinding | None, Any]:
        """Time a workload; see `Timer.measure`."""
        tolerance = self._settings.coarse_tolerance
        if tolerance is None:
            return None, None
        obstacle = timing_obstacle()
        if obstacle:
            return TimeFinding(verdict=TimeVerdict.NOT_TIMED, reason=obstacle), None
        if self._machine is None:
            self._machine = machine_kind()
        result = workload.run(call.n)
        recorded = entry.costs.get(python_key()) if entry else None
        at_a_glance = recorded is None and not self._settings.update
        samples: list[CostSample] = []
        while len(samples) < MAX_ATTEMPTS:
            samples.append(sample_cost(workload.run, call.n, at_a_glance=at_a_glance))
            verdict, timing = judge_coarse(
                [sample.calibrated_cost for sample in samples],
                recorded,
                python=python_key(),
                machine=self._machine,
                tolerance=tolerance,
                tolerance_elsewhere=self._settings.coarse_tolerance_elsewhere,
            )
            if verdict is not TimeVerdict.TOO_SLOW:
                break
        cheapest = min(samples, key=lambda sample: sample.calibrated_cost)
        finding = TimeFinding(
            verdict=TimeVerdict.RECORDED if self._settings.update else verdict,
            recorded=timing,
            cpu_ns_per_transaction=cheapest.cpu_ns_per_transaction,
            wall_ns_per_transaction=cheapest.wall_ns_per_transaction,
        )
        return finding, result
