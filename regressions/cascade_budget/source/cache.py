"""Where copies and counts are kept on this machine, and folders that go when they were used."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import sys
import threading
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Final

import filelock

from cascade_budget.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

SCRATCH: Final = "trees"
"""The folder in the cache for what goes when it was used."""


class Terminated(KeyboardInterrupt):
    """SIGTERM: as Ctrl-C it ends a program from wherever it is, pytest's session included.

    Args:
        number: Of the signal.

    Attributes:
        code: What the process is to exit with.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"ended by signal {number}")
        self.code = 128 + number


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder in the cache that is gone when the block has been left, by SIGTERM too.

    Raises:
        UsageError: The cache can't be written.
    """
    with _ended_by_terminate(), swept_folder() as folder:
        yield folder


@contextlib.contextmanager
def swept_folder() -> Iterator[Path]:
    """A folder in the cache that is gone when the block has been left.

    What a killed run left behind is removed by the next one. A run holds a lock as long as it
    lives, which also tells it to a run in another container that shares the cache: there its
    process number would mean nothing.

    Raises:
        UsageError: The cache can't be written.
    """
    place = cache_room(SCRATCH)
    for lock in place.glob("*.lock"):
        _remove_if_left(lock)
    folder = place / uuid.uuid4().hex
    lock = folder.with_suffix(".lock")
    with filelock.FileLock(lock, thread_local=False):
        try:
            folder.mkdir()
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            _remove(lock)


def cache_room(name: str) -> Path:
    """A folder in the cache, made where it is not there.

    Raises:
        UsageError: It can't be written.
    """
    room = Path()
    try:
        room = cache_folder() / name
        room.mkdir(parents=True, exist_ok=True)
        why = "" if os.access(room, os.W_OK) else os.strerror(errno.EACCES)
    except (OSError, RuntimeError) as error:  # the latter where the user has no home
        why = getattr(error, "strerror", None) or str(error).rstrip(".")
    if why:
        remedy = "Set CASCADE_BUDGET_CACHE to a folder that can be written"
        place = str(room) if room.name else ""
        raise UsageError(f"the cache folder can't be used: {why}", place=place, remedy=remedy)
    return room


def cache_folder() -> Path:
    """Where copies and counts are kept: CASCADE_BUDGET_CACHE, or the platform's place for caches.

    Raises:
        RuntimeError: It would be in the user's home, and there is none.

    Source: XDG Base Directory Specification 0.8, `$XDG_CACHE_HOME`; on macOS and Windows the
    folders that platformdirs uses.
    """
    if named := os.environ.get("CASCADE_BUDGET_CACHE"):
        return Path(named).absolute()
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local"
        return Path(local, "cascade-budget", "Cache")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "cascade-budget"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "cascade-budget")


@contextlib.contextmanager
def _ended_by_terminate() -> Iterator[None]:
    # By default SIGTERM ends the process where it stands, and everything would be left behind.
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    ):
        yield
        return

    def end(number: int, _frame: FrameType | None) -> None:
        raise Terminated(number)

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _remove_if_left(lock: Path) -> None:
    """Remove the folder that a lock stands for, where nobody holds the lock any longer."""
    with contextlib.suppress(filelock.Timeout), filelock.FileLock(lock, blocking=False):
        shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
        _remove(lock)


def _remove(lock: Path) -> None:
    # Windows removes no file that is open: there the lock stays, and the next run removes it.
    with contextlib.suppress(OSError):
        lock.unlink(missing_ok=True)
