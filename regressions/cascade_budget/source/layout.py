"""Where a project keeps its tests and its code: what pytest and this environment say about it."""

from __future__ import annotations

import configparser
import os
import shlex
import sys
import tomllib
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import cascade_budget

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

PYTEST_FILES: Final = (
    "pytest.toml",
    ".pytest.toml",
    "pytest.ini",
    ".pytest.ini",
    "pyproject.toml",
    "tox.ini",
    "setup.cfg",
)
"""Where pytest looks for its settings, in its order."""

_ALWAYS_TESTS: Final = "tests"
_DEFAULT_PYTHON_FILES: Final = ("test_*.py", "*_test.py")
USUAL_ROOTS: Final = ("src", "lib", "")
"""Folders that projects import from, relative to their top."""
_OWN_ROOT: Final = Path(cascade_budget.__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class TestFiles:
    """Tells the files that belong to a project's tests from those under test.

    Attributes:
        python_files: Patterns of test modules.
        folders: Folders, relative with `/`, in which everything belongs to the tests.
    """

    __test__ = False

    python_files: tuple[str, ...]
    folders: tuple[str, ...]

    def covers(self, path: str) -> bool:
        """Whether a file, relative with `/`, belongs to the tests."""
        parts = PurePosixPath(path).parts
        return (
            self.is_test_module(path)
            or (len(parts) == 1 and parts[0] in PYTEST_FILES)
            or _ALWAYS_TESTS in parts[:-1]
            or (len(parts) > 1 and parts[0] == "test")
            or any(path.startswith(f"{folder}/") for folder in self.folders)
        )

    def is_test_module(self, path: str) -> bool:
        """Whether pytest would collect tests or fixtures from a file."""
        name = PurePosixPath(path).name
        return name == "conftest.py" or any(
            fnmatch(path if "/" in pattern else name, pattern) for pattern in self.python_files
        )


def find_test_files(tree: Path, paths: Collection[str], roots: Iterable[str]) -> TestFiles:
    """What belongs to the tests of a tree.

    Beside the test modules themselves these are: what lies in a folder called `tests`, in one of
    the `testpaths`, or beside a test module in a folder that is no package and that nothing is
    imported from, where tests keep what they share.

    Args:
        tree: The project's top folder.
        paths: Its files, relative with `/`.
        roots: Folders that its code is imported from, relative with `/`; "" is the top.
    """
    python_files, test_paths = _pytest_settings(tree)
    importing = {*roots, *USUAL_ROOTS}
    rule = TestFiles(python_files=python_files, folders=())
    packages = {str(PurePosixPath(path).parent) for path in paths if path.endswith("/__init__.py")}
    beside = {
        str(PurePosixPath(path).parent) for path in paths if rule.is_test_module(path)
    } - packages
    chosen = {folder.strip("/") for folder in test_paths} | beside
    return replace(rule, folders=tuple(sorted(chosen - importing - {"."})))


def import_roots(*places: Path) -> tuple[str, ...]:
    """Folders in a project that this environment imports from, relative with `/`.

    They are found in `sys.path` (PYTHONPATH, `.pth` files of editable installs) and in the mappings
    of setuptools' editable finders. The folder that this package itself runs from is never one: the
    timer that measures two revisions is the same on both.

    Args:
        places: The project's top folder, by each path that it is known under.
    """
    entries = [Path(entry) for entry in sys.path if entry]
    for finder in sys.meta_path:
        mapping = getattr(sys.modules.get(getattr(finder, "__module__", "")), "MAPPING", None)
        if isinstance(mapping, dict):
            entries += [
                Path(target).parent for name, target in mapping.items() if Path(target).stem == name
            ]
    tops = [place.resolve() for place in places]
    found = dict.fromkeys(
        root.relative_to(top).as_posix().removeprefix(".")
        for root in map(Path.resolve, entries)
        for top in tops
        if root != _OWN_ROOT and root.is_relative_to(top) and not is_environment(root, below=top)
    )
    return tuple(found)


def roots_in(
    tree: Path, roots: Sequence[str], packages: Mapping[str, Collection[str]]
) -> list[str]:
    """The folders of a tree that stand for a project's import roots.

    A project that has moved its packages, to `src` for example, has them elsewhere in its past.

    Args:
        tree: The top folder of one revision.
        roots: Import roots of the project as it is installed.
        packages: What each root holds there: names that can be imported.
    """

    def counterpart(root: str) -> str:
        names = packages.get(root, ())
        places = (root, *USUAL_ROOTS)
        return next((one for one in places if not importable(tree / one).isdisjoint(names)), root)

    return list(dict.fromkeys(map(counterpart, roots)))


def importable(root: Path) -> frozenset[str]:
    """Names of the packages and modules in a folder; none where it is not there.

    A package counts by its `__init__.py`: folders of data would be namespace packages all.
    """
    if not root.is_dir():
        return frozenset()
    return frozenset(
        entry.stem if entry.suffix == ".py" else entry.name
        for entry in root.iterdir()
        if (entry.suffix == ".py" and entry.stem != "setup") or (entry / "__init__.py").is_file()
    )


def importable_names(project: Path, roots: Iterable[Path]) -> tuple[str, ...]:
    """Names that can be imported from a project's roots and from the usual folders, sorted.

    The usual ones too: what lies there and is imported from elsewhere is an installed copy.
    """
    folders = {*roots, *(project / usual for usual in USUAL_ROOTS)}
    return tuple(
        sorted({name for root in folders for name in importable(root) if name.isidentifier()})
    )


def is_environment(path: Path, *, below: Path) -> bool:
    """Whether a path lies in a virtual environment, or is one, inside another folder."""
    return any(
        (parent / "pyvenv.cfg").is_file()
        for parent in (path, *path.parents)
        if parent.is_relative_to(below)
    )


def _pytest_settings(tree: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The patterns of test modules and the folders of tests that pytest is told."""
    sections = (_section(tree / name) for name in PYTEST_FILES if (tree / name).is_file())
    section = next((found for found in sections if found is not None), {})
    return (
        _words(section.get("python_files")) or _DEFAULT_PYTHON_FILES,
        _words(section.get("testpaths")),
    )


def _section(file: Path) -> Mapping[str, Any] | None:
    # A file that does not parse is pytest's to complain about, with its own words.
    text = file.read_text(encoding="utf-8", errors="replace")
    if file.suffix == ".toml":
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            return None
        if file.name != "pyproject.toml":
            found = document.get("pytest", {})
        else:
            tool = document.get("tool", {}).get("pytest")
            found = None if tool is None else tool.get("ini_options", tool)
        return found if isinstance(found, dict) else None
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    section = "tool:pytest" if file.name == "setup.cfg" else "pytest"
    return dict(parser[section]) if section in parser else None


def _words(value: Any) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(str(word) for word in value)
    return tuple(shlex.split(value, posix=os.name == "posix")) if isinstance(value, str) else ()
