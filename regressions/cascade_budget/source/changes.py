"""What changed since base: the texts of both sides are compared, whatever git's settings are."""

from __future__ import annotations

import difflib
import functools
import subprocess
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final, final

from cascade_budget.model.profiles import ChangedFunction, function_times
from cascade_budget.source.definitions import constants, definitions
from cascade_budget.source.files import read_text
from cascade_budget.source.repository import Repository, RevisionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from cascade_budget.model.findings import Site, TargetFinding
    from cascade_budget.model.profiles import CodeFrame, ProfileSession

_WITHOUT_BASE: Final = "HEAD"
"""With no base to compare with, what is not committed yet is what changed."""

LEAST_SHARE: Final = 0.005
"""Share of the time below which a function is no suspect of a slowdown that was found."""


@final
class FileChanges:
    """How one file differs from base's.

    Args:
        was: Its path on base.
        base: Its text there; empty where it is new.
        head: Its text on head.
    """

    def __init__(self, was: str, base: str, head: str) -> None:
        self.was = was
        self.kept = align(base, head)
        self._base, self._head = definitions(base), definitions(head)
        self._texts = base, head

    @functools.cached_property
    def changed_functions(self) -> dict[str, int]:
        """Functions that base has not as they are, by qualified name: their first changed line.

        Comments, docstrings and the layout of lines change nothing, and no more does a new name.
        """
        known = {one.fingerprint for one in self._base.values()}
        found = {}
        for name, function in self._head.items():
            was = self._base.get(name)
            same = known if was is None else {was.fingerprint}
            if function.fingerprint and function.fingerprint not in same:
                found[name] = self._first(function.lines)
        return found

    def around(self, line: int) -> int | None:
        """The first changed line of the innermost function around a line; None where it is as was.

        Outside of functions that is the line alone.
        """
        name = self.function_around(line)
        if name is not None:
            return self.changed_functions.get(name)
        return None if line in self.kept else line

    def function_around(self, line: int) -> str | None:
        """The innermost function around a line."""
        around = {
            name: len(one.lines)
            for name, one in self._head.items()
            if one.fingerprint and line in one.lines
        }
        return min(around, key=around.__getitem__, default=None)

    def changed_constant_read_by(self, function: str) -> tuple[int, str] | None:
        """The changed line and the name of a constant of the module that a function reads."""
        reads = self._head[function].reads
        return next(
            ((line, name) for name, line in self._changed_constants.items() if name in reads), None
        )

    @functools.cached_property
    def _changed_constants(self) -> dict[str, int]:
        base, head = map(constants, self._texts)
        return {
            name: self._first(lines)
            for name, (value, lines) in head.items()
            if name not in base or base[name][0] != value
        }

    def _first(self, lines: range) -> int:
        """The first of some lines that base has not, or before which base's are gone."""
        before = None
        for line in lines:
            was = self.kept.get(line)
            if was is None or (before is not None and was != before + 1):
                return line
            before = was
        return lines.start


@final
class Changes:
    """What changed between two sides, read and compared a file at a time when it is asked for.

    Args:
        since: What to call base.
        texts: By a file's path on head: its path on base, its text there (empty where base has no
            such file) and on head; None for a file that is the same on both sides or on neither.
    """

    def __init__(self, since: str, texts: Callable[[str], tuple[str, str, str] | None]) -> None:
        self._since = since
        self._texts = texts
        self._files: dict[str, FileChanges | None] = {}

    def of(self, path: str) -> FileChanges | None:
        """How a file differs; None where it does not."""
        if path not in self._files:
            texts = self._texts(path) if path else None
            same = texts is None or (texts[0] == path and texts[1] == texts[2])
            self._files[path] = None if texts is None or same else FileChanges(*texts)
        return self._files[path]

    def came_from(self, path: str, line: int) -> tuple[str, int | None]:
        """Where a line of head stands on base: the file, and the line, None where it is new."""
        file = self.of(path)
        return (path, line) if file is None else (file.was, file.kept.get(line))

    def mark(self, findings: Sequence[TargetFinding]) -> tuple[TargetFinding, ...]:
        """The findings, each call site with the revision since which its function was changed.

        The line that calls need not be the one that changed: a condition around it will do.
        """
        return tuple(
            replace(finding, sites=tuple(map(self._marked, finding.sites))) for finding in findings
        )

    def suspects(self, sessions: Sequence[ProfileSession]) -> tuple[ChangedFunction, ...]:
        """The project's functions in profiles that were changed, those with most time first.

        A function counts as changed, too, when it reads a constant of its module that was: a
        constant that is a loop's length slows the loop and not the module.

        Args:
            sessions: Of head.
        """
        shares = _shares(sessions)
        frames = {frame.function: frame for one in sessions for frame in one.frames if frame.own}
        found = [
            ChangedFunction(
                function=name,
                path=frame.path,
                line=line,
                read=read,
                share=shares[name],
                since=self._since,
            )
            for name, frame in frames.items()
            if shares.get(name, 0.0) >= LEAST_SHARE
            for line, read in self._changed(frame)
        ]
        return tuple(sorted(found, key=lambda one: (-one.share, one.path, one.line)))

    def _marked(self, site: Site) -> Site:
        file = self.of(site.path)
        if file is None or file.around(site.line) is None:
            return site
        return replace(site, changed_since=self._since)

    def _changed(self, frame: CodeFrame) -> Iterator[tuple[int, str]]:
        """The line that changed, and the constant bound there that the function reads."""
        file = self.of(frame.path)
        name = None if file is None else file.function_around(frame.line)
        if file is None or name is None:
            return
        constant = file.changed_constant_read_by(name)
        if name in file.changed_functions:
            yield file.changed_functions[name], ""
        elif constant is not None:
            yield constant


