"""Findings as text: the failure of a test, and the table that ends a run. Plain at 80 columns."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from cascade_budget.model.findings import (
    CallVerdict,
    TargetFinding,
    TimeFinding,
    TimeVerdict,
    Verdict,
    WorkloadFinding,
    gravest,
)
from cascade_budget.report.text import (
    WIDTH,
    counted,
    difference_text,
    evidence_lines,
    fitted,
    tps,
    visible,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cascade_budget.model.profiles import (
        ChangedFunction,
        FunctionKey,
        ProfileDifference,
        ProfileFinding,
    )

UPDATE: Final = "--cascade-budget-update"
_MOST_SITES: Final = 5
_MOST_FUNCTIONS: Final = 5


def _is_quiet(target: TargetFinding) -> bool:
    """Whether a watched function needs no line of its own."""
    if not target.watched:
        return False
    first_time = target.verdict is CallVerdict.RECORDED and target.budget is None
    return target.verdict is CallVerdict.AS_BUDGETED or first_time


def failure_text(findings: Sequence[WorkloadFinding], *, test: str) -> str:
    """What is over budget in one test, who did it, and how to accept it.

    Args:
        findings: every finding of the test; those within their budgets are left out.
        test: the test's id, for the command that accepts.
    """
    lines: list[str] = []
    failing = [finding for finding in findings if finding.fails]
    for finding in failing:
        lines.append(_heading(finding))
        lines += _target_lines(finding.targets)
        if finding.time is not None and (finding.time.fails or finding.time.base):
            lines += _time_lines(finding.time)
        if finding.profile is not None:
            lines += _profile_lines(finding.profile)
    lines += _remedies(failing, test)
    return "\n".join(lines)


def _heading(finding: WorkloadFinding) -> str:
    if not finding.sizes:
        return f"{finding.title}: {finding.verdict}"
    sizes = ", ".join(f"{n}" for n in finding.sizes)
    cold = " in fresh processes" if finding.cold else ""
    return f"{finding.title}: {finding.verdict}, counted at n = {sizes}{cold}"


def _target_lines(targets: Sequence[TargetFinding]) -> Iterator[str]:
    shown = [target for target in targets if not _is_quiet(target)]
    width = max((len(target.target) for target in shown), default=0)
    failing_first = sorted(shown, key=lambda target: not target.verdict.fails)
    for target in failing_first:
        yield from _entitled("  ", target.target, target.sentence, width)
        yield from _site_lines(target)


def _entitled(indent: str, title: str, sentence: str, width: int = 1) -> Iterator[str]:
    """Title and sentence in two columns, or one below the other where they don't fit."""
    line = f"{indent}{title:{width}}  {sentence}"
    return fitted(line, f"{indent}{title}", f"{indent}  {sentence}")


def _site_lines(target: TargetFinding) -> Iterator[str]:
    sites = target.sites
    if len(sites) > _MOST_SITES:
        # A line that changed must not be among those left out.
        sites = tuple(sorted(sites, key=lambda site: not site.changed_since))
    rows = [
        (
            f"{site.path}:{site.line} in {site.function}" if site.path else "called from C",
            site.calls,
            f"   changed since {site.changed_since}" if site.changed_since else "",
        )
        for site in sites
    ]
    if len(rows) > _MOST_SITES:
        rest = rows[_MOST_SITES:]
        rows[_MOST_SITES:] = [(counted(len(rest), "more line"), sum(row[1] for row in rest), "")]
    column = min(max((len(place) for place, _, _ in rows), default=0), WIDTH - 32)
    at = "" if target.sites_at is None else f" at n = {target.sites_at:,}"
    for place, calls, changed in rows:
        line = f"    {place:{column}}  {calls:>9,}{at}"
        if changed:
            yield from fitted(line + changed, line, f"   {changed}")
        else:
            yield line


def _time_lines(time: TimeFinding) -> Iterator[str]:
    yield from _entitled("  ", "throughput", visible(time.sentence))
    for line in evidence_lines(time):
        yield f"    {line}"


def _profile_lines(profile: ProfileFinding) -> Iterator[str]:
    if profile.difference is not None:
        yield from _difference_lines(profile.difference)
    yield from _changed_lines(profile.changed)
    if profile.problem:
        yield f"  {visible(profile.problem)}"
    if "html" in profile.files:
        yield f"  profile: {profile.files['html']}"


def _difference_lines(difference: ProfileDifference) -> Iterator[str]:
    """Self time a transaction of what takes more or less of it than on base, with its error."""
    entry = difference.entry
    if entry is not None:
        yield f"    {difference_text(entry)} in {visible(short_name(entry.key))} and what it calls"
        yield f"      {visible(entry.path)}:{entry.line}"
    functions = [one for one in difference.functions if entry is None or one.key != entry.key]
    shown = functions[:_MOST_FUNCTIONS]
    names = [visible(short_name(one.key)) for one in shown]
    column = min(max((len(name) for name in names), default=0), WIDTH - 44)
    for name, one in zip(names, shown, strict=True):
        yield f"    {name:{column}}  {difference_text(one)}"
    rest = len(functions) - len(shown)
    if rest:
        yield f"    {counted(rest, 'more function')} in the profile"
    if not shown and entry is None:
        yield "    no function's self time differs by more than its error"


