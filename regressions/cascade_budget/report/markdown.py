"""A report as GitHub-flavoured Markdown: a job summary, a comment on a pull request."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Final

from cascade_budget.report.text import (
    counted,
    difference_text,
    duration,
    evidence_lines,
    signed_duration,
    tps,
    visible,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cascade_budget.model.findings import TargetFinding, WorkloadFinding
    from cascade_budget.model.profiles import ProfileFinding
    from cascade_budget.model.report import Report

MOST_LAWS: Final = 4
MOST_SITES: Final = 5
MOST_FUNCTIONS: Final = 8
_SPECIAL: Final = re.compile(r"([\\`*_\[\]|~$])")
_LINKED: Final = re.compile(r"(?<=:)(?=//)|(?<=@)(?=\w)|(?<=#)(?=\d)")
"""Where GitHub would make a link, a mention or a reference of plain text; a comment parts it."""
_CUT: Final = "\n\nThe rest did not fit here; the report's files hold all of it.\n"


def render_markdown(report: Report, *, limit_bytes: int | None = None) -> str:
    """A report as Markdown.

    Args:
        report: What to show; failing tests come first and in full.
        limit_bytes: The most that may be returned, encoded as UTF-8. What exceeds it is cut
            between two blocks, and a sentence says so.
    """
    kept: list[str] = []
    size = len(_CUT.encode())
    for block in _blocks(report):
        size += len(block.encode()) + 1
        if limit_bytes is not None and size > limit_bytes:
            return "\n".join(kept) + _CUT
        kept.append(block)
    return "\n".join(kept) + "\n"


def escape(text: str) -> str:
    """Text that Markdown and HTML show as it is: no markup, link, mention or line break."""
    marked = _SPECIAL.sub(r"\\\1", html.escape(visible(text), quote=False))
    return _LINKED.sub("<!-- -->", marked)


def code(text: str, *, in_table: bool = False) -> str:
    """Text as a code span, also where it holds backticks; in a table, bars are marked."""
    shown = visible(text)
    if in_table:
        shown = shown.replace("|", "\\|")
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") or not shown.strip() else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def _blocks(report: Report) -> Iterator[str]:
    session, failed = report.session, report.failed
    if failed:
        yield f"## Budgets broken in {len(failed)} of {counted(len(report.tests), 'workload')}"
    else:
        yield f"## Budgets kept in {counted(len(report.tests), 'workload')}"
    against = f", against {code(session.base)}" if session.base else ""
    if session.base_revision and session.base_revision != session.base:
        against += f" ({code(session.base_revision)})"
    yield f"\n{escape(session.implementation)} {escape(session.python)}{against}"
    for test in failed:
        yield "\n".join(_failed_test(test, base=session.base))
    kept = [test for test in report.tests if not test.fails]
    if kept:
        yield "\n| | verdict | calls | TPS (CPU) |\n|:--|:--|:--|--:|"
    for test in kept:
        throughput = tps(test.time.cpu_tps) if test.time else ""
        name, verdict = code(test.key, in_table=True), escape(test.verdict)
        yield f"| {name} | {verdict} | {_laws(test)} | {throughput} |"


def _laws(test: WorkloadFinding) -> str:
    named = [call for call in test.targets if not call.watched]
    laws = [
        f"{code(call.target, in_table=True)} {code(call.measured or '-', in_table=True)}"
        for call in named[:MOST_LAWS]
    ]
    if len(named) > MOST_LAWS:
        laws.append(f"{len(named) - MOST_LAWS} more")
    watched = len(test.targets) - len(named)
    if watched:
        laws.append(f"{watched} watched")
    return "<br>".join(laws)


def _failed_test(test: WorkloadFinding, *, base: str | None) -> Iterator[str]:
    yield f"\n### {code(test.key)}: {escape(test.verdict)}\n"
    for call in test.targets:
        if call.fails or (not call.watched and call.verdict != "as budgeted"):
            yield from _call_lines(call)
    if test.time is not None and (test.time.fails or test.time.base):
        yield f"- throughput: {escape(test.time.sentence)}"
        for line in evidence_lines(test.time):
            yield f"  - {escape(line)}"
    if test.profile is not None:
        yield from _profile_lines(test.profile, base=base)


def _call_lines(call: TargetFinding) -> Iterator[str]:
    yield f"- {code(call.target)}: {escape(call.sentence)}"
    at = f" at n = {call.sites_at:,}" if call.sites_at is not None else ""
    for site in call.sites[:MOST_SITES]:
        place = f"{site.path}:{site.line}" if site.path else "C code"
        changed = f" **changed since {escape(site.changed_since)}**" if site.changed_since else ""
        function = f" in {code(site.function)}" if site.function else ""
        yield f"  - {code(place)}{function}: {counted(site.calls, 'call')}{at}{changed}"
    more = len(call.sites) - MOST_SITES
    if more > 0:
        yield f"  - {counted(more, 'more line')}"


def _profile_lines(profile: ProfileFinding, *, base: str | None) -> Iterator[str]:
    if profile.problem:
        yield f"- profile: {escape(profile.problem)}"
    if profile.difference is None:
        return
    entry, functions = profile.difference.entry, profile.difference.functions
    if entry is not None:
        yield (
            f"- {escape(difference_text(entry))} in {code(str(entry.key))} and what it calls, "
            f"{code(f'{entry.path}:{entry.line}')}"
        )
    for edit in profile.changed[:MOST_FUNCTIONS]:
        read = f"{code(edit.read)}, read by " if edit.read else ""
        yield (
            f"- changed since {code(edit.since)} and run here: {code(f'{edit.path}:{edit.line}')} "
            f"{read}{code(edit.function)}, {100 * edit.share:.0f} % of the time"
        )
    if not functions:
        if entry is None:
            yield "- profile: no function differs by more than its error"
        return
    since = f" since {code(base)}" if base else ""
    yield f"- self time a transaction{since}, by function:\n"
    yield "  | function | difference | error |\n  |:--|--:|--:|"
    for one in functions[:MOST_FUNCTIONS]:
        name = code(str(one.key), in_table=True)
        difference = escape(signed_duration(one.difference_ns))
        yield f"  | {name} | {difference} | ± {escape(duration(one.error_ns))} |"
    more = len(functions) - MOST_FUNCTIONS
    if more > 0:
        yield f"  | {counted(more, 'more function')} | | |"
