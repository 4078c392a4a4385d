"""One session: a workload run once under pyinstrument's sampler."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pyinstrument.stack_sampler import AsyncState, get_stack_sampler

from cascade_budget.errors import BudgetError
from cascade_budget.judge.profiles import ProfileSession
from cascade_budget.measure.profiling.stacks import AWAIT, FrameNamer, workload_stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from cascade_budget.measure.profiling.clocks import SamplingClock

INTERVAL_S = 0.00005
"""Time between samples, met as about 0.1 ms. A difference can't be known better than the samples of
a function can be counted, and the hook on every call costs far more than a sample does: measured on
call-heavy code, 20 times the sampler's default rate slows it by a tenth more."""

_ROOT_SYNC = ("under_sampler", __file__)
_ROOT_ASYNC = ("under_sampler_async", __file__)


class ProfileUnavailableError(BudgetError):
    """A profile could not be taken. It is reported and changes no verdict."""


class Recorder:
    """Collects self time by stack while it samples."""

    __slots__ = ("_clock", "_last_ns", "_records", "samples")

    def __init__(self, clock: SamplingClock) -> None:
        self._clock = clock
        self._records: defaultdict[tuple[str, ...], int] = defaultdict(int)
        self._last_ns = 0
        self.samples = 0

    @contextmanager
    def sampling(self) -> Iterator[None]:
        """Sample the calling thread, and the tasks started within, until the block is left."""
        sampler = get_stack_sampler()
        trigger = self._clock.trigger_s
        sampler.timer_func = trigger
        try:
            self._last_ns = self._clock.now_ns()
            sampler.subscribe(
                self._take,
                desired_interval=INTERVAL_S,
                use_timing_thread=trigger is None,
                use_async_context=True,
            )
            try:
                yield
            finally:
                sampler.unsubscribe(self._take)
        finally:
            sampler.timer_func = None

    def _take(self, stack: list[str], _elapsed_s: float, state: AsyncState | None) -> None:
        now_ns = self._clock.now_ns()
        if state is not None and state.state == "out_of_context_awaited":
            stack = [*state.info, AWAIT]
        self._records[tuple(stack)] += now_ns - self._last_ns
        self.samples += 1
        # Read again, so that the sample's own cost is charged to nobody.
        self._last_ns = self._clock.now_ns()

    def stacks(self, root: tuple[str, str]) -> dict[tuple[str, ...], int]:
        """Self time in ns by the workload's own stack, in order of first appearance."""
        merged: defaultdict[tuple[str, ...], int] = defaultdict(int)
        for stack, self_ns in self._records.items():
            merged[workload_stack(list(stack), root=root)] += self_ns
        return dict(merged)


def record_session(
    workload: Callable[[int], Any],
    n: int,
    *,
    clock: SamplingClock,
    own_roots: Sequence[Path],
    plain_ns_per_transaction: float,
    call: Callable[[Callable[[int], Any], int], object] | None = None,
) -> ProfileSession:
    """Run `workload(n)` once under the sampler.

    Args:
        workload: Performs n transactions; may be a coroutine function, which is then sampled from
            inside its own task, so that time spent waiting is charged to who awaited.
        n: Transactions, at least 1.
        clock: What samples weigh.
        own_roots: Directories of the code under test; what lies elsewhere is foreign.
        plain_ns_per_transaction: Cost of a transaction in ns without the sampler; 0 if unknown.
        call: Runs a workload; by default calls it, or `asyncio.run`s a coroutine function.

    Raises:
        ProfileUnavailableError: When another profiler holds the thread.
    """
    foreign = sys.getprofile()
    if foreign is not None:
        raise ProfileUnavailableError(
            fact="no profile was taken",
            place=f"{foreign!r} is set with sys.setprofile",
            remedy="Stop the other profiler to get one",
        )
    recorder = Recorder(clock)
    waits = inspect.iscoroutinefunction(workload)

    def under_sampler(size: int) -> Any:
        with recorder.sampling():
            return workload(size)

    async def under_sampler_async(size: int) -> Any:
        with recorder.sampling():
            return await workload(size)

    run = call or run_workload
    try:
        run(under_sampler_async if waits else under_sampler, n)
    except RuntimeError as error:
        if "already a profiler running" not in str(error):
            raise
        raise ProfileUnavailableError(
            fact="no profile was taken",
            place="another pyinstrument profiler is running in this thread",
            remedy="Stop it to get one",
        ) from error
    return _session(
        recorder,
        recorder.stacks(_ROOT_ASYNC if waits else _ROOT_SYNC),
        namer=FrameNamer(tuple(root.resolve() for root in own_roots)),
        transactions=n,
        plain_ns_per_transaction=plain_ns_per_transaction,
        clock=clock,
    )


def run_workload(workload: Callable[[int], Any], n: int) -> object:
    """Call a workload, or `asyncio.run` a coroutine function."""
    if inspect.iscoroutinefunction(workload):
        return asyncio.run(workload(n))
    return workload(n)


def _session(
    recorder: Recorder,
    stacks: dict[tuple[str, ...], int],
    *,
    namer: FrameNamer,
    transactions: int,
    plain_ns_per_transaction: float,
    clock: SamplingClock,
) -> ProfileSession:
    indexes: dict[str, int] = {}
    indexed: defaultdict[tuple[int, ...], float] = defaultdict(float)
    for stack, self_ns in stacks.items():
        key = tuple(indexes.setdefault(record, len(indexes)) for record in stack)
        indexed[key] += self_ns
    total_ns = sum(stacks.values())
    return ProfileSession(
        frames=tuple(namer.name(record) for record in indexes),
        stacks=dict(indexed),
        transactions=transactions,
        sample_ns=total_ns / recorder.samples if recorder.samples else 0.0,
        plain_ns_per_transaction=plain_ns_per_transaction or total_ns / transactions,
        clock=clock.name,
    )
