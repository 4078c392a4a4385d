"""What one chunk of work cost, on every clock that may matter."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Final

from cascade_budget.clock import Clock

if sys.platform != "win32":
    import resource

_SCHEDSTAT: Final = "/proc/thread-self/schedstat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one chunk took, in nanoseconds.

    Attributes:
        thread_ns: Processor time of the thread that ran it.
        process_ns: Processor time of the whole process and of the children it waited for.
        wall_ns: Time on the wall.
        delay_ns: Time that the thread was ready to run but did not get a processor; 0 where the
            system does not tell.
    """

    thread_ns: int
    process_ns: int
    wall_ns: int
    delay_ns: int

    @property
    def busy_wall_ns(self) -> int:
        """Wall time less run delay: what it would have taken on an idle machine."""
        return max(self.wall_ns - self.delay_ns, 1)


class Meter:
    """Reads the clocks of the thread that made it."""

    __slots__ = ("_delay_file", "_started")

    def __init__(self) -> None:
        try:
            # /proc/thread-self is resolved once, so the descriptor stays this thread's.
            self._delay_file: int | None = os.open(_SCHEDSTAT, os.O_RDONLY)
        except OSError:
            self._delay_file = None
        self._started = (0, 0, 0, 0)

    def start(self) -> None:
        """Note the time. The thread's own clock is read last here and first in `stop`."""
        self._started = (
            self._delay_ns(),
            _process_ns(),
            Clock.perf_counter_ns(),
            Clock.thread_time_ns(),
        )

    def stop(self) -> Cost:
        """The cost since `start`."""
        thread, wall = Clock.thread_time_ns(), Clock.perf_counter_ns()
        process, delay = _process_ns(), self._delay_ns()
        started = self._started
        return Cost(
            thread_ns=max(thread - started[3], 1),
            process_ns=max(process - started[1], 1),
            wall_ns=max(wall - started[2], 1),
            delay_ns=max(delay - started[0], 0),
        )

    def close(self) -> None:
        """Give back what is open."""
        if self._delay_file is not None:
            os.close(self._delay_file)
            self._delay_file = None

    def _delay_ns(self) -> int:
        if self._delay_file is None:
            return 0
        # Source: Linux Documentation/scheduler/sched-stats.rst, /proc/<pid>/schedstat: time on the
        # cpu, time waiting on a run queue (both in ns), number of timeslices.
        return int(os.pread(self._delay_file, 64, 0).split()[1])


def _process_ns() -> int:
    own = Clock.process_time_ns()
    if sys.platform == "win32":
        # It counts no processor time of children.
        return own
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own + round((children.ru_utime + children.ru_stime) * 1e9)
