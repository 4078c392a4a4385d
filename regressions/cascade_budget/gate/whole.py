"""Counting a test that has the marker alone: its whole body, in repeated runs of the test."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final, cast, final

from _pytest.runner import runtestprotocol

from cascade_budget.counting import count_calls
from cascade_budget.gate.account import (
    Account,
    account_of,
)
from cascade_budget.gate.chance import doubted
from cascade_budget.gate.counts import (
    CountedCalls,
    Snapshot,
    count_twice,
    merge,
)
from cascade_budget.gate.verdicts import (
    exceeded,
    judge_calls,
    with_sites,
)
from cascade_budget.model.findings import (
    CallVerdict,
    TargetFinding,
    WorkloadFinding,
)
from cascade_budget.process.limits import time_limit
from cascade_budget.process.probe import count_in_fresh_process
from cascade_budget.process.workload import quiet_collection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest

    from cascade_budget.counting import CallCounts
    from cascade_budget.gate.account import Stage
    from cascade_budget.gate.test_profiles import Profiles
    from cascade_budget.ledger import Ledger
    from cascade_budget.report.progress import Progress
    from cascade_budget.settings import Settings
    from cascade_budget.source.marking import ChangeMarker

_SIZES: Final = (0,)
"""A whole test has no n; its counts stand under 0."""

_DOING: Final[dict[Stage, str]] = {
    "warm-up": "warming up",
    "first": "counting",
    "attributed": "finding the lines that call",
    "profiled": "profiling",
}


@final
class WholeTests:
    """Counts and judges tests that are budgeted as a whole.

    Args:
        settings: of the run.
        ledger: what is recorded.
        progress: is told what goes on.
        marker: knows which lines changed.
        profiles: profiles a test that is over.
    """

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        progress: Progress,
        marker: ChangeMarker,
        profiles: Profiles,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._progress = progress
        self._marker = marker
        self._profiles = profiles

    def rehearse(self, item: pytest.Item) -> None:
        """Run a test before its turn: to warm up, to count, and where it is over to find who calls.

        Each time it is set up and torn down anew, as far as its own fixtures go, for a test is not
        written to be called twice.
        """
        account = account_of(item)
        # With --setup-only and its like no body runs.
        if account is None or not account.budgets.whole or item.config.getoption("setuponly"):
            return
        self._progress.start()
        if account.budgets.cold:
            self._count_cold(item, account)
        elif self._pass(item, account, "warm-up") and self._pass(item, account, "first"):
            first = account.snapshots["first"]
            counted = merge({0: first}, {0: first}, account.budgets)
            over = exceeded(self._judge(item, account, counted))
            if over:
                self._pass(item, account, "attributed")
            if self._profiles.wants(failed=over):
                self._pass(item, account, "profiled")
            account.stage = "second"
        self._progress.end()

    @contextlib.contextmanager
    def around_body(self, item: pytest.Item) -> Iterator[None]:
        """Count the body where its turn has come to be counted; judge it after the last time."""
        account = account_of(item)
        if account is None or not account.budgets.whole:
            yield
            return
        match account.stage:
            case "first" | "attributed" | "second":
                with self._counting(account) as counts:
                    yield
                account.snapshots[account.stage] = Snapshot.of(counts, self._settings.root)
            case "profiled":
                with self._profiles.of_body(item, account.profiles):
                    yield
            case _:
                yield
        if account.stage == "second":
            self._conclude(item, account)
        elif account.stage == "abandoned":
            account.findings.append(_abandoned(item, account))

    @contextlib.contextmanager
    def _counting(self, account: Account) -> Iterator[CallCounts]:
        counting = count_calls(
            account.targets,
            watch=account.budgets.patterns,
            attribute=account.stage == "attributed",
        )
        limit = time_limit(self._settings.timeout_seconds, "the test")
        with limit, quiet_collection(), counting as counts:
            yield counts

    def _pass(self, item: pytest.Item, account: Account, stage: Stage) -> bool:
        """One rehearsal. Returns whether every phase of it passed."""
        account.stage = stage
        self._progress.say(f"{item.name}: {_DOING[stage]}")
        properties = list(item.user_properties)
        # A teardown towards the test's own parent keeps what the module and the session share.
        reports = runtestprotocol(item, log=False, nextitem=cast("pytest.Item", item.parent))
        item.user_properties[:] = properties
        item._report_sections.clear()  # noqa: SLF001 - what a rehearsal printed is not the test's
        passed = all(report.passed for report in reports)
        if not passed:
            account.stage = "abandoned"
        return passed

    def _count_cold(self, item: pytest.Item, account: Account) -> None:
        def counter(*, attribute: bool) -> Callable[[int], Snapshot]:
            return count_in_fresh_process(
                item,
                ordinal=0,
                timeout_seconds=self._settings.timeout_seconds,
                attribute=attribute,
            )

        self._progress.say(f"{item.name}: first run of a fresh process")
        counted = count_twice(counter(attribute=False), _SIZES, account.budgets)
        targets = self._judge(item, account, counted)
        if exceeded(targets):
            targets = self._marker.mark(with_sites(targets, counter(attribute=True)(0).sites, 0))
        account.findings.append(_finding(item, account, targets, counted.backend))
        account.stage = "judged"

    def _conclude(self, item: pytest.Item, account: Account) -> None:
        account.stage = "judged"
        second = account.snapshots["second"]
        first = account.snapshots.get("first", second)
        counted = merge({0: first}, {0: second}, account.budgets)
        targets = self._judge(item, account, counted)
        doubts = doubted(
            counted,
            targets,
            item,
            ordinal=0,
            size=0,
            timeout_seconds=self._settings.timeout_seconds,
            say=lambda doing: self._progress.say(f"{item.name}: {doing}"),
        )
        if doubts is not counted:
            targets = self._judge(item, account, doubts)
        if "attributed" in account.snapshots:
            sites = account.snapshots["attributed"].sites
            targets = self._marker.mark(with_sites(targets, sites, 0))
        account.findings.append(_finding(item, account, targets, counted.backend))

    def _judge(
        self, item: pytest.Item, account: Account, counted: CountedCalls
    ) -> tuple[TargetFinding, ...]:
        entry = self._ledger.entries.get(item.nodeid)
        return judge_calls(counted, account.budgets, entry, _SIZES, update=self._settings.update)


def _finding(
    item: pytest.Item, account: Account, targets: tuple[TargetFinding, ...], backend: str
) -> WorkloadFinding:
    return WorkloadFinding(
        key=item.nodeid,
        test=item.nodeid,
        title=item.name,
        n=None,
        sizes=(),
        cold=account.budgets.cold,
        backend=backend,
        watch=account.budgets.watch_label,
        targets=targets,
        profile=account.profiles[0] if account.profiles else None,
    )


def _abandoned(item: pytest.Item, account: Account) -> WorkloadFinding:
    """The finding of a test that passes now and did not before: its calls say nothing."""
    unstable = tuple(
        TargetFinding(
            target=name,
            verdict=CallVerdict.UNSTABLE,
            sentence="the test passes and fails in runs of the same code: not gated",
            origin="marker" if law is not None else None,
        )
        for name, law in account.budgets.named.items()
    )
    return _finding(item, account, unstable, "")
