"""Timing a workload against a base, side by side."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, final

from cascade_budget.errors import BudgetError
from cascade_budget.gate.budgets import FIXTURE
from cascade_budget.judge.sequential import Plan
from cascade_budget.model.findings import TimeFinding, TimeVerdict
from cascade_budget.model.throughput import slowdown_text
from cascade_budget.process.launch import arguments_of_run
from cascade_budget.source.cache import SCRATCH, cache_room
from cascade_budget.timing.pairing_errors import SideFailedError, TooLittleTimeError
from cascade_budget.timing.rounds import Limits, run_rounds
from cascade_budget.timing.selfcheck_result import SelfCheckResult, read_result
from cascade_budget.timing.sides import Base, Sides, find_base, lay_out_sides

if TYPE_CHECKING:
    import pytest

    from cascade_budget.gate.timers import ProfiledSides
    from cascade_budget.ledger import Entry
    from cascade_budget.process.job import Job
    from cascade_budget.process.workload import Workload, WorkloadCall
    from cascade_budget.report.progress import Progress
    from cascade_budget.settings import Settings
    from cascade_budget.timing.rounds import Progress as RoundProgress

_NO_ANSWER_SECONDS: Final = 600.0


@final
class PairedTimer:
    """Times base and head in processes of their own.

    Args:
        config: Of the run; what is laid out on disk goes when it ends.
        settings: Base, tolerance and limits.
        progress: Told of each round.

    Raises:
        UsageError: The base is no revision or cannot be installed, or the cache can't be written.
    """

    def __init__(self, config: pytest.Config, settings: Settings, progress: Progress) -> None:
        assert settings.base is not None
        self._settings = settings
        self._progress = progress
        cache_room(SCRATCH)  # asked now: what can't be laid out later would be one test's failure
        self._base: Base = find_base(settings.base, settings.root)
        self._laid_out = contextlib.ExitStack()
        config.add_cleanup(self._laid_out.close)
        self._sides: Sides | None = None
        self._selfcheck = read_result()
        self._timed_at: dict[str, int] = {}

    def measure(
        self, call: WorkloadCall, workload: Workload, entry: Entry | None
    ) -> tuple[TimeFinding | None, Any]:
        """Time a workload; see `Timer.measure`."""
        del entry
        result = workload.run(call.n)
        if self._selfcheck is not None and not self._selfcheck.holds:
            return self._refusal(self._selfcheck), result
        try:
            return self._time(call), result
        except BudgetError as error:
            return self._not_compared(error), result

    def profile(self, call: WorkloadCall) -> ProfiledSides | None:
        """Sessions of base and head; see `Timer.profile`."""
        if self._sides is None:
            return None
        from cascade_budget.profiling.paired_profiles import profile_sides  # noqa: PLC0415 - the sampler is loaded where it is used

        base, head = _jobs(self._sides, call)
        return profile_sides(
            base,
            head,
            n=self._timed_at.get(call.key),
            timeout_seconds=self._settings.timeout_seconds or _NO_ANSWER_SECONDS,
            progress=lambda doing: self._progress.say(f"{call.title}: {doing}"),
        )

    def _time(self, call: WorkloadCall) -> TimeFinding:
        if self._sides is None:
            self._progress.say(f"laying out {self._base.label}")
            self._sides = self._laid_out.enter_context(
                lay_out_sides(self._base, self._settings.root)
            )
        base, head = _jobs(self._sides, call)

        def tell(progress: RoundProgress) -> None:
            self._progress.say(
                f"{call.title}: round {progress.rounds} of at most {progress.most}, "
                f"{slowdown_text(progress.slowdown)} so far"
            )

        settings = self._settings
        timing = run_rounds(
            base,
            head,
            plan=Plan(tests=_tests_timed(call.item)),
            tolerance=settings.tolerance,
            limits=Limits(
                answer_seconds=settings.timeout_seconds or _NO_ANSWER_SECONDS,
                total_seconds=settings.time_limit_seconds,
            ),
            progress=tell,
        )
        self._timed_at[call.key] = timing.chunking.n
        unchecked = "this machine has not been checked: cascade-budget selfcheck does"
        return TimeFinding.of_rounds(
            timing,
            base=self._sides.label,
            commit=self._sides.commit,
            unresolved_fails=settings.unresolved_fails,
            notes=() if self._selfcheck is not None else (unchecked,),
        )

    def _not_compared(self, error: BudgetError) -> TimeFinding:
        label = self._base.label
        if isinstance(error, SideFailedError) and error.new_here:
            return TimeFinding(
                verdict=TimeVerdict.NEW_HERE,
                base=label,
                reason=f"not compared, on {label} {error.failures['base']}",
            )
        if isinstance(error, TooLittleTimeError):
            return TimeFinding(
                verdict=TimeVerdict.UNRESOLVED,
                unresolved_fails=self._settings.unresolved_fails,
                base=label,
                reason=str(error),
            )
        return TimeFinding.not_compared(str(error), base=label)

    def _refusal(self, selfcheck: SelfCheckResult) -> TimeFinding:
        return TimeFinding(
            verdict=TimeVerdict.UNRESOLVED,
            unresolved_fails=self._settings.unresolved_fails,
            base=self._base.label,
            reason=f"not judged against {self._base.label}, for this machine failed its "
            f"self-check of {selfcheck.date}",
            notes=(
                f"{selfcheck.false_alarms} false alarms in {selfcheck.trials} verdicts",
                f"2 % slower found {' of '.join(map(str, selfcheck.found_at(0.02)))} times",
                "cascade-budget selfcheck tries again",
            ),
        )


def _jobs(sides: Sides, call: WorkloadCall) -> tuple[Job, Job]:
    config = call.item.config
    return sides.specs(
        call.item.nodeid,
        arguments_of_run(config),
        call.ordinal,
        started_in=config.invocation_params.dir,
    )


def _tests_timed(item: pytest.Item) -> int:
    """How many tests of this session share the error that it may make."""
    items = item.session.items
    return max(1, sum(FIXTURE in getattr(one, "fixturenames", ()) for one in items))
