"""Counting two sides, confirming what grew, and finding the lines that made it grow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cascade_budget.bridge.trees import Source, Tree, make_tree
from cascade_budget.commands._sides import (
    ImportedElsewhereError,
    Side,
    evidence,
    line_map,
    make_side,
)
from cascade_budget.errors import BudgetError
from cascade_budget.judge.growth import (
    Cause,
    Comparison,
    Definition,
    Edit,
    compare,
    defines,
    definitions,
    differing,
    find_causes,
    nearest_edits,
    renamed,
)
from cascade_budget.measure.census import PASSED, Census
from cascade_budget.measure.watch import DEFAULT_WATCH

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from cascade_budget.commands._progress import ProgressLine

_MOST_LISTED: Final = 5


class NothingComparedError(BudgetError):
    """No test passed on both sides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What `diff` found.

    Attributes:
        comparison: What differs.
        causes: What grew by itself.
        notes: What was not compared, and why, as lines.
    """

    comparison: Comparison
    causes: tuple[Cause, ...]
    notes: tuple[str, ...]


def compare_sides(
    base_source: Source,
    head_source: Source,
    words: Sequence[str],
    *,
    here: Path,
    scratch: Path,
    progress: ProgressLine,
) -> Result:
    """Prepare both sides, count, and judge.

    What grew in a first run of either side is counted again under another hash seed, callers noted,
    by the same tests in the same order. Only what grows in both is a growth, and what differs
    between the two runs of one side is unstable.

    Args:
        base_source: The side to compare with.
        head_source: The side to judge; its tests run on both.
        words: Arguments for pytest.
        here: The folder the command was started in.
        scratch: An empty folder for the copies.
        progress: Where to say what is going on.

    Raises:
        BudgetError: See `run`.
    """
    progress.step(f"copying {head_source.label} and {base_source.label}")
    head_tree = make_tree(head_source, scratch / "head")
    base_tree = make_tree(base_source, scratch / "base", tests_of=head_tree)
    below = _below(here, head_source)
    head_side = make_side(head_tree, below=below, arguments=words)
    base_side = make_side(base_tree, below=below, arguments=words)

    head = head_side.count(progress)
    _check_own_functions(head, head_side)
    base = base_side.count(progress)
    common = [test for test in head.passed() if test in base.passed()]
    notes = tuple(_notes(base, head, base_source, head_source))
    if not common:
        raise NothingComparedError(
            f"no test passed both on {base_source.label} and on {head_source.label}",
            place="; ".join(notes) or f"{len(head.tests)} tests on head, {len(base.tests)} on base",
            remedy="Compare revisions that the same tests run on",
        )
    first = _judge(base, head, base_tree, head_tree, common)
    if not first.grown:
        return Result(comparison=first, causes=(), notes=notes)
    comparison, causes = _confirmed(
        base_side, head_side, first=first, base=base, head=head, progress=progress
    )
    return Result(comparison=comparison, causes=causes, notes=notes)


def _confirmed(
    base_side: Side,
    head_side: Side,
    *,
    first: Comparison,
    base: Census,
    head: Census,
    progress: ProgressLine,
) -> tuple[Comparison, tuple[Cause, ...]]:
    suspects = frozenset(change.test for growth in first.grown for change in growth.changes)
    # What a test costs depends on what ran before it: caches filled, modules imported. So the tests
    # before a suspect run again, and those behind the last one do not.
    order = list(head.tests)
    last = max(order.index(test) for test in suspects)
    only = None if last == len(order) - 1 else frozenset(order[: last + 1])
    again = {"verb": "counting again", "attribute": suspects, "only": only, "hash_seed": 1}
    head_again = head_side.count(progress, **again)  # type: ignore[arg-type]
    base_again = base_side.count(progress, **again)  # type: ignore[arg-type]
    common = [
        test for test in first.tests if test in head_again.passed() and test in base_again.passed()
    ]
    unstable = _merged(
        differing(base.passed(), base_again.passed()),
        differing(head.passed(), head_again.passed()),
    )
    second = _judge(
        base_again, head_again, base_side.tree, head_side.tree, common, unstable=unstable
    )
    aligned = line_map(base_side.tree, head_side.tree)
    found = find_causes(
        second.grown,
        evidence(base_again),
        evidence(head_again),
        aligned,
        {move.new: move.old for move in second.moved},
    )
    edits = _Edits(base_side.tree, head_side.tree, head_again, aligned)
    causes = tuple(edits.beside(cause) for cause in found)
    comparison = replace(first, grown=second.grown, unstable=second.unstable)
    return comparison, causes


def _judge(
    base: Census,
    head: Census,
    base_tree: Tree,
    head_tree: Tree,
    common: Sequence[str],
    *,
    unstable: Mapping[str, Collection[str]] | None = None,
) -> Comparison:
    on_base = {test: base.tests[test].calls for test in common}
    on_head = {test: head.tests[test].calls for test in common}
    called_on_base = {name for calls in on_base.values() for name in calls}
    called_on_head = {name for calls in on_head.values() for name in calls}
    fresh = called_on_head - called_on_base
    lost = called_on_base - called_on_head
    base_prints = _Definitions(base, base_tree)
    head_prints = _Definitions(head, head_tree)
    existed = {name for name in fresh if base_prints.hold(name, head)} | {*DEFAULT_WATCH}
    remains = {name for name in lost if head_prints.hold(name, base)} | {*DEFAULT_WATCH}
    return compare(
        on_base,
        on_head,
        existed=existed,
        remains=remains,
        renamed=renamed(head_prints.of(fresh - existed), base_prints.of(lost - remains)),
        unstable=unstable,
    )


class _Edits:
    """Which of the functions that run on head were changed since base."""

    def __init__(
        self,
        base: Tree,
        head: Tree,
        census: Census,
        aligned: Callable[[str], Mapping[int, int] | None],
    ) -> None:
        self._base = base
        self._head = head
        self._census = census
        self._evidence = evidence(census)
        self._aligned = aligned
        self._known: dict[str, dict[str, Edit]] = {}

    def beside(self, cause: Cause) -> Cause:
        """A cause, with the changed functions near it where no line that calls was changed."""
        test = cause.growth.worst.test
        if any(site.changed for site in cause.sites) or test not in self._evidence:
            return cause
        head = self._evidence[test]
        modules = {name.partition(":")[0] for name in head.calls}
        edits = {name: edit for module in modules for name, edit in self._of(module).items()}
        return replace(cause, edits=nearest_edits(cause, head, edits))

    def _of(self, module: str) -> dict[str, Edit]:
        if module not in self._known:
            self._known[module] = dict(self._changed(module, self._census.modules.get(module, "")))
        return self._known[module]

    def _changed(self, module: str, path: str) -> Iterator[tuple[str, Edit]]:
        lines = self._aligned(path)
        if lines is None:
            return
        before = definitions(self._base.text(path) or "")
        for qualname, found in definitions(self._head.text(path) or "").items():
            was = before.get(qualname)
            if found.fingerprint and (was is None or was.fingerprint != found.fingerprint):
                span = range(found.first_line, found.last_line + 1)
                line = next((line for line in span if line not in lines), found.first_line)
                yield f"{module}:{qualname}", Edit(path=path, line=line, function=qualname)


class _Definitions:
    """What one side's modules define, read when it is asked for."""

    def __init__(self, census: Census, tree: Tree) -> None:
        self._census = census
        self._tree = tree
        self._known: dict[str, dict[str, Definition]] = {}

    def hold(self, name: str, other: Census) -> bool:
        """Whether this side defines a function that the other side called."""
        path = self._census.path_of(name) or other.path_of(name)
        return defines(self._at(path), name.partition(":")[2])

    def of(self, names: Collection[str]) -> dict[str, str]:
        """Fingerprints of functions of this side."""
        found = {}
        for name in names:
            definition = self._at(self._census.path_of(name)).get(name.partition(":")[2])
            found[name] = "" if definition is None else definition.fingerprint
        return found

    def _at(self, path: str) -> dict[str, Definition]:
        if path not in self._known:
            self._known[path] = definitions(self._tree.text(path) or "") if path else {}
        return self._known[path]


