"""A run of pytest under the gate: it counts, judges, and fails what is over budget."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, final

import pytest
from _pytest.outcomes import Failed

from cascade_budget.errors import ColdRunError, UsageError
from cascade_budget.extras import require_throughput
from cascade_budget.gate.budget_check import BudgetCheck
from cascade_budget.gate.budgets import MARKER, prepare_state, state_of
from cascade_budget.gate.profiles_of_tests import Profiles
from cascade_budget.gate.results import SessionResults
from cascade_budget.gate.subjects import BenchmarkSubject, FixtureWorkload, WholeTest
from cascade_budget.gate.timers import LedgerTimer, Timer
from cascade_budget.interop.pytest_benchmark import follow_benchmark, is_benchmark
from cascade_budget.ledger import read_ledger
from cascade_budget.model.codec import to_json
from cascade_budget.process.workload import Workload
from cascade_budget.report.progress import Progress
from cascade_budget.report.terminal import failure_text, failure_word
from cascade_budget.source.changes import changes_since

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cascade_budget.gate.fixture import WorkloadCall
    from cascade_budget.gate.timers import Timer
    from cascade_budget.interop.pytest_benchmark import BenchmarkedCall
    from cascade_budget.model.findings import WorkloadFinding
    from cascade_budget.settings import Settings


@final
class OverBudget(Failed):
    """A failure like any other to xfail, JUnit and xdist, but without a traceback: no line failed.

    Args:
        text: the whole explanation.
        findings: what it rests on.
    """

    __module__ = "builtins"  # as pytest's own outcomes: summaries print the qualified name

    def __init__(self, text: str, findings: tuple[WorkloadFinding, ...]) -> None:
        self.findings = findings
        self.word = failure_word(findings)
        super().__init__(msg=text, pytrace=False)


_WHOLE: Final = pytest.StashKey[WholeTest]()


@final
class Gate:
    """Counts and judges the tests of this process.

    Args:
        config: of the run.
        settings: what it asks for.
        timer: judges throughput; the coarse check by default.

    Raises:
        LedgerFormatError: the ledger can't be read.
    """

    def __init__(
        self, config: pytest.Config, settings: Settings, timer: Timer | None = None
    ) -> None:
        self._settings = settings
        self._timer: Timer = timer or LedgerTimer(settings)
        progress = Progress(config)
        changes = changes_since(settings.root, settings.base)
        self._profiles = Profiles(settings, progress, changes)
        ledger = read_ledger(settings.ledger, settings.ledger_shown)
        self._check = BudgetCheck(settings, ledger, progress, changes)

    def prepare(self, item: pytest.Item) -> None:
        """Read what a collected test is budgeted for.

        Raises:
            UsageError: its marker is wrong, or names what can't be counted.
        """
        state = prepare_state(item, self._settings.watch)
        if state is None or not state.budgets.whole:
            return
        if not is_benchmark(item):
            item.stash[_WHOLE] = WholeTest(item, state, self._settings, self._profiles)
        elif state.budgets.cold:
            raise UsageError(
                "cold=True asks for first runs, and pytest-benchmark repeats the call",
                place=item.nodeid,
                remedy="Leave cold out, or run the workload through the cascade_budget fixture",
            )

    def is_budgeted(self, item: pytest.Item) -> bool:
        """Whether a test is budgeted."""
        return state_of(item) is not None

    def dry_run(self, item: pytest.Item) -> None:
        """Run a test that is budgeted as a whole before its turn."""
        test = item.stash.get(_WHOLE, None)
        # With --setup-only and its like no body runs, and first runs are counted elsewhere.
        if test and not test.state.budgets.cold and not item.config.getoption("setuponly"):
            self._check.dry_run(test)

    @contextlib.contextmanager
    def around_body(self, item: pytest.Item) -> Iterator[None]:
        """Count a test without the fixture: its whole body, or what it benchmarks."""
        test = item.stash.get(_WHOLE, None)
        if test is not None:
            with test.around_body():
                yield
            self._conclude_whole(test)
            return
        fixture = getattr(item, "funcargs", {}).get("benchmark")
        state = state_of(item)
        if state is not None and state.budgets.whole and fixture is not None:

            def check(call: BenchmarkedCall) -> None:
                self._check.check(
                    BenchmarkSubject(item, state, self._settings, self._profiles, call=call)
                )

            # Its call is counted when it has been timed, and is warm.
            follow_benchmark(fixture, check)
        yield

    def _conclude_whole(self, test: WholeTest) -> None:
        if test.stage == "abandoned":
            test.state.findings.append(test.abandoned())
        elif test.stage == "turn":
            test.stage = "judged"
            try:
                self._check.check(test)
            except ColdRunError as error:
                raise pytest.fail.Exception(str(error), pytrace=False) from None

    def drive(self, call: WorkloadCall) -> Any:
        """Count, judge and time a workload; see `WorkloadRunner.drive`."""
        __tracebackhide__ = True
        state = state_of(call.item)
        assert state is not None
        with Workload(call.function, timeout_seconds=self._settings.timeout_seconds) as workload:
            subject = FixtureWorkload(
                call, state, self._settings, self._profiles, workload=workload, timer=self._timer
            )
            self._check.check(subject)
        return subject.result

    def conclude(self, item: pytest.Item) -> None:
        """Report what was found of a test whose body has passed. Raises OverBudget where it is."""
        state = state_of(item)
        test = item.stash.get(_WHOLE, None)
        if state is None or (test is not None and test.is_dry_run):
            return
        findings = tuple(state.findings)
        self._profiles.add_sections(item)
        for finding in findings:
            item.user_properties.extend(_properties(finding))
        if not findings and not state.budgets.whole and item.get_closest_marker(MARKER):
            pytest.fail(
                "the test has the marker and the fixture cascade_budget, and never calls the "
                f"fixture; {item.nodeid}. Call cascade_budget(workload, n=...), or leave the "
                "fixture out to budget the whole test",
                pytrace=False,
            )
        if any(finding.fails for finding in findings):
            raise OverBudget(failure_text(findings, test=item.nodeid), findings)

    def findings(self, item: pytest.Item) -> list[dict[str, Any]]:
        """What was found, in JSON's types, for the report that travels to the controller."""
        state = state_of(item)
        return [to_json(finding) for finding in state.findings] if state else []


