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
from cascade_budget.source.files import read_text, shown_path
from cascade_budget.source.repository import Repository, RevisionError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
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
        existed = {name for name in fresh if self._defines(commit, name)}
        lost = [name for name in gone if not self._defines("", name)]
        return Past(
            existed=frozenset(existed),
            renamed=renamed(
                self._fingerprints("", fresh - existed), self._fingerprints(commit, lost)
            ),
        )

    def _defines(self, commit: str, name: str) -> bool:
        module, _, qualname = name.partition(":")
        return defines(self._definitions(commit, module), qualname)

    def _fingerprints(self, commit: str, functions: Iterable[str]) -> dict[str, str]:
        parted = [(name, *name.split(":", 1)) for name in functions]
        return {
            name: held[qualname].fingerprint
            for name, module, qualname in parted
            if qualname in (held := self._definitions(commit, module))
        }

    def _find_definitions(self, commit: str, module: str) -> Mapping[str, Definition]:
        """What a loaded module defined in a commit, or does now where that is empty."""
        file = getattr(sys.modules.get(module), "__file__", None)
        try:
            path = Path(file or "").resolve()
            if not commit:
                return definitions(read_text(path))
            repository = Repository.at(self._ledger.parent)
            return definitions(repository.text(commit, shown_path(path, repository.root)))
        except (OSError, subprocess.CalledProcessError):
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
            elif line.startswith("\t["):
                inside = line.startswith(f"\t[{quoted(key)}]")
            if inside and line.startswith("\t"):
                commits.add(commit)
        if not commits or any(not commit.strip("0") for commit in commits):
            return head
        return repository.read("rev-list", "--no-walk", *sorted(commits)).split()[0]
