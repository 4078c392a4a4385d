"""Tells a name that the code lacks from an error that the code makes."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

_LONGEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a side has no workload, or none that ends well.

    Attributes:
        kind: The exception's type, or "skipped" or "not found".
        message: Its text, one line.
        where: "path:line" relative to the side's root; may be empty.
        missing: Whether it says that the code lacks a name which the test uses.
    """

    kind: str
    message: str
    where: str = ""
    missing: bool = False

    def __str__(self) -> str:
        text = f"{self.kind}: {self.message}" if self.message else self.kind
        return f"{text} ({self.where})" if self.where else text


def describe_failure(error: BaseException, root: str) -> Failure:
    """What an exception says, and whether it says that the code under test lacks something.

    Missing are: a module or a name in it that is imported, an attribute of a module or a class, and
    an argument that a function called from the test file does not take. An AttributeError of an
    instance or a TypeError from deeper inside is the code's own.

    Args:
        error: As pytest saw it.
        root: The side's root, to shorten the place.
    """
    # pytest wraps what goes wrong in a test module's import and keeps it as the cause.
    inner = error
    while not isinstance(inner, ImportError) and isinstance(inner.__cause__, ImportError):
        inner = inner.__cause__
    frames = traceback.extract_tb(inner.__traceback__)
    place = Path(root).resolve()
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(place)]
    where = ""
    if own:
        where = f"{Path(own[-1].filename).relative_to(place).as_posix()}:{own[-1].lineno}"
    lines = str(inner).strip().splitlines()
    message = lines[0] if lines else ""
    return Failure(
        kind=type(inner).__name__,
        message=message if len(message) <= _LONGEST else message[: _LONGEST - 1] + "…",
        where=where,
        missing=_says_missing(inner, frames),
    )


def _says_missing(error: BaseException, frames: traceback.StackSummary) -> bool:
    if isinstance(error, ImportError):
        return True
    if isinstance(error, AttributeError):
        return isinstance(error.obj, (ModuleType, type))
    if isinstance(error, TypeError) and frames and "argument" in str(error):
        # The call was refused at the door: no frame of the callee is on the stack.
        return Path(frames[-1].filename).name.startswith(("test_", "conftest"))
    return False
