"""The profile hook on every running thread, for Python 3.11.

`threading.setprofile_all_threads` came with 3.12. The C function it stands on is there in 3.11,
exported but private: `_PyEval_SetProfile(PyThreadState *, Py_tracefunc, PyObject *)`. Without it
the threads of a pool that was warm before counting began would count nothing.

No thread may end between the moment its state is read from the interpreter's list and the moment it
is written to, or the memory is gone. Threads switch between bytecodes only, so each pass over the
list below is a chain of iterators in C which one call drains: no bytecode runs inside it.
Collection is off meanwhile, since a finalizer is bytecode too.

Source: CPython 3.11, Python/ceval.c (_PyEval_SetProfile), Python/pystate.c (PyThreadState_Next).
"""

from __future__ import annotations

import gc
import sys
import threading
from collections import deque
from functools import lru_cache
from itertools import accumulate, chain, repeat, takewhile
from operator import add, attrgetter
from typing import TYPE_CHECKING, NamedTuple

from cascade_budget.process.limits import deliver_interruptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_WORD_BYTES = 8 if sys.maxsize > 2**32 else 4
_WORDS = 24  # the two sought stand among the first 12 of PyThreadState


class _Interpreter(NamedTuple):
    """The parts of the C API that are needed, and two offsets found in this process."""

    set_profile: Callable[[int | None, int | None, int | None], int]
    first_thread: Callable[[int], int | None]
    next_thread: Callable[..., int | None]
    this: int
    trampoline: int
    hook_offset: int
    word_at: Callable[[int], object]


def others_are_running() -> bool:
    """Whether any thread but this one runs Python code."""
    return len(sys._current_frames()) > 1  # noqa: SLF001


def can_reach() -> bool:
    """Whether hooks can be set on other threads."""
    return _interpreter() is not None


def clear_stale_interruptions() -> None:
    """Clear the interpreter's mark for exceptions sent to threads, where none is on its way.

    The mark stays behind once any library has called `PyThreadState_SetAsyncExc` with NULL or for a
    thread that ended, and while it is set and a profile hook is as well, a function's first
    instruction repeats for ever. Receiving an exception clears it. A thread of its own receives it:
    one that another thread waits for is marked again when that thread runs.

    Source: CPython 3.11, Python/ceval.c (DO_TRACING, CHECK_EVAL_BREAKER), Python/ceval_gil.h
    (take_gil).
    """
    if can_reach():
        receiver = threading.Thread(target=deliver_interruptions, name="cascade-budget-receiver")
        receiver.start()
        receiver.join()


def foreign_hooks(ours: tuple[object, ...]) -> int:
    """How many threads have a profile hook that isn't one of `ours`."""
    api = _interpreter()
    if api is None:
        return 0
    with _NoCollection():
        words = map(api.word_at, map(add, _threads(api), repeat(api.hook_offset)))
        hooks = list(map(attrgetter("value"), words))
    known = {id(hook) for hook in ours}
    return sum(1 for hook in hooks if hook and hook not in known)


def set_everywhere(hook: Callable[..., object] | None) -> None:
    """Set the profile hook of every thread of this interpreter, or remove it with None."""
    api = _interpreter()
    if api is None:
        return
    function = None if hook is None else api.trampoline
    argument = None if hook is None else id(hook)
    with _NoCollection():
        deque(map(api.set_profile, _threads(api), repeat(function), repeat(argument)), maxlen=0)


def _threads(api: _Interpreter) -> Iterator[int]:
    """Addresses of the thread states, newest first, as a chain that runs no bytecode."""
    # accumulate(f) calls f(previous, item): C functions ignore the argument too many.
    first = map(api.first_thread, repeat(api.this, 1))
    return takewhile(bool, accumulate(chain(first, repeat(0)), api.next_thread))


class _NoCollection:
    """No garbage collection inside."""

    def __enter__(self) -> None:
        self._was_enabled = gc.isenabled()
        gc.disable()

    def __exit__(self, *_exception: object) -> None:
        if self._was_enabled:
            gc.enable()


@lru_cache(maxsize=1)
def _interpreter() -> _Interpreter | None:
    """Find the C functions and where a thread state keeps its hook; None where there is no way.

    The offsets are found by setting a hook on this thread and looking for what changed.
    """
    if sys.version_info[:2] != (3, 11) or sys.implementation.name != "cpython":
        return None
    try:
        import ctypes  # noqa: PLC0415  # an optional module of CPython, and slow to import
    except ImportError:
        return None
    address = ctypes.c_void_p

    def function(name: str, result: type, *arguments: type) -> Callable[..., int]:
        found = getattr(ctypes.pythonapi, name)
        found.restype, found.argtypes = result, arguments
        return found  # type: ignore[no-any-return]

    try:
        this_thread = function("PyThreadState_Get", address)()
        set_profile = function("_PyEval_SetProfile", ctypes.c_int, address, address, address)
        first_thread = function("PyInterpreterState_ThreadHead", address, address)
        next_thread = function("PyThreadState_Next", address, address)
        this = function("PyInterpreterState_Get", address)()
    except AttributeError:
        return None

    def probe(*_event: object) -> None:
        """Stands in the thread state while its place there is sought."""

    words = (address * _WORDS).from_address(this_thread)
    hook = sys.getprofile()
    sys.setprofile(None)
    before = list(words)
    sys.setprofile(probe)
    during = list(words)
    sys.setprofile(hook)
    changed = [index for index in range(_WORDS) if before[index] != during[index]]
    hooks = [index for index in changed if during[index] == id(probe)]
    functions = [index for index in changed if index not in hooks and during[index]]
    if len(hooks) != 1 or len(functions) != 1:
        return None
    return _Interpreter(
        set_profile=set_profile,
        first_thread=first_thread,
        next_thread=next_thread,
        this=this,
        trampoline=during[functions[0]] or 0,
        hook_offset=hooks[0] * _WORD_BYTES,
        word_at=address.from_address,
    )
