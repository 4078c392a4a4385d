"""Hooks of pytest. Every pytest run imports this module, so it imports nothing that isn't light."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest

from cascade_budget import clock  # noqa: F401 - binds the clocks before a test can replace them
from cascade_budget.errors import BudgetError
from cascade_budget.settings import MARKER_LINE, Settings, add_options, read_settings

if TYPE_CHECKING:
    from collections.abc import Generator

    from cascade_budget.gate.fixture import CascadeBudget

_SETTINGS: Final = pytest.StashKey[Settings]()
_WORKER: Final = "cascade_budget_worker"
"""Name of the plugin that takes workloads over in a fresh process, see `process.worker`."""
_RUNNER: Final = "cascade_budget_runner"
"""Name of the plugin that takes them over under the gate, see `gate.session`."""
_PROFILER: Final = "cascade_budget_profiler"
"""Name of the plugin that profiles tests which the gate doesn't."""


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
            from cascade_budget.gate.profiles_of_tests import ProfilingRunner  # noqa: PLC0415 - only profiling needs it

            config.pluginmanager.register(ProfilingRunner(settings), _PROFILER)
        if settings.enabled:
            from cascade_budget.gate.session import start_session  # noqa: PLC0415 - only the gate needs it

            start_session(config, settings, _RUNNER)
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
    from cascade_budget.gate.fixture import CascadeBudget, run_once  # noqa: PLC0415 - few tests use it

    for name in (_WORKER, _RUNNER, _PROFILER):
        runner = request.config.pluginmanager.get_plugin(name)
        if runner is not None:
            return CascadeBudget(request.node, runner.run_workload)
    timeout_seconds = request.config.stash[_SETTINGS].timeout_seconds
    return CascadeBudget(request.node, partial(run_once, timeout_seconds=timeout_seconds))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Refuse a module or class in which a marker is wrong."""
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


def _prepare(item: pytest.Item) -> None:
    """Read what a test is budgeted for; without the gate only check its marker."""
    runner = item.config.pluginmanager.get_plugin(_RUNNER)
    if runner is not None:
        runner.prepare(item)
    elif item.get_closest_marker("cascade_budget") is not None:
        from cascade_budget.gate.budgets import read_budgets  # noqa: PLC0415 - few tests have one

        read_budgets(item, None)
