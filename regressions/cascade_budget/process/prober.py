"""The other side of a probe: in a fresh process, count one run and report it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, cast, final

from _pytest.runner import runtestprotocol

from cascade_budget.counting import count_calls
from cascade_budget.gate.account import (
    ACCOUNT,
    Account,
    account_of,
)
from cascade_budget.gate.budgets import read_budgets
from cascade_budget.gate.counts import Snapshot
from cascade_budget.process.workload import (
    Workload,
    quiet_collection,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from cascade_budget.counting import CallCounts
    from cascade_budget.gate.workload_call import WorkloadCall
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
        """Read what the test owes, which is what is counted."""
        budgets = read_budgets(item, self._settings.watch)
        if budgets is not None:
            item.stash[ACCOUNT] = Account(budgets=budgets, targets=budgets.targets())

    def drive(self, call: WorkloadCall) -> Any:
        """Count a run of the call that was asked for; run others as plain pytest does."""
        account = call.item.stash[ACCOUNT]
        with Workload(call.function, timeout_seconds=self._settings.timeout_seconds) as workload:
            if call.ordinal != self._order.ordinal:
                return workload.run(call.sizes[0])
            # Without knowing whether the workload is a coroutine function: a loop that is made
            # while calls are counted would be part of the first run.
            workload.make_loop()
            size = self._order.size
            if self._order.warm:
                workload.run(size)
            with workload.limit(size), self._counting(account) as counts:
                result = workload.perform(size)
        self._order.answer(Snapshot.of(counts, self._settings.root))
        return result

    def counts(self, item: pytest.Item) -> bool:
        """Whether a test has a marker."""
        return account_of(item) is not None

    def rehearse(self, item: pytest.Item) -> None:
        """Run a whole test before its turn where a second run is asked for."""
        if self._order.warm and not self._order.ordinal and account_of(item) is not None:
            self._warming = True
            runtestprotocol(item, log=False, nextitem=cast("pytest.Item", item.parent))
            self._warming = False

    @contextlib.contextmanager
    def around_body(self, item: pytest.Item) -> Iterator[None]:
        """Count a whole test where that was asked for."""
        account = account_of(item)
        if account is None or self._order.ordinal or self._warming:
            yield
            return
        with self._counting(account) as counts:
            yield
        self._order.answer(Snapshot.of(counts, self._settings.root))

    def conclude(self, item: pytest.Item) -> None:
        """Judge nothing: the process that asked does."""

    def facts(self, item: pytest.Item) -> list[dict[str, Any]]:  # noqa: ARG002 - as the gate's
        """No findings."""
        return []

    @contextlib.contextmanager
    def _counting(self, account: Account) -> Iterator[CallCounts]:
        counting = count_calls(
            account.targets, watch=account.budgets.patterns, attribute=self._order.attribute
        )
        with quiet_collection(), counting as counts:
            yield counts
