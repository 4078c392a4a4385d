"""Which lines of the checkout a change wrote, and who wrote a line: read from `git`."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

from cascade_budget.source.repository import (
    Repository,
    RevisionError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_HUNK: Final = re.compile(r"^@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@")
_ESCAPE: Final = re.compile(rb'\\([0-7]{3}|[abtnvfr"\\])')
_LETTERS: Final = dict(zip(b"abtnvfr", b"\a\b\t\n\v\f\r", strict=True))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedLines:
    """The lines of the working tree that a revision doesn't have.

    Attributes:
        since: the revision, as people call it.
        lines: by path relative to the repository's root, ranges of line numbers from 1; a range
            ends before its stop. An untracked file has no entry here and one in `whole`.
        whole: paths of files that are new as a whole.
        root: the repository's root, resolved.
    """

    since: str
    lines: Mapping[str, tuple[range, ...]]
    whole: frozenset[str]
    root: Path

    def first(self, path: Path, lines: range) -> int | None:
        """The first of some lines that was written since; None where none was.

        Args:
            path: The file, absolute or relative to the repository.
            lines: Of it.
        """
        try:
            inside = (self.root / path).resolve().relative_to(self.root).as_posix()
        except ValueError:
            return None
        if inside in self.whole:
            return next(iter(lines), None)
        written = self.lines.get(inside, ())
        return next((line for line in lines if any(line in each for each in written)), None)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LineAuthor:
    """Who wrote a line last.

    Attributes:
        sha: of the commit, in full.
        author: name and address.
        date: the author's, in seconds since 1970.
        subject: first line of the commit's message.
        line: the line's text, without its end.
    """

    sha: str
    author: str
    date: int
    subject: str
    line: str

    @property
    def is_committed(self) -> bool:
        """Whether the line is in a commit, rather than in the working tree alone."""
        return bool(self.sha.strip("0"))


def changed_lines(repository: Repository, revision: str, *, since: str = "") -> ChangedLines:
    """The lines of the working tree that differ from a revision, committed or not.

    Moved files are followed, so that a rename is no change of every line. Untracked files that git
    does not ignore are new as a whole.

    Args:
        repository: of the checkout.
        revision: what to compare with.
        since: how people call it; the revision by default.

    Raises:
        RevisionError: There is no such revision, or git can't compare with it.
    """
    commit = repository.commit(revision)
    try:
        diff = repository.read(
            "-c",
            "core.quotePath=true",
            "diff",
            "--no-color",
            "--no-ext-diff",
            "--no-textconv",
            "--find-renames",
            "--unified=0",
            "--src-prefix=a/",
            "--dst-prefix=b/",
            commit.sha,
            "--",
        )
        untracked = repository.read("ls-files", "-z", "--others", "--exclude-standard")
    except subprocess.CalledProcessError as failed:
        raise RevisionError(
            f"git can't compare the checkout with {revision}",
            place=str(repository.root),
            remedy=f"git says: {(failed.stderr or '').strip()}",
        ) from None
    return ChangedLines(
        since=since or revision,
        lines=parse_diff(diff),
        whole=frozenset(filter(None, untracked.split("\0"))),
        root=repository.root,
    )


def parse_diff(diff: str) -> dict[str, tuple[range, ...]]:
    """Ranges of new lines by path, from a patch without context lines.

    Source: git's documentation, "Generating patch text with -p" and `core.quotePath`.
    """
    found: dict[str, list[range]] = {}
    for path, hunk in _hunks(diff):
        start, count = int(hunk[1]), int(hunk[2] or "1")
        if count:
            found.setdefault(path, []).append(range(start, start + count))
    return {path: tuple(ranges) for path, ranges in found.items()}


def line_author(repository: Repository, path: str, line: int) -> LineAuthor:
    """Who wrote a line of the working tree last.

    Args:
        repository: of the checkout.
        path: relative to the repository's root.
        line: from 1.

    Raises:
        RevisionError: The file is not tracked, or has no such line.
    """
    try:
        told = repository.read("blame", "--line-porcelain", "-L", f"{line},{line}", "--", path)
    except subprocess.CalledProcessError as failed:
        raise RevisionError(
            f"git can't say who wrote line {line} of {path}",
            place=str(repository.root),
            remedy=f"git says: {(failed.stderr or '').strip()}",
        ) from None
    first, *rest = told.split("\n")
    fields = dict(each.partition(" ")[::2] for each in rest if not each.startswith("\t"))
    return LineAuthor(
        sha=first.partition(" ")[0],
        author=f"{fields['author']} {fields['author-mail']}",
        date=int(fields["author-time"]),
        subject=fields["summary"],
        line=next(each[1:] for each in rest if each.startswith("\t")),
    )


def _hunks(diff: str) -> Iterator[tuple[str, re.Match[str]]]:
    """Every hunk with the path it changes.

    Lines of content are skipped by their number, because they may look like anything.
    """
    path = ""
    content = 0
    for line in diff.split("\n"):
        if content and line[:1] in ("+", "-", "\\"):
            content -= line[:1] != "\\"
            continue
        content = 0
        if line.startswith("+++ "):
            path = _path(line[4:])
            continue
        hunk = _HUNK.match(line)
        if hunk:
            removed = re.match(r"^@@ -\d+(?:,(\d+))?", line)
            assert removed is not None
            content = int(removed[1] or "1") + int(hunk[2] or "1")
            if path:
                yield path, hunk


def _path(told: str) -> str:
    """The path behind `+++ `: quoted as in C where it holds what is unusual, prefixed with `b/`."""
    told = told.removesuffix("\t")
    if told.startswith('"'):
        raw = _ESCAPE.sub(_unescape, told[1:-1].encode())
        told = raw.decode(errors="surrogateescape")
    return told[2:] if told.startswith("b/") else ""


def _unescape(match: re.Match[bytes]) -> bytes:
    code = match[1]
    if len(code) > 1:
        return bytes([int(code, 8)])
    return bytes([_LETTERS.get(code[0], code[0])])
