"""Find the commit since which a test makes more calls, or takes longer.

The test as it stands in the working tree runs on commits between a good and a bad one, once a
commit, and the calls of the project's own functions and of the standard library's known culprits
are counted. A commit is bad when a function is called more often than on the good one. Commits on
which the test does not pass are skipped. The working tree is not touched.

  cascade-budget bisect tests/test_api.py::test_parse --good v1.0
  cascade-budget bisect tests/test_api.py --good v1.0 --bad v1.4 --function inspect:signature
  cascade-budget bisect tests/test_api.py::test_serve --good v1.0 --timing

With --timing a commit is bad when the workload that the test gives to the cascade_budget
takes more CPU time than on the good one, paired and interleaved, and the answer says how sure it
is.

Exit code 0: the first bad commit is found. 2: it could not be told.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cascade_budget.commands.comparing import below
from cascade_budget.commands.counted_sides import make_side
from cascade_budget.commands.judging_sides import (
    Counted,
    explain,
    judge,
)
from cascade_budget.commands.progress_line import ProgressLine
from cascade_budget.commands.searching import (
    Answer,
    Found,
    search,
)
from cascade_budget.commands.timed_trial import TimedTrial
from cascade_budget.errors import (
    BudgetError,
    UsageError,
)
from cascade_budget.extras import require_throughput
from cascade_budget.judge.growth import Comparison
from cascade_budget.process.suite_run import CensusError
from cascade_budget.report.growth_text import cause_lines
from cascade_budget.source.cache import scratch_folder
from cascade_budget.source.copies import (
    Tree,
    checkout_source,
    make_tree,
    revision_source,
)
from cascade_budget.source.repository import (
    Commit,
    Repository,
    RevisionError,
)

if TYPE_CHECKING:
    import argparse

    from cascade_budget.model.suite_counts import Census

FOUND = 0
UNTOLD = 2


class NothingGrewError(BudgetError):
    """The bad commit is as good as the good one."""


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
        MissingExtraError: --timing, and scipy is not installed.
        BudgetError: The commits are no range, or the test does not pass on the good one.
    """
    if arguments.timing:
        require_throughput("--timing")
    here = Path.cwd()
    repository = Repository.at(here)
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
    progress = ProgressLine()
    with scratch_folder() as scratch, progress.shown():
        progress.step("copying the working tree's tests")
        tests = make_tree(checkout_source(repository), scratch / "tests")
        trial: Trial | TimedTrial
        if arguments.timing:
            between = len(repository.halves(bad.sha, [good.sha]))
            trial = TimedTrial(
                repository=repository,
                test=arguments.test,
                here=here,
                scratch=scratch,
                tests=tests,
                progress=progress,
                steps=between.bit_length() + 1,
            )
        else:
            trial = Trial(
                repository=repository,
                test=arguments.test,
                function=arguments.function,
                here=here,
                scratch=scratch,
                tests=tests,
                progress=progress,
            )
        trial.start(good)
        found = search(repository, good.sha, bad.sha, trial.ask)
        if not found.first:
            raise NothingGrewError(
                f"{_question(arguments)} on {bad.short} than on the good commit {good.short}",
                place=arguments.test,
                remedy="Name another test or other commits",
            )
        text = _report(found, trial, repository)
    sys.stdout.write(text + "\n")
    return FOUND if len(found.first) == 1 else UNTOLD


def _question(arguments: argparse.Namespace) -> str:
    if arguments.timing:
        return "the test takes no more time"
    if arguments.function:
        return f"{arguments.function} is not called more often"
    return "no function is called more often"


def _report(found: Found, trial: Trial | TimedTrial, repository: Repository) -> str:
    if len(found.first) == 1:
        commit = repository.commit(found.first[0])
        lines = [f"first bad commit: {commit.sha}", *_described(commit), ""]
        lines += trial.evidence(commit)
    else:
        lines = ["The first bad commit is one of these; those marked were skipped:"]
        for sha in found.first:
            commit = repository.commit(sha)
            lines.append(f"  {commit.short} {commit.subject}")
            if sha in trial.skipped:
                lines.append(f"    skipped: {trial.skipped[sha]}")
    return "\n".join([*lines, "", trial.closing(found)])


