"""Hooks of pytest. Every pytest run imports this module, so it imports nothing that isn't light."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import pytest

from cascade_budget.errors import BudgetError
from cascade_budget.settings import (
    MARKER_LINE,
    Settings,
    add_options,
    read_settings,
)

if TYPE_CHECKING:
    from collections.abc import Generator

    from cascade_budget.gate.fixture import CascadeBudget
    from cascade_budget.gate.results import SessionResults
    from cascade_budget.gate.session import Run

_SETTINGS: Final = pytest.StashKey[Settings]()
_RUN: Final = pytest.StashKey["Run"]()
_WORKER: Final = "cascade_budget_worker"
"""Name of the plugin that takes workloads over in a fresh process, see `process.worker`."""
_PROFILER: Final = "cascade_budget_profiler"
"""Name of the plugin that profiles tests which the gate doesn't."""
_FACTS: Final = "cascade_budget"
"""Attribute of a report, and key of a worker's output, under which facts travel."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register options and their ini twins."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and start the gate where it is asked for."""
    config.addinivalue_line("markers", MARKER_LINE)
    try:
        settings = config.stash[_SETTINGS] = read_settings(config)
        if config.pluginmanager.has_plugin(_WORKER):
            return
        if settings.profile is not None:
            from cascade_budget.gate.profiles_of_tests import BodyProfiler  # noqa: PLC0415 - only profiling needs it

            config.pluginmanager.register(BodyProfiler(settings), _PROFILER)
        if settings.enabled:
            from cascade_budget.gate.session import start_run  # noqa: PLC0415 - only the gate needs it

            run = config.stash[_RUN] = start_run(config, settings)
            if run.results is not None:
                config.pluginmanager.register(_Ending(run.results), "cascade_budget_ending")
    except BudgetError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of xdist what this run was given: the worker gets its options as values."""
    from cascade_budget.process.launch import XDIST_ARGUMENTS  # noqa: PLC0415 - only xdist's controller needs it

    node.workerinput[XDIST_ARGUMENTS] = list(map(str, node.config.invocation_params.args))


@pytest.fixture
def cascade_budget(request: pytest.FixtureRequest) -> CascadeBudget:
    """Hold a workload to the test's budgets.

    Call it as cascade_budget(workload, n=10_000), where workload(n) performs n transactions and may
    be a coroutine function. Without --cascade-budget it runs once, at the smallest size. Returns
    what the workload returned.
    """
    from cascade_budget.gate.fixture import CascadeBudget  # noqa: PLC0415 - few tests use it

    worker = request.config.pluginmanager.get_plugin(_WORKER)
    if worker is not None:
        return CascadeBudget(request.node, worker)
    run = _run_of(request.config)
    if run is not None:
        return CascadeBudget(request.node, run.runner)
    profiler = request.config.pluginmanager.get_plugin(_PROFILER)
    if profiler is not None:
        return CascadeBudget(request.node, profiler.runner)
    from cascade_budget.gate.fixture import PlainRunner  # noqa: PLC0415 - few tests use it

    return CascadeBudget(request.node, PlainRunner(request.config.stash[_SETTINGS].timeout_seconds))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Refuse a module or class in which a marker is wrong."""
    if _run_of(collector.config) is not None and isinstance(collector, pytest.Module):
        from cascade_budget.process.seeds import GATE_SEED, kept_chance, seed_random  # noqa: PLC0415 - only the gate needs it

        # Data that a module makes when it is imported.
        with kept_chance():
            seed_random(GATE_SEED)
            report = yield
    else:
        report = yield
    problems = []
    for item in report.result or ():
        if isinstance(item, pytest.Item):
            try:
                _prepare(item)
            except BudgetError as error:
                problems.append(str(error))
    if problems:
        text = "\n".join(dict.fromkeys(problems))
        return pytest.CollectReport(collector.nodeid, "failed", text, [])
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None]:
    """Note which tests exist, before any is deselected."""
    run = _run_of(config)
    if run is not None:
        tests = [item.nodeid for item in items]
        if run.results is not None:
            run.results.add_collection(tests)
        elif hasattr(config, "workeroutput"):
            config.workeroutput[_FACTS] = tests
    yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run a test that is budgeted as a whole before its turn: it is counted in several runs."""
    run = _run_of(item.config)
    if run is None or not run.runner.is_budgeted(item):
        return (yield)
    from cascade_budget.process.seeds import kept_chance  # noqa: PLC0415 - only the gate needs it

    with kept_chance(item.config.option):
        run.runner.dry_run(item)
        return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Have a budgeted test make the same data each time, before its fixtures do."""
    run = _run_of(item.config)
    if run is not None and run.runner.is_budgeted(item):
        from cascade_budget.process.seeds import GATE_SEED, seed_random  # noqa: PLC0415 - only the gate needs it

        seed_random(GATE_SEED)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Count the body where it is budgeted, and fail it where it is over."""
    run = _run_of(item.config)
    if run is None:
        return (yield)
    with run.runner.around_body(item):
        result = yield
    run.runner.conclude(item)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put facts on the report: it travels to the controller, the test does not."""
    report = yield
    run = _run_of(item.config)
    if run is not None and call.when == "call":
        from cascade_budget.gate.session import OverBudget  # noqa: PLC0415 - only the gate needs it

        error = call.excinfo.value if call.excinfo is not None else None
        word = error.word if isinstance(error, OverBudget) else ""
        facts = {"findings": run.runner.findings(item), "over": word}
        setattr(report, _FACTS, facts)
    return report


def pytest_report_teststatus(
    report: pytest.CollectReport | pytest.TestReport,
) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """A letter and a word of its own for a test that is over its budget."""
    facts: dict[str, Any] | None = getattr(report, _FACTS, None)
    if facts and facts["over"] and report.failed:
        return "failed", "B", (facts["over"], {"red": True})
    return None


@final
class _Ending:
    """Hooks of the process that ends the run: the only one, or xdist's controller."""

    def __init__(self, results: SessionResults) -> None:
        self._results = results

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect what a test found."""
        facts: dict[str, Any] | None = getattr(report, _FACTS, None)
        if facts is not None:
            settled = report.passed or bool(facts["over"])
            self._results.add_findings(report.nodeid, facts["findings"], settled=settled)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take over what a worker of xdist collected."""
        tests = getattr(node, "workeroutput", {}).get(_FACTS)
        if tests is not None:
            self._results.add_collection(tests)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the ledger where that was asked for."""
        if not self._results.finish(exitstatus) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table of the judged tests."""
        lines = list(self._results.summary())
        if lines:
            terminalreporter.write_sep("=", "cascade budget")
            for line in lines:
                terminalreporter.write_line(line)


def _run_of(config: pytest.Config) -> Run | None:
    return config.stash.get(_RUN, None)


def _prepare(item: pytest.Item) -> None:
    """Read what a test is budgeted for; without the gate only check its marker."""
    run = _run_of(item.config)
    if run is not None:
        run.runner.prepare(item)
    elif item.get_closest_marker("cascade_budget") is not None:
        from cascade_budget.gate.budgets import read_budgets  # noqa: PLC0415 - few tests have one

        read_budgets(item, None)
