"""What a sample weighs: CPU time, elapsed time, or a test's virtual clock."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEDSTAT = Path("/proc/thread-self/schedstat")
"""Linux: time on the CPU, time waiting for a CPU (both ns), time slices of this thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingClock:
    """The two clocks of a session."""

    name: Literal["cpu", "wall"]
    now_ns: Callable[[], int]
    """What samples are weighed by, in ns."""
    trigger_s: Callable[[], float] | None = None
    """What decides when a sample is due, in seconds; None for the system's monotonic clock, which
    the sampler reads in C."""


def cpu_clock() -> SamplingClock:
    """CPU time of the calling thread: another process's load does not show in it."""
    return SamplingClock(name="cpu", now_ns=time.thread_time_ns)


def wall_clock() -> SamplingClock:
    """Elapsed time, for work that waits: timers, I/O, other threads."""
    return SamplingClock(name="wall", now_ns=time.perf_counter_ns)


def clock_named(name: Literal["cpu", "wall"]) -> SamplingClock:
    """The clock that goes by a name."""
    return cpu_clock() if name == "cpu" else wall_clock()


def run_delay_ns() -> int:
    """Time that this thread was ready and had no CPU, in ns; 0 where the system doesn't say."""
    try:
        return int(SCHEDSTAT.read_text(encoding="ascii").split()[1])
    except (OSError, IndexError, ValueError):
        return 0
