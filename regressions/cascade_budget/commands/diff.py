"""Show which functions are called more often than on a base revision, and from which line.

The tests that are there run on both revisions, head's tests on either side, and the calls of the
project's own functions and of the standard library's known culprits are counted in each. Nothing
has to be marked or set up. Both sides are copies in a cache folder: the checkout is not touched.

  cascade-budget diff main                      the working tree against main
  cascade-budget diff main...                   against where this branch left main
  cascade-budget diff v1.0 v2.0 tests/test_api.py -k parse
  cascade-budget diff ../old-checkout           against another folder

Exit code 0: nothing grew. 1: a function is called more often. 2: it could not be told.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cascade_budget.commands.console import ProgressLine, show
from cascade_budget.commands.counted_revision import Revision, below, compare_counts, explain
from cascade_budget.errors import BudgetError, UsageError
from cascade_budget.judge.growth import differing
from cascade_budget.report.growth_text import comparison_text
from cascade_budget.report.text import counted
from cascade_budget.source.cache import scratch_folder
from cascade_budget.source.copies import (
    Source,
    checkout_source,
    find_source,
    make_tree,
    revision_source,
)
from cascade_budget.source.repository import Repository, RevisionError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from cascade_budget.commands.counted_revision import Counted
    from cascade_budget.model.comparison import Cause, Comparison

GREW: Final = 1
SAME: Final = 0
_RANGES: Final = ("...", "..")
_MOST_LISTED: Final = 5


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.usage = "%(prog)s [--all] BASE [HEAD] [pytest arguments]"
    parser.add_argument("--all", action="store_true", help="show all entries")
    parser.add_argument(
        "base",
        metavar="BASE",
        help="a revision, BASE..HEAD, BASE... (where HEAD left BASE), or a folder",
    )
    parser.add_argument(
        "rest",
        nargs=argparse.REMAINDER,
        metavar="[HEAD] [pytest arguments]",
        help="a revision or folder (the working tree when left out); then what pytest is given",
    )


def run(arguments: argparse.Namespace) -> int:
    """Compare, print, and return the exit code.

    Raises:
        BudgetError: The sides could not be prepared, run or compared.
    """
    here = Path.cwd()
    base, head, words = read_sides(arguments.base, arguments.rest, here=here)
    with ProgressLine().shown() as progress, scratch_folder() as scratch:
        progress.step(f"copying {head.label} and {base.label}")
        head_tree = make_tree(head, scratch / "head")
        base_tree = make_tree(base, scratch / "base", tests_of=head_tree)
        folder = below(here, head.folder)
        comparison, causes, notes = _compare(
            Revision(base_tree, words, below=folder, progress=progress),
            Revision(head_tree, words, below=folder, progress=progress),
        )
    text = comparison_text(
        comparison,
        causes,
        base=base.label,
        head=head.label,
        since=base.name,
        full=arguments.all or "--all" in arguments.rest,
    )
    show("\n".join([text, *notes]))
    return GREW if comparison.grown else SAME


def read_sides(
    first: str, rest: Sequence[str], *, here: Path
) -> tuple[Source, Source, tuple[str, ...]]:
    """What the command line names: base, head, and the arguments for pytest.

    The word after the base is head when it is a revision, and pytest's when it is an option or a
    file. A word that could be either is head; `--` before it makes it pytest's.

    Raises:
        UsageError: A word is neither.
    """
    words = [word for word in rest if word != "--all"]
    for dots in _RANGES:
        left, found, right = first.partition(dots)
        if found and left and not (here / first).exists():
            return (*_range_sides(left, right, dots, here=here), _pytest_words(words))
    base = find_source(first, here=here)
    if not words or words[0].startswith("-"):
        return base, _working_tree(base, here), _pytest_words(words)
    word = words[0]
    try:
        head = find_source(word, here=here)
    except RevisionError as unknown:
        if (here / word.partition("::")[0]).exists():
            return base, _working_tree(base, here), _pytest_words(words)
        raise UsageError(
            f"{word!r} is neither a revision nor a file",
            place=unknown.place,
            remedy=unknown.remedy,
        ) from None
    if head.commit is None and not _is_project(head.folder, base):
        return base, _working_tree(base, here), _pytest_words(words)
    return base, head, _pytest_words(words[1:])


def _range_sides(left: str, right: str, dots: str, *, here: Path) -> tuple[Source, Source]:
    repository = Repository.at(here)
    head = (
        revision_source(repository, repository.commit(right), right)
        if right
        else checkout_source(repository)
    )
    if dots == "...":
        parting = repository.merge_base(left, right or "HEAD")
        return revision_source(repository, parting, left), head
    return revision_source(repository, repository.commit(left), left), head


def _working_tree(base: Source, here: Path) -> Source:
    try:
        return checkout_source(Repository.at(here))
    except RevisionError:
        if base.commit is not None:
            raise
        return find_source(f".{os.sep}", here=here)


def _is_project(folder: Path, base: Source) -> bool:
    # `tests` names a folder of tests, not a side; another checkout of the project is one.
    return not folder.is_relative_to(base.folder) and any(
        (folder / name).exists() for name in (".git", "pyproject.toml", "setup.py", "setup.cfg")
    )


def _pytest_words(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(words[1:] if words[:1] == ["--"] else words)


def _compare(
    base: Revision, head: Revision
) -> tuple[Comparison, tuple[Cause, ...], tuple[str, ...]]:
    """What differs, what grew by itself, and notes on what was not compared.

    What grew in a first run of either side is counted again under another hash seed, callers
    noted, by the same tests in the same order. Only what grows in both is a growth, and what
    differs between the two runs of one side is unstable.
    """
    on_head = head.count()
    _check_own_functions(on_head)
    on_base = base.count()
    tests = on_base.passed_with(on_head)
    notes = tuple(_notes(on_base, on_head))
    if not tests:
        raise BudgetError(
            f"no test passed both on {base.tree.source.label} and on {head.tree.source.label}",
            place="; ".join(notes)
            or f"{len(on_head.counts.tests)} tests on head, {len(on_base.counts.tests)} on base",
            remedy="Compare revisions that the same tests run on",
        )
    first = compare_counts(on_base, on_head, tests)
    if not first.grown:
        return first, (), notes
    suspects = frozenset(change.test for growth in first.grown for change in growth.changes)
    again = _again(list(on_head.counts.tests), tests, suspects)
    head_again, base_again = (
        side.count(
            f"counting again on {side.tree.source.label}", attribute=suspects, only=again, seed=1
        )
        for side in (head, base)
    )
    passed = set(base_again.passed_with(head_again))
    loose = [
        differing(one.counts.passed(), other.counts.passed())
        for one, other in ((on_base, base_again), (on_head, head_again))
    ]
    second = compare_counts(
        base_again,
        head_again,
        [test for test in tests if test in passed],
        unstable={
            test: frozenset().union(*(side.get(test, ()) for side in loose))
            for test in {**loose[0], **loose[1]}
        },
    )
    comparison = replace(first, grown=second.grown, unstable=second.unstable)
    return comparison, explain(second, base_again, head_again), notes


def _again(
    order: Sequence[str], passed: Sequence[str], suspects: Collection[str]
) -> frozenset[str] | None:
    """The tests to run once more; None for all.

    What a test costs depends on what ran before it: caches filled, modules imported. So the tests
    before a suspect run again, and those behind the last one do not; nor do those that fail on one
    side, where their failing leaves other things behind.
    """
    last = max(place for place, test in enumerate(order) if test in suspects)
    again = frozenset(order[: last + 1]).intersection(passed)
    return None if len(again) == len(order) else again


def _notes(base: Counted, head: Counted) -> Iterator[str]:
    source, on_base = head.tree.source, base.counts.passed()
    yield from _not_compared(
        f"{base.tree.source.name} does not pass",
        [test for test in head.counts.passed() if test not in on_base],
    )
    yield from _not_compared(
        f"{source.name} fails",
        [test for test, record in head.counts.tests.items() if record.outcome == "failed"],
    )
    yield from _not_compared(
        f"{source.name} does not import",
        [f"{file}: {reason}" for file, reason in head.counts.uncollected.items()],
    )
    if source.commit is not None and source.repository is not None:
        changes = len(source.repository.changes())
        if changes:
            what = counted(changes, "uncommitted change is", "uncommitted changes are")
            yield f"{what} no part of {source.name}; leave HEAD out to compare them."
    for name, reason in head.counts.blind.items():
        yield f"{name} is not counted exactly on this Python: {reason}."


def _not_compared(why: str, tests: Sequence[str]) -> Iterator[str]:
    if tests:
        yield f"Not compared: {counted(len(tests), 'test')} that {why}"
        yield from (f"  {test}" for test in tests[:_MOST_LISTED])
    if len(tests) > _MOST_LISTED:
        yield f"  and {len(tests) - _MOST_LISTED:,} more"


def _check_own_functions(head: Counted) -> None:
    """Raise where the tests call nothing of the project: green would mean nothing."""
    tree, counts = head.tree, head.counts
    called = {name for record in counts.tests.values() for name in record.calls}
    paths = {counts.path_of(name) for name in called} - {""}
    if any(not tree.tests.covers(path) for path in paths):
        return
    for package, path in sorted(counts.installed_copy.items()):
        raise UsageError(
            f"the tests import an installed copy of {package}, the same one on both sides",
            place=f"{package} is imported from {path}",
            remedy="Install the project in editable mode (pip install -e .), or put its source "
            "folder on PYTHONPATH",
        )
    roots = [root.relative_to(tree.folder).as_posix() for root in tree.roots] or ["."]
    told = ", ".join("the top folder" if root == "." else root for root in roots)
    raise BudgetError(
        f"the {len(counts.tests):,} tests that ran call no Python function of the project",
        place=f"{tree.source.label}, functions looked for in {told}",
        remedy="Run tests that call the project in their own process",
    )
