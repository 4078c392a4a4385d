"""Counting a workload of the fixture: two runs at each size, in this process or in fresh ones."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, final

from cascade_budget.counting import count_calls
from cascade_budget.gate.chance import doubted
from cascade_budget.gate.counts import (
    CountedCalls,
    Snapshot,
    count_twice,
)
from cascade_budget.process.probe import count_in_fresh_process
from cascade_budget.process.workload import (
    ThreadWatch,
    Workload,
    frozen_heap,
    quiet_collection,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cascade_budget.gate.account import Account
    from cascade_budget.gate.workload_call import WorkloadCall
    from cascade_budget.model.findings import TargetFinding
    from cascade_budget.report.progress import Progress
    from cascade_budget.settings import Settings


@final
class WorkloadRuns:
    """Counted runs of one workload.

    Args:
        call: the call of the fixture.
        account: of the test that made it.
        workload: runs it in this process.
        settings: of the run.
        progress: is told what goes on.

    Attributes:
        result: what the last run in this process returned.
    """

    def __init__(
        self,
        call: WorkloadCall,
        account: Account,
        workload: Workload,
        settings: Settings,
        progress: Progress,
    ) -> None:
        self._call = call
        self._account = account
        self._workload = workload
        self._settings = settings
        self._progress = progress
        self._threads = ThreadWatch()
        self.result: Any = None

    def count(self) -> CountedCalls:
        """Two runs at each size, each size warm unless first runs are what is wanted."""
        __tracebackhide__ = True
        sizes = self._call.sizes
        if self._account.budgets.cold:
            self._warm_up(sizes[0])
            return count_twice(self._count_cold, sizes, self._account.budgets)
        for n in sizes:
            self._warm_up(n)
        with frozen_heap():
            counted = count_twice(self._count_warm, sizes, self._account.budgets)
        self._threads.check()
        return counted

    def doubt(
        self, counted: CountedCalls, targets: Sequence[TargetFinding], n: int
    ) -> CountedCalls:
        """The counts where red ones are not chance; see `doubted`. First runs had other seeds."""
        __tracebackhide__ = True
        if self._account.budgets.cold:
            return counted
        return doubted(
            counted,
            targets,
            self._call.item,
            ordinal=self._call.ordinal,
            size=n,
            timeout_seconds=self._settings.timeout_seconds,
            say=lambda doing: self._say(doing, n),
        )

    def attribute(self, n: int) -> Snapshot:
        """One more run, with the lines that call."""
        __tracebackhide__ = True
        self._say("finding the lines that call", n)
        if self._account.budgets.cold:
            return self._count_fresh(n, attribute=True)
        with noted("finding the lines that call", n):
            return self._count(n, attribute=True)

    def _warm_up(self, n: int) -> None:
        __tracebackhide__ = True
        self._say("warming up", n)
        with noted("warming up", n):
            self.result = self._workload.run(n)

    def _count_warm(self, n: int) -> Snapshot:
        __tracebackhide__ = True
        self._say("counting", n)
        with noted("counting", n), self._threads.around_run():
            return self._count(n, attribute=False)

    def _count(self, n: int, *, attribute: bool) -> Snapshot:
        __tracebackhide__ = True
        counting = count_calls(
            self._account.targets, watch=self._account.budgets.patterns, attribute=attribute
        )
        with self._workload.limit(n), quiet_collection(), counting as counts:
            self.result = self._workload.perform(n)
        return Snapshot.of(counts, self._settings.root)

    def _count_cold(self, n: int) -> Snapshot:
        __tracebackhide__ = True
        self._say("first run of a fresh process", n)
        return self._count_fresh(n, attribute=False)

    def _count_fresh(self, n: int, *, attribute: bool) -> Snapshot:
        __tracebackhide__ = True
        return count_in_fresh_process(
            self._call.item,
            ordinal=self._call.ordinal,
            timeout_seconds=self._settings.timeout_seconds,
            attribute=attribute,
        )(n)

    def _say(self, doing: str, n: int) -> None:
        self._progress.say(f"{self._call.title}: {doing}, n = {n:,}")


@contextlib.contextmanager
def noted(doing: str, n: int) -> Iterator[None]:
    """Add to an error of the workload what it was run for: its own traceback can't know."""
    __tracebackhide__ = True
    try:
        yield
    except Exception as error:
        error.add_note(f"cascade_budget was {doing}, n = {n:,}")
        raise
