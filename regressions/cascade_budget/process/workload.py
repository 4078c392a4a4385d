"""Running a workload in this process: one event loop, no collection by chance."""

from __future__ import annotations

import contextlib
import gc
import inspect
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self, final

from cascade_budget.clock import Clock
from cascade_budget.errors import UsageError, WorkloadThreadsError
from cascade_budget.process.limits import time_limit

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    import pytest

_FROZEN_BY_PYTHON: Final = 1_000
"""Python 3.12 starts with some hundred frozen objects of its own; who freezes a heap has more."""

THREAD_GRACE_SECONDS: Final = 1.0
"""A thread that the workload has told to end may still be ending when the workload returns."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadCall:
    """A workload, and what it is to be counted and timed at.

    Attributes:
        item: the test that made the call.
        key: the ledger's key.
        title: how the failure names it.
        ordinal: 1 for the first call in the test.
        function: performs n transactions; may be a coroutine function.
        n: transactions at which throughput is measured.
        sizes: transactions at which calls are counted, rising.
    """

    item: pytest.Item
    key: str
    title: str
    ordinal: int
    function: Callable[[int], Any]
    n: int
    sizes: tuple[int, ...]


@final
class Workload:
    """A function of n, sync or coroutine, that can be run again and again. A context manager.

    Coroutines of every run share one event loop, made at the first, so that a run after it pays for
    no loop.

    Args:
        function: performs n transactions; what it returns may be awaitable.
        timeout_seconds: the longest that one run may take; None for no limit.

    Attributes:
        function: as given.
    """

    def __init__(
        self, function: Callable[[int], Any], *, timeout_seconds: float | None = None
    ) -> None:
        self.function = function
        self._timeout_seconds = timeout_seconds
        self._runner: asyncio.Runner | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._runner is not None:
            self._runner.close()

    def run(self, n: int) -> Any:
        """What the workload returns for n transactions, awaited, within the time limit.

        Raises:
            WorkloadTimeoutError: it took longer than the limit.
            UsageError: it is a coroutine function and this thread's event loop is running.
        """
        __tracebackhide__ = True
        with self.limit(n):
            return self.perform(n)

    def variant(self, function: Callable[[int], Any]) -> Workload:
        """A workload of another function in this one's event loop; not to be entered."""
        self.make_loop()
        other = Workload(function, timeout_seconds=self._timeout_seconds)
        other._runner = self._runner
        return other

    def limit(self, n: int) -> AbstractContextManager[None]:
        """The time limit around a run at n, for who enters a block between it and `perform`."""
        return time_limit(self._timeout_seconds, f"the workload at n = {n:,}")

    def perform(self, n: int) -> Any:
        """What the workload returns for n transactions, awaited."""
        __tracebackhide__ = True
        result = self.function(n)
        return self._await(result) if inspect.isawaitable(result) else result

    def make_loop(self) -> None:
        """Make the event loop now, so that the first run doesn't count what making it calls."""
        if self._runner is None:
            import asyncio  # noqa: PLC0415 - a third of plain pytest's start-up, rarely needed

            self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
            self._runner.get_loop()

    def _await(self, awaitable: Any) -> Any:
        __tracebackhide__ = True
        if _loop_is_running():
            if inspect.iscoroutine(awaitable):
                awaitable.close()
            raise UsageError(
                "the workload is a coroutine function and an event loop is running already",
                place="cascade_budget was called from an async test",
                remedy="Make the test a plain def: the fixture runs the workload in a loop of its "
                "own",
            )
        self.make_loop()
        assert self._runner is not None
        return self._runner.run(_as_coroutine(awaitable))


@contextlib.contextmanager
def quiet_collection() -> Iterator[None]:
    """Collect garbage now and none inside the block, where a finalizer would run by chance."""
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextlib.contextmanager
def frozen_heap() -> Iterator[None]:
    """Set what exists now aside, so that collections inside the block don't look at it.

    A test process holds a million objects of pytest and the project; going through them takes a
    tenth of a second each time. Does nothing where somebody else has frozen objects: they could not
    be told from ours.
    """
    mine = gc.get_freeze_count() < _FROZEN_BY_PYTHON
    gc.collect()
    if mine:
        gc.freeze()
    try:
        yield
    finally:
        if mine:
            gc.unfreeze()


@final
class ThreadWatch:
    """Tells a workload that leaves threads behind in every run from one that fills a pool once."""

    def __init__(self) -> None:
        self._runs = 0
        self._leaks = 0
        self._leaked: list[str] = []

    @contextlib.contextmanager
    def around_run(self) -> Iterator[None]:
        """Note the threads that a run leaves behind, after a moment of grace."""
        before = set(threading.enumerate())
        yield
        self._runs += 1
        deadline = Clock.monotonic() + THREAD_GRACE_SECONDS
        left = [thread for thread in threading.enumerate() if thread not in before]
        for thread in left:
            if not thread.daemon:
                thread.join(max(0.0, deadline - Clock.monotonic()))
        names = sorted(thread.name for thread in left if thread.is_alive())
        if names:
            self._leaks += 1
            self._leaked = names

    def check(self) -> None:
        """Raise WorkloadThreadsError when not one run cleaned up behind itself."""
        if self._runs and self._leaks == self._runs:
            threads = ", ".join(repr(name) for name in self._leaked)
            raise WorkloadThreadsError(
                f"each of {self._runs} runs of the workload left threads behind, the last one "
                f"{threads}",
                remedy="Join them in the workload: what they call would be counted into a later "
                "run",
            )


async def _as_coroutine(awaitable: Any) -> Any:
    return await awaitable


def _loop_is_running() -> bool:
    loops = sys.modules.get("asyncio.events")
    return loops is not None and loops._get_running_loop() is not None  # noqa: SLF001 - documented as for event loops, which this is beside
