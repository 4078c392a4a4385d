"""The reports that end a run: files in a folder, and what GitHub Actions shows."""

from __future__ import annotations

import os
import platform
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

from cascade_budget.errors import BudgetError
from cascade_budget.interop.asv_history import read_history
from cascade_budget.model.report import Report, SessionInfo
from cascade_budget.report.github import annotate, render_summary
from cascade_budget.report.json import render_json
from cascade_budget.report.markdown import render_markdown
from cascade_budget.source.files import shown_path, write_text
from cascade_budget.source.repository import Repository, RevisionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cascade_budget.model.findings import WorkloadFinding
    from cascade_budget.settings import Settings

STEM: Final = "cascade-budget"


@final
class ReportError(BudgetError):
    """A report that was asked for could not be written. The verdicts stand."""


@final
class Reports:
    """Writes reports at the end of a run.

    Args:
        settings: of the run.
        environment: variables; GitHub's tell whether it listens.
    """

    def __init__(self, settings: Settings, environment: Mapping[str, str] = os.environ) -> None:
        self._settings = settings
        self._environment = environment
        self._started = datetime.now(UTC).astimezone()

    def write(self, findings: Sequence[WorkloadFinding]) -> tuple[str, ...]:
        """Write what was asked for.

        Args:
            findings: everything that was found, in the order in which it is shown.

        Returns:
            Lines for the terminal: where the reports are, and commands to GitHub.

        Raises:
            ReportError: The folder can't be written.
        """
        folder = self._settings.report
        on_github = self._environment.get("GITHUB_ACTIONS") == "true"
        if not findings or (folder is None and not on_github):
            return ()
        report = self._collect(findings)
        lines: list[str] = []
        if folder is not None:
            lines += self._write_files(report, folder)
        if on_github:
            lines += self._tell_github(report)
        return tuple(lines)

    def _write_files(self, report: Report, folder: Path) -> Iterator[str]:
        shown = shown_path(folder, self._settings.root)
        from cascade_budget.report.html import render_html  # noqa: PLC0415 - few runs write it

        texts = {
            ".json": render_json(report),
            ".md": render_markdown(report),
            ".html": render_html(report),
        }
        try:
            for ending, text in texts.items():
                write_text(folder / f"{STEM}{ending}", text)
        except OSError as error:
            raise ReportError(
                f"the report can't be written: {error.strerror or error}",
                place=shown,
                remedy="Give --cascade-budget-report a folder that can be written",
            ) from error
        yield f"report: {shown}/{STEM}.html"

    def _tell_github(self, report: Report) -> Iterator[str]:
        """Annotations as commands, and the summary in the file that GitHub names."""
        for annotation in annotate(report, prefix=self._prefix()):
            yield annotation.command()
        summary = self._environment.get("GITHUB_STEP_SUMMARY")
        if summary:
            try:
                with Path(summary).open("a", encoding="utf-8") as file:
                    file.write(render_summary(report))
            except OSError as error:
                yield f"the job summary can't be written: {error.strerror or error}"

    def _prefix(self) -> str:
        """The project's root relative to the repository's, where annotations start from."""
        workspace = self._environment.get("GITHUB_WORKSPACE")
        if not workspace:
            return ""
        inside = shown_path(self._settings.root.resolve(), Path(workspace).resolve())
        return "" if inside in (".", "") or Path(inside).is_absolute() else inside

    def _collect(self, findings: Sequence[WorkloadFinding]) -> Report:
        base, head = self._revisions()
        return Report(
            session=SessionInfo(
                tool_version=version("pytest-cascade-budget"),
                python=platform.python_version(),
                implementation=platform.python_implementation(),
                platform=f"{platform.system()} {platform.machine()}",
                started=self._started.isoformat(timespec="seconds"),
                base=self._settings.base,
                base_revision=base,
                head_revision=head,
                ledger=self._settings.ledger_shown,
            ),
            tests=tuple(map(self._linked, findings)),
            history=read_history(self._settings.root),
        )

    def _revisions(self) -> tuple[str | None, str | None]:
        """Abbreviated commits of base and head; None for what is none."""
        try:
            repository = Repository.at(self._settings.root)
            head = repository.commit("HEAD").short
        except RevisionError:
            return None, None
        base = self._settings.base
        if not base or not repository.has(base):
            return None, head
        return repository.commit(base).short, head

    def _linked(self, finding: WorkloadFinding) -> WorkloadFinding:
        """The finding, its profile's files relative to the folder of reports, not to the root."""
        profile, folder, root = finding.profile, self._settings.report, self._settings.root
        if profile is None or folder is None:
            return finding
        files = {
            name: Path(os.path.relpath(root / path, folder)).as_posix()
            for name, path in profile.files.items()
        }
        return replace(finding, profile=replace(profile, files=files))
