"""pytest-benchmark: a saved run against the next one, by `--benchmark-compare-fail`."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from importlib.metadata import version
from typing import TYPE_CHECKING, final

from benchmarks.measuring.decisions import Decision, ToolError, Verdict, with_slowdown
from benchmarks.measuring.programs import run_program

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

RULES = ("mean:5%", "min:5%", "median:2%")
_TEST = """
import os

from benchmarks.measuring.records import sort_records


def test_records(benchmark):
    n = int(os.environ["TRANSACTIONS"])
    assert benchmark(sort_records, n) == n
"""
_REGRESSED = re.compile(r"- Field '(\w+)' has failed PercentageRegressionCheck: ")


def read_verdicts(output: str) -> Mapping[str, Verdict]:
    """What each rule said, from what pytest printed.

    Its exit code does not tell a regression from a failed test: both are 1.

    Raises:
        ToolError: The test did not pass.
    """
    fields = set(_REGRESSED.findall(output))
    if "= FAILURES =" in output or not (fields or "1 passed" in output):
        raise ToolError("pytest-benchmark", "did not pass its test", output)
    return {
        rule: Verdict.SLOWER if rule.partition(":")[0] in fields else Verdict.SAME for rule in RULES
    }


@final
class PytestBenchmark:
    """A suite of one test, run twice.

    Args:
        folder: An empty folder to work in.
        root: The project's root, which the test imports from.
    """

    def __init__(self, folder: Path, root: Path) -> None:
        self.name = f"pytest-benchmark {version('pytest-benchmark')}"
        self._folder = folder
        self._root = root
        (folder / "test_records.py").write_text(_TEST, encoding="utf-8")

    def trial(self, slowdowns: Sequence[float]) -> Iterator[Decision]:
        """Save a run, then compare one with each slowdown to it."""
        shutil.rmtree(self._folder / ".benchmarks", ignore_errors=True)
        start = time.monotonic()
        read_verdicts(self._run(0.0, "--benchmark-save=base"))
        saved = time.monotonic() - start
        for injected in slowdowns:
            start = time.monotonic()
            # Given several times, the option counts once, with its last rule.
            rules = ("--benchmark-compare", "--benchmark-compare-fail", *RULES)
            found = read_verdicts(self._run(injected, *rules))
            seconds = saved + time.monotonic() - start
            for rule, verdict in found.items():
                yield Decision(
                    tool=self.name, rule=rule, injected=injected, verdict=verdict, seconds=seconds
                )

    def _run(self, injected: float, *options: str) -> str:
        command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull]
        command += [f"--rootdir={self._folder}", "-p", "no:cacheprovider", "-p", "no:randomly"]
        environ = {"TRANSACTIONS": str(with_slowdown(injected)), "PYTHONPATH": str(self._root)}
        return run_program(
            self.name, [*command, *options, "--", "test_records.py"], self._folder, environ
        ).output
