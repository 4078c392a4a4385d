"""The coarse check: what the fixture's workload costs, held against the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, final

from cascade_budget.judge.coarse import CoarseJudgement, CoarseVerdict, judge_coarse
from cascade_budget.model.findings import TimeFinding
from cascade_budget.timing.calibration import machine_kind, python_key, sample_cost
from cascade_budget.timing.obstacles import timing_obstacle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cascade_budget.gate.fixture import WorkloadCall
    from cascade_budget.ledger import Entry
    from cascade_budget.model.profiles import ProfileSession
    from cascade_budget.process.workload import Workload
    from cascade_budget.settings import Settings
    from cascade_budget.timing.calibration import CostSample

ProfiledSides: TypeAlias = "tuple[Sequence[ProfileSession], Sequence[ProfileSession]]"
"""Sessions of base and of head, the i-th of each recorded next to each other."""

MAX_ATTEMPTS: Final = 3
_SIGNIFICANT: Final = 4


class Gauge(Protocol):
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
class CoarseGauge:
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
        """Time a workload; see `Gauge.measure`."""
        tolerance = self._settings.coarse_tolerance
        if tolerance is None:
            return None, None
        obstacle = timing_obstacle()
        if obstacle:
            return _not_timed(obstacle), None
        if self._machine is None:
            self._machine = machine_kind()
        result = workload.run(call.n)
        recorded = entry.costs.get(python_key()) if entry else None
        samples: list[CostSample] = []
        while len(samples) < MAX_ATTEMPTS:
            samples.append(sample_cost(workload.run, call.n))
            judgement = judge_coarse(
                [sample.calibrated_cost for sample in samples],
                recorded,
                self._machine,
                tolerance=tolerance,
                tolerance_elsewhere=self._settings.coarse_tolerance_elsewhere,
            )
            if judgement.verdict is not CoarseVerdict.SLOWER:
                break
        cheapest = min(samples, key=lambda sample: sample.calibrated_cost)
        update = self._settings.update
        return _finding(judgement, cheapest, len(samples), self._machine, update=update), result


def _not_timed(obstacle: str) -> TimeFinding:
    return TimeFinding(
        method="coarse",
        verdict="not timed",
        fails=False,
        sentence=f"not timed: {obstacle}",
    )


def _finding(
    judgement: CoarseJudgement, sample: CostSample, attempts: int, machine: str, *, update: bool
) -> TimeFinding:
    python = python_key()
    laps = float(f"{judgement.laps:.{_SIGNIFICANT}g}")
    return TimeFinding(
        method="coarse",
        verdict="recorded" if update else str(judgement.verdict),
        fails=judgement.verdict is CoarseVerdict.SLOWER and not update,
        sentence=_sentence(judgement, python, attempts),
        cpu_ns_per_transaction=sample.cpu_ns_per_transaction,
        wall_ns_per_transaction=sample.wall_ns_per_transaction,
        details={
            "python": python,
            "machine": machine,
            "laps": laps,
            "slowdown_ratio": judgement.slowdown_ratio,
            "limit_ratio": judgement.limit_ratio,
            "attempts": attempts,
            "chunks": sample.chunks,
        },
        record=(python, laps, machine),
    )


def _sentence(judgement: CoarseJudgement, python: str, attempts: int) -> str:
    if judgement.slowdown_ratio is None or judgement.limit_ratio is None:
        where = " comparable with this machine" if judgement.elsewhere else ""
        return f"no cost recorded for {python}{where}: not judged"
    change = f"{(judgement.slowdown_ratio - 1) * 100:+.0f} % CPU time a transaction"
    place = " on another kind of machine" if judgement.elsewhere else ""
    text = f"{change} against the ledger{place}"
    if judgement.verdict is CoarseVerdict.SLOWER:
        limit = (judgement.limit_ratio - 1) * 100
        return f"{text}, limit {limit:+.0f} %, in each of {attempts} attempts"
    return text
