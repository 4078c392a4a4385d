"""Tell why the counts of a test differ from run to run.

The test runs again and again: with nothing varied, under other hash seeds, with other random
numbers, with the garbage collector running, for the first time in a process, and among the other
tests of its file in shuffled orders. Each function whose count follows one of these is named, and
what to do about it.

  cascade-budget doctor tests/test_api.py::test_parse

Exit code 0: every count is stable. 1: one is not. 2: the test could not be run.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cascade_budget.commands.console import ProgressLine, show
from cascade_budget.counting.suite import SuiteRequest, count_suite
from cascade_budget.errors import UsageError
from cascade_budget.judge.instability import diagnose
from cascade_budget.model.comparison import Diagnosis, Influence
from cascade_budget.model.suite_counts import PASSED, SuiteCounts
from cascade_budget.process.seeds import GATE_SEED
from cascade_budget.report.instability_text import diagnosis_text
from cascade_budget.source.layout import import_roots, importable_names
from cascade_budget.source.repository import Repository, RevisionError

if TYPE_CHECKING:
    import argparse

STABLE: Final = 0
UNSTABLE: Final = 1
_HASH_SEEDS: Final = (1, 2, 3)
_RANDOM_SEEDS: Final = (1, 2)
_ORDERS: Final = (1, 2)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("test", metavar="TEST", help="a test's node id, or a file of tests")


def run(arguments: argparse.Namespace) -> int:
    """Examine, print, and return the exit code.

    Raises:
        BudgetError: The test could not be run, or does not pass.
    """
    with ProgressLine().shown() as progress:
        found = examine(arguments.test, here=Path.cwd(), progress=progress)
    show(diagnosis_text(found))
    unstable = any(
        diagnosis.influence.unstable for diagnoses in found.values() for diagnosis in diagnoses
    )
    return UNSTABLE if unstable else STABLE


def examine(test: str, *, here: Path, progress: ProgressLine) -> dict[str, tuple[Diagnosis, ...]]:
    """What the counts of each test follow, by node id.

    Args:
        test: What is given to pytest.
        here: The folder the command was started in.
        progress: Where to say what is going on.

    Raises:
        SuiteError: The test could not be run.
        UsageError: No test passes.
    """
    request = _request(test, here)

    def count(text: str, **varied: Any) -> SuiteCounts:
        progress.step(text)
        asked = replace(request, **varied)
        return count_suite(asked, lambda done, tests: progress.count(text, done, tests))

    reference = count("counting")
    passed = reference.passed()
    if not passed:
        reasons = [record.reason for record in reference.tests.values() if record.reason]
        raise UsageError(
            f"{test} does not pass: {next(iter(reasons), 'it is skipped')}",
            place=str(here),
            remedy="Make it pass first",
        )
    repeated = [count("counting again, nothing varied")]
    varied = {
        Influence.HASH_SEED: [
            count(f"counting under hash seed {seed}", hash_seed=seed) for seed in _HASH_SEEDS
        ],
        Influence.RANDOM: [
            count(f"counting with other random numbers, {seed}", random_seed=seed)
            for seed in _RANDOM_SEEDS
        ],
        Influence.COLLECTOR: [count("counting with the garbage collector on", garbage=True)],
        Influence.COLD_START: [count("counting the first run in a process", warm_ups=0)],
        Influence.ORDER: [
            count(
                f"counting among the tests of its file, order {order}",
                arguments=(test.partition("::")[0],),
                shuffle=order,
            )
            for order in _ORDERS
        ],
    }
    return {
        name: diagnose(
            calls,
            _runs(repeated, name),
            {influence: _runs(runs, name) for influence, runs in varied.items()},
            threaded=bool(calls.get("threading:Thread.start") or reference.tests[name].threads),
        )
        for name, calls in passed.items()
    }


def _request(test: str, here: Path) -> SuiteRequest:
    try:
        project = Repository.at(here).root
    except RevisionError:
        project = here.resolve()
    roots = [project / root for root in import_roots(project)]
    return SuiteRequest(
        label="the working tree",
        project=project,
        working_folder=here,
        arguments=(test,),
        packages=importable_names(project, roots),
        # As the gate does: what only a first run costs is told apart below.
        warm_ups=1,
        random_seed=GATE_SEED,
    )


def _runs(runs: list[SuiteCounts], test: str) -> list[dict[str, int]]:
    # A run in which the test failed counted less than a test: it says nothing about its counts.
    return [
        dict(run.tests[test].calls)
        for run in runs
        if test in run.tests and run.tests[test].outcome == PASSED
    ]
