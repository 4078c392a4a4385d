"""Commits of the repository around a folder: read with `git`, never written to.

A revision's files are exported through a temporary index. Unlike `git worktree add`, that leaves no
entry in `.git/worktrees` to prune after an interruption, runs no hooks and needs no free branch;
unlike `git archive`, it does not drop what `.gitattributes` marks as `export-ignore`, which is
often the tests.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cascade_budget.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# Set by git around its hooks; they would point every command below at another index or folder.
_HOOK_VARIABLES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR")
_GITLINK = "160000"
_FORMAT = "%H%x00%h%x00%an <%ae>%x00%aI%x00%s"


class RevisionError(UsageError):
    """A revision, or the repository that should hold it, is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One commit, as people need it to recognise it.

    Attributes:
        sha: The full object name.
        short: Its abbreviation, unique in this repository.
        author: Name and address, as `git log` prints them.
        date: The author's date, ISO 8601 with its offset.
        subject: The first line of the message.
    """

    sha: str
    short: str
    author: str
    date: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A git checkout.

    Attributes:
        root: Its top folder, resolved.
    """

    root: Path

    @classmethod
    def at(cls, folder: Path) -> Repository:
        """The repository around a folder.

        Raises:
            RevisionError: There is no git on the PATH, or it knows no repository here or refuses
                to read it.
        """
        try:
            root = _git(folder, "rev-parse", "--show-toplevel").strip()
        except subprocess.CalledProcessError as failed:
            raise _refusal(failed, folder) from None
        return cls(root=Path(root).resolve())

    def commit(self, revision: str) -> Commit:
        """The commit that a revision names.

        Raises:
            RevisionError: The name resolves to no commit; the message tells a shallow clone and
                gives the nearest branch or tag.
        """
        named = self._sha(revision)
        if named is None:
            raise self._unknown(revision)
        shown = self.read("show", "--no-patch", "--no-show-signature", f"--format={_FORMAT}", named)
        sha, short, author, date, subject = shown.rstrip("\n").split("\0")
        return Commit(sha=sha, short=short, author=author, date=date, subject=subject)

    def has(self, revision: str) -> bool:
        """Whether a revision names a commit here."""
        return self._sha(revision) is not None

    def merge_base(self, one: str, other: str) -> Commit:
        """The commit from which two revisions parted.

        Raises:
            RevisionError: A revision is unknown, or they share no history (in a shallow clone: none
                that was fetched).
        """
        shas = self.commit(one).sha, self.commit(other).sha
        try:
            return self.commit(self.read("merge-base", *shas).strip())
        except subprocess.CalledProcessError:
            raise RevisionError(
                f"{one} and {other} share no commit",
                place=str(self.root),
                remedy=self._deepen() or "Name the base commit itself",
            ) from None

    def changes(self) -> tuple[str, ...]:
        """Paths in the working tree that differ from HEAD, untracked ones included."""
        options = "--porcelain=v1", "--no-renames", "--untracked-files=normal"
        return tuple(entry[3:] for entry in self._entries("status", *options))

    def export(self, commit: Commit, into: Path) -> None:
        """Write a commit's files, submodules included, to a folder.

        Args:
            commit: What to write.
            into: A folder; made when it is not there.

        Raises:
            RevisionError: An object is missing (a partial clone whose remote is gone).
            OSError: The folder cannot be written.
        """
        into.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=into.parent) as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            prefix = f"--prefix={into.resolve()}{os.sep}"
            try:
                self.read("read-tree", commit.sha, **index)
                self.read("checkout-index", "--all", "--force", prefix, **index)
            except subprocess.CalledProcessError as failed:
                raise RevisionError(
                    f"{commit.short} cannot be read in full{_reason(failed)}",
                    place=str(self.root),
                    remedy="Fetch its objects: git fetch --refetch, or clone without --filter",
                ) from None
        for path, sha in self._submodules(commit):
            checkout = self.root / path
            if (checkout / ".git").exists():
                inner = Repository.at(checkout)
                if inner.has(sha):
                    inner.export(inner.commit(sha), into / path)

    def copy_checkout(self, into: Path) -> None:
        """Copy the working tree as it is: tracked and untracked files, without the ignored ones.

        Raises:
            OSError: A file cannot be read, or the folder cannot be written.
        """
        into.mkdir(parents=True, exist_ok=True)
        listed = self._entries("ls-files", "--cached", "--others", "--exclude-standard")
        copy_files(self.root, into, sorted(set(listed)))

    def changed_files(self, sha: str) -> dict[str, str]:
        """Files of the working tree that differ from a commit: path here -> path there.

        A file that was moved keeps its old path, a new or untracked one has an empty path there.
        Plumbing commands, which no setting of the user's changes.

        Raises:
            subprocess.CalledProcessError: Git cannot read the commit or the working tree.
        """
        with tempfile.TemporaryDirectory() as folder:
            # Git looks for moved files among those that it knows: in this index it knows all.
            index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            kept = self.root / self.read("rev-parse", "--git-path", "index").strip()
            if kept.is_file():
                # With its time: git tells by it which files may have changed in the same moment.
                shutil.copy2(kept, index["GIT_INDEX_FILE"])
            with contextlib.suppress(subprocess.CalledProcessError):  # some file is unreadable
                self.read("add", "--intent-to-add", "--ignore-errors", "--", ".", **index)
            fields = iter(self._entries("diff-index", "-M", "--name-status", sha, **index))
        found = {}
        for status in fields:
            path = next(fields)
            if status.startswith("R"):
                found[next(fields)] = path
            elif status != "D":
                found[path] = "" if status == "A" else path
        return found

    def text(self, sha: str, path: str) -> str:
        """The text of a file in a commit; what is no UTF-8 in it is replaced.

        Raises:
            subprocess.CalledProcessError: There is no such file.
        """
        raw = self.read("cat-file", "blob", f"{sha}:{path}").encode("utf-8", "surrogateescape")
        return raw.decode("utf-8-sig", "replace")

    def ignored(self) -> tuple[str, ...]:
        """Files that git ignores here, folders that are ignored as a whole not entered."""
        options = "--others", "--ignored", "--exclude-standard", "--directory"
        listed = self._entries("ls-files", *options)
        return tuple(path for path in listed if not path.endswith("/"))

    def halves(self, bad: str, goods: Sequence[str]) -> tuple[str, ...]:
        """Commits in `bad` and in none of `goods`, those that halve them best first.

        Of two that halve them alike the later one comes first: once it is good, fewer are left.

        Args:
            bad: A commit's full name; it comes last.
            goods: Full names of commits.

        Source: `git rev-list --bisect-all`: the commit with the most ancestors or the most others
            in the set, whichever is less.
        """
        without = [f"^{good}" for good in goods]
        order = self.read("rev-list", "--topo-order", "--reverse", bad, *without).split()
        place = {sha: index for index, sha in enumerate(order)}
        ranked = self.read("rev-list", "--bisect-all", bad, *without)
        distances = {
            sha: int(distance)
            for sha, distance in re.findall(r"^(\w+) .*\bdist=(\d+)", ranked, re.MULTILINE)
        }
        return tuple(
            sorted(order, key=lambda sha: (sha == bad, -distances.get(sha, 0), -place[sha]))
        )

    def parents(self, sha: str) -> tuple[str, ...]:
        """Full names of a commit's parents."""
        return tuple(self.read("rev-list", "--parents", "--max-count=1", sha).split()[1:])

    def contains(self, descendant: Commit, ancestor: Commit) -> bool:
        """Whether one commit is in the history of another."""
        try:
            self.read("merge-base", "--is-ancestor", ancestor.sha, descendant.sha)
        except subprocess.CalledProcessError:
            return False
        return True

    def read(self, *arguments: str, **environment: str) -> str:
        """What a git command prints.

        Raises:
            RevisionError: There is no git on the PATH.
            subprocess.CalledProcessError: The command failed; its `stderr` says why.
        """
        return _git(self.root, *arguments, **environment)

    def _entries(self, command: str, *arguments: str, **environment: str) -> list[str]:
        """What a git command lists, where a path may hold any character but NUL."""
        listed = self.read(command, "-z", *arguments, **environment)
        return [entry for entry in listed.split("\0") if entry]

    def _sha(self, revision: str) -> str | None:
        refuse_empty(revision)
        name = f"{revision}^{{commit}}"
        try:
            return self.read("rev-parse", "--verify", "--quiet", "--end-of-options", name).strip()
        except subprocess.CalledProcessError:
            return None

    def _submodules(self, commit: Commit) -> list[tuple[str, str]]:
        found = []
        for entry in self._entries("ls-tree", "-r", commit.sha):
            described, _, path = entry.partition("\t")
            if described.startswith(_GITLINK):
                found.append((path, described.split()[2]))
        return found

    def _unknown(self, revision: str) -> RevisionError:
        deepen = self._deepen()
        names = self.read("for-each-ref", "--format=%(refname:short)").split()
        nearest = [f"Did you mean {one}?" for one in difflib.get_close_matches(revision, names, 1)]
        listing = "List the names with git branch --all and git tag"
        return RevisionError(
            f"there is no revision {revision!r}"
            + (": this clone is shallow, its history was cut off" if deepen else ""),
            place=str(self.root),
            remedy=deepen or next(iter(nearest), listing),
        )

    def _deepen(self) -> str:
        """What to do about history that was cut off in cloning; nothing where it is whole."""
        if self.read("rev-parse", "--is-shallow-repository").strip() != "true":
            return ""
        return (
            "Run git fetch --unshallow --tags (in GitHub Actions, fetch-depth: 0 for the checkout)"
        )


