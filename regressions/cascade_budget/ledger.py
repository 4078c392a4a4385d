"""The ledger: `cascade-budget.toml`, committed, one line a number."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, final

import filelock
import tomlkit
from tomlkit.items import Comment, Item, Table

from cascade_budget.errors import (
    LawSyntaxError,
    LedgerFormatError,
    LedgerLockedError,
    LedgerWriteError,
)
from cascade_budget.judge.calls import UNSTABLE_TEXT
from cascade_budget.judge.coarse import RecordedCost
from cascade_budget.model.laws import parse_law
from cascade_budget.source.files import write_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from cascade_budget.model.laws import Law

VERSION: Final = 1


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The recorded budgets of one workload, or of one test that has the marker alone.

    Attributes:
        laws: calls by `module:qualname`, named and watched alike; None for an unstable count.
        watch: the patterns that were in use, `("default",)` for the built-in list.
        costs: CPU time by implementation and version of Python, such as `cpython-3.13`.
    """

    laws: Mapping[str, Law | None] = field(default_factory=dict)
    watch: tuple[str, ...] = ()
    costs: Mapping[str, RecordedCost] = field(default_factory=dict)

    def with_costs_of(self, older: Entry) -> Entry:
        """This entry with the costs that only the older one has: other Pythons' numbers stay."""
        return replace(self, costs={**older.costs, **self.costs})


def read_ledger(path: Path, shown: str) -> Mapping[str, Entry]:
    """The entries of the ledger at a path; none where there is no file.

    An entry's key is the test's id, with the call's name or ordinal where it has several.

    Args:
        path: where it is.
        shown: how errors name it: relative to the project's root.

    Raises:
        LedgerFormatError: it is no TOML, has another version, or holds what no ledger holds.
    """
    return parse_ledger(_read_text(path, shown), shown)


def _read_text(path: Path, shown: str) -> str:
    """The ledger's text; empty where there is no file."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise LedgerFormatError(
            f"it can't be read: {_reason(error)}",
            ledger=shown,
            remedy="It is a UTF-8 text file; restore it from version control",
        ) from error


def parse_ledger(text: str, shown: str) -> Mapping[str, Entry]:
    """The entries that a text holds. Raises LedgerFormatError as `read_ledger` does."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise LedgerFormatError(
            f"it is no TOML: {error}",
            ledger=shown,
            remedy="Correct it; after a merge, take either side and run "
            "pytest --cascade-budget-update",
        ) from error
    if not document:
        return {}
    version = document.pop("version", None)
    if version != VERSION or isinstance(version, bool):
        fact = "it has no version" if version is None else f"its version is {version!r}"
        raise LedgerFormatError(
            f"{fact}, this release reads version {VERSION}",
            ledger=shown,
            remedy=f"Write version = {VERSION} into it"
            if version is None
            else "Upgrade pytest-cascade-budget, or restore the file from version control",
        )
    try:
        return {key: _entry(key, table) for key, table in document.items()}
    except _WrongValueError as error:
        raise LedgerFormatError(
            str(error),
            ledger=shown,
            remedy="Correct it, or delete the line and run pytest --cascade-budget-update",
        ) from error


class _WrongValueError(Exception):
    """A value that no ledger holds."""


def _entry(key: str, table: object) -> Entry:
    if not isinstance(table, dict):
        raise _WrongValueError(f"{key!r} is {table!r}, not the table of a test")
    laws: dict[str, Law | None] = {}
    watch: tuple[str, ...] = ()
    costs: dict[str, RecordedCost] = {}
    for name, value in table.items():
        if name == "watch":
            watch = _patterns(key, value)
        elif ":" in name:
            laws[name] = _law(key, name, value)
        else:
            costs[name] = _cost(key, name, value)
    return Entry(laws=laws, watch=watch, costs=costs)


def _patterns(key: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(pattern, str) for pattern in value):
        return tuple(value)
    raise _WrongValueError(f"watch of {key!r} is {value!r}, not a list of patterns")


def _law(key: str, name: str, value: Any) -> Law | None:
    if value == UNSTABLE_TEXT:
        return None
    if not isinstance(value, str):
        raise _WrongValueError(f"{name!r} of {key!r} is {value!r}, not a formula in quotes")
    try:
        return parse_law(value)
    except LawSyntaxError as error:
        raise _WrongValueError(f"{name!r} of {key!r}: {error.fact}") from error


def _cost(key: str, name: str, value: Any) -> RecordedCost:
    match value:
        case {"calibrated_cost": float() | int() as cost, "machine": str(machine), **others} if (
            cost > 0 and not others and not isinstance(cost, bool)
        ):
            return RecordedCost(calibrated_cost=float(cost), machine=machine)
        case _:
            raise _WrongValueError(
                f"{name!r} of {key!r} is neither module:qualname with a formula nor a Python "
                "version with calibrated_cost and machine"
            )


def _reason(error: OSError | UnicodeDecodeError) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return f"byte {error.start} is no UTF-8"


