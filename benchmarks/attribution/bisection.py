"""Finds one slow commit among many with `cascade-budget bisect --timing`, and says what it took.

    python -m benchmarks.attribution.bisection
    python -m benchmarks.attribution.bisection --commits 64 --planted 41 --rounds 106

A history is made up: each commit edits the code, one of them gives a loop more turns to make. That
loop has 85 to 90 % of the time, so 106 turns in place of 100 are a slowdown of 5 %. Exits 1 when
another commit is found, or none.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from pathlib import Path

from benchmarks.attribution.running import run_python
from tests.budget.commands.dispatch_project import BUDGETED_TEST, PRICING, PROJECT
from tests.budget.commands.history import History

TEST = "tests/test_budget.py"


def make_history(
    root: Path, *, commits: int, planted: int, rounds: int
) -> tuple[History, list[str]]:
    """A repository whose `planted`-th commit, counted from 1, slows the code.

    Every commit edits the module that the time goes to, so that none can be told by what it
    touches.

    Returns:
        The repository and the names of its commits, first to last.
    """
    history = History.start(root)
    files = {**PROJECT, TEST: BUDGETED_TEST}
    names = [history.commit("commit 1", files)]
    for number in range(2, commits + 1):
        turns = rounds if number >= planted else 100
        text = PRICING.replace("ROUNDS = 100", f"ROUNDS = {turns}")
        edited = f"{text}\n\nREVISION = {number}\n"
        names.append(history.commit(f"commit {number}", {"src/dispatch/pricing.py": edited}))
    return history, names


def main() -> int:
    """Read the command line, search, and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--commits", type=int, default=64, help="length of the history (64)")
    parser.add_argument("--planted", type=int, default=41, help="the slow commit, from 1 (41)")
    parser.add_argument("--rounds", type=int, default=106, help="turns of its loop, not 100 (106)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cascade-budget-bisection-") as folder:
        history, names = make_history(
            Path(folder, "project"),
            commits=arguments.commits,
            planted=arguments.planted,
            rounds=arguments.rounds,
        )
        print(f"planted: commit {arguments.planted} of {arguments.commits}", flush=True)
        done = run_python(
            *("-m", "cascade_budget", "bisect", f"{TEST}::test_sending"),
            *("--timing", "--good", names[0]),
            at=history.root,
            environment={"CASCADE_BUDGET_CACHE": str(Path(folder, "cache"))},
        )
    print(done.output)
    print(f"{done.seconds:.0f} s, {done.cpu_seconds:.0f} s of CPU time")
    found = re.search(r"first bad commit: (\w+)", done.output)
    right = done.code == 0 and found is not None and found[1] == names[arguments.planted - 1]
    print("right" if right else "WRONG")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
