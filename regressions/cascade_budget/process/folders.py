# ruff: noqa: PTH100, PTH113, PTH114, PTH118, PTH120
"""Which files are code under test.

Paths are text here: both sides of each round ask for a thousand files and folders while they start,
and with `Path` that was half of what starting a side took.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, final

import cascade_budget

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["CodeFolders"]


@final
class CodeFolders:
    """Folders of code under test, without the environments that lie inside them.

    What is found of a folder is remembered: a process asks for each of its modules, and most of
    them share a few folders.

    Args:
        folders: Absolute, or relative to the working directory.
    """

    def __init__(self, folders: Iterable[str]) -> None:
        self._roots = {_plain(os.path.realpath(folder)) for folder in folders}
        self._resolved: dict[str, str] = {}
        self._inside: dict[str, bool] = {}

    def hold(self, path: str) -> bool:
        """Whether a file or folder is one of theirs."""
        folder, name = os.path.split(os.path.abspath(path))
        if folder not in self._resolved:
            self._resolved[folder] = os.path.realpath(folder)
        place = os.path.join(self._resolved[folder], name)
        if os.path.islink(place):
            place = os.path.realpath(place)
        place = _plain(place)
        if place in _OWN or place.startswith(_INSIDE_OWN):
            return False
        return self._is_inside(place)

    def _is_inside(self, place: str) -> bool:
        if place not in self._inside:
            self._inside[place] = place in self._roots or (
                any(place.startswith(os.path.join(root, "")) for root in self._roots)
                and self._is_inside(os.path.dirname(place))
                and not os.path.isfile(os.path.join(place, "pyvenv.cfg"))
            )
        return self._inside[place]


def _plain(path: str) -> str:
    """A path as it is compared: on some systems case makes no difference."""
    return os.path.normcase(os.path.normpath(path))


_PACKAGE = Path(cascade_budget.__file__).resolve().parent

#: The gauge is the same on both sides, also where a project tests this package with itself.
_OWN = frozenset({_plain(str(_PACKAGE)), _plain(str(_PACKAGE.parent))})
_INSIDE_OWN = os.path.join(_plain(str(_PACKAGE)), "")
