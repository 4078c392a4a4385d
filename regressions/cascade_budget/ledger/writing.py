"""Writing the ledger: whole or not at all, one run at a time."""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

import filelock

from cascade_budget.errors import LedgerLockedError, LedgerWriteError
from cascade_budget.ledger.reading import parse_ledger
from cascade_budget.ledger.rendering import render_ledger

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from cascade_budget.ledger.entry import Entry

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
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        text = ""
    old = parse_ledger(text, shown).entries
    merged = {key: entry for key, entry in old.items() if key not in drop or key in entries}
    for key, entry in entries.items():
        merged[key] = entry.with_costs_of(old[key]) if key in old else entry
    rendered = render_ledger(text, merged)
    if rendered != text:
        _replace(path, rendered)
    return LedgerChange(
        added=tuple(sorted(merged.keys() - old.keys())),
        changed=tuple(sorted(key for key in merged.keys() & old.keys() if merged[key] != old[key])),
        removed=tuple(sorted(old.keys() - merged.keys())),
    )


def _replace(path: Path, text: str) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(_mode_of(path))
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise


def _mode_of(path: Path) -> int:
    """The old file's permissions, or those that a new file gets: a temporary one is private."""
    try:
        return path.stat().st_mode & 0o777
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def _state_folder(path: Path) -> Path:
    folder = path.parent / STATE_FOLDER
    folder.mkdir(exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")
    return folder