def refuse_empty(revision: str) -> None:
    """Raise UsageError for no revision at all: no folder, and no working tree, is meant by it."""
    if not revision.strip():
        raise UsageError(
            "a revision is empty", remedy="Name one: perhaps a variable in the command is not set"
        )


def copy_files(source: Path, into: Path, paths: Iterable[str]) -> None:
    """Copy files by their paths relative to a folder; links stay links, the missing are skipped.

    Raises:
        RevisionError: A file would be written through a link.
        OSError: A file cannot be read or written.
    """
    for path in paths:
        origin, target = source / path, into / path
        for parent in Path(path).parents[:-1]:
            if (into / parent).is_symlink():
                raise RevisionError(
                    f"{parent.as_posix()} is a symbolic link on one side and a folder on the other",
                    place=path,
                    remedy="Compare revisions that agree on it: a copy is not written through a "
                    "link",
                )
        if origin.is_dir() and not origin.is_symlink():
            if (origin / ".git").exists():
                Repository.at(origin).copy_checkout(target)
        elif os.path.lexists(origin):
            target.parent.mkdir(parents=True, exist_ok=True)
            if os.path.lexists(target):
                target.unlink()
            shutil.copy2(origin, target, follow_symlinks=False)


def _git(folder: Path, *arguments: str, **environment: str) -> str:
    inherited = {key: value for key, value in os.environ.items() if key not in _HOOK_VARIABLES}
    try:
        finished = subprocess.run(  # noqa: S603  the command is git, the arguments no shell reads
            ["git", *arguments],  # noqa: S607  whichever git the user's own commands mean
            cwd=folder,
            env={
                **inherited,
                "LC_ALL": "C",
                "GIT_OPTIONAL_LOCKS": "0",
                "GIT_TERMINAL_PROMPT": "0",
                **environment,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
        )
    except FileNotFoundError:
        raise RevisionError(
            "there is no git on the PATH",
            place=str(folder),
            remedy="Install git, or give folders to compare in place of revisions",
        ) from None
    return finished.stdout.decode("utf-8", "surrogateescape")


def _refusal(failed: subprocess.CalledProcessError, folder: Path) -> RevisionError:
    """Why git knows no repository around a folder; in its own words where it refuses one."""
    first, _, rest = failed.stderr.decode("utf-8", "replace").strip().partition("\n")
    fact = "not inside a git repository"
    remedy = "Run inside a clone, or give folders to compare in place of revisions"
    if "not a git repository" not in first:
        fact = f"git says: {first.removeprefix('fatal: ')}"
        remedy = " ".join(rest.split()) or remedy
    return RevisionError(fact, place=str(folder), remedy=remedy)


def _reason(failed: subprocess.CalledProcessError) -> str:
    lines: Sequence[str] = failed.stderr.decode("utf-8", "replace").strip().splitlines()
    return f" ({lines[0]})" if lines else ""
