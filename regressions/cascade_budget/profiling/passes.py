"""Several sessions of one workload, with the clock and the size that suit it."""

from __future__ import annotations

import gc
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cascade_budget.profiling.recording import record_session, run_workload
from cascade_budget.profiling.sampling_clocks import (
    SamplingClock,
    cpu_clock,
    run_delay_ns,
    wall_clock,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from cascade_budget.model.profiles import ProfileSession

SESSIONS = 10
"""Sessions of one workload: with fewer, the few degrees of freedom widen every interval."""

SESSION_NS = 120_000_000
"""Plain time that a session covers at least, in ns: 1,200 samples and more, so that ten sessions of
call-heavy code take about 4 s."""

_LARGEST_STEP = 100
_MOST_TIMES = 10_000_000
"""Where this many times n still take no time, no clock will see the workload."""

WAITING_SHARE = 0.2
"""Share of the elapsed time, spent neither on a CPU nor waiting for one, above which work is said
to wait and is profiled by the wall clock."""


def choose_clock(*, wall_ns: int, cpu_ns: int, delay_ns: int) -> SamplingClock:
    """The wall clock for work that waits, the CPU clock for all else.

    Args:
        wall_ns: Elapsed time of a run, in ns.
        cpu_ns: CPU time of its thread, in ns.
        delay_ns: Time that the thread was ready but had no CPU, in ns.
    """
    waited_ns = wall_ns - cpu_ns - delay_ns
    return wall_clock() if waited_ns > WAITING_SHARE * wall_ns else cpu_clock()


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPlan:
    """How the sessions of one workload are recorded: alike, on either side.

    Attributes:
        n: transactions of a session.
        clock: what samples weigh.
    """

    n: int
    clock: SamplingClock


def profile_workload(
    workload: Callable[[int], Any],
    *,
    n: int,
    own_roots: Sequence[Path],
    sessions: int = SESSIONS,
    most: int | None = None,
    call: Callable[[Callable[[int], Any], int], object] | None = None,
    clock: SamplingClock | None = None,
) -> tuple[ProfileSession, ...]:
    """Profile `workload(n)` several times, each session beside a plain run of the same size.

    A workload shorter than `SESSION_NS` is given more transactions, in proportion, because its own
    n would be seen by a handful of samples.

    Args:
        workload: Performs n transactions; may be a coroutine function.
        n: Transactions of the test's own size, at least 1.
        own_roots: Directories of the code under test.
        sessions: How many sessions, at least 1.
        most: Transactions that a session may have; None for as many as it needs.
        call: Runs a workload; by default calls it, or `asyncio.run`s a coroutine function.
        clock: What samples weigh; chosen from a plain run by default.

    Raises:
        ProfileUnavailableError: When another profiler holds the thread.
    """
    plan = plan_sessions(workload, n, most=most, call=call, clock=clock)
    return tuple(
        record_planned(workload, plan, own_roots=own_roots, call=call) for _ in range(sessions)
    )


def plan_sessions(
    workload: Callable[[int], Any],
    n: int,
    *,
    most: int | None = None,
    call: Callable[[Callable[[int], Any], int], object] | None = None,
    clock: SamplingClock | None = None,
    session_ns: int = SESSION_NS,
) -> SessionPlan:
    """Find the size and the clock that suit a workload, by running it.

    Args:
        workload: Performs n transactions; warm afterwards.
        n: Transactions of the test's own size, at least 1; a session has a multiple of it.
        most: Transactions that a session may have, n at least; None for as many as it needs.
        call: Runs a workload; by default calls it, or `asyncio.run`s a coroutine function.
        clock: What samples weigh; chosen from a plain run by default.
        session_ns: Plain time that a session covers at least, in ns.
    """
    run = call or run_workload
    run(workload, n)
    wall_ns, cpu_ns, delay_ns = _plain_run(workload, n, run)
    clock = clock or choose_clock(wall_ns=wall_ns, cpu_ns=cpu_ns, delay_ns=delay_ns)
    spent_ns = cpu_ns if clock.name == "cpu" else wall_ns
    times = _session_times(
        workload,
        n,
        run,
        spent_ns=spent_ns,
        clock=clock,
        session_ns=session_ns,
        most=_MOST_TIMES if most is None else max(1, most // n),
    )
    return SessionPlan(n=n * times, clock=clock)


def record_planned(
    workload: Callable[[int], Any],
    plan: SessionPlan,
    *,
    own_roots: Sequence[Path],
    call: Callable[[Callable[[int], Any], int], object] | None = None,
) -> ProfileSession:
    """Record one session beside a plain run of the same size.

    Raises:
        ProfileUnavailableError: When another profiler holds the thread.
    """
    run = call or run_workload
    with _collector_paused():
        wall_ns, cpu_ns, _ = _plain_run(workload, plan.n, run)
        return record_session(
            workload,
            plan.n,
            clock=plan.clock,
            own_roots=own_roots,
            plain_ns_per_transaction=(cpu_ns if plan.clock.name == "cpu" else wall_ns) / plan.n,
            call=run,
        )


def _session_times(
    workload: Callable[[int], Any],
    n: int,
    run: Callable[[Callable[[int], Any], int], object],
    *,
    spent_ns: int,
    clock: SamplingClock,
    session_ns: int,
    most: int,
) -> int:
    """How many times n transactions take `session_ns`, at most `most`.

    Found in steps: a short run is timed too long where something interrupts it, and what follows
    from it would be too small.
    """
    times = 1
    while spent_ns < session_ns / 2 and times < most:
        step = max(2, min(round(session_ns / max(spent_ns, 1)), _LARGEST_STEP))
        times = min(times * step, most)
        wall_ns, cpu_ns, _ = _plain_run(workload, n * times, run)
        spent_ns = cpu_ns if clock.name == "cpu" else wall_ns
    return times


def _plain_run(
    workload: Callable[[int], Any],
    n: int,
    run: Callable[[Callable[[int], Any], int], object],
) -> tuple[int, int, int]:
    """Wall, CPU and run-delay time of one run, in ns."""
    delay_ns, wall_ns, cpu_ns = run_delay_ns(), time.perf_counter_ns(), time.thread_time_ns()
    run(workload, n)
    return (
        time.perf_counter_ns() - wall_ns,
        time.thread_time_ns() - cpu_ns,
        run_delay_ns() - delay_ns,
    )


@contextmanager
def _collector_paused() -> Iterator[None]:
    """No garbage collection within, so that no function is charged with another's garbage."""
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
