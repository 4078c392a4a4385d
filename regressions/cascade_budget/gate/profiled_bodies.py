"""Profiles of tests that the gate doesn't profile: what `--cascade-profile` adds to any run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import pytest

from cascade_budget.gate.budgets import FIXTURE, state_of
from cascade_budget.gate.fixture import PlainRunner
from cascade_budget.gate.test_profiles import Profiles
from cascade_budget.process.workload import Workload

if TYPE_CHECKING:
    from collections.abc import Generator

    from cascade_budget.gate.fixture import WorkloadCall
    from cascade_budget.model.profiles import ProfileFinding
    from cascade_budget.settings import Settings


@final
class ProfilingRunner:
    """Without the gate: runs a workload as a plain run does, and profiles it.

    Args:
        settings: of the run.
        profiles: takes and writes the profiles.
    """

    def __init__(self, settings: Settings, profiles: Profiles) -> None:
        self._settings = settings
        self._profiles = profiles

    def drive(self, call: WorkloadCall) -> Any:
        """What the workload returned for the smallest size."""
        result = PlainRunner(self._settings.timeout_seconds).drive(call)
        with Workload(call.function, timeout_seconds=self._settings.timeout_seconds) as workload:
            self._profiles.of_workload(call, workload, failed=False)
        self._profiles.add_sections(call.item)
        return result


@final
class BodyProfiler:
    """Hooks of a run in which each test is profiled.

    Args:
        settings: of the run.
    """

    def __init__(self, settings: Settings) -> None:
        self._profiles = Profiles(settings)
        self.runner = ProfilingRunner(settings, self._profiles)
        self._problems: dict[str, str] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Sample the body of a test that has no workload and no budgets of its own."""
        if state_of(item) is not None or FIXTURE in getattr(item, "fixturenames", ()):
            return (yield)
        taken: list[ProfileFinding] = []
        try:
            with self._profiles.of_body(item, taken):
                return (yield)
        finally:
            self._profiles.add_sections(item)
            self._problems.update((item.nodeid, each.problem) for each in taken if each.problem)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say which tests have no profile."""
        for test, problem in self._problems.items():
            terminalreporter.write_line(f"{test}: {problem}")
