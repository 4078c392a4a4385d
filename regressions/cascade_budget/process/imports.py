"""Makes a process import one side's code, and tells which files are code under test.

Paths are text here: both sides of each round ask for a thousand files and folders while they start,
and with `Path` that was half of what starting a side took.
"""

# ruff: noqa: PTH100, PTH109, PTH113, PTH114, PTH118, PTH119, PTH120
from __future__ import annotations

import importlib.util
import os
import sys
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import DistributionFinder, MetadataPathFinder
from pathlib import Path
from typing import TYPE_CHECKING, final

import cascade_budget

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from importlib.metadata import PathDistribution
    from types import ModuleType

    from cascade_budget.process.job import Imports


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
                and not _is_environment(place)
            )
        return self._inside[place]


def _plain(path: str) -> str:
    """A path as it is compared: on some systems case makes no difference."""
    return os.path.normcase(os.path.normpath(path))


def _is_environment(place: str) -> bool:
    """Whether other people's packages are installed in a folder: an environment, of any kind."""
    return (
        os.path.isfile(os.path.join(place, "pyvenv.cfg"))
        or os.path.basename(place) == "site-packages"
        or place == _PREFIX
    )


_PREFIX = _plain(os.path.realpath(sys.prefix))
_PACKAGE = Path(cascade_budget.__file__).resolve().parent

#: The gate is the same on both sides, also where a project tests this package with itself.
_OWN = frozenset({_plain(str(_PACKAGE)), _plain(str(_PACKAGE.parent))})
_INSIDE_OWN = os.path.join(_plain(str(_PACKAGE)), "")


class PackageFolderFinder(DistributionFinder):
    """Finds the named packages in one folder, whatever else offers them.

    Args:
        folder: Holds installed packages.
        packages: Top-level import names.
        distribution: Whose metadata is in the folder.
    """

    def __init__(self, folder: str, packages: Iterable[str], distribution: str) -> None:
        self._folder = folder
        self._packages = frozenset(packages)
        self._distribution = distribution

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """The package's place in the folder; None for any other name and for submodules."""
        if path is not None or fullname not in self._packages:
            return None
        return PathFinder.find_spec(fullname, [self._folder], target)

    def find_distributions(
        self, context: DistributionFinder.Context | None = None
    ) -> Iterable[PathDistribution]:
        """The distribution's metadata when it is asked for by name."""
        if context is None or context.name != self._distribution:
            return ()
        return MetadataPathFinder.find_distributions(
            DistributionFinder.Context(name=self._distribution, path=[self._folder])
        )


def redirect_imports(imports: Imports) -> None:
    """Rewrite `sys.path` and the editable finders of this process, and PYTHONPATH for its children.

    Args:
        imports: Where code comes from and where it must not come from.
    """
    origins = CodeFolders(imports.origins)
    # A copy may lie in what it is a copy of.
    here = CodeFolders([os.getcwd()])

    def stays(entry: str) -> bool:
        return not origins.hold(entry) or here.hold(entry)

    kept = [entry for entry in sys.path if stays(entry)]
    sys.path[:] = [*imports.roots, *kept]
    inherited = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [
            *imports.roots,
            *(entry for entry in inherited.split(os.pathsep) if entry and stays(entry)),
        ]
    )
    for finder in sys.meta_path:
        for mapping in _editable_mappings(finder):
            for name in [name for name, place in mapping.items() if not stays(str(place))]:
                del mapping[name]
    if imports.package_folder:
        finder = PackageFolderFinder(imports.package_folder, imports.packages, imports.distribution)
        sys.meta_path.insert(0, finder)
        # What the release needs beside itself and the environment lacks.
        sys.path.append(imports.package_folder)
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name.partition(".")[0] in imports.forgotten or (
            isinstance(file, str) and not stays(file)
        ):
            del sys.modules[name]
    sys.path_importer_cache.clear()


def is_redirected(module: str, imports: Imports) -> bool:
    """Whether a module comes from somewhere else on this side than the environment says."""
    top = module.partition(".")[0]
    if top in imports.packages:
        return True
    if top in sys.modules:
        return False
    spec = importlib.util.find_spec(top)
    places = [spec.origin, *(spec.submodule_search_locations or ())] if spec else []
    origins = CodeFolders(imports.origins)
    return any(origins.hold(place) for place in places if place)


def imported_files(folders: Iterable[str]) -> list[str]:
    """Files of the modules imported so far that lie in one of the folders, sorted."""
    places = CodeFolders(folders)
    files = {
        str(file)
        for module in list(sys.modules.values())
        if isinstance(file := getattr(module, "__file__", None), str)
    }
    return sorted(file for file in files if places.hold(file))


def _editable_mappings(finder: object) -> list[dict[str, object]]:
    """The tables from name to place of setuptools' and of hatchling's editable finders."""
    module = sys.modules.get(getattr(finder, "__module__", ""))
    found = [getattr(module, "MAPPING", None), getattr(finder, "_redirections", None)]
    return [table for table in found if isinstance(table, dict)]
