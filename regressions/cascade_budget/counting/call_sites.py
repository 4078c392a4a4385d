"""Names of functions and of the places that call them, from code objects and frames."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING

from cascade_budget.counting.bodies import CO_OPTIMIZED, COMPREHENSIONS
from cascade_budget.model.findings import Site

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import CodeType, FrameType

    from cascade_budget.counting.tallies import SiteTally

_INLINED = re.compile(
    rf"(?:{'|'.join(sorted(COMPREHENSIONS))}|<generic parameters of [^>]*>)"
    r"(?:\.<locals>)?\."
)
# Python 3.14 makes the first for every annotated scope; a dataclass runs the second when it is
# defined, once or once a method.
_MADE_BY_TOOLS = frozenset({"__annotate__", "__create_fn__"})
_STDLIB = os.path.normcase(str(Path(os.__file__).parent)) + os.sep
_OWN = str(Path(__file__).parents[2]) + os.sep
_INSTALLED = ("site-packages", "dist-packages")


def qualname_of(code: CodeType, module: str) -> str | None:
    """The qualified name of a function, the same on every Python.

    Args:
        code: A body.
        module: Name of the module whose globals it runs in.

    Returns:
        The name, or None for what is no function: modules, class bodies, comprehensions (code
        objects on some Pythons and inlined on others), generator expressions, annotation scopes.
    """
    name = code.co_name
    if not code.co_flags & CO_OPTIMIZED:
        return None
    if name in _MADE_BY_TOOLS or (name.startswith("<") and name != "<lambda>"):
        return None
    if code.co_filename.startswith("<") and not code.co_filename.startswith("<frozen"):
        published = _published_name(code, module)
        if published is not None:
            return published
    return _INLINED.sub("", code.co_qualname)


def _published_name(code: CodeType, module: str) -> str | None:
    """The name under which a class holds generated code, such as a dataclass's `__init__`."""
    namespace: Mapping[str, object] = getattr(sys.modules.get(module), "__dict__", {})
    for function in _functions(namespace, module, depth=3):
        if function.__code__ is code:
            return function.__qualname__
    return None


def _functions(
    namespace: Mapping[str, object], module: str, *, depth: int
) -> Iterator[FunctionType]:
    for member in tuple(namespace.values()):
        if isinstance(member, FunctionType):
            yield member
        elif isinstance(member, (staticmethod, classmethod)):
            if isinstance(member.__func__, FunctionType):
                yield member.__func__
        elif isinstance(member, type) and member.__module__ == module and depth:
            yield from _functions(vars(member), module, depth=depth - 1)


def is_own(code: CodeType) -> bool:
    """Whether this is code of the gate itself, whose own work is no part of a count."""
    return code.co_filename.startswith(_OWN)


def is_project(frame: FrameType | None) -> bool:
    """Whether a frame is already known to be neither C nor the standard library."""
    return frame is not None and _TRANSPARENT.get(frame.f_code.co_filename) is False


def blamed(caller: FrameType | None) -> FrameType | None:
    """The frame to blame for a call: the nearest one that is not the standard library's.

    "re/__init__.py, in _compile" helps nobody who asks where regular expressions are compiled.
    Where there is no such frame, as on a thread that the library runs, it is the caller itself.
    """
    frame = caller
    while frame is not None:
        path = frame.f_code.co_filename
        transparent = _TRANSPARENT.get(path)
        if transparent is None:
            transparent = _TRANSPARENT[path] = _is_transparent(path)
        if not transparent:
            return caller if is_own(frame.f_code) else frame
        frame = frame.f_back
    return caller


_TRANSPARENT: dict[str, bool] = {}


def _is_transparent(path: str) -> bool:
    if path.startswith("<"):
        return True
    normal = os.path.normcase(path)
    return normal.startswith(_STDLIB) and not any(part in normal for part in _INSTALLED)


def call_sites(counted: Iterable[tuple[SiteTally, int]]) -> tuple[Site, ...]:
    """Merge counts by instruction into counts by line, most calls first."""
    merged: Counter[tuple[str, int, str]] = Counter()
    for site, calls in counted:
        if calls:
            merged[_place(site)] += calls
    return tuple(
        Site(path=path, line=line, function=function, calls=calls)
        for (path, line, function), calls in sorted(
            merged.items(), key=lambda item: (-item[1], item[0])
        )
    )


def _place(site: SiteTally) -> tuple[str, int, str]:
    code = site.code
    if code is None:
        return "", 0, ""
    line = code.co_firstlineno
    for start, end, at in code.co_lines():
        if start <= site.offset < end:
            line = at or line
            break
    return code.co_filename, line, _INLINED.sub("", code.co_qualname)