def changes_since(root: Path, base: str | None) -> Changes:
    """What the working tree has changed since a revision; git is asked at the first question.

    Untracked files are new; files that were moved are followed. What is no revision of a checkout
    around `root` has no changes.

    Args:
        root: The project's root, to which paths are relative.
        base: The revision; HEAD where there is none.
    """
    revision = base or _WITHOUT_BASE

    @functools.cache
    def changed() -> tuple[Repository, str, Mapping[Path, str]] | None:
        try:
            repository = Repository.at(root)
            sha = repository.commit(revision).sha
            files = repository.changed_files(sha)
        except (RevisionError, subprocess.CalledProcessError):
            return None
        return repository, sha, {repository.root / now: was for now, was in files.items()}

    def texts(path: str) -> tuple[str, str, str] | None:
        asked = changed()
        file = (root / path).resolve()
        if asked is None or file not in asked[2]:
            return None
        repository, sha, files = asked
        try:
            was = repository.text(sha, files[file]) if files[file] else ""
            return path, was, read_text(file)
        except (OSError, subprocess.CalledProcessError):
            return None

    return Changes(revision, texts)


def align(base: str, head: str) -> Mapping[int, int]:
    """Lines of head that base has too, as head line -> base line, both counted from 1.

    A line of head that is missing here was changed or added since base. Lines end as Python's do,
    and how they end makes no difference.

    Source: Ratcliff and Metzener, "Pattern Matching: The Gestalt Approach", Dr. Dobb's Journal,
    July 1988, as in `difflib`; equal ends are cut off first, because edits are small and the
    algorithm is quadratic.
    """
    base_lines, head_lines = _lines(base), _lines(head)
    shorter = min(len(base_lines), len(head_lines))
    start = 0
    while start < shorter and base_lines[start] == head_lines[start]:
        start += 1
    end = 0
    while end < shorter - start and base_lines[-1 - end] == head_lines[-1 - end]:
        end += 1
    kept = {line: line for line in range(1, start + 1)}
    between = base_lines[start : len(base_lines) - end], head_lines[start : len(head_lines) - end]
    matcher = difflib.SequenceMatcher(None, *between, autojunk=False)
    for block in matcher.get_matching_blocks():
        for offset in range(block.size):
            kept[start + block.b + offset + 1] = start + block.a + offset + 1
    for back in range(end):
        kept[len(head_lines) - back] = len(base_lines) - back
    return kept


def _lines(text: str) -> list[str]:
    # Not `splitlines`: a form feed ends no line for Python, whose numbers these are.
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]


def _shares(sessions: Sequence[ProfileSession]) -> Mapping[str, float]:
    """Share of the time that a function takes, with the foreign code that it calls."""
    spent: defaultdict[str, float] = defaultdict(float)
    for session in sessions:
        for key, ns in function_times(session).items():
            spent[key.caller or key.function] += ns
    total = sum(spent.values()) or 1.0
    return {name: ns / total for name, ns in spent.items()}
