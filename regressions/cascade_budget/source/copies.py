"""Copies of a project at two revisions, so that the same tests can run against either code.

Both sides are copies, also where head is the working tree: neither run can change the checkout, and
the two differ in nothing but the code under test.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cascade_budget.source.files import read_text
from cascade_budget.source.layout import (
    TestFiles,
    find_test_files,
    import_roots,
    importable,
    is_environment,
    roots_in,
)
from cascade_budget.source.repository import (
    Commit,
    Repository,
    RevisionError,
    copy_files,
    refuse_empty,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_PRODUCTS: Final = (".py", ".pyi", ".so", ".pyd")
_NEVER_COPIED: Final = frozenset(
    {".git", ".hg", ".tox", ".nox", "__pycache__", "node_modules", ".mypy_cache", ".pytest_cache"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the files of one side come from.

    Attributes:
        name: What it was called: "main", "the working tree", a folder's path.
        label: The same with what identifies it: "main (3f2a1bc)".
        folder: The checkout or plain folder.
        repository: The repository, None for a plain folder.
        commit: The commit, None where the files are taken as they are.
    """

    name: str
    label: str
    folder: Path
    repository: Repository | None = None
    commit: Commit | None = None

    def write(self, into: Path) -> None:
        """Write all files to a folder.

        Raises:
            RevisionError: The commit cannot be read.
            OSError: The folder cannot be written.
        """
        if self.repository is None:
            into.mkdir(parents=True, exist_ok=True)
            copy_files(self.folder, into, sorted(_walk(self.folder)))
        elif self.commit is None:
            self.repository.copy_checkout(into)
        else:
            self.repository.export(self.commit, into)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """One side, ready to run.

    Attributes:
        source: What it is a copy of.
        folder: The copy's top folder.
        roots: Folders to import from, absolute.
        tests: Tells its tests' files.
        origins: Folders that must not be imported from: the project where it is installed from.
        digest: Of all files that the copy holds.
    """

    source: Source
    folder: Path
    roots: tuple[Path, ...]
    tests: TestFiles
    origins: tuple[Path, ...]
    digest: str

    def test_files(self) -> frozenset[str]:
        """Its Python files that belong to the tests, relative with `/`."""
        return frozenset(
            path for path in _walk(self.folder) if path.endswith(".py") and self.tests.covers(path)
        )

    def text(self, path: str) -> str | None:
        """The text of one of its files, None where there is none."""
        try:
            return read_text(self.folder / path)
        except OSError:
            return None


def find_source(word: str, *, here: Path) -> Source:
    """What a word on the command line stands for: a revision, or else a folder.

    Args:
        word: A revision, or the path of a checkout or of a plain folder.
        here: The folder that the command runs in.

    Raises:
        RevisionError: It is neither.
        UsageError: It is empty.
    """
    refuse_empty(word)
    folder = (here / word).resolve()
    try:
        repository = Repository.at(here)
        commit = repository.commit(word)
    except RevisionError:
        if folder.is_dir():
            return _folder_source(word, folder)
        raise
    return revision_source(repository, commit, word)


def revision_source(repository: Repository, commit: Commit, word: str) -> Source:
    """The files of a commit."""
    label = commit.short if commit.sha.startswith(word) else f"{word} ({commit.short})"
    return Source(
        name=word, label=label, folder=repository.root, repository=repository, commit=commit
    )


def checkout_source(repository: Repository) -> Source:
    """The files of the working tree as they are."""
    changed = len(repository.changes())
    name = label = "the working tree"
    if changed:
        label += f" ({changed} uncommitted {'change' if changed == 1 else 'changes'})"
    return Source(name=name, label=label, folder=repository.root, repository=repository)


def make_tree(source: Source, into: Path, *, tests_of: Tree | None = None) -> Tree:
    """Copy one side's files, with another side's tests where one is given.

    Args:
        source: Where the files come from.
        into: The folder for the copy; must not be there yet.
        tests_of: The side whose tests replace this one's: head's, for a base.

    Raises:
        RevisionError: The commit cannot be read.
        OSError: A file cannot be read or written.
    """
    source.write(into)
    folders = {source.folder} | ({tests_of.source.folder} if tests_of else set())
    roots = import_roots(*folders)
    if tests_of is not None:
        _replace_tests(into, tests_of)
    packages = {root: _packages_at(root, folders) for root in roots}
    _add_products(source if tests_of is None else tests_of.source, into, packages)
    return Tree(
        source=source,
        folder=into,
        roots=tuple(into / root for root in roots_in(into, roots, packages)),
        tests=tests_of.tests
        if tests_of is not None
        else find_test_files(into, list(_walk(into)), roots),
        origins=tuple(sorted(folders)),
        digest=_digest(into),
    )


def _folder_source(word: str, folder: Path) -> Source:
    repository = None
    with contextlib.suppress(RevisionError):
        around = Repository.at(folder)
        repository = around if around.root == folder else None
    return Source(name=word, label=word, folder=folder, repository=repository)


def _walk(folder: Path) -> Iterator[str]:
    for place, names, files in os.walk(folder):
        names[:] = sorted(
            name
            for name in names
            if name not in _NEVER_COPIED and not (Path(place) / name / "pyvenv.cfg").is_file()
        )
        for name in files:
            yield (Path(place) / name).relative_to(folder).as_posix()


def _replace_tests(into: Path, head: Tree) -> None:
    for path in filter(head.tests.covers, list(_walk(into))):
        (into / path).unlink()
    copy_files(head.folder, into, filter(head.tests.covers, _walk(head.folder)))


def _packages_at(root: str, folders: set[Path]) -> frozenset[str]:
    return frozenset(name for folder in folders for name in importable(folder / root))


def _add_products(source: Source, into: Path, packages: dict[str, frozenset[str]]) -> None:
    # A version module written at install time, a compiled extension: git ignores them, and without
    # them the package does not import. An extension is the same on both sides.
    if source.repository is None:
        return
    inside = tuple(
        f"{root}/{name}/".lstrip("/") for root, names in packages.items() for name in names
    )
    copy_files(
        source.folder,
        into,
        [
            path
            for path in source.repository.ignored()
            if path.endswith(_PRODUCTS)
            and path.startswith(inside)
            and (into / path).parent.is_dir()
            and not (into / path).exists()
            and not is_environment(source.folder / path, below=source.folder)
        ],
    )


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(_walk(folder)):
        file = folder / path
        digest.update(path.encode("utf-8", "surrogateescape") + b"\0")
        if file.is_symlink():
            content = b"link " + str(file.readlink()).encode("utf-8", "surrogateescape")
        else:
            content = file.read_bytes()
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()
