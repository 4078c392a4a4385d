"""Counting a budgeted test in a fresh process: how it is asked for, and what is done there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast, final

import pytest
from _pytest.runner import runtestprotocol

from cascade_budget.counting.result import CallCounts
from cascade_budget.errors import ColdRunError
from cascade_budget.gate.budgets import prepare_state, state_of
from cascade_budget.interop.pytest_benchmark import FIXTURE, follow_benchmark
from cascade_budget.model.codec import from_json, to_json
from cascade_budget.model.findings import Site
from cascade_budget.process.job import Job
from cascade_budget.process.launch import (
    STARTUP_SECONDS,
    FreshInterpreter,
    arguments_of_run,
    working_folder_is_on_path,
)
from cascade_budget.process.seeds import GATE_SEED, kept_chance
from cascade_budget.process.worker import WorkerPlugin
from cascade_budget.process.workload import Workload, quiet_collection
from cascade_budget.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Generator
    from contextlib import AbstractContextManager

    from cascade_budget.interop.pytest_benchmark import BenchmarkedCall
    from cascade_budget.process.channel import Message
    from cascade_budget.process.workload import WorkloadCall


def count_in_fresh_process(
    item: pytest.Item,
    size: int,
    *,
    ordinal: int,
    attribute: bool = False,
    warm: bool = False,
    hash_seed: int | None = None,
) -> CallCounts:
    """Count a run at a size in a process of its own.

    Args:
        item: the test.
        size: transactions; 0 for the whole test.
        ordinal: the call of the fixture; 0 for the whole test.
        attribute: whether to note where calls come from.
        warm: whether to count a second run, and not the first.
        hash_seed: PYTHONHASHSEED there, from 0 to 4294967295; None for this process's own setting.

    Raises:
        ColdRunError: the process ended without counting, or did not end in time.
    """
    config = item.config
    job = Job(
        plugin="cascade_budget.gate.fresh_counts:CountWorkload",
        root=str(config.rootpath),
        folder=str(config.invocation_params.dir),
        arguments=arguments_of_run(config),
        node=item.nodeid,
        random_seed=GATE_SEED,
        task={"ordinal": ordinal, "size": size, "attribute": attribute, "warm": warm},
    )
    a_run = read_settings(config).timeout_seconds
    limit = None if a_run is None else (1 + warm) * a_run + STARTUP_SECONDS
    with FreshInterpreter(
        [job],
        folder=job.folder,
        hash_seed=hash_seed,
        working_folder_on_path=working_folder_is_on_path(),
    ) as process:
        try:
            counted = process.channels[0].receive(limit)
        except TimeoutError:
            raise ColdRunError(
                f"a fresh process for {item.nodeid} did not end within {limit:g} seconds",
                remedy="Make the workload smaller, or raise cascade_budget_timeout in the ini file",
            ) from None
        except EOFError:
            process.exit_code(STARTUP_SECONDS)
            at = f" at n = {size}" if size else ""
            raise ColdRunError(
                f"a fresh process for {item.nodeid}{at} ended without counting",
                remedy=f"It printed:\n{process.last_lines()}",
            ) from None
        # Fixtures are still to be torn down.
        process.exit_code(STARTUP_SECONDS)
    return _received(counted)


@final
class CountWorkload(WorkerPlugin):
    """Counts one run: of a workload, of a whole test, or of a pytest-benchmark call."""

    _warming = False

    def run_workload(self, call: WorkloadCall) -> Any:
        """Count a run of the call that was asked for; run others as plain pytest does."""
        task = self.job.task
        timeout_seconds = read_settings(call.item.config).timeout_seconds
        with Workload(call.function, timeout_seconds=timeout_seconds) as workload:
            if call.ordinal != task["ordinal"]:
                return workload.run(call.sizes[0])
            # Without knowing whether the workload is a coroutine function: a loop that is made
            # while calls are counted would be part of the first run.
            workload.make_loop()
            if task["warm"]:
                workload.run(task["size"])
            limit = workload.limit(task["size"])
            with limit, quiet_collection(), self._count_calls(call.item) as counts:
                result = workload.perform(task["size"])
        self._send(counts)
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Run a whole test before its turn where a second run is asked for."""
        prepare_state(item, read_settings(item.config).watch)
        with kept_chance(item.config.option):
            if self.job.task["warm"] and not self.job.task["ordinal"]:
                self._warming = True
                runtestprotocol(item, log=False, nextitem=cast("pytest.Item", item.parent))
                self._warming = False
            return (yield)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Count a whole test where that was asked for."""
        if self.job.task["ordinal"] or self._warming:
            return (yield)
        fixture = getattr(item, "funcargs", {}).get(FIXTURE)
        if fixture is not None:
            follow_benchmark(fixture, lambda call: self._count_benchmark(item, call))
            return (yield)
        with quiet_collection(), self._count_calls(item) as counts:
            result = yield
        self._send(counts)
        return result

    def _count_benchmark(self, item: pytest.Item, call: BenchmarkedCall) -> None:
        """Count one more call of what a test benchmarks."""
        counting = self._count_calls(item)
        with call.prepared() as (args, kwargs), quiet_collection(), counting as counts:
            call.function(*args, **kwargs)
        self._send(counts)

    def _count_calls(self, item: pytest.Item) -> AbstractContextManager[CallCounts]:
        state = state_of(item)
        assert state is not None
        return state.count_calls(attribute=self.job.task["attribute"])

    def _send(self, counts: CallCounts) -> None:
        self.channel.send(
            {
                "backend": counts.backend,
                "blind": counts.blind,
                "calls": dict(counts),
                "watched": dict(counts.watched),
                "sites": to_json(counts.sites),
            }
        )
        self.settled = True


def _received(message: Message) -> CallCounts:
    counts = CallCounts(backend=message["backend"], blind=message["blind"])
    counts.settle(
        calls=message["calls"],
        watched=message["watched"],
        sites=from_json(dict[str, tuple[Site, ...]], message["sites"]),
    )
    return counts
