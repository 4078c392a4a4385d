"""What grew between two revisions, as text. Plain at 80 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from cascade_budget.report.text import counted, fitted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cascade_budget.model.comparison import Cause, Comparison, Move, Presence, SiteGrowth

T = TypeVar("T")
_MOST_CAUSES: Final = 10
_MOST_SITES: Final = 5
_MOST_NAMES: Final = 5
_MOST_EDITS: Final = 3
_MOST_BELOW: Final = 2


def comparison_text(
    comparison: Comparison,
    causes: Sequence[Cause],
    *,
    base: str,
    head: str,
    since: str,
    full: bool = False,
) -> str:
    """What grew and where, what is new, gone, moved or unstable, and a closing line.

    Args:
        comparison: What differs.
        causes: What grew by itself, most calls added first.
        base: What to call base where it is identified.
        head: What to call head there.
        since: What to call base in passing.
        full: Whether to leave nothing out.
    """
    shown, hidden = _first(causes, _MOST_CAUSES, full=full)
    blocks = [
        list(cause_lines(cause, tests=len(comparison.tests), since=since, full=full))
        for cause in shown
    ]
    if hidden:
        blocks.append([f"and {hidden} more that grew by themselves; --all shows them"])
    lists = [
        *_moves(comparison.moved, full=full),
        *_names("new", comparison.new, full=full),
        *_names("gone", comparison.gone, full=full),
        *_names("unstable", comparison.unstable, full=full),
    ]
    if lists:
        blocks.append(lists)
    blocks.append(list(_closing(comparison, causes, base=base, head=head)))
    return "\n\n".join("\n".join(block) for block in blocks)


def cause_lines(cause: Cause, *, tests: int, since: str, full: bool = False) -> Iterator[str]:
    """What grew, and the lines that made it grow.

    Args:
        cause: What grew by itself.
        tests: How many tests were compared.
        since: What to call base in passing.
        full: Whether to leave nothing out.
    """
    growth = cause.growth
    worst = growth.worst
    yield f"{growth.function}    {_from_to(worst.base_calls, worst.head_calls)} calls"
    if growth.was != growth.function:
        yield f"  was {growth.was}"
    yield f"  in {worst.test}"
    others = len(growth.changes) - 1
    if others:
        yield f"  and in {others:,} more of {counted(tests, 'test')}"
    yield from _site_lines(cause.sites, since, full=full)
    if cause.edits:
        yield f"  changed since {since} and run here:"
        edits, hidden = _first(cause.edits, _MOST_EDITS, full=full)
        for edit in edits:
            yield f"    {edit.path}:{edit.line} in {edit.function}"
        yield from _more(hidden, "    ")
    if cause.below:
        below, hidden = _first(cause.below, _MOST_BELOW, full=full)
        names = ", ".join(growth.function for growth in below)
        yield f"  with it grew {names}" + (f" and {hidden:,} more" if hidden else "")


def _site_lines(sites: Sequence[SiteGrowth], since: str, *, full: bool) -> Iterator[str]:
    shown, hidden = _first(sites, _MOST_SITES, full=full)
    for site in shown:
        calls = _from_to(site.base_calls, site.head_calls)
        if not site.path:
            yield f"    called from C    {calls}"
            continue
        place = f"    {_short(site.path)}:{site.line} in {site.caller}"
        if site.changed:
            calls += f"   changed since {since}"
        yield from fitted(f"{place}   {calls}", place, f"      {calls}")
    yield from _more(hidden, "    ", "more lines")


def _moves(moved: Sequence[Move], *, full: bool) -> Iterator[str]:
    shown, hidden = _first(moved, _MOST_NAMES, full=full)
    for move in shown:
        old = f"moved     {move.old}"
        yield from fitted(f"{old} to {move.new}", old, f"       to {move.new}")
    yield from _more(hidden, "          ")


def _names(title: str, found: Sequence[Presence], *, full: bool) -> Iterator[str]:
    shown, hidden = _first(found, _MOST_NAMES, full=full)
    for one in shown:
        calls = counted(one.calls, "call")
        yield f"{title:9} {one.function}   {calls} in {counted(one.tests, 'test')}"
    yield from _more(hidden, "          ")


def _closing(
    comparison: Comparison, causes: Sequence[Cause], *, base: str, head: str
) -> Iterator[str]:
    compared = f"{counted(len(comparison.tests), 'test')} compared, {base} to {head}."
    if not comparison.grown:
        yield f"Nothing grew: {compared}"
    else:
        tests = len({change.test for growth in comparison.grown for change in growth.changes})
        below = len(comparison.grown) - len(causes)
        also = f" ({below:,} more with them)" if below else ""
        what = counted(len(causes), "function")
        yield f"{what} grew{also} in {counted(tests, 'test')}: {compared}"
    if comparison.fewer:
        what = counted(comparison.fewer, "function is", "functions are")
        yield f"{what} called less often."


def _first(found: Sequence[T], most: int, *, full: bool) -> tuple[Sequence[T], int]:
    """The first of many, and how many more there are."""
    shown = found if full else found[:most]
    return shown, len(found) - len(shown)


def _more(hidden: int, indent: str, what: str = "more") -> Iterator[str]:
    if hidden:
        yield f"{indent}and {hidden} {what}; --all shows them"


def _from_to(before: int, after: int) -> str:
    return f"{before:,} to {after:,}"


def _short(path: str) -> str:
    # An installed package's file is told by its place in the environment.
    for marker in ("site-packages/", "dist-packages/"):
        before, found, rest = path.replace("\\", "/").rpartition(marker)
        if found and before:
            return rest
    return path
