"""With files that asv itself writes: the format above is the format there is."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cascade_budget.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    from tests.budget.interop.stored import Project

SUITE = """
import math


class Parse:
    number = 1
    repeat = 2
    rounds = 2
    warmup_time = 0

    def time_parse(self):
        sum(range(1000))

    def peakmem_parse(self):
        sum(range(1000))

    def track_calls(self, size):
        return {calls} * size

    track_calls.params = [1, 2]
    track_calls.unit = "calls"

    def track_skipped(self):
        return math.nan

    def track_broken(self):
        raise RuntimeError
"""


def run_asv(project: Project, home: Path, *words: str) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "asv", *words],
        cwd=project.root,
        env={**os.environ, "HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    # asv run exits with 2 where a benchmark failed.
    assert finished.returncode in (0, 2), finished.stdout + finished.stderr


@pytest.fixture
def measured(project: Project, tmp_path: Path) -> Project:
    """Both commits, measured in this environment with two processes a time."""
    home = tmp_path / "home"
    home.mkdir()
    run_asv(project, home, "machine", "--yes", "--machine", "box")
    suite = project.root / "benchmarks/parse.py"
    suite.parent.mkdir()
    (suite.parent / "__init__.py").touch()
    for commit, calls in ((project.base, 100), (project.head, 101)):
        # The same benchmark, of which only what it measures differs.
        (suite.parent / "calls.py").write_text(f"CALLS = {calls}\n", encoding="utf-8")
        suite.write_text(
            "from benchmarks.calls import CALLS\n" + SUITE.format(calls="CALLS"), encoding="utf-8"
        )
        words = ("--python=same", "--machine=box", f"--set-commit-hash={commit}")
        run_asv(project, home, "run", *words, "--record-samples")
    return project


def test_results_that_asv_wrote_are_judged(measured: Project, capsys) -> None:
    assert main(["asv", "main~1", "main", "--bench", "track_|peakmem_", "--all"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[4:14] == [
        "verdict     benchmark",
        "REGRESSED   parse.Parse.track_calls(1)",
        "              100 -> 101 calls, exact",
        "REGRESSED   parse.Parse.track_calls(2)",
        "              200 -> 202 calls, exact",
        "NO DATA     parse.Parse.track_broken",
        "              failed on base, failed on head",
        "NO DATA     parse.Parse.track_skipped",
        "              skipped on base, skipped on head",
        "UNCHANGED   parse.Parse.peakmem_parse",
    ]
    main(["asv", "main~1", "main", "--bench", "time_"])
    lines = capsys.readouterr().out.splitlines()
    # Base was timed before head: on a busy machine the time may even have doubled in between.
    assert lines[5].split()[0] in {"UNRESOLVED", "REGRESSED", "IMPROVED"}
    assert lines[5].endswith("  parse.Parse.time_parse")
    assert lines[6].endswith("; 2 processes a side")
