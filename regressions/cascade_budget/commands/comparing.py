"""Counting two sides, confirming what grew, and finding the lines that made it grow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cascade_budget.commands.counted_sides import (
    ImportedElsewhereError,
    Side,
    make_side,
)
from cascade_budget.commands.judging_sides import (
    Counted,
    explain,
    judge,
)
from cascade_budget.errors import BudgetError
from cascade_budget.judge.growth import (
    Comparison,
    differing,
)
from cascade_budget.model.suite_counts import (
    PASSED,
    Census,
)
from cascade_budget.source.copies import (
    Source,
    make_tree,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cascade_budget.commands.progress_line import ProgressLine
    from cascade_budget.judge.causes import Cause

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

    What grew in a first run of either side is counted again under another hash seed, callers
    noted, by the same tests in the same order. Only what grows in both is a growth, and what
    differs between the two runs of one side is unstable.

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
    folder = below(here, head_source)
    head_side = make_side(head_tree, below=folder, arguments=words)
    base_side = make_side(base_tree, below=folder, arguments=words)

    head = head_side.count(progress)
    _check_own_functions(head, head_side)
    base = base_side.count(progress)
    common = _passed_on_both(base, head)
    notes = tuple(_notes(base, head, base_source, head_source))
    if not common:
        raise NothingComparedError(
            f"no test passed both on {base_source.label} and on {head_source.label}",
            place="; ".join(notes) or f"{len(head.tests)} tests on head, {len(base.tests)} on base",
            remedy="Compare revisions that the same tests run on",
        )
    first = judge(
        Counted(tree=base_tree, census=base), Counted(tree=head_tree, census=head), common
    )
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
    # before a suspect run again, and those behind the last one do not; nor do those that fail on
    # one side, where their failing leaves other things behind.
    order = list(head.tests)
    last = max(place for place, test in enumerate(order) if test in suspects)
    passing = set(first.tests)
    again = [test for test in order[: last + 1] if test in passing]
    only = None if len(again) == len(order) else frozenset(again)
    head_again, base_again = (
        side.count(
            progress,
            text=f"counting again on {side.label}",
            attribute=suspects,
            only=only,
            seed=1,
        )
        for side in (head_side, base_side)
    )
    passed = set(_passed_on_both(base_again, head_again))
    common = [test for test in first.tests if test in passed]
    unstable = _merged(
        differing(base.passed(), base_again.passed()),
        differing(head.passed(), head_again.passed()),
    )
    on_base = Counted(tree=base_side.tree, census=base_again)
    on_head = Counted(tree=head_side.tree, census=head_again)
    second = judge(on_base, on_head, common, unstable=unstable)
    causes = explain(second, on_base, on_head)
    comparison = replace(first, grown=second.grown, unstable=second.unstable)
    return comparison, causes


def _passed_on_both(base: Census, head: Census) -> list[str]:
    on_base = base.passed()
    return [test for test in head.passed() if test in on_base]


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
    broken = [f"{file}: {reason}" for file, reason in head.uncollected.items()]
    notes = [
        *_not_compared(f"{base_source.name} does not pass", new),
        *_not_compared(f"{head_source.name} fails", failed),
        *_not_compared(f"{head_source.name} does not import", broken),
    ]
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
        notes.append(f"{what} no part of {head_source.name}; leave HEAD out to compare them.")
    for name, reason in head.blind.items():
        notes.append(f"{name} is not counted exactly on this Python: {reason}.")
    return notes


def _not_compared(why: str, tests: Sequence[str]) -> list[str]:
    if not tests:
        return []
    what = "1 test" if len(tests) == 1 else f"{len(tests):,} tests"
    lines = [f"Not compared: {what} that {why}", *(f"  {test}" for test in tests[:_MOST_LISTED])]
    rest = len(tests) - _MOST_LISTED
    return [*lines, f"  and {rest:,} more"] if rest > 0 else lines


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


def below(here: Path, head: Source) -> Path:
    """The folder that a command was started in, relative to the project's top."""
    resolved = here.resolve()
    return resolved.relative_to(head.folder) if resolved.is_relative_to(head.folder) else Path()