def _properties(finding: WorkloadFinding) -> Iterator[tuple[str, object]]:
    """Facts for JUnit and other readers of a test's properties."""
    extra = finding.key.removeprefix(finding.test).strip()
    prefix = f"cascade_budget{f' {extra}' if extra else ''}"
    for target in finding.targets:
        yield f"{prefix} {target.target}", f"{target.measured or target.sentence}: {target.verdict}"
    time = finding.time
    if time is not None:
        yield f"{prefix} throughput", time.sentence
        if time.cpu_tps is not None and time.wall_tps is not None:
            yield f"{prefix} tps cpu", f"{time.cpu_tps:.6g}"
            yield f"{prefix} tps wall", f"{time.wall_tps:.6g}"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The parts of a run.

    Attributes:
        runner: counts and judges; the same in a worker as in an ordinary run.
        results: collects; None in a worker of xdist.
    """

    runner: Gate
    results: SessionResults | None


def start_run(config: pytest.Config, settings: Settings) -> Run:
    """The run of this process.

    Raises:
        LedgerFormatError: the ledger can't be read.
        UsageError: the base is no revision, or cannot be installed.
    """
    timer: Timer | None = None
    if settings.base is not None:
        require_throughput("--cascade-budget-base")
        from cascade_budget.gate.paired_timer import PairedTimer  # noqa: PLC0415 - only a base needs it

        timer = PairedTimer(config, settings, Progress(config))
    is_worker = hasattr(config, "workerinput")
    return Run(
        runner=Gate(config, settings, timer),
        results=None if is_worker else SessionResults(config, settings),
    )
