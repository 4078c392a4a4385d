"""What GitHub Actions shows: annotations on lines, and the job's summary.

Source: GitHub, "Workflow commands for GitHub Actions" (syntax, escaping, job summaries of 1 MiB a
step) and "Limitations" of check annotations (10 errors, 10 warnings and 10 notices a step; 64 KB a
message, 255 characters a title).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final, final

from cascade_budget.report.markdown import render_markdown
from cascade_budget.report.text import counted, visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cascade_budget.model.findings import Site, WorkloadFinding
    from cascade_budget.model.report import Report

MOST_ANNOTATIONS: Final = 10
MESSAGE_BYTES: Final = 64 * 1024
TITLE_CHARACTERS: Final = 255
SUMMARY_BYTES: Final = 1024 * 1024
_MOST_SITES: Final = 5


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """An error shown on a line. Without a path it is shown on the job; message has lines."""

    title: str
    message: str
    path: str = ""
    line: int = 0

    def command(self) -> str:
        """The workflow command, one line of ASCII punctuation and escaped text."""
        properties = {"title": visible(self.title)[:TITLE_CHARACTERS]}
        if self.path:
            properties = {"file": visible(self.path), "line": str(max(self.line, 1)), **properties}
        fields = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
        message = "\n".join(visible(line) for line in self.message.split("\n"))
        return f"::error {fields}::{_data(_cut(message))}"


def annotate(report: Report, *, prefix: str = "") -> tuple[Annotation, ...]:
    """One error a failing test, on the line that did it, at most as many as GitHub shows.

    Args:
        report: What was found.
        prefix: The project's root relative to the repository's, empty where they are the same.
    """
    failed = report.failed
    shown = failed if len(failed) <= MOST_ANNOTATIONS else failed[: MOST_ANNOTATIONS - 1]
    made = [_annotation(test, prefix) for test in shown]
    rest = failed[len(shown) :]
    if rest:
        made.append(
            Annotation(
                title=f"{counted(len(rest), 'more workload')} broke a budget",
                message="GitHub shows 10 errors a step; the job's summary lists them all:\n"
                + "\n".join(f"{test.key}: {test.verdict}" for test in rest),
            )
        )
    return tuple(made)


def render_summary(report: Report) -> str:
    """The job's summary, within GitHub's limit."""
    return render_markdown(report, limit_bytes=SUMMARY_BYTES)


def _annotation(test: WorkloadFinding, prefix: str) -> Annotation:
    path, line = _place(test)
    if path.startswith(("/", "<")) or "\\" in path:
        path = ""
    return Annotation(
        title=f"{test.title}: {test.verdict}",
        message="\n".join(_message(test)),
        path=str(PurePosixPath(prefix, path)) if path else "",
        line=line,
    )


def _place(test: WorkloadFinding) -> tuple[str, int]:
    """The call that is too much, or the line that slowed the test; the test where none is known."""
    site = _culprit(test)
    if site is not None:
        return site.path, site.line
    profile = test.profile
    if profile is not None and profile.changed:
        return profile.changed[0].path, profile.changed[0].line
    difference = profile.difference if profile is not None else None
    if difference is not None and difference.entry is not None and difference.entry.path:
        return difference.entry.path, difference.entry.line
    return test.test.partition("::")[0], 1


def _culprit(test: WorkloadFinding) -> Site | None:
    """The line to look at: one written since the base if there is one, else the busiest."""
    sites = [site for call in test.targets if call.fails for site in call.sites if site.path]
    own = [site for site in sites if not site.path.startswith(("/", "<"))]
    return min(own, key=lambda site: (not site.changed_since, -site.calls), default=None)


def _message(test: WorkloadFinding) -> Iterator[str]:
    for call in test.targets:
        if not call.fails:
            continue
        yield f"{visible(call.target)}: {visible(call.sentence)}"
        for site in call.sites[:_MOST_SITES]:
            changed = f", changed since {site.changed_since}" if site.changed_since else ""
            place = f"{site.path}:{site.line} in {site.function}" if site.path else "C code"
            yield visible(f"  {place}: {counted(site.calls, 'call')}{changed}")
    if test.time is not None and test.time.fails:
        yield f"throughput: {visible(test.time.sentence)}"
        for edit in test.profile.changed[:_MOST_SITES] if test.profile is not None else ():
            what = f"{edit.read}, read by {edit.function}" if edit.read else edit.function
            yield visible(f"  changed since {edit.since}: {edit.path}:{edit.line} {what}")


def _cut(message: str) -> str:
    encoded = message.encode()
    if len(encoded) <= MESSAGE_BYTES:
        return message
    ending = "\n(cut to what GitHub shows)"
    return encoded[: MESSAGE_BYTES - len(ending)].decode(errors="ignore") + ending


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
