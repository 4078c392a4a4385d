"""How often pytest-benchmark's compare-fail is right, on the allocating workload of `measured`.

    python -m benchmarks.measuring_others --trials 20 --excess 0 0.02 0.05

Each trial saves a run as the baseline and compares a second run with it, the second with more to
do; both as a user would run them, one after the other.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.measured import N
from cascade_budget.judge.stats import proportion_interval

ROOT = Path(__file__).resolve().parent.parent
RULES = ("mean:5%", "min:5%", "median:2%")
_FAILED = 1
_TEST = """
import os

from benchmarks.measured import sort_records


def test_records(benchmark):
    benchmark(sort_records, int(os.environ["TRANSACTIONS"]))
"""


def benchmark_once(folder: Path, transactions: int, *options: str) -> int:
    """Run the suite once. Returns pytest's exit code."""
    command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, f"--rootdir={folder}"]
    done = subprocess.run(  # noqa: S603
        [*command, "-p", "no:cacheprovider", "-p", "no:randomly", *options, str(folder)],
        cwd=folder,
        env={**os.environ, "TRANSACTIONS": str(transactions), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return done.returncode


def run_trial(excess: float) -> dict[str, bool]:
    """By rule, whether the second run was called slower."""
    verdicts = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_records.py").write_text(_TEST, encoding="utf-8")
        if benchmark_once(folder, N, "--benchmark-save=base"):
            raise SystemExit("the baseline run failed; run benchmarks/measured.py under pytest")
        for rule in RULES:
            code = benchmark_once(
                folder,
                round(N * (1 + excess)),
                "--benchmark-compare",
                f"--benchmark-compare-fail={rule}",
            )
            verdicts[rule] = code == _FAILED
    return verdicts


def main() -> None:
    """Print a line a trial, and a Markdown table at the end."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--excess", type=float, nargs="+", default=[0.0, 0.02, 0.05])
    arguments = parser.parse_args()
    alarms: dict[float, Counter[str]] = {excess: Counter() for excess in arguments.excess}
    for trial in range(1, arguments.trials + 1):
        for excess, counter in alarms.items():
            verdicts = run_trial(excess)
            counter.update(rule for rule, slower in verdicts.items() if slower)
            print(f"{time.strftime('%H:%M:%S')} {trial}/{arguments.trials} {excess:.1%} {verdicts}")
            sys.stdout.flush()
    print("\n| Rule | Slowdown put there | Called slower | 95 % interval |\n|---|---|---|---|")
    for rule in RULES:
        for excess, counter in alarms.items():
            interval = proportion_interval(counter[rule], arguments.trials)
            print(
                f"| {rule} | {excess:.1%} | {counter[rule]} of {arguments.trials} | "
                f"{interval.lower:.0%} to {interval.upper:.0%} |"
            )


if __name__ == "__main__":
    main()
