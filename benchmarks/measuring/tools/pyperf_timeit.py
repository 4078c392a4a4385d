"""pyperf: two runs of `pyperf timeit` with its default of 20 processes, then `compare_to`."""

from __future__ import annotations

import re
import sys
import time
from importlib.metadata import version
from typing import TYPE_CHECKING, final

from benchmarks.measuring.decisions import Decision, ToolError, Verdict, with_slowdown
from benchmarks.measuring.programs import run_program

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

RULES = {"t-test": (), "t-test and --min-speed=2": ("--min-speed=2",)}
_SETUP = "from benchmarks.measuring.records import sort_records"
_RATIO = re.compile(r": \d+(?:\.\d+)?x (slower|faster)$", re.MULTILINE)
_SAME = re.compile(r"not significant \(1\): records|: no change$", re.MULTILINE)


def read_verdict(output: str) -> Verdict:
    """What `pyperf compare_to` said of one benchmark; its exit code is 0 either way.

    Raises:
        ToolError: There is no comparison in it.
    """
    found = _RATIO.search(output)
    if found is not None:
        return Verdict(found[1])
    if _SAME.search(output):
        return Verdict.SAME
    raise ToolError("pyperf", "compared nothing", output)


@final
class PyperfTimeit:
    """Runs that are kept as JSON and compared by Student's t.

    Args:
        folder: An empty folder to work in.
        root: The project's root, which the statement imports from.
    """

    def __init__(self, folder: Path, root: Path) -> None:
        self.name = f"pyperf {version('pyperf')}"
        self._folder = folder
        self._root = root

    def trial(self, slowdowns: Sequence[float]) -> Iterator[Decision]:
        """Time base, then head with each slowdown, and compare the files."""
        base = self._time("base.json", 0.0)
        for injected in slowdowns:
            head = self._time("head.json", injected)
            for rule, options in RULES.items():
                start = time.monotonic()
                output = self._pyperf("compare_to", *options, "base.json", "head.json")
                yield Decision(
                    tool=self.name,
                    rule=rule,
                    injected=injected,
                    verdict=read_verdict(output),
                    seconds=base + head + time.monotonic() - start,
                )

    def _time(self, name: str, injected: float) -> float:
        (self._folder / name).unlink(missing_ok=True)
        n = with_slowdown(injected)
        start = time.monotonic()
        output = self._pyperf(
            "timeit",
            "--inherit-environ=PYTHONPATH",
            "--name=records",
            f"--output={name}",
            f"--setup={_SETUP}",
            f"assert sort_records({n}) == {n}",
        )
        if not (self._folder / name).is_file():
            raise ToolError(self.name, f"wrote no {name}", output)
        return time.monotonic() - start

    def _pyperf(self, *words: str) -> str:
        command = [sys.executable, "-m", "pyperf", *words]
        environ = {"PYTHONPATH": str(self._root)}
        return run_program(self.name, command, self._folder, environ).output
