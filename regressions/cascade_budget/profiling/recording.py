"""One session: a workload run once under pyinstrument's sampler."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import math
import os
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import pyinstrument
from pyinstrument.stack_sampler import AsyncState, StackSampler

from cascade_budget.clock import Clock
from cascade_budget.errors import BudgetError
from cascade_budget.model.profiles import ProfileSession
from cascade_budget.profiling.stacks import AWAIT, FrameNamer, RawFrame, workload_stack
from cascade_budget.profiling.waiting import Waiting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
    from types import FrameType

    RunWorkload = Callable[[Callable[[int], Any], int], object]
    """Runs a workload for so many transactions."""

INTERVAL_S = 0.0001
"""Time between samples. A difference can't be known better than the samples of a function can be
counted, and what slows the profiled code is the hook on every call rather than the samples."""


_SAMPLER_FOLDER = os.path.join(Path(pyinstrument.__file__).parent, "")  # noqa: PTH118 - with its end

_Stack = tuple[tuple[str, ...], tuple[str, ...] | None]
"""The sampled frames, outermost first, and what an event loop among them works for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingClock:
    """The two clocks of a session.

    Attributes:
        name: "cpu", which shows nothing of another process's load, or "wall", for work that waits.
        now_ns: What samples are weighed by, in ns.
        trigger_s: What decides when a sample is due, in seconds; None for the system's monotonic
            clock, which the sampler reads in C.
    """

    name: Literal["cpu", "wall"]
    now_ns: Callable[[], int]
    trigger_s: Callable[[], float] | None = None


CLOCKS: Final[Mapping[str, SamplingClock]] = {
    "cpu": SamplingClock(name="cpu", now_ns=Clock.thread_time_ns),
    "wall": SamplingClock(name="wall", now_ns=Clock.perf_counter_ns),
}
"""CPU time of the calling thread, and elapsed time."""


class ProfileUnavailableError(BudgetError):
    """A profile could not be taken. It is reported and changes no verdict."""


class _Sampler(StackSampler):
    """Weighs samples by the session's clock, in ns, whatever decides when one is due."""

    def __init__(self, clock: SamplingClock) -> None:
        super().__init__()
        self.timer_func = clock.trigger_s
        self._now_ns = clock.now_ns

    def _timer(self) -> float:
        return self._now_ns()

    def _sample(self, frame: FrameType, event: str, arg: Any) -> None:
        if event == "context_changed":
            super()._sample(frame, event, arg)
        elif self._now_ns() - self.last_profile_time >= INTERVAL_S * 1e9:
            super()._sample(frame, event, arg)
            # Walking the stack costs as much as what is sampled; it is charged to nobody.
            self.last_profile_time = self._now_ns()
        # Else time has passed and this thread had none of it: on a busy machine that is the rule,
        # and a sample of every call would take a hundred times as long as the calls.


class Recorder:
    """Collects self time by stack while it samples."""

    __slots__ = ("_clock", "_records", "_waiting", "samples")

    def __init__(self, clock: SamplingClock) -> None:
        self._clock = clock
        self._records: defaultdict[_Stack, int] = defaultdict(int)
        self._waiting = Waiting()
        self.samples = 0

    @contextlib.contextmanager
    def sampling(self) -> Iterator[None]:
        """Sample the calling thread, and the tasks started within, until the block is left.

        Raises:
            ProfileUnavailableError: Another pyinstrument profiler runs in this context.
        """
        sampler = _Sampler(self._clock)
        try:
            sampler.subscribe(
                self._take,
                desired_interval=INTERVAL_S,
                # A timing thread reads no clock at each call, and may be starved on a busy machine:
                # then whole sessions went without a sample.
                use_timing_thread=False,
                use_async_context=True,
            )
        except RuntimeError as error:
            raise ProfileUnavailableError(
                fact="no profile was taken",
                place="another pyinstrument profiler is running in this thread",
                remedy="Stop it to get one",
            ) from error
        try:
            yield
        finally:
            sampler.unsubscribe(self._take)

    def _take(self, stack: list[str], elapsed_ns: float, state: AsyncState | None) -> None:
        awaited: tuple[str, ...] | None = None
        if state is not None and state.state == "out_of_context_awaited":
            stack = [*state.info, AWAIT]
        else:
            awaited = self._waiting.stack()
        self._records[tuple(stack), awaited] += round(elapsed_ns)
        self.samples += 1

    def session(
        self,
        *,
        root: Callable[[RawFrame], bool],
        own_roots: Sequence[Path],
        transactions: int,
        plain_ns_per_transaction: float,
    ) -> ProfileSession:
        """What was recorded, stacks cut at the last frame that is a root, functions named."""
        namer = FrameNamer(tuple(each.resolve() for each in own_roots))
        indexes: dict[str, int] = {}
        stacks: defaultdict[tuple[int, ...], float] = defaultdict(float)
        for (records, awaited), self_ns in self._records.items():
            stack = workload_stack(list(records), is_root=root, awaited=awaited)
            if not stack or _is_sampling(stack):
                continue
            stacks[tuple(indexes.setdefault(each, len(indexes)) for each in stack)] += self_ns
        total_ns = math.fsum(stacks.values())
        return ProfileSession(
            frames=tuple(namer.name(record) for record in indexes),
            stacks=dict(stacks),
            transactions=transactions,
            sample_ns=total_ns / self.samples if self.samples else 0.0,
            plain_ns_per_transaction=plain_ns_per_transaction or total_ns / transactions,
            clock=self._clock.name,
        )


