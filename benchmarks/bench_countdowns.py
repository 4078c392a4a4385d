"""The countdowns under asv: seconds a transaction, exact counts, and peak memory.

asv installs a revision's engine and gate and runs these suites of today against it. What a revision
does not have yet is reported as n/a, one whose results or executions are wrong as failed.
"""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING, Any, ClassVar

import cascade as cs
from benchmarks import workloads
from benchmarks.executions import ExecutionError, count_executions

if TYPE_CHECKING:
    from collections.abc import Callable

try:
    import cascade_budget
except ImportError:
    # A revision from before the gate: its counts are n/a, its times are not.
    count_calls: Any = None
else:
    count_calls = getattr(cascade_budget, "count", None)

GRAPHS = "cascade.graph.build:build_graph"
PLANS = "cascade.graph.stages:plan_stages"
SCANS = "cascade.graph.resources:scan_resources"
SIGNATURES = "inspect:signature"


def _cpu_clock(transactions: int) -> Callable[[], float]:
    """Return a clock in CPU seconds a transaction, so that asv's seconds are that too."""
    return lambda: time.process_time() / transactions


class _Countdown:
    """One workload's suite: a subclass names the workload and the transactions of one sample."""

    workload: ClassVar[workloads.Workload]
    n: ClassVar[int]
    counted_n = 1_000

    # asv would otherwise repeat the call until its own clock, which shows a transaction, has grown.
    number = 1
    repeat = 10
    rounds = 2
    timeout = 120
    # Of the track_ benchmarks; time_ and peakmem_ have units of their own.
    unit = "calls"

    def setup(self) -> None:
        if getattr(self, "loop", None) is not None:
            return
        self.loop = asyncio.new_event_loop()
        self.engine = cs.Engine()
        for n in (1, self.counted_n):
            with count_executions(self.workload.bodies) as counts:
                self._run(n)
            expected = dict(self.workload.executions(n))
            if counts != expected:
                raise ExecutionError(self.workload.name, n, expected, dict(counts))
        self._run(self.n)

    def _run(self, n: int, engine: cs.Engine | None = None) -> Any:
        target = self.workload.target(n)
        result = self.loop.run_until_complete((engine or self.engine).run(target))
        if result != self.workload.result(n):
            raise ExecutionError(self.workload.name, n, self.workload.result(n), result)
        return result

    def _calls(self, name: str, engine: cs.Engine) -> float:
        if count_calls is None:
            return math.nan
        try:
            with count_calls(name) as calls:
                self._run(self.counted_n, engine)
        except cascade_budget.UsageError:
            # A revision that has no such stage, or another name for it.
            return math.nan
        counted: int = calls[name]
        return counted

    def time_transaction(self) -> None:
        self._run(self.n)

    def peakmem_run(self) -> None:
        self._run(10 * self.n)

    def track_graphs_built(self) -> float:
        return self._calls(GRAPHS, cs.Engine())

    def track_graphs_built_warm(self) -> float:
        return self._calls(GRAPHS, self.engine)

    def track_plans_solved(self) -> float:
        return self._calls(PLANS, cs.Engine())

    def track_resource_scans(self) -> float:
        return self._calls(SCANS, cs.Engine())

    def track_signatures(self) -> float:
        return self._calls(SIGNATURES, cs.Engine())

    def track_executions(self) -> float:
        with count_executions(self.workload.bodies) as counts:
            self._run(self.counted_n)
        return sum(counts.values())


class SimpleCountdown(_Countdown):
    """One self-call a bounce."""

    workload = workloads.SIMPLE
    n = 20_000
    timer = staticmethod(_cpu_clock(n))


class StableReceivedCountdown(_Countdown):
    """A chain evaluated once and passed on as a value."""

    workload = workloads.STABLE_RECEIVED
    n = 20_000
    timer = staticmethod(_cpu_clock(n))


class StableCapturedCountdown(_Countdown):
    """The same lazy chain passed again on every bounce."""

    workload = workloads.STABLE_CAPTURED
    n = 2_000
    timer = staticmethod(_cpu_clock(n))


class HeavyComplexCountdown(_Countdown):
    """A chain of 11 built on every bounce."""

    workload = workloads.HEAVY
    n = 2_000
    timer = staticmethod(_cpu_clock(n))


class AsyncCountdown(_Countdown):
    """One self-call a bounce from an async body."""

    workload = workloads.ASYNC
    n = 20_000
    timer = staticmethod(_cpu_clock(n))


class MutualRecursion(_Countdown):
    """Two tasks that tail-call each other."""

    workload = workloads.MUTUAL
    n = 20_000
    timer = staticmethod(_cpu_clock(n))
