"""A revision under the tests of another: counted, kept for the next time, and compared."""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cascade_budget.counting.suite import SuiteRequest, count_suite
from cascade_budget.counting.suite_store import SuiteStore, suite_key
from cascade_budget.counting.watch import DEFAULT_WATCH
from cascade_budget.errors import UsageError
from cascade_budget.judge.growth import Evidence, compare, find_causes, nearest_edits
from cascade_budget.model.comparison import Edit
from cascade_budget.source.cache import cache_folder
from cascade_budget.source.changes import Changes
from cascade_budget.source.definitions import defines, definitions, renamed
from cascade_budget.source.layout import importable_names

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from cascade_budget.commands.console import ProgressLine
    from cascade_budget.model.comparison import Cause, Comparison
    from cascade_budget.model.suite_counts import SuiteCounts
    from cascade_budget.source.copies import Tree
    from cascade_budget.source.definitions import Definition


class Counted:
    """A copy of a revision with the counts of its tests.

    Args:
        tree: The copy.
        counts: The counts.
    """

    def __init__(self, tree: Tree, counts: SuiteCounts) -> None:
        self.tree = tree
        self.counts = counts
        self.definitions = functools.cache(self._definitions)

    def passed_with(self, head: Counted) -> list[str]:
        """Tests that passed here and on head, in head's order."""
        here = self.counts.passed()
        return [test for test in head.counts.passed() if test in here]

    def evidence(self) -> dict[str, Evidence]:
        """Counts and callers, test by test."""
        modules = {path: name for name, path in self.counts.modules.items()}
        return {
            test: Evidence(calls=record.calls, sites=record.sites, modules=modules)
            for test, record in self.counts.tests.items()
        }

    def holds(self, function: str, other: Counted) -> bool:
        """Whether a function that the other side called is defined here.

        What a decorator made for a class there may be made here; what is written there is not.
        """
        path = self.counts.path_of(function) or other.counts.path_of(function)
        name = function.partition(":")[2]
        here = self.definitions(path)
        written = name in other.definitions(other.counts.path_of(function))
        return name in here if written else defines(here, name)

    def fingerprints(self, functions: Collection[str]) -> dict[str, str]:
        """Of functions that were called here; empty where no text defines them."""
        found = {}
        for name in functions:
            definition = self.definitions(self.counts.path_of(name)).get(name.partition(":")[2])
            found[name] = "" if definition is None else definition.fingerprint
        return found

    def _definitions(self, path: str) -> Mapping[str, Definition]:
        return definitions(self.tree.text(path) or "") if path else {}


class Revision:
    """A revision that can be counted: its tests run in one folder of its copy.

    Args:
        tree: The copy.
        words: Arguments for pytest; absolute paths into the project are turned to the copy.
        below: The folder to start in, relative to the project's top.
        progress: Where to say what is going on.
    """

    def __init__(
        self, tree: Tree, words: Sequence[str], *, below: Path, progress: ProgressLine
    ) -> None:
        self.tree = tree
        self._progress = progress
        folder = tree.folder / below
        origins = tuple(origin.resolve() for origin in tree.origins)
        self._request = SuiteRequest(
            label=tree.source.label,
            project=tree.folder,
            working_folder=folder if folder.is_dir() else tree.folder,
            arguments=tuple(_in_copy(word, tree.folder, origins) for word in words),
            roots=tree.roots,
            packages=importable_names(tree.folder, tree.roots),
            origins=origins,
            tests=tree.test_files(),
        )

    def count(
        self,
        text: str = "",
        *,
        attribute: bool | frozenset[str] = False,
        only: frozenset[str] | None = None,
        seed: int = 0,
    ) -> Counted:
        """Counts of its tests, kept from an earlier run where nothing has changed since.

        Args:
            text: What to say of it.
            attribute: Tests whose callers are wanted.
            only: The tests to run; None for all.
            seed: Decides what chance would: the order of sets, and what `random` draws in a test.
                Two sides under one seed differ by their code alone, also where an earlier test
                drew more on one of them; what a side counts under two seeds tells what is chance.

        Raises:
            SuiteError: The tests could not be run.
            UsageError: They ran against code from outside its copy.
        """
        request = replace(
            self._request, attribute=attribute, only=only, hash_seed=seed, random_seed=seed
        )
        store = SuiteStore(folder=cache_folder() / "counts")
        key = suite_key(request, self.tree.digest)
        text = text or f"counting on {self.tree.source.label}"
        counts = store.find(key)
        if counts is not None:
            self._progress.step(f"{text}: kept from an earlier run")
            return Counted(self.tree, counts)
        self._progress.step(text)
        counts = count_suite(request, lambda done, total: self._progress.count(text, done, total))
        for module, path in counts.wrong_origin.items():
            raise UsageError(
                f"the tests on {self.tree.source.label} import the project as it is installed, not "
                "this revision",
                place=f"{module} is imported from {path}",
                remedy="Install the project in editable mode (pip install -e .), or name its "
                "folder in pytest's pythonpath setting",
            )
        store.keep(key, counts)
        return Counted(self.tree, counts)


