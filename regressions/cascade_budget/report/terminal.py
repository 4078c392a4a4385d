"""Findings as text: the failure of a test, and the table that ends a run. Plain at 80 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cascade_budget.judge.findings import CallVerdict, TargetFinding, TimeFinding, WorkloadFinding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

WIDTH: Final = 80
UPDATE: Final = "--cascade-budget-update"
_MOST_SITES: Final = 5
_QUIET: Final = frozenset({CallVerdict.AS_BUDGETED})


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
        if finding.time is not None and (finding.time.fails or finding.time.method != "coarse"):
            lines += _time_lines(finding.time)
    lines += _remedies(failing, test)
    return "\n".join(lines)


def _heading(finding: WorkloadFinding) -> str:
    missing = all(
        target.verdict is CallVerdict.MISSING for target in finding.targets if target.verdict.fails
    ) and not (finding.time and finding.time.fails)
    what = "no budget recorded" if missing else "over budget"
    if any(target.verdict is CallVerdict.SLACK for target in finding.targets) and not any(
        target.verdict is CallVerdict.EXCEEDED for target in finding.targets
    ):
        what = "under budget"
    if not finding.sizes:
        return f"{finding.title}: {what}"
    sizes = ", ".join(f"{n}" for n in finding.sizes)
    cold = " in fresh processes" if finding.cold else ""
    return f"{finding.title}: {what}, counted at n = {sizes}{cold}"


def _target_lines(targets: Sequence[TargetFinding]) -> Iterator[str]:
    shown = [t for t in targets if t.verdict not in _QUIET or not t.watched]
    width = max((len(target.target) for target in shown), default=0)
    failing_first = sorted(shown, key=lambda target: not target.verdict.fails)
    for target in failing_first:
        yield from _entitled(target.target, target.sentence, width)
        yield from _site_lines(target)


def _entitled(title: str, sentence: str, width: int) -> Iterator[str]:
    """Title and sentence in two columns, or one below the other where they don't fit."""
    line = f"  {title:{width}}  {sentence}"
    if len(line) <= WIDTH:
        yield line
    else:
        yield f"  {title}"
        yield f"    {sentence}"


def _site_lines(target: TargetFinding) -> Iterator[str]:
    places = [
        f"{site.path}:{site.line} in {site.function}" if site.path else "called from C"
        for site in target.sites
    ]
    column = min(max((len(place) for place in places), default=0), WIDTH - 16)
    for place, site in list(zip(places, target.sites, strict=True))[:_MOST_SITES]:
        yield f"    {place:{column}}  {site.calls:>8,}"
    rest = target.sites[_MOST_SITES:]
    if rest:
        total = sum(site.calls for site in rest)
        lines = "line" if len(rest) == 1 else "lines"
        yield f"    {f'{len(rest)} more {lines}':{column}}  {total:>8,}"
    if target.sites and target.sites_at is not None:
        yield f"    {'(calls at n =':>{column}}  {f'{target.sites_at:,})':>9}"


def _time_lines(time: TimeFinding) -> Iterator[str]:
    yield from _entitled("throughput", time.sentence, len("throughput"))
    for line in time.lines:
        yield f"    {line}"


def _remedies(findings: Sequence[WorkloadFinding], test: str) -> Iterator[str]:
    broken = [target for each in findings for target in each.targets if target.verdict.fails]
    recorded = [target for target in broken if target.origin != "marker"]
    if any(target.verdict is CallVerdict.MISSING for target in recorded):
        yield f"  record with  pytest {UPDATE} {_argument(test)}"
    elif recorded or any(_is_too_dear(each.time) for each in findings):
        yield f"  accept with {UPDATE}"
    if len(recorded) < len(broken):
        yield "  the marker holds the budget: change the code, or the number there"


def _is_too_dear(time: TimeFinding | None) -> bool:
    """Whether the ledger's cost is exceeded, rather than a base's."""
    return time is not None and time.fails and time.method == "coarse"


def _argument(test: str) -> str:
    """The test's id as a POSIX shell takes it."""
    safe = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+=,")
    if test and set(test) <= safe:
        return test
    return "'" + test.replace("'", "'\"'\"'") + "'"


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


_NAME: Final = 42
_VERDICT: Final = 14
_TPS: Final = 11


def _row(name: str, verdict: str, cpu: str, wall: str) -> str:
    return f"{name:{_NAME}} {verdict:{_VERDICT}}{cpu:>{_TPS}}{wall:>{_TPS}}".rstrip()


def _finding_rows(finding: WorkloadFinding, verbosity: int) -> Iterator[str]:
    name = f"  {finding.key.partition('::')[2] or finding.key}"
    time = finding.time
    cpu, wall = (_tps(time.cpu_tps), _tps(time.wall_tps)) if time else ("", "")
    if len(name) > _NAME:
        yield name
        name = ""
    yield _row(name, _verdict(finding), cpu, wall)
    quiet = [t for t in finding.targets if t.watched and t.verdict in _QUIET]
    listed = [t for t in finding.targets if verbosity > 0 or t not in quiet]
    width = min(max((len(target.target) for target in listed), default=0), _NAME - 4)
    for target in listed:
        yield from _listed(target, width)
    if quiet and verbosity <= 0:
        functions = "function" if len(quiet) == 1 else "functions"
        yield f"    {len(quiet)} watched {functions} as recorded"
    if time is not None and (time.verdict not in ("within", "recorded") or verbosity > 0):
        yield f"    {time.sentence}"


def _listed(target: TargetFinding, width: int) -> Iterator[str]:
    text = target.measured if target.verdict in _QUIET else target.sentence
    line = f"    {target.target:{width}}  {text}"
    if len(line) <= WIDTH:
        yield line
    else:
        yield f"    {target.target}"
        yield f"      {text}"


def _verdict(finding: WorkloadFinding) -> str:
    verdicts = {target.verdict for target in finding.targets}
    if CallVerdict.EXCEEDED in verdicts:
        return "OVER BUDGET"
    if finding.time and finding.time.fails:
        return "TOO SLOW"
    for verdict, words in _WORDS.items():
        if verdict in verdicts:
            return words
    return "as budgeted"


_WORDS: Final = {
    CallVerdict.MISSING: "NOT RECORDED",
    CallVerdict.SLACK: "UNDER BUDGET",
    CallVerdict.RECORDED: "recorded",
    CallVerdict.UNSTABLE: "unstable",
    CallVerdict.UNCOUNTABLE: "uncountable",
}


def _is_notable(finding: WorkloadFinding) -> bool:
    return any(target.verdict not in _QUIET for target in finding.targets) or bool(
        finding.time and finding.time.fails
    )


def _tps(tps: float | None) -> str:
    if tps is None:
        return ""
    return f"{float(f'{tps:.3g}'):,.0f}" if tps >= 100 else f"{tps:.3g}"  # noqa: PLR2004 - three digits
