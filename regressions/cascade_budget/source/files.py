"""Files of text: written whole or not at all, read whatever they hold, and named for people."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_text(path: Path, text: str) -> Path:
    """Write a file as UTF-8 in one step: a reader sees the old one or the new one.

    Args:
        path: Where to; its folder is made, and a file that is there keeps its permissions.
        text: What; half of a surrogate pair is written as a question mark.

    Returns:
        The path.

    Raises:
        OSError: The folder can't be made or the file not written; what was there before is kept.
    """
    written, path = path, path.resolve()  # a link stays one, and its target is replaced
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}-")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(_mode_of(path))
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return written


def read_text(path: Path) -> str:
    """The text of a source file; what is no UTF-8 in it is replaced.

    Raises:
        OSError: It cannot be read.
    """
    return path.read_text(encoding="utf-8-sig", errors="replace")


def shown_path(path: Path, root: Path) -> str:
    """A path relative to the project's root where it lies in it, with `/` between parts."""
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def _mode_of(path: Path) -> int:
    """The old file's permissions, or those that a new file gets: a temporary one is private."""
    try:
        return path.stat().st_mode & 0o777
    except FileNotFoundError:
        mask = os.umask(0o022)
        os.umask(mask)
        return 0o666 & ~mask
