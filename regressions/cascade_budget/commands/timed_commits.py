"""Bisecting a slowdown: the good commit against each other one, paired, until a verdict falls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cascade_budget.errors import UsageError
from cascade_budget.judge.sequential import Plan
from cascade_budget.model.throughput import Outcome, Throughput, slowdown_text, slowdowns_text
from cascade_budget.process.job import Imports
from cascade_budget.source.layout import USUAL_ROOTS, importable
from cascade_budget.timing.pairing_errors import PairingError, SideFailedError
from cascade_budget.timing.pairs import timing_job
from cascade_budget.timing.rounds import Progress, run_rounds

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cascade_budget.commands.console import ProgressLine
    from cascade_budget.process.job import Job
    from cascade_budget.source.copies import Tree
    from cascade_budget.source.repository import Commit, Repository


@dataclass(slots=True, kw_only=True)
class TimedCommits:
    """Times one test's workload, commit by commit.

    Attributes:
        repository: Where the commits are.
        copy: Copies a commit, with the working tree's tests.
        test: The test's node id; it calls the `cascade_budget` fixture.
        below: The folder the command was started in, relative to the project's top.
        progress: Where to say what is going on.
        steps: How many commits may be asked about; they share the error of a false alarm.
        skipped: Why commits could not be told from the good one, by full name.
    """

    repository: Repository
    copy: Callable[[Commit], Tree]
    test: str
    below: Path
    progress: ProgressLine
    steps: int
    skipped: dict[str, str] = field(default_factory=dict)
    _good: Tree | None = None
    _verdicts: dict[str, Throughput] = field(default_factory=dict)

    def start(self, good: Commit) -> None:
        """Prepare the good commit."""
        self._good = self.copy(good)

    def is_bad(self, sha: str, left: int) -> bool | None:
        """Whether the test is slower than on the good commit; None: not to be told.

        Raises:
            UsageError: The test does not run on the good commit.
        """
        commit = self.repository.commit(sha)
        runs = len(self._verdicts) + len(self.skipped)
        text = f"comparison {runs + 1}, {commit.short}, {left:,} left"
        self.progress.step(text)
        assert self._good is not None

        def tell(progress: Progress) -> None:
            self.progress.step(
                f"{text}: round {progress.rounds} of at most {progress.most}, "
                f"{slowdown_text(progress.slowdown)} so far"
            )

        try:
            timing = run_rounds(
                self._spec("base", self._good),
                self._spec("head", self.copy(commit)),
                plan=Plan(tests=self.steps),
                progress=tell,
            )
        except SideFailedError as error:
            if "base" in error.failures:
                raise UsageError(
                    f"{self.test} does not run on the good commit: {error.failures['base']}",
                    place=str(self.repository.root),
                    remedy="Name as --good a commit on which it runs",
                ) from None
            self.skipped[sha] = str(error.failures["head"])
            return None
        except PairingError as error:
            self.skipped[sha] = error.fact
            return None
        verdict = timing.verdict
        if verdict.outcome is Outcome.UNRESOLVED:
            self.skipped[sha] = f"unresolved: {_told(verdict)}"
            return None
        self._verdicts[sha] = verdict
        return verdict.outcome is Outcome.REGRESSED

    def evidence(self, commit: Commit) -> list[str]:
        """How much slower a commit is than the good one."""
        return [self.test, f"  {_told(self._verdicts[commit.sha])}"]

    def closing(self, asked: int) -> str:
        """How sure the search is.

        Source: Boole's inequality over the comparisons' error probabilities.
        """
        plan = Plan(tests=self.steps)
        sure = 1 - plan.alpha - asked * plan.beta
        return (
            f"{asked} comparisons, {len(self.skipped)} of them skipped; "
            f"confidence at least {100 * sure:.1f} %."
        )

    def _spec(self, name: str, tree: Tree) -> Job:
        # Where nothing is installed, pytest's own settings lead to one of the usual folders.
        usual = (tree.folder / root for root in USUAL_ROOTS)
        roots = tree.roots or tuple(folder for folder in usual if importable(folder))
        return timing_job(
            name=name,
            root=str(tree.folder / self.below),
            node=self.test,
            imports=Imports(
                roots=tuple(str(root) for root in roots),
                origins=tuple(str(origin) for origin in tree.origins),
            ),
        )


def _told(verdict: Throughput) -> str:
    return (
        f"{slowdown_text(verdict.slowdown)}, {slowdowns_text(verdict.interval)} "
        f"(confidence {100 * verdict.confidence:g} %), {verdict.rounds} rounds"
    )