def run_workload(workload: Callable[[int], Any], n: int) -> object:
    """Call a workload, and `asyncio.run` what it returns where that is awaitable."""
    result = workload(n)
    return asyncio.run(_awaited(result)) if inspect.isawaitable(result) else result


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def record_session(
    workload: Callable[[int], Any],
    n: int,
    *,
    clock: SamplingClock,
    own_roots: Sequence[Path],
    plain_ns_per_transaction: float,
    call: RunWorkload = run_workload,
) -> ProfileSession:
    """Run `workload(n)` once under the sampler.

    Args:
        workload: Performs n transactions. What it returns may be awaitable; it is then sampled from
            inside the task that awaits it, so that time spent waiting is charged to who awaited.
        n: Transactions, at least 1.
        clock: What samples weigh.
        own_roots: Directories of the code under test; what lies elsewhere is foreign.
        plain_ns_per_transaction: Cost of a transaction in ns without the sampler; 0 if unknown.
        call: Runs a workload; by default `run_workload`.

    Raises:
        ProfileUnavailableError: When another profiler holds the thread.
    """
    _refuse_beside_others()
    recorder = Recorder(clock)

    def under_sampler(size: int) -> Any:
        with recorder.sampling():
            result = workload(size)
        return under_sampler_async(result) if inspect.isawaitable(result) else result

    async def under_sampler_async(result: Awaitable[Any]) -> Any:
        with recorder.sampling():
            return await result

    call(under_sampler, n)
    return recorder.session(
        root=_is_root,
        own_roots=own_roots,
        transactions=n,
        plain_ns_per_transaction=plain_ns_per_transaction,
    )


@contextlib.contextmanager
def record_block(
    *, clock: SamplingClock, own_roots: Sequence[Path], root: Callable[[RawFrame], bool]
) -> Iterator[list[ProfileSession]]:
    """Sample what a block runs, as one transaction.

    Args:
        clock: What samples weigh.
        own_roots: Directories of the code under test.
        root: Tells the frame below which nothing is of interest.

    Yields:
        A list that holds the session once the block has been left.

    Raises:
        ProfileUnavailableError: When another profiler holds the thread.
    """
    _refuse_beside_others()
    recorder = Recorder(clock)
    sessions: list[ProfileSession] = []
    try:
        with recorder.sampling():
            yield sessions
    finally:
        sessions.append(
            recorder.session(
                root=root, own_roots=own_roots, transactions=1, plain_ns_per_transaction=0
            )
        )


def _is_root(frame: RawFrame) -> bool:
    return frame.function in ("under_sampler", "under_sampler_async") and frame.path == __file__


def _is_sampling(stack: Sequence[str]) -> bool:
    """Whether it is the sampler that was seen, as it starts or stops."""
    frames = [RawFrame.parse(record) for record in stack]
    return frames[0].path == contextlib.__file__ or any(
        frame.path == __file__ or frame.path.startswith(_SAMPLER_FOLDER) for frame in frames
    )


def _refuse_beside_others() -> None:
    foreign = sys.getprofile()
    if foreign is not None:
        raise ProfileUnavailableError(
            fact="no profile was taken",
            place=f"{foreign!r} is set with sys.setprofile",
            remedy="Stop the other profiler to get one",
        )
