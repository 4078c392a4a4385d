"""What all tests found, wherever they ran: the ledger's update, the reports and the summary."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, final

import pytest

from cascade_budget.errors import LedgerError
from cascade_budget.gate.reports import ReportError, write_reports
from cascade_budget.gate.verdicts import entry_of
from cascade_budget.ledger import LedgerChange, read_ledger, render_ledger, update_ledger
from cascade_budget.model.codec import from_json
from cascade_budget.model.findings import WorkloadFinding
from cascade_budget.report.terminal import summary_lines
from cascade_budget.source.cache import Terminated

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from cascade_budget.ledger import Entry
    from cascade_budget.settings import Settings

REPORTED: Final = "cascade_budget"
"""Attribute of a report, and key of a worker's output, under which results travel."""

_NARROWING: Final = ("keyword", "markexpr", "deselect", "ignore", "ignore_glob", "lf", "stepwise")
"""Options of pytest under which a test may exist and not be collected or not run."""

_COMPLETE: Final = frozenset({pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED})


@final
class SessionResults:
    """Hooks of the process that ends the run: the only one, or xdist's controller.

    Args:
        config: of the run.
        settings: what it asks for.
    """

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self._config = config
        self._settings = settings
        self._findings: dict[str, list[WorkloadFinding]] = {}
        self._settled: set[str] = set()
        self._collected: list[str] = []
        self._change = LedgerChange()
        self._stale: tuple[str, ...] = ()
        self._error: LedgerError | None = None
        self._unwritten = ""
        self._started = datetime.now(UTC).astimezone()
        self._report_lines: list[str] = []
        self._interruption: BaseException | None = None

    @property
    def findings(self) -> tuple[WorkloadFinding, ...]:
        """Everything that was found, in the order of collection."""
        order = {test: index for index, test in enumerate(self._collected)}
        last = len(order)
        found = itertools.chain(*self._findings.values())
        return tuple(sorted(found, key=lambda each: order.get(each.test, last)))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Generator[None]:
        """Note which tests exist, before any is deselected."""
        self._collected = [item.nodeid for item in items]
        yield

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take over what a worker of xdist collected: the same in each."""
        tests = getattr(node, "workeroutput", {}).get(REPORTED)
        if tests is not None:
            self._collected = tests

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what was found of a test; an update may record it where its body passed."""
        reported = getattr(report, REPORTED, None)
        if reported is None:
            return
        # Of a test that is run again the last attempt counts.
        found = [from_json(WorkloadFinding, each) for each in reported["findings"]]
        self._findings[report.nodeid] = found
        self._settled.discard(report.nodeid)
        if report.passed or reported["over"]:
            self._settled.add(report.nodeid)

    def pytest_report_teststatus(
        self, report: pytest.CollectReport | pytest.TestReport
    ) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
        """A letter and a word of its own for a test that is over its budget."""
        reported = getattr(report, REPORTED, None)
        if reported and reported["over"] and report.failed:
            return "failed", "B", (reported["over"], {"red": True})
        return None

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Note what ends the session: SIGTERM has an exit code of its own."""
        self._interruption = excinfo.value

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write reports, and the ledger where that was asked for."""
        if isinstance(self._interruption, Terminated):
            session.exitstatus = self._interruption.code
        if not self._finish(exitstatus) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table of the judged tests."""
        lines = list(self._summary())
        if lines:
            terminalreporter.write_sep("=", "cascade budget")
            for line in lines:
                terminalreporter.write_line(line)

    def _finish(self, exitstatus: int) -> bool:
        """Returns whether everything could be written."""
        reported = self._report()
        try:
            entries = read_ledger(self._settings.ledger, self._settings.ledger_shown)
            self._stale = self._find_stale(entries, exitstatus)
            if self._settings.update:
                self._update(entries)
        except LedgerError as error:
            self._error = error
            return False
        return reported

    def _report(self) -> bool:
        try:
            self._report_lines += write_reports(self._settings, self._started, self.findings)
        except ReportError as error:
            self._report_lines.append(f"ERROR: {error}")
            return False
        return True

    def _summary(self) -> Iterator[str]:
        """The lines that end the run."""
        yield from summary_lines(self.findings, verbosity=self._config.get_verbosity())
        yield from self._report_lines
        shown = self._settings.ledger_shown
        if self._error is not None:
            yield f"ERROR: {self._error}"
            if self._unwritten:
                yield f"What {shown} would hold:"
                yield from self._unwritten.splitlines()
            return
        if self._settings.update:
            yield _change_line(self._change, shown)
        elif self._stale:
            yield f"stale in {shown}; an update of the whole suite removes them:"
            yield from (f"  {key}" for key in self._stale)

    def _update(self, old: Mapping[str, Entry]) -> None:
        shown = self._settings.ledger_shown
        entries: dict[str, Entry] = {}
        for test in self._settled:
            found = self._findings[test]
            # What breaks a contract is no state to be recorded.
            if not any(target.breaks_contract for each in found for target in each.targets):
                recorded = {each.key: entry_of(each, old.get(each.key)) for each in found}
                entries.update((key, entry) for key, entry in recorded.items() if entry is not None)
        if not entries and not self._stale:
            return
        try:
            self._change = update_ledger(self._settings.ledger, shown, entries, drop=self._stale)
        except LedgerError:
            self._unwritten = render_ledger("", entries)
            raise

    def _find_stale(self, entries: Mapping[str, Entry], exitstatus: int) -> tuple[str, ...]:
        """Keys of no test, or of a call that its test no longer makes."""
        if exitstatus not in _COMPLETE or not self._collected or not self._is_whole_suite():
            return ()
        tests = set(self._collected)
        return tuple(sorted(key for key in entries if self._is_stale(key, tests)))

    def _is_stale(self, key: str, tests: set[str]) -> bool:
        test = key if key in tests else key.rpartition(" (")[0]
        if test not in tests:
            return True
        return test in self._settled and all(key != each.key for each in self._findings[test])

    def _is_whole_suite(self) -> bool:
        config = self._config
        if any(config.getoption(option, None) for option in _NARROWING):
            return False
        if config.args_source is pytest.Config.ArgsSource.TESTPATHS:
            return True
        given = {(config.invocation_params.dir / argument).resolve() for argument in config.args}
        declared = config.getini("testpaths")
        wanted = [config.rootpath / path for path in declared] or [config.rootpath]
        everything = config.rootpath.resolve()
        return everything in given or all(path.resolve() in given for path in wanted)


def _change_line(change: LedgerChange, shown: str) -> str:
    counts = [
        f"{len(keys)} {what}"
        for keys, what in (
            (change.added, "new"),
            (change.changed, "changed"),
            (change.removed, "removed"),
        )
        if keys
    ]
    if not counts:
        return f"{shown}: nothing to change"
    return f"{shown}: {', '.join(counts)}; commit it"
