"""A run of pytest under the gate: it counts, judges, and fails what is over budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import pytest
from _pytest.outcomes import Failed

from cascade_budget.errors import BudgetError, UsageError
from cascade_budget.extras import require_throughput
from cascade_budget.gate.budget_check import BudgetCheck
from cascade_budget.gate.budgets import MARKER, TestState, prepare_state, state_of
from cascade_budget.gate.profiles_of_tests import Profiles
from cascade_budget.gate.results import REPORTED, SessionResults
from cascade_budget.gate.subjects import BenchmarkSubject, FixtureWorkload, WholeTest
from cascade_budget.gate.timers import LedgerTimer, Timer
from cascade_budget.interop.pytest_benchmark import FIXTURE as BENCHMARK
from cascade_budget.interop.pytest_benchmark import follow_benchmark, is_benchmark
from cascade_budget.ledger import read_ledger
from cascade_budget.model.codec import to_json
from cascade_budget.process.seeds import GATE_SEED, kept_chance, seed_random
from cascade_budget.process.workload import Workload, frozen_heap
from cascade_budget.report.progress import Progress
from cascade_budget.report.terminal import failure_text, failure_word
from cascade_budget.source.changes import changes_since

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from cascade_budget.interop.pytest_benchmark import BenchmarkedCall
    from cascade_budget.model.findings import WorkloadFinding
    from cascade_budget.process.workload import WorkloadCall
    from cascade_budget.settings import Settings


@final
class OverBudget(Failed):
    """A failure like any other to xfail, JUnit and xdist, but without a traceback: no line failed.

    Args:
        text: the whole explanation.
        findings: what it rests on.
    """

    __module__ = "builtins"  # as pytest's own outcomes: summaries print the qualified name

    def __init__(self, text: str, findings: Sequence[WorkloadFinding]) -> None:
        self.word = failure_word(findings)
        super().__init__(msg=text, pytrace=False)


_WHOLE: Final = pytest.StashKey[WholeTest]()


@final
class TestRunner:
    """Hooks of a process that runs tests: it counts and judges them, and fails what is over budget.

    Args:
        settings: what the run asks for.
        timer: judges throughput.
        progress: is told what goes on.

    Raises:
        LedgerFormatError: the ledger can't be read.
    """

    def __init__(self, settings: Settings, timer: Timer, progress: Progress) -> None:
        self._settings = settings
        self._timer = timer
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

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Have a module make the same data each time that it is imported."""
        if not isinstance(collector, pytest.Module):
            return (yield)
        with kept_chance():
            seed_random(GATE_SEED)
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> Generator[None]:
        """Tell xdist's controller which tests exist, and read markers that a conftest adds."""
        if hasattr(config, "workeroutput"):
            config.workeroutput[REPORTED] = [item.nodeid for item in items]
        yield
        for item in items:
            if item.get_closest_marker(MARKER):
                try:
                    self.prepare(item)
                except BudgetError as error:
                    raise pytest.UsageError(str(error)) from error

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Set aside what was collected: each count collects garbage, and need not look there."""
        with frozen_heap():
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Run a test that is budgeted as a whole before its turn: it is counted in several runs."""
        if state_of(item) is None:
            return (yield)
        with kept_chance(item.config.option):
            test = item.stash.get(_WHOLE, None)
            # With --setup-only and its like no body runs, and first runs are counted elsewhere.
            if test and not test.state.budgets.cold and not item.config.getoption("setuponly"):
                self._check.dry_run(test)
            return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Have a budgeted test make the same data each time, before its fixtures do."""
        state = state_of(item)
        if state is None:
            return
        seed_random(GATE_SEED)
        # An attempt after one that failed says nothing of that one.
        state.findings.clear()
        item.user_properties[:] = [
            each for each in item.user_properties if not each[0].startswith(f"{MARKER} ")
        ]
        test = item.stash.get(_WHOLE, None)
        if test and test.stage == "judged":
            test.stage = "turn"

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Count the body where it is budgeted, and fail it where it is over."""
        state = state_of(item)
        if state is None:
            return (yield)
        test = item.stash.get(_WHOLE, None)
        if test is not None:
            with test.around_body():
                result = yield
            self._conclude_whole(test)
            if test.is_dry_run:
                return result
        else:
            self._follow_benchmark(item, state)
            result = yield
        self._conclude(item, state)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Put findings on the report: it travels to the controller, the test does not."""
        report = yield
        state = state_of(item)
        if state is not None and call.when == "call":
            error = call.excinfo.value if call.excinfo is not None else None
            reported = {
                "findings": [to_json(finding) for finding in state.findings],
                "over": error.word if isinstance(error, OverBudget) else "",
            }
            setattr(report, REPORTED, reported)
        return report

    def _follow_benchmark(self, item: pytest.Item, state: TestState) -> None:
        """Check what a test benchmarks once it has been timed: then it is warm."""
        fixture = getattr(item, "funcargs", {}).get(BENCHMARK)
        if fixture is None or not state.budgets.whole:
            return

        def check(call: BenchmarkedCall) -> None:
            subject = BenchmarkSubject(item, state, self._settings, self._profiles, call=call)
            self._check.check(subject)

        follow_benchmark(fixture, check)

    def _conclude_whole(self, test: WholeTest) -> None:
        if test.stage == "abandoned":
            test.state.findings.append(test.abandoned())
        elif test.stage == "turn":
            test.stage = "judged"
            try:
                self._check.check(test)
            except BudgetError as error:
                raise pytest.fail.Exception(str(error), pytrace=False) from None

    def run_workload(self, call: WorkloadCall) -> Any:
        """Count, judge and time a workload; and return what its last run returned."""
        __tracebackhide__ = True
        state = state_of(call.item)
        assert state is not None
        with Workload(call.function, timeout_seconds=self._settings.timeout_seconds) as workload:
            subject = FixtureWorkload(
                call, state, self._settings, self._profiles, workload=workload, timer=self._timer
            )
            self._check.check(subject)
        return subject.result

    def _conclude(self, item: pytest.Item, state: TestState) -> None:
        """Report what was found of a test whose body has passed. Raises OverBudget where it is."""
        findings = state.findings
        self._profiles.add_sections(item)
        for finding in findings:
            item.user_properties.extend(_properties(finding))
        if not findings and item.get_closest_marker(MARKER):
            whole = state.budgets.whole
            call = "benchmark(function)" if whole else "cascade_budget(workload, n=...)"
            pytest.fail(
                f"the test has the marker and the fixture {call.partition('(')[0]}, and never "
                f"calls the fixture; {item.nodeid}. Call {call}, or leave the fixture out to "
                "budget the whole test",
                pytrace=False,
            )
        if any(finding.fails for finding in findings):
            raise OverBudget(failure_text(findings, test=item.nodeid), findings)


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


def start_session(config: pytest.Config, settings: Settings, name: str) -> None:
    """Register the hooks of this process.

    Args:
        config: of the run.
        settings: what it asks for.
        name: of the plugin that runs tests.

    Raises:
        LedgerFormatError: the ledger can't be read.
        UsageError: the base is no revision, or cannot be installed.
    """
    progress = Progress(config)
    timer: Timer = LedgerTimer(settings)
    if settings.base is not None:
        require_throughput("--cascade-budget-base")
        from cascade_budget.gate.paired_timer import PairedTimer  # noqa: PLC0415 - only a base needs it

        timer = PairedTimer(config, settings, progress)
    config.pluginmanager.register(TestRunner(settings, timer, progress), name)
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(SessionResults(config, settings), "cascade_budget_results")
