"""A time limit on a block, beside whoever else has set one."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING, Final

from cascade_budget.clock import Clock
from cascade_budget.errors import WorkloadTimeoutError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

TIMER_NAME: Final = "cascade-budget-time-limit"
"""Of the thread that watches the time where no alarm can."""

_SOON: Final = 1e-6
"""Seconds to an alarm that is due: 0 would switch it off."""

_AGAIN: Final = 1.0
"""Seconds from one interruption to the next, for a block that swallows them."""


@contextlib.contextmanager
def time_limit(seconds: float | None, what: str) -> Iterator[None]:
    """End the block when it runs for longer than a limit, and raise once it has ended.

    What is raised inside it no `except Exception` keeps, and it is raised again while the block
    goes on. In the main thread of a POSIX system an alarm interrupts waiting too. An alarm that was
    set before, by a plugin with a limit of its own, still rings when it is due. Elsewhere it is
    raised between two bytecodes: a call that blocks in C is not interrupted.

    Args:
        seconds: the limit; None for none.
        what: the subject of the error's sentence.

    Raises:
        WorkloadTimeoutError: it was interrupted, or has ended by itself when the time was up.
    """
    if seconds is None:
        yield
        return

    # A class of its own: a limit around this one is not this one's.
    up: type[BaseException] = type("_TimeIsUp", (_Interrupted,), {})
    error = WorkloadTimeoutError(
        f"{what} did not end within {seconds:g} seconds",
        remedy="Make it smaller, or raise cascade_budget_timeout in the ini file",
    )
    end = Clock.monotonic() + seconds
    try:
        with _alarm(seconds, up) if _alarm_can_be_shared() else _interruption(seconds, up):
            yield
    except up as interruption:
        raise error.with_traceback(interruption.__traceback__) from None
    if Clock.monotonic() > end:
        raise error


def deliver_interruptions() -> None:
    """Have an exception that was sent to this thread raised now, and drop it.

    On Python 3.11 that also clears the interpreter's mark for such exceptions. A mark that stays
    behind, as it does once `PyThreadState_SetAsyncExc` was called with NULL, makes a function's
    first instruction repeat for ever while a profile hook is set.

    Source: CPython 3.11, Python/ceval.c (DO_TRACING, CHECK_EVAL_BREAKER), Python/ceval_gil.h.
    """
    try:
        _interrupt(threading.get_ident(), _Interrupted)
        # It is raised when that returns, or else at the next jump backwards.
        while True:
            pass
    except _Interrupted:
        pass


def _alarm_can_be_shared() -> bool:
    """Whether an alarm reaches this thread, and one that is set already can be passed on."""
    if (
        not hasattr(signal, "setitimer")
        or threading.current_thread() is not threading.main_thread()
    ):
        return False
    handler = signal.getsignal(signal.SIGALRM)
    is_set = signal.getitimer(signal.ITIMER_REAL)[0] > 0
    return callable(handler) or (handler is not None and not is_set)


@contextlib.contextmanager
def _alarm(seconds: float, up: type[BaseException]) -> Iterator[None]:
    """Ring when the time is up, and again; pass on an alarm set before when that is due."""
    # Switched off first: what rings from here on is known to be either limit's own.
    delay_before, interval_before = signal.setitimer(signal.ITIMER_REAL, 0)
    handler_before = signal.getsignal(signal.SIGALRM)
    start = Clock.monotonic()
    end = start + seconds
    due_before = start + delay_before if delay_before else None

    def wait() -> None:
        due = end if due_before is None else min(end, due_before)
        signal.setitimer(signal.ITIMER_REAL, max(_SOON, due - Clock.monotonic()))

    def ring(number: int, frame: FrameType | None) -> None:
        __tracebackhide__ = True
        nonlocal due_before, end
        now = Clock.monotonic()
        if due_before is not None and now >= due_before:
            due_before = now + interval_before if interval_before else None
            wait()
            assert callable(handler_before)
            handler_before(number, frame)
            return
        end = now + _AGAIN
        wait()
        raise up

    signal.signal(signal.SIGALRM, ring)
    wait()
    try:
        yield
    finally:
        try:
            signal.setitimer(signal.ITIMER_REAL, 0)
        finally:
            # It may have rung just here.
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, handler_before)
            if due_before is not None:
                rest = max(_SOON, due_before - Clock.monotonic())
                signal.setitimer(signal.ITIMER_REAL, rest, interval_before)


@contextlib.contextmanager
def _interruption(seconds: float, up: type[BaseException]) -> Iterator[None]:
    thread = threading.get_ident()
    ended = threading.Event()

    def ring() -> None:
        delay = seconds
        while not ended.wait(delay):
            _interrupt(thread, up)
            delay = _AGAIN

    timer = threading.Thread(target=ring, name=TIMER_NAME, daemon=True)
    timer.start()
    try:
        yield
    finally:
        try:
            ended.set()
        finally:
            # It may have rung just here.
            ended.set()
            timer.join()
            # The time may have been up since the block ended: what is on its way must not arrive
            # later, in somebody else's code.
            deliver_interruptions()


def _interrupt(thread: int, up: type[BaseException]) -> None:
    """Raise an exception in a thread, between two of its bytecodes."""
    import ctypes  # noqa: PLC0415  # an optional module of CPython, and rarely needed

    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(up))


class _Interrupted(BaseException):
    """Raised asynchronously, so it carries nothing; no `except Exception` keeps it."""