def _changed_lines(changed: Sequence[ChangedFunction]) -> Iterator[str]:
    """What ran and was changed since the base: by far the first to look at."""
    if not changed:
        return
    yield f"    changed since {visible(changed[0].since)} and run here:"
    for one in changed[:_MOST_FUNCTIONS]:
        name = visible(one.function.partition(":")[2])
        what = f"{visible(one.read)}, read by {name}" if one.read else f"in {name}"
        yield f"      {visible(one.path)}:{one.line} {what}   {100 * one.share:.0f} % of the time"
    rest = len(changed) - _MOST_FUNCTIONS
    if rest > 0:
        yield f"      {counted(rest, 'more function')}"


def short_name(key: FunctionKey) -> str:
    """`resolve > inspect.signature` for what one's own function calls, `module:qualname` else."""
    if not key.caller:
        return key.function
    return f"{key.caller.rpartition(':')[2]} > {key.function.replace(':', '.')}"


def _remedies(findings: Sequence[WorkloadFinding], test: str) -> Iterator[str]:
    broken = [target for each in findings for target in each.targets if target.verdict.fails]
    if any(target.breaks_contract for target in broken):
        yield "  the budget is fixed in the test's marker: fix the code or edit the marker"
    elif any(target.verdict is CallVerdict.MISSING for target in broken):
        yield f"  record with  pytest {UPDATE} {shlex.quote(test)}"
    elif broken or any(_is_over_record(each.time) for each in findings):
        yield f"  accept with {UPDATE}"


def _is_over_record(time: TimeFinding | None) -> bool:
    """Whether the ledger's cost is exceeded, which an update would replace."""
    if time is None or time.recorded is None:
        return False
    return time.fails and time.recorded.calibrated_cost is not None


def summary_lines(findings: Iterable[WorkloadFinding], *, verbosity: int = 0) -> Iterator[str]:
    """The table of the judged tests: verdict, transactions a second, laws.

    Args:
        findings: in the order in which they are shown.
        verbosity: pytest's; below 0 only what is not as budgeted, above 0 each watched function.
    """
    shown = [each for each in findings if verbosity >= 0 or _is_notable(each)]
    if not shown:
        return
    timed = any(each.time is not None and each.time.cpu_tps for each in shown)
    yield _row("", "verdict", "TPS (CPU)" if timed else "", "TPS (wall)" if timed else "")
    file = ""
    for each in shown:
        path, _, _ = each.test.partition("::")
        if path != file:
            file = path
            yield path
        yield from _finding_rows(each, verbosity)
    unrecorded = {
        each.time.sentence
        for each in shown
        if each.time is not None and each.time.verdict is TimeVerdict.NO_RECORD
    }
    if unrecorded and verbosity <= 0:
        yield from sorted(unrecorded)


_UNREMARKABLE: Final = (TimeVerdict.WITHIN, TimeVerdict.RECORDED, TimeVerdict.NO_RECORD)
_NAME: Final = 42
_VERDICT: Final = 14
_TPS: Final = 11


def _row(name: str, verdict: str, cpu: str, wall: str) -> str:
    return f"{name:{_NAME}} {verdict:{_VERDICT}}{cpu:>{_TPS}}{wall:>{_TPS}}".rstrip()


def _finding_rows(finding: WorkloadFinding, verbosity: int) -> Iterator[str]:
    name = f"  {finding.key.partition('::')[2] or finding.key}"
    time = finding.time
    cpu, wall = (tps(time.cpu_tps), tps(time.wall_tps)) if time else ("", "")
    if len(name) > _NAME:
        yield name
        name = ""
    yield _row(name, finding.verdict.upper() if finding.fails else finding.verdict, cpu, wall)
    quiet = [target for target in finding.targets if _is_quiet(target)]
    listed = [target for target in finding.targets if verbosity > 0 or not _is_quiet(target)]
    width = min(max((len(target.target) for target in listed), default=0), WIDTH - 20)
    for target in listed:
        plain = target.verdict is CallVerdict.AS_BUDGETED
        text = target.measured if plain else target.sentence
        yield from _entitled("    ", target.target, text, width)
    if quiet and verbosity <= 0:
        recorded = any(target.verdict is CallVerdict.RECORDED for target in quiet)
        what = counted(len(quiet), "watched function")
        yield f"    {what} {'recorded' if recorded else 'as recorded'}"
    if time is not None and (time.verdict not in _UNREMARKABLE or verbosity > 0):
        yield f"    {time.sentence}"


def failure_word(findings: Iterable[WorkloadFinding]) -> str:
    """What a test that fails is called, after the gravest of its findings."""
    return gravest(finding.verdict for finding in findings if finding.fails).upper()


def _is_notable(finding: WorkloadFinding) -> bool:
    changed = any(target.verdict is not CallVerdict.AS_BUDGETED for target in finding.targets)
    return changed or finding.verdict is not Verdict.AS_BUDGETED