def _merged(
    one: Mapping[str, frozenset[str]], other: Mapping[str, frozenset[str]]
) -> dict[str, frozenset[str]]:
    return {
        test: one.get(test, frozenset()) | other.get(test, frozenset()) for test in {**one, **other}
    }


def _notes(base: Census, head: Census, base_source: Source, head_source: Source) -> list[str]:
    new = [
        test
        for test, record in head.tests.items()
        if record.outcome == PASSED
        and (test not in base.tests or base.tests[test].outcome != PASSED)
    ]
    failed = [test for test, record in head.tests.items() if record.outcome == "failed"]
    notes = []
    if new:
        notes.append(f"Not compared, because {base_source.label} does not pass them: {_few(new)}.")
    if failed:
        notes.append(f"Not compared, because {head_source.label} fails them: {_few(failed)}.")
    if head.uncollected:
        file, reason = next(iter(head.uncollected.items()))
        notes.append(
            f"Not compared, because {head_source.label} does not import them: "
            f"{_few(list(head.uncollected))} ({file}: {reason})."
        )
    if (
        head_source.commit is not None
        and head_source.repository is not None
        and (changes := head_source.repository.changes())
    ):
        what = (
            "1 uncommitted change is"
            if len(changes) == 1
            else (f"{len(changes)} uncommitted changes are")
        )
        notes.append(f"{what} no part of {head_source.label}; leave HEAD out to compare them.")
    for name, reason in head.blind.items():
        notes.append(f"{name} is not counted exactly on this Python: {reason}.")
    return notes


def _few(tests: Sequence[str]) -> str:
    shown = ", ".join(tests[:_MOST_LISTED])
    rest = len(tests) - _MOST_LISTED
    return f"{shown} and {rest:,} more" if rest > 0 else shown


def _check_own_functions(census: Census, side: Side) -> None:
    """Raise where the tests call nothing of the project: green would mean nothing."""
    called = {name for record in census.tests.values() for name in record.calls}
    paths = {census.path_of(name) for name in called} - {""}
    if any(not side.tree.tests.covers(path) for path in paths):
        return
    for package, path in sorted(census.foreign.items()):
        raise ImportedElsewhereError(
            f"the tests import an installed copy of {package}, the same one on both sides",
            module=package,
            path=path,
            remedy="Install the project in editable mode (pip install -e .), or put its source "
            "folder on PYTHONPATH",
        )
    raise NothingComparedError(
        f"the {len(census.tests):,} tests that ran call no Python function of the project",
        place=f"{side.label}, functions looked for in {_roots(side)}",
        remedy="Run tests that call the project in their own process",
    )


def _roots(side: Side) -> str:
    roots = [root.relative_to(side.tree.folder).as_posix() for root in side.tree.roots]
    return (
        ", ".join("the top folder" if root == "." else root for root in roots) or "the top folder"
    )


def _below(here: Path, head: Source) -> Path:
    resolved = here.resolve()
    return resolved.relative_to(head.folder) if resolved.is_relative_to(head.folder) else Path()
