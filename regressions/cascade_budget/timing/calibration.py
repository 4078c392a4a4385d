"""Calibrated cost: CPU time a transaction over that of one turn of the calibration loop.

The loop runs between the chunks of what is measured. A turn is work of the kind that Python
programs do: calls, attributes, small objects, dicts, lists and short strings. Its code is never
changed: recorded costs are quotients by it.
"""

from __future__ import annotations

import hashlib
import platform
import statistics
import sys
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

from cascade_budget.clock import Clock
from cascade_budget.process.workload import frozen_heap

if TYPE_CHECKING:
    from collections.abc import Callable

CALIBRATION_VERSION: Final = 1
"""Part of the kind of machine: another loop makes another unit."""

_CHUNK_NS: Final = 5_000_000
"""Long against the clock's grain and an interrupt, short against a change of the machine's pace."""
_ENOUGH_NS: Final = 400_000_000
_TOO_MUCH_NS: Final = 4_000_000_000
_MIN_CHUNKS: Final = 5
_WAITING_NS: Final = 500_000_000
_COARSE_GRAIN_NS: Final = 1_000_000
_GRAINS_A_CHUNK: Final = 20


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CostSample:
    """What one attempt measured; each number is the median over its chunks.

    Attributes:
        calibrated_cost: CPU time a transaction over that of one turn of the calibration loop.
        cpu_ns_per_transaction: CPU time of the process, every thread of it.
        wall_ns_per_transaction: elapsed time.
    """

    calibrated_cost: float
    cpu_ns_per_transaction: float
    wall_ns_per_transaction: float


def sample_cost(run: Callable[[int], object], n: int, *, at_a_glance: bool = False) -> CostSample:
    """Measure a workload that is warm.

    The loop runs before and after each chunk of the workload, so that a machine whose pace
    changes from one moment to the next changes both. About 0.4 s in all, or one chunk where a
    single one takes more.

    Args:
        run: performs that many transactions.
        n: how many it is asked for.
        at_a_glance: whether a few chunks are enough, for a number that nothing is held against.
    """
    enough_ns = 0 if at_a_glance else _ENOUGH_NS
    chunk_ns = _chunk_ns()
    turns = _turns(chunk_ns)
    repeats = _repeats(run, n, chunk_ns)
    # The collector stays on, for allocation has its price; what was there before is not its own.
    with frozen_heap():
        ratios, cpu, wall, spent = [], [], [], 0
        before = _cpu_of(turns)
        while True:
            cpu_ns, wall_ns = _time(run, n, repeats)
            after = _cpu_of(turns)
            transactions = repeats * n
            turn_ns = (before + after) / (2 * turns)
            ratios.append(cpu_ns / transactions / turn_ns)
            cpu.append(cpu_ns / transactions)
            wall.append(wall_ns / transactions)
            before = after
            spent += max(cpu_ns, wall_ns)
            if spent >= _TOO_MUCH_NS or (spent >= enough_ns and len(ratios) >= _MIN_CHUNKS):
                break
    return CostSample(
        calibrated_cost=statistics.median(ratios),
        cpu_ns_per_transaction=statistics.median(cpu),
        wall_ns_per_transaction=statistics.median(wall),
    )


def python_key() -> str:
    """The implementation and version whose costs can be compared: `cpython-3.13`."""
    free_threaded = "t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
    major, minor = sys.version_info[:2]
    return f"{sys.implementation.name}-{major}.{minor}{free_threaded}"


def machine_kind() -> str:
    """System, architecture, and a digest of processor model and interpreter build.

    The digest tells one kind of machine from another without naming either; no host name and no
    path goes into it.
    """
    traits = (
        _processor(),
        platform.python_version(),
        platform.python_compiler(),
        str(sysconfig.get_config_var("PY_CFLAGS")),
        f"calibration {CALIBRATION_VERSION}",
    )
    digest = hashlib.sha256("\n".join(traits).encode()).hexdigest()[:8]
    return f"{platform.system()}-{platform.machine()}-{digest}".lower()


class _Cell:
    __slots__ = ("label", "value")

    def __init__(self, value: int, label: str) -> None:
        self.value = value
        self.label = label

    def advance(self, by: int = 1) -> int:
        self.value = (self.value + by) & 1023
        return self.value


def run_calibration(turns: int) -> int:
    """Run the calibration loop. Returns a checksum, so that none of it is idle work."""
    table: dict[str, _Cell] = {f"key{i}": _Cell(i, f"cell{i}") for i in range(32)}
    names = list(table)
    checksum = 0
    for turn in range(turns):
        cell = table[names[turn & 31]]
        step = cell.advance(by=turn & 7)
        pair = (step, cell.label)
        fresh = _Cell(pair[0], f"{pair[1]}-{step}")
        batch = [fresh.advance() for _ in (1, 2, 3)]
        batch.append(len(fresh.label))
        checksum = (checksum + sum(batch)) & 0xFFFF
        if checksum in (0, 0x8000):
            names.reverse()
    return checksum


def _chunk_ns() -> int:
    """A chunk's length: many grains of the clock where it is coarse, as on Windows."""
    grain = time.get_clock_info("process_time").resolution * 1e9
    return max(_CHUNK_NS, int(grain * _GRAINS_A_CHUNK)) if grain > _COARSE_GRAIN_NS else _CHUNK_NS


def _time(run: Callable[[int], object], n: int, repeats: int) -> tuple[int, int]:
    """CPU time and elapsed time of so many runs at n."""
    wall_start, cpu_start = Clock.perf_counter_ns(), Clock.process_time_ns()
    for _ in range(repeats):
        run(n)
    return Clock.process_time_ns() - cpu_start, Clock.perf_counter_ns() - wall_start


def _cpu_of(turns: int) -> int:
    start = Clock.process_time_ns()
    run_calibration(turns)
    return max(Clock.process_time_ns() - start, 1)


def _turns(chunk_ns: int) -> int:
    """Turns that fill a chunk. CPU time tells: on a busy machine elapsed time is others' too."""
    turns = 64
    while (cpu_ns := _cpu_of(turns)) < chunk_ns / 2:
        turns *= 2
    return max(round(turns * chunk_ns / cpu_ns), 1)


def _repeats(run: Callable[[int], object], n: int, chunk_ns: int) -> int:
    """How many runs at n fill a chunk, or half a second where the workload rather waits."""
    repeats = 1
    while True:
        cpu_ns, wall_ns = _time(run, n, repeats)
        if cpu_ns >= chunk_ns / 2 or wall_ns >= _WAITING_NS:
            return repeats
        repeats *= 2


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    wanted = ("model name", "CPU part", "Hardware", "cpu model")
    traits = sorted({line for line in lines if line.startswith(wanted)})
    return "\n".join(traits) or platform.processor()