def compare_counts(
    base: Counted,
    head: Counted,
    tests: Sequence[str],
    *,
    unstable: Mapping[str, Collection[str]] | None = None,
) -> Comparison:
    """Compare two sides; see `cascade_budget.judge.growth`.

    Args:
        base: The side to compare with.
        head: The side to judge.
        tests: The tests that passed on both.
        unstable: By test, functions whose count differs between two runs of one side.
    """
    on_base = {test: base.counts.tests[test].calls for test in tests}
    on_head = {test: head.counts.tests[test].calls for test in tests}
    called_on_base = {name for calls in on_base.values() for name in calls}
    called_on_head = {name for calls in on_head.values() for name in calls}
    fresh = called_on_head - called_on_base
    lost = called_on_base - called_on_head
    existed = {name for name in fresh if base.holds(name, head)} | {*DEFAULT_WATCH}
    remains = {name for name in lost if head.holds(name, base)} | {*DEFAULT_WATCH}
    return compare(
        on_base,
        on_head,
        existed=existed,
        remains=remains,
        renamed=renamed(head.fingerprints(fresh - existed), base.fingerprints(lost - remains)),
        unstable=unstable,
    )


def explain(comparison: Comparison, base: Counted, head: Counted) -> tuple[Cause, ...]:
    """The causes of what grew, from sides that were counted with callers.

    Where no line that calls was changed, the changed functions that run near it are beside it.
    """
    changes = _changes(comparison, base, head)
    on_head = head.evidence()
    moved = {move.new: move.old for move in comparison.moved}

    def with_edits(cause: Cause) -> Cause:
        evidence = on_head.get(cause.growth.worst.test)
        if evidence is None or any(site.changed for site in cause.sites):
            return cause
        modules = {name.partition(":")[0] for name in evidence.calls}
        paths = {name: path for name, path in head.counts.modules.items() if name in modules}
        edits = {
            f"{module}:{name}": Edit(path=path, line=line, function=name)
            for module, path in paths.items()
            if (file := changes.of(path)) is not None
            for name, line in file.changed_functions.items()
        }
        return replace(cause, edits=nearest_edits(cause, evidence, edits))

    causes = find_causes(comparison.grown, base.evidence(), on_head, changes.came_from, moved)
    return tuple(map(with_edits, causes))


def _changes(comparison: Comparison, base: Counted, head: Counted) -> Changes:
    # A file was moved to where most of the functions are that it lost.
    moves = Counter(
        (head.counts.path_of(move.new), base.counts.path_of(move.old)) for move in comparison.moved
    )
    former = {now: was for (now, was), _ in reversed(moves.most_common())}

    def texts(path: str) -> tuple[str, str, str] | None:
        text = None if Path(path).is_absolute() else head.tree.text(path)
        if text is None:
            return None
        was = path if base.tree.text(path) is not None else former.get(path, path)
        return was, base.tree.text(was) or "", text

    return Changes(base.tree.source.name, texts)


def below(here: Path, project: Path) -> Path:
    """The folder that a command was started in, relative to the project's top."""
    resolved = here.resolve()
    return resolved.relative_to(project) if resolved.is_relative_to(project) else Path()


def _in_copy(word: str, copy: Path, origins: Sequence[Path]) -> str:
    path, colons, rest = word.partition("::")
    if Path(path).is_absolute():
        resolved = Path(path).resolve()
        for origin in origins:
            if resolved.is_relative_to(origin):
                return f"{copy / resolved.relative_to(origin)}{colons}{rest}"
    return word
