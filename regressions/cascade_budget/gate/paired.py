"""The paired check: what the fixture's workload costs, held against a base side by side."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, final

import pytest

from cascade_budget.errors import BudgetError
from cascade_budget.gate.budgets import FIXTURE
from cascade_budget.judge.sequential import Plan
from cascade_budget.judge.throughput import Outcome
from cascade_budget.model.findings import TimeFinding
from cascade_budget.process.launch import arguments_of_run
from cascade_budget.report.text import counted
from cascade_budget.timing.pairing_errors import SideFailedError
from cascade_budget.timing.rounds import Limits, run_rounds
from cascade_budget.timing.selfcheck_result import SelfCheckResult, read_result
from cascade_budget.timing.sides import Base, Sides, find_base, lay_out_sides

if TYPE_CHECKING:
    from cascade_budget.gate.fixture import WorkloadCall
    from cascade_budget.gate.throughput import ProfiledSides
    from cascade_budget.judge.throughput import Throughput
    from cascade_budget.ledger import Entry
    from cascade_budget.process.job import Job
    from cascade_budget.process.workload import Workload
    from cascade_budget.report.progress import Progress
    from cascade_budget.settings import Settings
    from cascade_budget.timing.rounds import PairedTiming
    from cascade_budget.timing.rounds import Progress as RoundProgress

_METHOD: Final = "paired"
_NO_ANSWER_SECONDS: Final = 600.0


@final
class PairedGauge:
    """Times base and head in processes of their own.

    Args:
        config: Of the run; what is laid out on disk goes when it ends.
        settings: Base, tolerance and limits.
        progress: Told of each round.

    Raises:
        UsageError: The base is no revision or cannot be installed.
    """

    def __init__(self, config: pytest.Config, settings: Settings, progress: Progress) -> None:
        assert settings.base is not None
        self._settings = settings
        self._progress = progress
        self._base: Base = find_base(settings.base, settings.root)
        self._laid_out = contextlib.ExitStack()
        config.add_cleanup(self._laid_out.close)
        self._sides: Sides | None = None
        self._selfcheck = read_result()
        self._timed_at: dict[str, int] = {}

    def measure(
        self, call: WorkloadCall, workload: Workload, entry: Entry | None
    ) -> tuple[TimeFinding | None, Any]:
        """Time a workload; see `Gauge.measure`."""
        del entry
        result = workload.run(call.n)
        if self._selfcheck is not None and not self._selfcheck.holds:
            return self._refusal(self._selfcheck), result
        try:
            return self._time(call), result
        except SideFailedError as error:
            if error.new_here:
                return _new_here(error, self._base.label), result
            raise pytest.fail.Exception(str(error), pytrace=False) from None
        except BudgetError as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from None

    def profile(self, call: WorkloadCall) -> ProfiledSides | None:
        """Sessions of base and head; see `Gauge.profile`."""
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
                f"{_percent(1 / (1 + progress.slowdown) - 1)} % so far"
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
        return self._finding(timing, self._sides)

    def _finding(self, timing: PairedTiming, sides: Sides) -> TimeFinding:
        verdict = timing.verdict
        unresolved = verdict.outcome is Outcome.UNRESOLVED
        speeds = timing.transactions_per_second
        return TimeFinding(
            method=_METHOD,
            verdict=str(verdict.outcome),
            fails=verdict.outcome is Outcome.REGRESSED
            or (unresolved and self._settings.unresolved_fails),
            sentence=_sentence(verdict, sides.label),
            lines=tuple(_evidence(timing, self._selfcheck)),
            cpu_ns_per_transaction=1e9 / speeds["head cpu"],
            wall_ns_per_transaction=1e9 / speeds["head wall"],
            details=_details(timing, sides),
        )

    def _refusal(self, selfcheck: SelfCheckResult) -> TimeFinding:
        return TimeFinding(
            method=_METHOD,
            verdict=str(Outcome.UNRESOLVED),
            fails=self._settings.unresolved_fails,
            sentence=f"not judged against {self._base.label}: this machine failed its self-check "
            f"of {selfcheck.date}",
            lines=(
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


def _new_here(error: SideFailedError, label: str) -> TimeFinding:
    return TimeFinding(
        method=_METHOD,
        verdict="new here",
        fails=False,
        sentence=f"new here, not compared: on {label} {error.failures['base']}",
    )


def _sentence(verdict: Throughput, label: str) -> str:
    bounds = verdict.throughput_interval
    clock = " of wall time" if verdict.clock == "wall" else ""
    text = (
        f"{_percent(verdict.throughput_change)} %{clock} against {label}, "
        f"{100 * verdict.confidence:g} % bounds "
        f"[{_percent(bounds.lower)}, {_percent(bounds.upper)}], {verdict.rounds} rounds"
    )
    if verdict.outcome is Outcome.UNRESOLVED:
        return f"unresolved: {text}"
    return text


def _evidence(timing: PairedTiming, selfcheck: SelfCheckResult | None) -> list[str]:
    verdict, chunking = timing.verdict, timing.chunking
    lines = []
    if verdict.outcome is Outcome.UNRESOLVED:
        more = verdict.rounds_to_decide
        would = f"; about {counted(more, 'more round')} would decide" if more else ""
        limit = ", where the time limit came" if timing.timed_out else ""
        lines.append(
            f"a slowdown of {100 * verdict.smallest_detectable:.1f} % would have been found in "
            f"{verdict.rounds} rounds{limit}{would}"
        )
    speeds = timing.transactions_per_second
    lines.append(
        f"{speeds['base cpu']:,.0f} to {speeds['head cpu']:,.0f} transactions a second of CPU time"
    )
    if chunking.waits:
        lines.append(
            f"the workload waits, so wall time is judged as well: {speeds['base wall']:,.0f} to "
            f"{speeds['head wall']:,.0f} transactions a second"
        )
    lines.append(
        f"{timing.processes} processes, {chunking.quads} x 4 chunks of "
        f"{chunking.n * chunking.repeat:,} transactions a round, {timing.seconds:.0f} s"
    )
    if not timing.results_compared:
        lines.append("results were not compared: they differ from run to run of the same code")
    if selfcheck is None:
        lines.append("this machine has not been checked: cascade-budget selfcheck does")
    return lines


def _details(timing: PairedTiming, sides: Sides) -> dict[str, Any]:
    verdict, chunking = timing.verdict, timing.chunking
    return {
        "base": sides.label,
        "commit": sides.commit,
        "slowdown": verdict.slowdown,
        "slowdown_interval": [verdict.interval.lower, verdict.interval.upper],
        "throughput_change": verdict.throughput_change,
        "throughput_interval": [
            verdict.throughput_interval.lower,
            verdict.throughput_interval.upper,
        ],
        "confidence": verdict.confidence,
        "tolerance": verdict.tolerance,
        "smallest_detectable": verdict.smallest_detectable,
        "rounds_to_decide": verdict.rounds_to_decide,
        "clock": verdict.clock,
        "rounds": [
            {
                "cpu": one.cpu,
                "wall": one.wall,
                "base_cpu_ns": one.base_cpu_ns,
                "head_cpu_ns": one.head_cpu_ns,
                "base_wall_ns": one.base_wall_ns,
                "head_wall_ns": one.head_wall_ns,
            }
            for one in timing.rounds
        ],
        "chunk_transactions": chunking.n * chunking.repeat,
        "waits": chunking.waits,
        "threaded": chunking.threaded,
        "processes": timing.processes,
        "results_compared": timing.results_compared,
        "seconds": timing.seconds,
        "timed_out": timing.timed_out,
    }


def _percent(share: float) -> str:
    """With a sign, and never a negative nothing."""
    text = f"{100 * share:+.1f}"
    return "+0.0" if text == "-0.0" else text
