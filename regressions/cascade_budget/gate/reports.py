"""The reports that end a run: files in a folder, and what GitHub Actions shows."""

from __future__ import annotations

import os
import platform
from dataclasses import replace
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
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from cascade_budget.model.findings import WorkloadFinding
    from cascade_budget.settings import Settings

STEM: Final = "cascade-budget"


@final
class ReportError(BudgetError):
    """A report that was asked for could not be written. The verdicts stand."""


def write_reports(
    settings: Settings, started: datetime, findings: Sequence[WorkloadFinding]
) -> Iterator[str]:
    """Write what was asked for.

    Args:
        settings: of the run.
        started: when it was.
        findings: everything that was found, in the order in which it is shown.

    Yields:
        Lines for the terminal: where the reports are, and commands to GitHub.

    Raises:
        ReportError: The folder can't be written.
    """
    on_github = os.environ.get("GITHUB_ACTIONS") == "true"
    if not findings or (settings.report is None and not on_github):
        return
    report = _collect(settings, started, findings)
    if settings.report is not None:
        yield _write_files(report, settings.report, shown_path(settings.report, settings.root))
    if on_github:
        yield from _tell_github(report, settings.root)


def _write_files(report: Report, folder: Path, shown: str) -> str:
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
    return f"report: {shown}/{STEM}.html"


def _tell_github(report: Report, root: Path) -> Iterator[str]:
    """Annotations as commands, and the summary in the file that GitHub names."""
    for annotation in annotate(report, prefix=_prefix(root)):
        yield annotation.command()
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        try:
            with Path(summary).open("a", encoding="utf-8") as file:
                file.write(render_summary(report))
        except OSError as error:
            yield f"the job summary can't be written: {error.strerror or error}"


def _prefix(root: Path) -> str:
    """The project's root relative to the repository's, where annotations start from."""
    workspace = os.environ.get("GITHUB_WORKSPACE")
    if not workspace:
        return ""
    inside = shown_path(root.resolve(), Path(workspace).resolve())
    return "" if inside in (".", "") or Path(inside).is_absolute() else inside


def _collect(settings: Settings, started: datetime, findings: Sequence[WorkloadFinding]) -> Report:
    base, head = _revisions(settings)
    return Report(
        session=SessionInfo(
            tool_version=version("pytest-cascade-budget"),
            python=platform.python_version(),
            implementation=platform.python_implementation(),
            platform=f"{platform.system()} {platform.machine()}",
            started=started.isoformat(timespec="seconds"),
            base=settings.base,
            base_revision=base,
            head_revision=head,
            ledger=settings.ledger_shown,
        ),
        tests=tuple(_linked(finding, settings) for finding in findings),
        history=read_history(settings.root),
    )


def _revisions(settings: Settings) -> tuple[str | None, str | None]:
    """Abbreviated commits of base and head; None for what is none."""
    try:
        repository = Repository.at(settings.root)
        head = repository.commit("HEAD").short
    except RevisionError:
        return None, None
    base = settings.base
    if not base or not repository.has(base):
        return None, head
    return repository.commit(base).short, head


def _linked(finding: WorkloadFinding, settings: Settings) -> WorkloadFinding:
    """The finding, its profile's files relative to the folder of reports, not to the root."""
    profile, folder, root = finding.profile, settings.report, settings.root
    if profile is None or folder is None:
        return finding
    files = {
        name: Path(os.path.relpath(root / path, folder)).as_posix()
        for name, path in profile.files.items()
    }
    return replace(finding, profile=replace(profile, files=files))
