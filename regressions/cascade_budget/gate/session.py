"""The gate in a process that runs tests: it counts, judges, and fails what is over budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import pytest

from cascade_budget.gate.account import (
    ACCOUNT,
    REHEARSALS,
    Account,
    account_of,
)
from cascade_budget.gate.benchmarked import (
    BenchmarkedTests,
    check_benchmarked,
    is_benchmarked,
)
from cascade_budget.gate.budgets import (
    MARKER,
    read_budgets,
)
from cascade_budget.gate.failure import OverBudget
from cascade_budget.gate.test_profiles import Profiles
from cascade_budget.gate.throughput import (
    CoarseGauge,
    Gauge,
)
from cascade_budget.gate.verdicts import (
    exceeded,
    judge_calls,
    with_sites,
)
from cascade_budget.gate.whole import WholeTests
from cascade_budget.gate.workloads import WorkloadRuns
from cascade_budget.ledger import read_ledger
from cascade_budget.model.codec import to_json
from cascade_budget.model.findings import WorkloadFinding
from cascade_budget.process.workload import Workload
from cascade_budget.report.progress import Progress
from cascade_budget.report.terminal import failure_text
from cascade_budget.source.marking import ChangeMarker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from cascade_budget.gate.workload_call import WorkloadCall
    from cascade_budget.settings import Settings


@final
class Gate:
    """Counts and judges the tests of this process.

    Args:
        config: of the run.
        settings: what it asks for.
        gauge: judges throughput; the coarse check by default.

    Raises:
        LedgerFormatError: the ledger can't be read.
    """

    def __init__(
        self, config: pytest.Config, settings: Settings, gauge: Gauge | None = None
    ) -> None:
        self._settings = settings
        self._ledger = read_ledger(settings.ledger, settings.ledger_shown)
        self._gauge: Gauge = gauge or CoarseGauge(settings)
        self._progress = Progress(config)
        self._marker = ChangeMarker(settings.root, settings.base)
        self._profiles = Profiles(settings, self._progress, self._marker)
        self._benchmarked = BenchmarkedTests(
            settings, self._ledger, self._progress, self._marker, self._profiles
        )
        self._whole = WholeTests(
            settings, self._ledger, self._progress, self._marker, self._profiles
        )

    def prepare(self, item: pytest.Item) -> None:
        """Read what a collected test owes.

        Raises:
            UsageError: its marker is wrong, or names what can't be counted.
        """
        budgets = read_budgets(item, self._settings.watch)
        if budgets is not None:
            account = Account(budgets=budgets, targets=budgets.targets())
            check_benchmarked(item, account)
            item.stash[ACCOUNT] = account

    def counts(self, item: pytest.Item) -> bool:
        """Whether a test has a marker."""
        return account_of(item) is not None

    def rehearse(self, item: pytest.Item) -> None:
        """Run a test that is budgeted as a whole before its turn."""
        if not is_benchmarked(item):
            self._whole.rehearse(item)

    def around_body(self, item: pytest.Item) -> AbstractContextManager[None]:
        """Count a test that is budgeted as a whole while its body runs."""
        if is_benchmarked(item):
            return self._benchmarked.around_body(item)
        return self._whole.around_body(item)

    def drive(self, call: WorkloadCall) -> Any:
        """Count, judge and time a workload; see `Driver.drive`."""
        __tracebackhide__ = True
        account = call.item.stash[ACCOUNT]
        entry = self._ledger.entries.get(call.key)
        self._progress.start()
        with Workload(call.function, timeout_seconds=self._settings.timeout_seconds) as workload:
            runs = WorkloadRuns(call, account, workload, self._settings, self._progress)
            counted = runs.count()
            sizes = (*call.sizes, call.n)
            update = self._settings.update
            targets = judge_calls(counted, account.budgets, entry, sizes, update=update)
            at = call.sizes[-1]
            doubts = runs.doubt(counted, targets, at)
            if doubts is not counted:
                targets = judge_calls(doubts, account.budgets, entry, sizes, update=update)
            if exceeded(targets):
                targets = self._marker.mark(
                    with_sites(targets, runs.attribute(at).sites, at),
                )
            self._progress.say(f"{call.title}: timing, n = {call.n:,}")
            time, result = self._gauge.measure(call, workload, entry)
            slower = time is not None and time.fails and time.is_measured
            profile = self._profiles.of_workload(
                call,
                workload,
                failed=slower or exceeded(targets),
                sides=self._gauge.profile if slower else None,
            )
        self._progress.end()
        account.findings.append(
            WorkloadFinding(
                key=call.key,
                test=call.item.nodeid,
                title=call.title,
                n=call.n,
                sizes=call.sizes,
                cold=account.budgets.cold,
                backend=counted.backend,
                watch=account.budgets.watch_label,
                targets=targets,
                time=time,
                profile=profile,
            )
        )
        return runs.result if result is None else result

    def conclude(self, item: pytest.Item) -> None:
        """Note the facts of a test whose body has passed. Raises OverBudget where it is."""
        account = account_of(item)
        if account is None or account.stage in REHEARSALS:
            return
        findings = tuple(account.findings)
        self._profiles.add_sections(item)
        for finding in findings:
            item.user_properties.extend(_properties(finding))
        if not findings and not account.budgets.whole and item.get_closest_marker(MARKER):
            pytest.fail(
                "the test has the marker and the fixture cascade_budget, and never calls the "
                f"fixture; {item.nodeid}. Call cascade_budget(workload, n=...), or leave the "
                "fixture out to budget the whole test",
                pytrace=False,
            )
        if any(finding.fails for finding in findings):
            raise OverBudget(failure_text(findings, test=item.nodeid), findings)

    def facts(self, item: pytest.Item) -> list[dict[str, Any]]:
        """What was found, in JSON's types, for the report that travels to the controller."""
        account = account_of(item)
        return [to_json(finding) for finding in account.findings] if account else []


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
