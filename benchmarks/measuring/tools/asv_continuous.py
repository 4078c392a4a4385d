"""`asv continuous` on a small repository: base, and a commit for each slowdown."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

from benchmarks.measuring import records
from benchmarks.measuring.decisions import Decision, ToolError, Verdict, with_slowdown
from benchmarks.measuring.programs import run_program

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SUITE = """
from records import sort_records
from records.size import TRANSACTIONS


class Records:
    def setup(self):
        assert sort_records(TRANSACTIONS) == TRANSACTIONS

    def time_records(self):
        sort_records(TRANSACTIONS)
"""
_INSTALL = (
    "import shutil, sysconfig; "
    "shutil.copytree('records', sysconfig.get_path('purelib') + '/records', dirs_exist_ok=True)"
)
_UNINSTALL = (
    "import shutil, sysconfig; "
    "shutil.rmtree(sysconfig.get_path('purelib') + '/records', ignore_errors=True)"
)
# Copied instead of built: what a revision costs to install is none of the comparison.
_CONFIGURATION: Final = {
    "version": 1,
    "project": "records",
    "repo": ".",
    "dvcs": "git",
    "branches": ["main"],
    "environment_type": "virtualenv",
    "benchmark_dir": "benchmarks",
    "env_dir": ".asv/env",
    "results_dir": ".asv/results",
    "build_command": [],
    "install_command": [f'in-dir={{build_dir}} python -c "{_INSTALL}"'],
    "uninstall_command": [f'python -c "{_UNINSTALL}"'],
}
_CONCLUSIONS = {
    "PERFORMANCE DECREASED.": Verdict.SLOWER,
    "PERFORMANCE INCREASED.": Verdict.FASTER,
    "BENCHMARKS NOT SIGNIFICANTLY CHANGED.": Verdict.SAME,
}
_MARKS = {"+": Verdict.SLOWER, "-": Verdict.FASTER, "": Verdict.SAME}
_ROW = re.compile(r"^\| ([^|]*?) *\|.*\| records\.Records\.time_records +\|$", re.MULTILINE)


def read_conclusion(output: str) -> Verdict:
    """What `asv continuous` said at its end.

    Raises:
        ToolError: It came to no conclusion.
    """
    for line in output.splitlines():
        if line in _CONCLUSIONS:
            return _CONCLUSIONS[line]
    raise ToolError("asv", "came to no conclusion", output)


def read_row(output: str) -> Verdict:
    """How `asv compare` marked the benchmark.

    Raises:
        ToolError: The benchmark is not in the table, or failed on one side.
    """
    found = _ROW.search(output)
    if found is None or found[1].strip() not in _MARKS:
        raise ToolError("asv", "compared nothing", output)
    return _MARKS[found[1].strip()]


@final
class AsvContinuous:
    """Two rounds of each commit, as asv does by itself, and its own rule at two factors.

    Args:
        folder: An empty folder to work in; it also stands in for the home that asv keeps the
            machine's name in.
        slowdowns: The slowdowns that trials will ask for.
    """

    def __init__(self, folder: Path, slowdowns: Sequence[float]) -> None:
        self.name = f"asv continuous {version('asv')}"
        self._folder = folder
        self._write_repository(slowdowns)
        # Before the home is moved: it may say where packages come from.
        self._asv("setup", home=False)
        self._asv("machine", "--yes", "--machine=here")

    def trial(self, slowdowns: Sequence[float]) -> Iterator[Decision]:
        """Compare base with the commit of each slowdown."""
        for injected in slowdowns:
            shutil.rmtree(self._folder / ".asv/results/here", ignore_errors=True)
            start = time.monotonic()
            pair = ("base", f"head-{injected:g}")
            output = self._asv("continuous", "--machine=here", "--factor=1.05", *pair)
            if output.count("records.Records.time_records  ") < len(pair):
                raise ToolError(self.name, "did not measure both commits", output)
            seconds = time.monotonic() - start
            lower = self._asv("compare", "--machine=here", "--factor=1.02", *pair)
            for rule, verdict in (
                ("--factor=1.05", read_conclusion(output)),
                ("--factor=1.02", read_row(lower)),
            ):
                yield Decision(
                    tool=self.name, rule=rule, injected=injected, verdict=verdict, seconds=seconds
                )

    def _write_repository(self, slowdowns: Sequence[float]) -> None:
        package = self._folder / "records"
        package.mkdir()
        shutil.copy(Path(records.__file__), package / "__init__.py")
        suite = self._folder / "benchmarks"
        suite.mkdir()
        (suite / "__init__.py").touch()
        (suite / "records.py").write_text(_SUITE, encoding="utf-8")
        configuration = json.dumps(_CONFIGURATION)
        (self._folder / "asv.conf.json").write_text(configuration, encoding="utf-8")
        self._git("init", "--quiet", "--initial-branch=main")
        for name, injected in (("base", 0.0), *((f"head-{one:g}", one) for one in slowdowns)):
            size = f'"""{name}"""\n\nTRANSACTIONS = {with_slowdown(injected)}\n'
            (package / "size.py").write_text(size, encoding="utf-8")
            self._git("add", "asv.conf.json", "benchmarks", "records")
            self._git("commit", "--quiet", "--message", name)
            self._git("tag", name)

    def _git(self, *words: str) -> None:
        settings = ("user.name=benchmarks", "user.email=benchmarks@localhost")
        options = [word for one in (*settings, "commit.gpgsign=false") for word in ("-c", one)]
        subprocess.run(["git", *options, *words], cwd=self._folder, check=True)  # noqa: S603, S607

    def _asv(self, *words: str, home: bool = True) -> str:
        command = [sys.executable, "-m", "asv", *words]
        environ = {"HOME": str(self._folder)} if home else {}
        return run_program(self.name, command, self._folder, environ).output
