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
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cascade_budget.commands.comparing import compare_sides
from cascade_budget.commands.progress_line import ProgressLine
from cascade_budget.errors import UsageError
from cascade_budget.report.growth_text import comparison_text
from cascade_budget.source.cache import scratch_folder
from cascade_budget.source.copies import (
    Source,
    checkout_source,
    find_source,
    revision_source,
)
from cascade_budget.source.repository import (
    Repository,
    RevisionError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

GREW: Final = 1
SAME: Final = 0
_RANGES: Final = ("...", "..")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.usage = "%(prog)s [--all] BASE [HEAD] [pytest arguments]"
    parser.add_argument("--all", action="store_true", help="leave nothing out of the lists")
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
    progress = ProgressLine()
    with scratch_folder() as scratch, progress.shown():
        result = compare_sides(base, head, words, here=here, scratch=scratch, progress=progress)
    text = comparison_text(
        result.comparison,
        result.causes,
        base=base.label,
        head=head.label,
        since=base.name,
        full=arguments.all or "--all" in arguments.rest,
    )
    sys.stdout.write("\n".join([text, *result.notes]) + "\n")
    return GREW if result.comparison.grown else SAME


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
