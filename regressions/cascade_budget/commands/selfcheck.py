"""Prove on this machine what the throughput gate promises.

Base is timed against base, and against base with more to do: how many of the first are called
regressed, how many of the second are not? The promise is at most one false alarm in a thousand
verdicts and 99 of 100 slowdowns of 2 % found. What was seen is kept as this machine's result; where
it rules the promise out, pytest --cascade-budget-base gives no verdicts.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cascade_budget.commands.arguments import percentage, whole_number
from cascade_budget.commands.console import ProgressLine, show
from cascade_budget.extras import require_throughput
from cascade_budget.judge.sequential import DEFAULT_LOOKS
from cascade_budget.source.cache import scratch_folder
from cascade_budget.timing.selfcheck_result import share_name, write_result
from cascade_budget.timing.trials import rates, result_of, run_trials

if TYPE_CHECKING:
    import argparse

SLOWDOWNS: Final = (0.005, 0.01, 0.02, 0.03, 0.05, 0.10)
FEWEST_TRIALS: Final = 10
"""Fewer find hardly any machine wanting."""

_NODE: Final = "test_workload.py::test_workload"
_WORKLOAD: Final = """
class Account:
    def __init__(self, number):
        self.number = number
        self.entries = []

    def book(self, amount, text):
        self.entries.append({"amount": amount, "text": text})
        return len(self.entries)


def work(n):
    accounts = [Account(number) for number in range(8)]
    for number in range(n):
        account = accounts[number % 8]
        account.book(number * 3 % 101, "entry %d" % number)
    return sum(entry["amount"] for account in accounts for entry in account.entries)


def test_workload(cascade_budget):
    cascade_budget(work, n=2000)
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "test",
        nargs="?",
        help="id of a test with the cascade_budget fixture; a built-in workload by default",
    )
    parser.add_argument(
        "--trials", type=whole_number, default=20, help="verdicts on equal code (default: 20)"
    )
    parser.add_argument(
        "--slowdowns",
        nargs="+",
        type=percentage,
        default=list(SLOWDOWNS),
        metavar="PERCENT",
        help="slowdowns to inject (default: 0.5 1 2 3 5 10); 2 is always among them",
    )


def run(arguments: argparse.Namespace) -> int:
    """Carry the trials out, print the rates, and keep the result.

    Returns:
        0 where the promise may hold, 1 where the trials rule it out.

    Raises:
        UsageError: scipy is not installed.
        UsageError: The test holds too few transactions to make a little more of them.
        PairingError: It can't be timed.
    """
    require_throughput("judging times")
    with ProgressLine().shown() as progress, scratch_folder() as scratch:
        project = Path.cwd()
        if arguments.test is None:
            project = scratch / "project"
            project.mkdir()
            (project / "test_workload.py").write_text(_WORKLOAD, encoding="utf-8")
            (project / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")

        def tell(trial: str, rounds: int) -> None:
            if rounds:
                progress.count(f"{trial}, round {rounds} of at most {DEFAULT_LOOKS[-1]}", 0, 0)
            else:
                progress.step(trial)

        trials = run_trials(
            project,
            arguments.test or _NODE,
            number=arguments.trials,
            slowdowns=arguments.slowdowns,
            told=tell,
        )
    result = result_of(trials)
    kept = f"Not kept: a result needs {FEWEST_TRIALS} trials or more."
    if result.trials >= FEWEST_TRIALS:
        kept = f"Kept in {write_result(result)}"
    smallest = (
        f"smallest slowdown that was always found: {share_name(result.smallest_detected)}"
        if result.smallest_detected
        else "no slowdown was always found"
    )
    subject = arguments.test or "the built-in workload"
    conclusion = (
        "The promise may hold here: nothing that was seen rules it out."
        if result.holds
        else "The promise does not hold here: --cascade-budget-base will give no verdicts.\n"
        "Try again when the machine is quieter."
    )
    lines = [
        f"{subject}, Python {sys.version_info.major}.{sys.version_info.minor}",
        "",
        *rates(trials),
        "",
        f"{smallest}; {result.seconds:.0f} s a verdict",
        conclusion,
        kept,
    ]
    show("\n".join(lines))
    return 0 if result.holds else 1
