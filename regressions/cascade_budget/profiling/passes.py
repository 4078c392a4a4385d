"""Several sessions of one workload, with the clock and the size that suit it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cascade_budget.process.workload import quiet_collection
from cascade_budget.profiling.recording import CLOCKS, SamplingClock, record_session, run_workload
from cascade_budget.timing.clocks import Cost, Meter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from cascade_budget.model.profiles import ProfileSession
    from cascade_budget.profiling.recording import RunWorkload

SESSION_NS = 120_000_000
"""Plain time that a session covers at least, in ns: 1,200 samples and more."""

_LARGEST_STEP = 100
_MOST_TIMES = 10_000_000
"""Where this many times n still take no time, no clock will see the workload."""

WAITING_SHARE = 0.2
"""Share of the elapsed time, spent neither on a CPU nor waiting for one, above which work is said
to wait and is profiled by the wall clock."""


def choose_clock(cost: Cost) -> SamplingClock:
    """The wall clock for work that waits, as a plain run tells, the CPU clock for all else."""
    waited_ns = cost.wall_ns - cost.thread_ns - cost.delay_ns
    return CLOCKS["wall" if waited_ns > WAITING_SHARE * cost.wall_ns else "cpu"]


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
    sessions: int,
    most: int | None = None,
    call: RunWorkload = run_workload,
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

    Raises:
        ProfileUnavailableError: When another profiler holds the thread.
    """
    plan = plan_sessions(workload, n, most=most, call=call)
    return tuple(
        record_planned(workload, plan, own_roots=own_roots, call=call) for _ in range(sessions)
    )


def plan_sessions(
    workload: Callable[[int], Any],
    n: int,
    *,
    most: int | None = None,
    call: RunWorkload,
    session_ns: int = SESSION_NS,
) -> SessionPlan:
    """Find the size and the clock that suit a workload, by running it.

    Args:
        workload: Performs n transactions; warm afterwards.
        n: Transactions of the test's own size, at least 1; a session has a multiple of it.
        most: Transactions that a session may have, n at least; None for as many as it needs.
        call: Runs a workload.
        session_ns: Plain time that a session covers at least, in ns.
    """
    call(workload, n)
    cost = _plain_run(workload, n, call)
    clock = choose_clock(cost)
    most_times = _MOST_TIMES if most is None else max(1, most // n)
    times = 1
    # In steps: a short run is timed too long where something interrupts it, and what follows from
    # it would be too small.
    while (spent_ns := _spent_ns(cost, clock)) < session_ns / 2 and times < most_times:
        step = max(2, min(round(session_ns / spent_ns), _LARGEST_STEP))
        times = min(times * step, most_times)
        cost = _plain_run(workload, n * times, call)
    return SessionPlan(n=n * times, clock=clock)


def record_planned(
    workload: Callable[[int], Any],
    plan: SessionPlan,
    *,
    own_roots: Sequence[Path],
    call: RunWorkload,
) -> ProfileSession:
    """Record one session beside a plain run of the same size.

    Raises:
        ProfileUnavailableError: When another profiler holds the thread.
    """
    # No collection within, so that no function is charged with another's garbage.
    with quiet_collection():
        cost = _plain_run(workload, plan.n, call)
        return record_session(
            workload,
            plan.n,
            clock=plan.clock,
            own_roots=own_roots,
            plain_ns_per_transaction=_spent_ns(cost, plan.clock) / plan.n,
            call=call,
        )


def _plain_run(workload: Callable[[int], Any], n: int, call: RunWorkload) -> Cost:
    """What one run costs without a sampler."""
    with closing(Meter()) as meter:
        meter.start()
        call(workload, n)
        return meter.stop()


def _spent_ns(cost: Cost, clock: SamplingClock) -> int:
    return cost.thread_ns if clock.name == "cpu" else cost.wall_ns
