"""The code as it was when the ledger took a workload's counts, by git: what existed, uncalled."""

from __future__ import annotations

import functools
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

from cascade_budget.judge.calls import Past
from cascade_budget.ledger import quoted
from cascade_budget.source.definitions import Definition, defines, definitions, renamed
from cascade_budget.source.files import read_text
from cascade_budget.source.repository import Repository, RevisionError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from collections.abc import Set as AbstractSet

_COMMIT: Final = re.compile(r"[0-9a-f]{40,64}(?= \d)")


@final
class RecordedCode:
    """Texts of the commit in which the lines of a ledger's entry were last changed.

    What was called then is in the entry. So a function that stands in those texts and is not in the
    entry was there and never called. Lines that are not committed were written at HEAD or later.
    A shallow clone does not know its commits, and tells nothing.

    Args:
        ledger: the ledger's path.
    """

    def __init__(self, ledger: Path) -> None:
        self._ledger = ledger
        self._commit_of = functools.cache(self._find_commit)
        self._definitions = functools.cache(self._find_definitions)

    def past(self, key: str, fresh: AbstractSet[str], gone: Collection[str]) -> Past:
        """What is known of functions that are called now or were called then.

        Args:
            key: of the entry.
            fresh: functions that are called and not in the entry.
            gone: functions in the entry that are no longer called.
        """
        commit = self._commit_of(key) if fresh else ""
        if not commit:
            return Past()
        existed = {name for name in fresh if defines(*self._named(commit, name))}
        return Past(
            existed=frozenset(existed),
            renamed=renamed(
                self._fingerprints("", fresh - existed),
                self._fingerprints(
                    commit, [name for name in gone if not defines(*self._named("", name))]
                ),
            ),
        )

    def _fingerprints(self, commit: str, functions: Collection[str]) -> dict[str, str]:
        found = {}
        for name in functions:
            held, qualname = self._named(commit, name)
            if qualname in held:
                found[name] = held[qualname].fingerprint
        return found

    def _named(self, commit: str, name: str) -> tuple[Mapping[str, Definition], str]:
        """What the module of a function defined in a commit, now where it is empty."""
        module, _, qualname = name.partition(":")
        file = getattr(sys.modules.get(module), "__file__", None)
        return (self._definitions(commit, file) if file else {}), qualname

    def _find_definitions(self, commit: str, file: str) -> Mapping[str, Definition]:
        try:
            path = Path(file).resolve()
            if not commit:
                return definitions(read_text(path))
            repository = Repository.at(self._ledger.parent)
            return definitions(
                repository.text(commit, path.relative_to(repository.root).as_posix())
            )
        except (OSError, ValueError, subprocess.CalledProcessError):
            return {}

    def _find_commit(self, key: str) -> str:
        try:
            repository = Repository.at(self._ledger.parent)
            if repository.read("rev-parse", "--is-shallow-repository").strip() == "true":
                return ""
            head = repository.commit("HEAD").sha
            told = repository.read("blame", "--porcelain", "--", str(self._ledger.resolve()))
        except RevisionError:
            return ""
        except subprocess.CalledProcessError:  # it is not committed
            return head
        commits, commit, inside = set(), "", False
        for line in told.split("\n"):
            if found := _COMMIT.match(line):
                commit = found[0]
            elif line.startswith("\t"):
                if line.startswith("\t["):
                    inside = line.startswith(f"\t[{quoted(key)}]")
                if inside:
                    commits.add(commit)
        if not commits or any(not commit.strip("0") for commit in commits):
            return head
        return repository.read("rev-list", "--no-walk", *sorted(commits)).split()[0]