@dataclass(slots=True, kw_only=True)
class Trial:
    """Counts one test, commit by commit.

    Attributes:
        repository: Where the commits are.
        test: What is given to pytest.
        function: The one function to look at, or None for all.
        here: The folder the command was started in.
        scratch: A folder for the copies.
        tests: The working tree's copy, whose tests run on every commit.
        progress: Where to say what is going on.
    """

    repository: Repository
    test: str
    function: str | None
    here: Path
    scratch: Path
    tests: Tree
    progress: ProgressLine
    skipped: dict[str, str] = field(default_factory=dict)
    _good: Counted | None = None
    _counted: dict[str, Counted] = field(default_factory=dict)

    def start(self, good: Commit) -> None:
        """Count the good commit.

        Raises:
            CensusError: The test could not be run there.
            UsageError: It does not pass there.
        """
        self._good = counted = self._count(good, f"run 1, the good commit {good.short}")
        self._counted[good.sha] = counted
        if not counted.census.passed():
            raise UsageError(
                f"{self.test} does not pass on the good commit {good.short}: "
                f"{_why(counted.census)}",
                place=str(self.repository.root),
                remedy="Name as --good a commit on which it passes",
            )

    def ask(self, sha: str, left: int) -> Answer:
        """Whether a function grew between the good commit and this one."""
        commit = self.repository.commit(sha)
        text = f"run {len(self._counted) + len(self.skipped) + 1}, {commit.short}, {left:,} left"
        try:
            counted = self._count(commit, text)
        except CensusError as error:
            self.skipped[sha] = error.fact
            return Answer.UNTESTABLE
        assert self._good is not None
        if not self._common(self._good.census, counted.census):
            self.skipped[sha] = _why(counted.census)
            return Answer.UNTESTABLE
        self._counted[sha] = counted
        return Answer.BAD if self._compared(self._good, counted).grown else Answer.GOOD

    def closing(self, _found: Found) -> str:
        """How many runs it took."""
        runs, skipped = len(self._counted) + len(self.skipped), len(self.skipped)
        return f"{runs} runs, {skipped} of them skipped." if skipped else f"{runs} runs."

    def evidence(self, commit: Commit) -> list[str]:
        """What grew in a commit, and the lines that made it grow."""
        assert self._good is not None
        parents = [sha for sha in self.repository.parents(commit.sha) if sha in self._counted]
        before = self._counted[parents[0]] if parents else self._good
        since = before.tree.source.commit
        assert since is not None
        after = self._counted[commit.sha]
        comparison = self._compared(before, after)
        lines: list[str] = []
        for cause in explain(comparison, before, after):
            lines += cause_lines(cause, tests=len(comparison.tests), since=since.short)
        return lines

    def _compared(self, base: Counted, head: Counted) -> Comparison:
        comparison = judge(base, head, self._common(base.census, head.census))
        if self.function is None:
            return comparison
        return Comparison(
            tests=comparison.tests,
            grown=tuple(growth for growth in comparison.grown if growth.function == self.function),
            fewer=comparison.fewer,
            new=comparison.new,
            gone=comparison.gone,
            moved=comparison.moved,
            unstable=comparison.unstable,
        )

    def _common(self, base: Census, head: Census) -> list[str]:
        passed = base.passed()
        return [test for test in head.passed() if test in passed]

    def _count(self, commit: Commit, text: str) -> Counted:
        source = revision_source(self.repository, commit, commit.sha)
        tree = make_tree(source, self.scratch / commit.sha, tests_of=self.tests)
        side = make_side(tree, below=below(self.here, source), arguments=[self.test])
        return Counted(tree=tree, census=side.count(self.progress, text=text, attribute=True))


def _why(census: Census) -> str:
    reasons = [*census.uncollected.values(), *(record.reason for record in census.tests.values())]
    return next(iter(reasons), "it was not collected")


def _described(commit: Commit) -> list[str]:
    return [f"  {commit.subject}", f"  {commit.author}", f"  {commit.date}"]