_HEADER: Final = (
    "# Budgets recorded by `pytest --cascade-budget-update`. Commit this file.",
    "# A formula is the calls that n transactions make; a calibrated cost is a transaction's CPU",
    "# time over that of one turn of a fixed loop: about the same number on a slower machine.",
)


@final
@dataclass(slots=True)
class _Comments:
    """Comment lines by what they stand above, and comments behind a line, by that line."""

    above: dict[tuple[str, ...], list[str]] = field(default_factory=dict)
    behind: dict[tuple[str, ...], str] = field(default_factory=dict)


def render_ledger(old: str, entries: Mapping[str, Entry]) -> str:
    """The text of a ledger.

    Args:
        old: the text it replaces, which parses, for its comments; may be empty.
        entries: every entry of the new ledger.
    """
    comments = _Comments()
    last = _read_body(tomlkit.parse(old).body, (), [], comments)
    lines = comments.above.get(("version",), [] if old.strip() else [*_HEADER])
    lines = [*lines, f"version = {VERSION}{comments.behind.get(('version',), '')}"]
    for name in sorted(entries):
        lines += ["", *comments.above.get((name,), [])]
        lines.append(f"[{quoted(name)}]{comments.behind.get((name,), '')}")
        for key, value in _values(entries[name]):
            lines += comments.above.get((name, key), [])
            lines.append(f"{value}{comments.behind.get((name, key), '')}")
    if last:
        lines += ["", *last]
    return "\n".join(lines) + "\n"


def _values(entry: Entry) -> Iterable[tuple[str, str]]:
    if entry.watch:
        patterns = ", ".join(quoted(pattern) for pattern in entry.watch)
        yield "watch", f"watch = [{patterns}]"
    for target, law in sorted(entry.laws.items()):
        yield target, f"{quoted(target)} = {quoted(UNSTABLE_TEXT if law is None else str(law))}"
    for python, cost in sorted(entry.costs.items()):
        yield python, f"{quoted(python)} = {_cost_text(cost)}"


def _cost_text(cost: RecordedCost) -> str:
    return f"{{ calibrated_cost = {cost.calibrated_cost!r}, machine = {quoted(cost.machine)} }}"


def quoted(text: str) -> str:
    """The text as a basic string of TOML, which a quoted key is too."""
    return tomlkit.string(text).as_string()


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


LOCK_SECONDS: Final = 30.0
"""A writer holds the lock for milliseconds; half a minute says that it hangs."""

STATE_FOLDER: Final = ".cascade-budget"
"""Beside the ledger, for what isn't committed; it ignores itself."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerChange:
    """What an update did, by key: entries that are new, that differ, and that are no longer."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def update_ledger(
    path: Path,
    shown: str,
    entries: Mapping[str, Entry],
    *,
    drop: Collection[str] = (),
    lock_seconds: float = LOCK_SECONDS,
) -> LedgerChange:
    """Replace entries of the ledger at a path, and only those.

    The file is read again under a lock, so that two runs on one checkout both land, and replaced by
    a rename, so that a reader sees the old or the new one and a full disk leaves the old.

    Args:
        path: where it is; made where it isn't.
        shown: how errors name it: relative to the project's root.
        entries: the new entries by key. Costs of other Pythons that an old entry has are kept.
        drop: keys to remove.
        lock_seconds: how long to wait for another run.

    Raises:
        LedgerFormatError: the file there can't be read.
        LedgerLockedError: another run held the lock all the time.
        LedgerWriteError: it could not be written; the old file is untouched.
    """
    try:
        with filelock.FileLock(_state_folder(path) / "ledger.lock", timeout=lock_seconds):
            return _update_locked(path, shown, entries, drop)
    except filelock.Timeout as error:
        raise LedgerLockedError(
            f"another run has been writing it for {lock_seconds:g} seconds",
            ledger=shown,
            remedy="Let that run end, then update again",
        ) from error
    except OSError as error:
        raise LedgerWriteError(
            f"it can't be written: {error.strerror or error}",
            ledger=shown,
            remedy="The file is as it was. Free space or grant access, then update again",
        ) from error


def _update_locked(
    path: Path, shown: str, entries: Mapping[str, Entry], drop: Collection[str]
) -> LedgerChange:
    text = _read_text(path, shown)
    old = parse_ledger(text, shown)
    merged = {key: entry for key, entry in old.items() if key not in drop or key in entries}
    for key, entry in entries.items():
        merged[key] = entry.with_costs_of(old[key]) if key in old else entry
    rendered = render_ledger(text, merged)
    if rendered != text:
        write_text(path, rendered)
    return LedgerChange(
        added=tuple(sorted(merged.keys() - old.keys())),
        changed=tuple(sorted(key for key in merged.keys() & old.keys() if merged[key] != old[key])),
        removed=tuple(sorted(old.keys() - merged.keys())),
    )


def _state_folder(path: Path) -> Path:
    folder = path.parent / STATE_FOLDER
    folder.mkdir(exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")
    return folder
