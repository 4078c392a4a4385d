"""Where the modules of a run come from: the copy that is counted, or somewhere else."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

from cascade_budget.counting.watch import DEFAULT_WATCH

if TYPE_CHECKING:
    from collections.abc import Iterator

_OWN_PACKAGE: Final = "cascade_budget"


@final
class Origins:
    """What of the imported modules is the project's.

    Args:
        project: The copy whose functions are counted.
        others: Folders that the project's code must not be imported from.
        packages: Names that can be imported from the copy.
        tests: The files of the copy that belong to its tests, relative with `/`; empty where it is
            all the same whose code they run against.

    Attributes:
        modules: The copy's modules that are imported: name -> file, relative with `/`.
        watch: Patterns of what is counted; those of `packages` from the start.
    """

    __slots__ = ("_known", "_others", "_packages", "_project", "_tests", "modules", "watch")

    def __init__(
        self,
        *,
        project: Path,
        others: tuple[Path, ...],
        packages: tuple[str, ...],
        tests: frozenset[str],
    ) -> None:
        self._project = project
        self._others = others
        self._packages = packages
        self._tests = tests
        self._known = 0
        self.modules: dict[str, str] = {}
        self.watch: tuple[str, ...] = ()

    def refresh(self) -> None:
        """Look at what has been imported since the last time."""
        # A thousand modules are looked at only when there are others than before.
        if len(sys.modules) == self._known:
            return
        self._known = len(sys.modules)
        for name, path in _files():
            if path.is_relative_to(self._project) and not (_is_own(name) or _is_installed(path)):
                self.modules[name] = path.relative_to(self._project).as_posix()
        tops = {name.partition(".")[0] for name in self.modules} | set(self._packages)
        self.watch = (*DEFAULT_WATCH, *(f"{top}.*" for top in sorted(tops) if not _is_own(top)))

    def astray(self) -> dict[str, str]:
        """Modules that the project was not to be imported from, by name, with their files.

        They lie in one of the folders that were ruled out, or they are an installed copy, and of
        the project's own files none but tests are imported: tests would run against that copy, the
        same one on either side.
        """
        found = {
            name: str(path)
            for name, path in sorted(_files())
            if self.is_astray(path) and not _is_own(name)
        }
        if found or not self._tests:
            return found
        foreign = self.foreign()
        return foreign if self._tests.issuperset(self.modules.values()) else {}

    def foreign(self) -> dict[str, str]:
        """Packages of the project that come from elsewhere, an installed copy: name -> file."""
        self.refresh()
        found: dict[str, str] = {}
        for name in self._packages:
            file = getattr(sys.modules.get(name), "__file__", None)
            if isinstance(file, str) and not _is_own(name) and name not in self.modules:
                found[name] = file
        return found

    def is_astray(self, path: Path) -> bool:
        """Whether a file or folder is one that the project must not be imported from."""
        return (
            any(path.is_relative_to(other) for other in self._others)
            and not path.is_relative_to(self._project)
            and not _is_installed(path)
        )

    def relative(self, path: str) -> str:
        """A path within the copy with `/`, any other as it is."""
        try:
            return Path(path).relative_to(self._project).as_posix()
        except ValueError:
            return path


def _files() -> Iterator[tuple[str, Path]]:
    for name, module in tuple(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str):
            yield name, Path(file)


def _is_installed(path: Path) -> bool:
    # A virtual environment often lies inside the project.
    return (
        path.is_relative_to(sys.prefix)
        or path.is_relative_to(Path(sys.prefix).resolve())
        or "site-packages" in path.parts
    )


def _is_own(module: str) -> bool:
    return module.partition(".")[0] == _OWN_PACKAGE
