"""Reading the ledger, and saying what is wrong with one that can't be read."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any, Final

from cascade_budget.errors import LawSyntaxError, LedgerFormatError
from cascade_budget.judge.calls import UNSTABLE_TEXT
from cascade_budget.judge.coarse import RecordedCost
from cascade_budget.judge.laws import Law, parse_law
from cascade_budget.ledger.entry import VERSION, Entry, Ledger

if TYPE_CHECKING:
    from pathlib import Path

_REWRITE: Final = "Correct it, or delete the line and run pytest --cascade-budget-update"


def read_ledger(path: Path, shown: str) -> Ledger:
    """The ledger at a path; an empty one where there is no file.

    Args:
        path: where it is.
        shown: how errors name it: relative to the project's root.

    Raises:
        LedgerFormatError: it is no TOML, has another version, or holds what no ledger holds.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Ledger()
    except (OSError, UnicodeDecodeError) as error:
        raise LedgerFormatError(
            f"it can't be read: {_reason(error)}",
            ledger=shown,
            remedy="It is a UTF-8 text file; restore it from version control",
        ) from error
    return parse_ledger(text, shown)


def parse_ledger(text: str, shown: str) -> Ledger:
    """The ledger that a text holds. Raises LedgerFormatError as `read_ledger` does."""
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
        return Ledger()
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
    return Ledger(entries={key: _entry(key, table, shown) for key, table in document.items()})


def _entry(key: str, table: object, shown: str) -> Entry:
    if not isinstance(table, dict):
        raise LedgerFormatError(
            f"{key!r} is {table!r}, not the table of a test", ledger=shown, remedy=_REWRITE
        )
    laws: dict[str, Law | None] = {}
    watch: tuple[str, ...] = ()
    costs: dict[str, RecordedCost] = {}
    for name, value in table.items():
        if name == "watch":
            watch = _patterns(key, value, shown)
        elif ":" in name:
            laws[name] = _law(key, name, value, shown)
        else:
            costs[name] = _cost(key, name, value, shown)
    return Entry(laws=laws, watch=watch, costs=costs)


def _patterns(key: str, value: Any, shown: str) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(pattern, str) for pattern in value):
        return tuple(value)
    raise LedgerFormatError(
        f"watch of {key!r} is {value!r}, not a list of patterns", ledger=shown, remedy=_REWRITE
    )


def _law(key: str, name: str, value: Any, shown: str) -> Law | None:
    if value == UNSTABLE_TEXT:
        return None
    if not isinstance(value, str):
        raise LedgerFormatError(
            f"{name!r} of {key!r} is {value!r}, not a formula in quotes",
            ledger=shown,
            remedy=_REWRITE,
        )
    try:
        return parse_law(value)
    except LawSyntaxError as error:
        raise LedgerFormatError(
            f"{name!r} of {key!r}: {error.fact}", ledger=shown, remedy=_REWRITE
        ) from error


def _cost(key: str, name: str, value: Any, shown: str) -> RecordedCost:
    match value:
        case {"laps": float() | int() as laps, "machine": str(machine), **others} if (
            laps > 0 and not others and not isinstance(laps, bool)
        ):
            return RecordedCost(laps=float(laps), machine=machine)
        case _:
            raise LedgerFormatError(
                f"{name!r} of {key!r} is neither module:qualname with a formula nor a Python "
                "version with laps and machine",
                ledger=shown,
                remedy=_REWRITE,
            )


def _reason(error: OSError | UnicodeDecodeError) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return f"byte {error.start} is no UTF-8"
