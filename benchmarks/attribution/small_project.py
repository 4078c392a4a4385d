"""The eight commits of the small project under the gate, again and again: is it right each time?

    python -m benchmarks.attribution.small_project
    python -m benchmarks.attribution.small_project --times 5 --only B2 V1

One command a commit: `pytest --cascade-budget`, for B2, a slowdown that no count can see, with
`--cascade-budget-base=main`. Prints a table and exits 1 where a verdict, a function, a law or a
line is wrong. Seconds are of the whole command and mean something on a quiet machine alone;
processor seconds grow less with what else runs.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.attribution.running import run_python
from tests.budget.commands.dispatch_project import BUDGETED_TEST, COMMITS, PROJECT
from tests.budget.commands.history import History

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.attribution.running import Finished

TEST = "tests/test_budget.py"

#: What a red run must say: function, law or slowdown, and line. The other commits are green.
RED = {
    "B1": (
        "inspect:signature",
        "n calls, budget 0: was never called, is now called once per transaction",
        "src/dispatch/registry.py:14 in signature_of",
    ),
    "B2": (
        "test_sending: too slow",
        "% slower than main (",
        "changed since main and run here:",
        "src/dispatch/pricing.py:1 ROUNDS, read by weigh",
    ),
    "B3": (
        "dispatch.pricing:rate",
        "2*n calls, budget n: was called once, is now called twice per transaction",
        "src/dispatch/pricing.py:16 in price",
    ),
    "V1": (
        "inspect:signature",
        "n calls, budget 0: was never called, is now called once per transaction",
        "src/dispatch/sending.py:20 in send",
    ),
}
TIMED = ("B2",)


def gate(history: History, cache: Path, *options: str) -> Finished:
    """`pytest --cascade-budget` on the project as it is checked out."""
    return run_python(
        *("-m", "pytest", "--cascade-budget", *options, TEST),
        at=history.root,
        environment={"CASCADE_BUDGET_CACHE": str(cache)},
    )


def make_history(root: Path, cache: Path) -> History:
    """The project with its ledger on `main`, and each commit on a branch of its own."""
    history = History.start(root)
    history.write({**PROJECT, TEST: BUDGETED_TEST})
    recorded = gate(history, cache, "--cascade-budget-update")
    assert recorded.code == 0, recorded.output
    history.commit("Send orders within a budget")
    for name, files in COMMITS.items():
        history.git("switch", "--quiet", "--create", name, "main")
        history.commit(name, files)
    return history


def missing(name: str, finished: Finished) -> list[str]:
    """What a run should have said or done and did not."""
    wanted = RED.get(name, ())
    lacking = [text for text in wanted if text not in finished.output]
    code = 1 if wanted else 0
    return lacking if finished.code == code else [f"exit code {code}", *lacking]


def row(name: str, runs: Sequence[Finished], right: int) -> str:
    """One line of the table."""
    seconds = [each.seconds for each in runs]
    cpu = statistics.median(each.cpu_seconds for each in runs)
    verdict = "red" if name in RED else "green"
    return (
        f"{name:8}{verdict:8}{right} of {len(runs)}"
        f"{statistics.median(seconds):12.1f}{max(seconds):8.1f}{cpu:14.1f}"
    )


def main() -> int:
    """Read the command line, run, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=5, help="runs a commit (5)")
    parser.add_argument("--only", nargs="+", choices=COMMITS, default=list(COMMITS))
    arguments = parser.parse_args()
    wrong = False
    print(f"{'commit':8}{'must be':8}{'right':8}{'s, median':>9}{'max':>8}{'CPU s, median':>14}")
    with tempfile.TemporaryDirectory(prefix="cascade-budget-small-") as folder:
        cache = Path(folder, "cache")
        history = make_history(Path(folder, "project"), cache)
        for name in arguments.only:
            history.git("switch", "--quiet", name)
            base = ("--cascade-budget-base=main",) if name in TIMED else ()
            runs = [gate(history, cache, *base) for _ in range(arguments.times)]
            lacking = [missing(name, each) for each in runs]
            print(row(name, runs, sum(not each for each in lacking)), flush=True)
            for each, finished in zip(lacking, runs, strict=True):
                if each:
                    wrong = True
                    print(f"    missing: {'; '.join(each)}\n{finished.output}")
    print(f"Python {sys.version_info.major}.{sys.version_info.minor}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
