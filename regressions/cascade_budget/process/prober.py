"""The other side of a probe: in a fresh process, count one run and report it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, cast, final

from _pytest.runner import runtestprotocol

from cascade_budget.counting import count_calls
from cascade_budget.gate.budgets import prepare_state, state_of
from cascade_budget.interop.pytest_benchmark import FIXTURE, follow_benchmark
from cascade_budget.process.workload import (
    Workload,
    quiet_collection,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from cascade_budget.counting import CallCounts
    from cascade_budget.gate.budgets import TestState
    from cascade_budget.gate.fixture import WorkloadCall
    from cascade_budget.interop.pytest_benchmark import BenchmarkedCall
    from cascade_budget.process.probe import ProbeOrder
    from cascade_budget.settings import Settings


@final
class Prober:
    """Carries out an order in a process that was started for it.

    Args:
        order: what to count and where to report it.
        settings: of the run.
    """

    def __init__(self, order: ProbeOrder, settings: Settings) -> None:
        self._order = order
        self._settings = settings
        self._warming = False

    def prepare(self, item: pytest.Item) -> None:
        """Read what the test is budgeted for, which is what is counted."""
        prepare_state(item, self._settings.watch)

    def drive(self, call: WorkloadCall) -> Any:
        """Count a run of the call that was asked for; run others as plain pytest does."""
        state = state_of(call.item)
        assert state is not None
        with Workload(call.function, timeout_seconds=self._settings.timeout_seconds) as workload:
            if call.ordinal != self._order.ordinal:
                return workload.run(call.sizes[0])
            # Without knowing whether the workload is a coroutine function: a loop that is made
            # while calls are counted would be part of the first run.
            workload.make_loop()
            size = self._order.size
            if self._order.warm:
                workload.run(size)
            with workload.limit(size), self._counting(state) as counts:
                result = workload.perform(size)
        self._order.answer(counts)
        return result

    def counts(self, item: pytest.Item) -> bool:
        """Whether a test has a marker."""
        return state_of(item) is not None

    def dry_run(self, item: pytest.Item) -> None:
        """Run a whole test before its turn where a second run is asked for."""
        if self._order.warm and not self._order.ordinal and state_of(item) is not None:
            self._warming = True
            runtestprotocol(item, log=False, nextitem=cast("pytest.Item", item.parent))
            self._warming = False

    @contextlib.contextmanager
    def around_body(self, item: pytest.Item) -> Iterator[None]:
        """Count a whole test where that was asked for."""
        state = state_of(item)
        if state is None or self._order.ordinal or self._warming:
            yield
            return
        fixture = getattr(item, "funcargs", {}).get(FIXTURE)
        if fixture is not None:
            follow_benchmark(fixture, lambda call: self._count_benchmark(state, call))
            yield
            return
        with self._counting(state) as counts:
            yield
        self._order.answer(counts)

    def _count_benchmark(self, state: TestState, call: BenchmarkedCall) -> None:
        """Count one more call of what a test benchmarks."""
        with call.prepared() as (args, kwargs), self._counting(state) as counts:
            call.function(*args, **kwargs)
        self._order.answer(counts)

    def conclude(self, item: pytest.Item) -> None:
        """Judge nothing: the process that asked does."""

    def facts(self, item: pytest.Item) -> list[dict[str, Any]]:  # noqa: ARG002 - as the gate's
        """No findings."""
        return []

    @contextlib.contextmanager
    def _counting(self, state: TestState) -> Iterator[CallCounts]:
        counting = count_calls(
            state.targets, watch=state.budgets.patterns, attribute=self._order.attribute
        )
        with quiet_collection(), counting as counts:
            yield counts
