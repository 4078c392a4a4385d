"""Find the commit since which a test makes more calls, or takes longer.

The test as it stands in the working tree runs on commits between a good and a bad one, once a
commit, and the calls of the project's own functions and of the standard library's known culprits
are counted. A commit is bad when a function is called more often than on the good one. Commits on
which the test does not pass are skipped. The working tree is not touched.

  cascade-budget bisect tests/test_api.py::test_parse --good v1.0
  cascade-budget bisect tests/test_api.py --good v1.0 --bad v1.4 --function inspect:signature
  cascade-budget bisect tests/test_api.py::test_serve --good v1.0 --timing

With --timing a commit is bad when the workload that the test gives to the cascade_budget fixture
takes more CPU time than on the good one, paired and interleaved, and the
answer gives its confidence.

Exit code 0: the first bad commit is found. 2: it could not be told.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cascade_budget.commands.console import ProgressLine, show
from cascade_budget.commands.counted_revision import Revision, below, compare_counts, explain
from cascade_budget.commands.timed_commits import TimedCommits
from cascade_budget.counting.suite import SuiteError
from cascade_budget.errors import BudgetError, UsageError
from cascade_budget.extras import require_throughput
from cascade_budget.report.growth_text import cause_lines
from cascade_budget.source.cache import scratch_folder
from cascade_budget.source.copies import checkout_source, make_tree, revision_source
from cascade_budget.source.repository import Repository, RevisionError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Sequence

    from cascade_budget.commands.counted_revision import Counted
    from cascade_budget.model.comparison import Comparison
    from cascade_budget.model.suite_counts import SuiteCounts
    from cascade_budget.source.copies import Tree
    from cascade_budget.source.repository import Commit

FOUND = 0
UNTOLD = 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("test", metavar="TEST", help="a test's node id, or a file of tests")
    parser.add_argument("--good", required=True, metavar="REV", help="a revision that is good")
    parser.add_argument("--bad", default="HEAD", metavar="REV", help="a later one (HEAD)")
    parser.add_argument(
        "--function",
        metavar="MODULE:QUALNAME",
        help="look at the calls of this function alone",
    )
    parser.add_argument(
        "--timing", action="store_true", help="look at the CPU time of the test's workload instead"
    )


def run(arguments: argparse.Namespace) -> int:
    """Search, print, and return the exit code.

    Raises:
        UsageError: --timing, and scipy is not installed.
        BudgetError: The commits are no range, or the test does not pass on the good one.
    """
    if arguments.timing:
        require_throughput("--timing")
    here = Path.cwd()
    repository = Repository.at(here)
    good, bad = _range(repository, arguments)
    with scratch_folder() as scratch, ProgressLine().shown() as progress:
        progress.step("copying the working tree's tests")
        tests = make_tree(checkout_source(repository), scratch / "tests")

        def copy(commit: Commit) -> Tree:
            source = revision_source(repository, commit, commit.sha)
            return make_tree(source, scratch / commit.sha, tests_of=tests)

        trial: CountedCommits | TimedCommits
        folder = below(here, repository.root)
        if arguments.timing:
            between = len(repository.halves(bad.sha, [good.sha]))
            trial = TimedCommits(
                repository=repository,
                copy=copy,
                test=arguments.test,
                below=folder,
                progress=progress,
                steps=between.bit_length() + 1,
            )
        else:
            trial = CountedCommits(
                repository=repository,
                copy=copy,
                test=arguments.test,
                below=folder,
                progress=progress,
                function=arguments.function,
            )
        trial.start(good)
        first, asked = search(repository, good.sha, bad.sha, trial.is_bad)
        if not first:
            raise BudgetError(
                f"{_question(arguments)} on {bad.short} than on the good commit {good.short}",
                place=arguments.test,
                remedy="Name another test or other commits",
            )
        lines = [*_answer(first, trial, repository), "", trial.closing(asked)]
    show("\n".join(lines))
    return FOUND if len(first) == 1 else UNTOLD


def search(
    repository: Repository, good: str, bad: str, is_bad: Callable[[str, int], bool | None]
) -> tuple[tuple[str, ...], int]:
    """Find the first bad commit after a good one.

    The last commit is taken to be bad and is asked about only when all before it turn out to be
    good, which saves a run where there is something to find.

    Args:
        repository: Where the commits are.
        good: Full name of a commit that is good.
        bad: Full name of a later one.
        is_bad: Given a commit's full name and how many commits are left, says whether it is bad;
            None where it can't be tested.

    Returns:
        Full names of the commits of which one is the first bad one: a single one, or also those
        before it that could not be tested; none where the last commit is good. And how many
        commits were asked about.
    """
    goods = [good]
    known: set[str] = {good}
    while True:
        left = repository.halves(bad, goods)
        chosen = next((sha for sha in left if sha not in known), None)
        if chosen is None:
            return (bad, *(sha for sha in left if sha != bad)), len(known) - 1
        known.add(chosen)
        answer = is_bad(chosen, len(left))
        if answer:
            bad = chosen
        elif answer is not None:
            goods.append(chosen)
            if chosen == bad:
                return (), len(known) - 1


def _range(repository: Repository, arguments: argparse.Namespace) -> tuple[Commit, Commit]:
    good, bad = repository.commit(arguments.good), repository.commit(arguments.bad)
    if good.sha == bad.sha or not repository.contains(bad, good):
        raise RevisionError(
            f"{arguments.good} ({good.short}) is not in the history of {arguments.bad} "
            f"({bad.short})"
            if good.sha != bad.sha
            else f"{arguments.good} and {arguments.bad} are the same commit, {good.short}",
            place=str(repository.root),
            remedy="Name as --good an ancestor of --bad",
        )
    if arguments.timing and arguments.function:
        raise UsageError(
            "--timing and --function are two questions",
            place="cascade-budget bisect",
            remedy="Leave one of them out",
        )
    return good, bad


def _question(arguments: argparse.Namespace) -> str:
    if arguments.timing:
        return "the test takes no more time"
    if arguments.function:
        return f"{arguments.function} is not called more often"
    return "no function is called more often"


def _answer(
    first: Sequence[str], trial: CountedCommits | TimedCommits, repository: Repository
) -> Iterator[str]:
    commit = repository.commit(first[0])
    if len(first) == 1:
        yield f"first bad commit: {commit.sha}"
        yield from (f"  {fact}" for fact in (commit.subject, commit.author, commit.date))
        yield ""
        yield from trial.evidence(commit)
        return
    yield "The first bad commit is one of these; those marked were skipped:"
    for commit in map(repository.commit, first):
        yield f"  {commit.short} {commit.subject}"
        if commit.sha in trial.skipped:
            yield f"    skipped: {trial.skipped[commit.sha]}"


@dataclass(slots=True, kw_only=True)
class CountedCommits:
    """Counts one test, commit by commit.

    Attributes:
        repository: Where the commits are.
        copy: Copies a commit, with the working tree's tests.
        test: What is given to pytest.
        below: The folder the command was started in, relative to the project's top.
        progress: Where to say what is going on.
        function: The one function to look at, or None for all.
        skipped: Why commits could not be tested, by full name.
    """

    repository: Repository
    copy: Callable[[Commit], Tree]
    test: str
    below: Path
    progress: ProgressLine
    function: str | None
    skipped: dict[str, str] = field(default_factory=dict)
    _counted: dict[str, Counted] = field(default_factory=dict)
    """By full name; the good commit first."""

    def start(self, good: Commit) -> None:
        """Count the good commit.

        Raises:
            SuiteError: The test could not be run there.
            UsageError: It does not pass there.
        """
        counted = self._count(good, f"run 1, the good commit {good.short}")
        if not counted.counts.passed():
            raise UsageError(
                f"{self.test} does not pass on the good commit {good.short}: "
                f"{_why(counted.counts)}",
                place=str(self.repository.root),
                remedy="Name as --good a commit on which it passes",
            )

    def is_bad(self, sha: str, left: int) -> bool | None:
        """Whether a function grew between the good commit and this one; None: not to be told."""
        commit = self.repository.commit(sha)
        good = next(iter(self._counted.values()))
        try:
            counted = self._count(commit, f"run {self._runs + 1}, {commit.short}, {left:,} left")
        except SuiteError as error:
            self.skipped[sha] = error.fact
            return None
        if not good.passed_with(counted):
            self.skipped[sha] = _why(self._counted.pop(sha).counts)
            return None
        return bool(self._compared(good, counted).grown)

    def closing(self, _asked: int) -> str:
        """How many runs it took."""
        skipped = len(self.skipped)
        return (
            f"{self._runs} runs, {skipped} of them skipped." if skipped else f"{self._runs} runs."
        )

    def evidence(self, commit: Commit) -> Iterator[str]:
        """What grew in a commit, and the lines that made it grow."""
        parents = [sha for sha in self.repository.parents(commit.sha) if sha in self._counted]
        before = self._counted[parents[0] if parents else next(iter(self._counted))]
        assert before.tree.source.commit is not None
        since = before.tree.source.commit.short
        after = self._counted[commit.sha]
        comparison = self._compared(before, after)
        for cause in explain(comparison, before, after):
            yield from cause_lines(cause, tests=len(comparison.tests), since=since)

    @property
    def _runs(self) -> int:
        return len(self._counted) + len(self.skipped)

    def _compared(self, base: Counted, head: Counted) -> Comparison:
        comparison = compare_counts(base, head, base.passed_with(head))
        if self.function is None:
            return comparison
        grown = [growth for growth in comparison.grown if growth.function == self.function]
        return replace(comparison, grown=tuple(grown))

    def _count(self, commit: Commit, text: str) -> Counted:
        side = Revision(self.copy(commit), [self.test], below=self.below, progress=self.progress)
        self._counted[commit.sha] = counted = side.count(text, attribute=True)
        return counted


def _why(counts: SuiteCounts) -> str:
    reasons = [*counts.uncollected.values(), *(record.reason for record in counts.tests.values())]
    return next(iter(reasons), "it was not collected")
