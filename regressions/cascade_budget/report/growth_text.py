"""What grew between two revisions, as text. Plain at 80 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cascade_budget.model.comparison import (
        Cause,
        Comparison,
        Growth,
        Presence,
        SiteGrowth,
    )

WIDTH: Final = 80
_MOST_CAUSES: Final = 10
_MOST_SITES: Final = 5
_MOST_NAMES: Final = 5
_MOST_EDITS: Final = 3


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
    most = len(causes) if full else _MOST_CAUSES
    blocks = [
        list(cause_lines(cause, tests=len(comparison.tests), since=since, full=full))
        for cause in causes[:most]
    ]
    rest = len(causes) - most
    if rest > 0:
        blocks.append([f"and {rest} more that grew by themselves; --all shows them"])
    lists = [
        *_moves(comparison, full=full),
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
        yield f"  and in {others:,} more of {_tests(tests)}"
    yield from _site_lines(cause.sites, since, full=full)
    if cause.edits:
        yield f"  changed since {since} and run here:"
        shown = cause.edits if full else cause.edits[:_MOST_EDITS]
        for edit in shown:
            yield f"    {edit.path}:{edit.line} in {edit.function}"
        if len(cause.edits) > len(shown):
            yield f"    and {len(cause.edits) - len(shown)} more; --all shows them"
    if cause.below:
        yield f"  with it grew {_listed([below.function for below in cause.below], full=full)}"


def _site_lines(sites: Sequence[SiteGrowth], since: str, *, full: bool) -> Iterator[str]:
    shown = sites if full else sites[:_MOST_SITES]
    for site in shown:
        if not site.path:
            yield f"    called from C    {_from_to(site.base_calls, site.head_calls)}"
            continue
        place = f"    {_short(site.path)}:{site.line} in {site.caller}"
        rest = f"{_from_to(site.base_calls, site.head_calls)}"
        if site.changed:
            rest += f"   changed since {since}"
        if len(place) + 3 + len(rest) <= WIDTH:
            yield f"{place}   {rest}"
        else:
            yield place
            yield f"      {rest}"
    if len(sites) > len(shown):
        yield f"    and {len(sites) - len(shown)} more lines; --all shows them"


def _moves(comparison: Comparison, *, full: bool) -> Iterator[str]:
    shown = comparison.moved if full else comparison.moved[:_MOST_NAMES]
    for move in shown:
        line = f"moved     {move.old} to {move.new}"
        if len(line) <= WIDTH:
            yield line
        else:
            yield f"moved     {move.old}"
            yield f"       to {move.new}"
    rest = len(comparison.moved) - len(shown)
    if rest:
        yield f"          and {rest} more; --all shows them"


def _names(title: str, found: Sequence[Presence], *, full: bool) -> Iterator[str]:
    shown = found if full else found[:_MOST_NAMES]
    for presence in shown:
        calls = "1 call" if presence.calls == 1 else f"{presence.calls:,} calls"
        yield f"{title:9} {presence.function}   {calls} in {_tests(presence.tests)}"
    rest = len(found) - len(shown)
    if rest:
        yield f"          and {rest} more; --all shows them"


def _closing(
    comparison: Comparison, causes: Sequence[Cause], *, base: str, head: str
) -> Iterator[str]:
    compared = f"{_tests(len(comparison.tests))} compared"
    if not comparison.grown:
        yield f"Nothing grew: {compared}, {base} to {head}."
    else:
        grown: Sequence[Growth] = comparison.grown
        tests = len({change.test for growth in grown for change in growth.changes})
        what = "1 function" if len(causes) == 1 else f"{len(causes):,} functions"
        below = len(grown) - len(causes)
        also = f" ({below:,} more with them)" if below else ""
        yield f"{what} grew{also} in {_tests(tests)}: {compared}, {base} to {head}."
    if comparison.fewer:
        what = "1 function is" if comparison.fewer == 1 else f"{comparison.fewer:,} functions are"
        yield f"{what} called less often."


def _from_to(before: int, after: int) -> str:
    return f"{before:,} to {after:,}"


def _tests(number: int) -> str:
    return "1 test" if number == 1 else f"{number:,} tests"


def _listed(names: Sequence[str], *, full: bool) -> str:
    shown = names if full else names[:2]
    rest = len(names) - len(shown)
    return ", ".join(shown) + (f" and {rest:,} more" if rest else "")


def _short(path: str) -> str:
    # An installed package's file is told by its place in the environment.
    for marker in ("site-packages/", "dist-packages/"):
        before, found, rest = path.replace("\\", "/").rpartition(marker)
        if found and before:
            return rest
    return path
