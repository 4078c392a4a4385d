"""The ledger's text: sorted, one line a number, comments kept in their place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, final

import tomlkit
from tomlkit.items import Comment, Item, Table

from cascade_budget.judge.calls import UNSTABLE_TEXT
from cascade_budget.ledger.entry import VERSION, Entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cascade_budget.judge.coarse import RecordedCost

_HEADER: Final = (
    "# Budgets recorded by `pytest --cascade-budget-update`. Commit this file.",
    "# A formula is the calls that n transactions make; laps are CPU time a transaction.",
)


@final
@dataclass(slots=True)
class _Comments:
    """Comment lines by what they stand above, and comments behind a line, by that line."""

    above: dict[tuple[str, ...], list[str]] = field(default_factory=dict)
    behind: dict[tuple[str, ...], str] = field(default_factory=dict)
    last: list[str] = field(default_factory=list)


def render_ledger(old: str, entries: Mapping[str, Entry]) -> str:
    """The text of a ledger.

    Args:
        old: the text it replaces, which parses, for its comments; may be empty.
        entries: every entry of the new ledger.
    """
    comments = _read_comments(tomlkit.parse(old))
    lines = comments.above.get(("version",), [] if old.strip() else [*_HEADER])
    lines = [*lines, f"version = {VERSION}{comments.behind.get(('version',), '')}"]
    for name in sorted(entries):
        lines += ["", *comments.above.get((name,), [])]
        lines.append(f"[{_quoted(name)}]{comments.behind.get((name,), '')}")
        for key, value in _values(entries[name]):
            lines += comments.above.get((name, key), [])
            lines.append(f"{value}{comments.behind.get((name, key), '')}")
    if comments.last:
        lines += ["", *comments.last]
    return "\n".join(lines) + "\n"


def _values(entry: Entry) -> Iterable[tuple[str, str]]:
    if entry.watch:
        patterns = ", ".join(_quoted(pattern) for pattern in entry.watch)
        yield "watch", f"watch = [{patterns}]"
    for target, law in sorted(entry.laws.items()):
        yield target, f"{_quoted(target)} = {_quoted(UNSTABLE_TEXT if law is None else str(law))}"
    for python, cost in sorted(entry.costs.items()):
        yield python, f"{_quoted(python)} = {_cost_text(cost)}"


def _cost_text(cost: RecordedCost) -> str:
    return f"{{ laps = {cost.laps!r}, machine = {_quoted(cost.machine)} }}"


def _quoted(text: str) -> str:
    """The text as a basic string of TOML, which a quoted key is too."""
    return tomlkit.string(text).as_string()


def _read_comments(document: tomlkit.TOMLDocument) -> _Comments:
    comments = _Comments()
    pending = _read_body(document.body, (), [], comments)
    comments.last = pending
    return comments


def _read_body(
    body: Iterable[tuple[Any, Item]], place: tuple[str, ...], pending: list[str], into: _Comments
) -> list[str]:
    """Note the comments of a body. Returns the lines at its end, which stand above what follows."""
    for key, item in body:
        if isinstance(item, Comment):
            pending.append(item.as_string().strip())
        if key is None:
            continue
        here = (*place, key.key)
        if pending:
            into.above[here] = pending
            pending = []
        if item.trivia.comment:
            into.behind[here] = f"  {item.trivia.comment}"
        if isinstance(item, Table):
            pending = _read_body(item.value.body, here, pending, into)
    return pending
