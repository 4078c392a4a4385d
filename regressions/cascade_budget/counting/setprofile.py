"""Counting by `sys.setprofile`, Python 3.11.

A call event comes at each entry of a frame: starts, but resumptions of generators and coroutines as
well, and throws into them. They are told apart by the instruction the frame stands at: a start
stands at RESUME with argument 0, a resumption at RESUME with another, and closing a generator that
never started at RETURN_GENERATOR.

Source: CPython 3.11, Python/ceval.c (trace_function_entry) and the `dis` documentation of RESUME.
"""

from __future__ import annotations

import sys
import threading
from opcode import opmap
from types import BuiltinFunctionType, ClassMethodDescriptorType, MethodDescriptorType
from typing import TYPE_CHECKING, NamedTuple, final

from cascade_budget.counting.backend import (
    CALLED_FROM_C,
    CountingLostError,
    CountingUnavailableError,
)
from cascade_budget.counting.call_sites import is_own
from cascade_budget.counting.running_threads import (
    can_reach,
    clear_stale_interruptions,
    foreign_hooks,
    others_are_running,
    set_everywhere,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import CodeType, FrameType

    from cascade_budget.counting.recorder import Recorder
    from cascade_budget.counting.tallies import Body

    Hook = Callable[[FrameType, str, object], None]

_RESUME = opmap["RESUME"]
_NOWHERE = -2  # no instruction's offset: a body seen and not counted
_OPEN = 0  # no object's id: keeps the table from being empty while a block is open


class Start(NamedTuple):
    """What the hook needs to know of a body.

    Attributes:
        offset: Where it begins, in bytes.
        tick: Adds one to its tally.
        body: The tally; None for a body that is not counted.
    """

    offset: int
    tick: Callable[[], int]
    body: Body | None


def start_offset(code: CodeType) -> int:
    """Where the body begins, in bytes: at its RESUME with argument 0."""
    instructions = code.co_code
    for offset in range(0, len(instructions), 2):
        if instructions[offset] == _RESUME and instructions[offset + 1] == 0:
            return offset
    return _NOWHERE


@final
class ProfileBackend:
    """One hook for all open blocks, on every thread."""

    name = "sys.setprofile"

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._starts: dict[int, Start] = {}
        self._generation = object()
        self._ignored: list[CodeType] = []
        self._everything = False
        self._hook: Hook | None = None
        self._plain = _make_plain_hook(self._starts)
        self._full = self._make_hook(attribute=False)
        self._attributing = self._make_hook(attribute=True)
        self._own: tuple[Hook, ...] = (self._plain, self._full, self._attributing)
        self._threads_before: object = None
        self._unreached = False

    def claim(self) -> None:
        """See that no other profiler is set; see `Backend.claim`."""
        if sys.implementation.name != "cpython":
            raise CountingUnavailableError(
                f"{sys.implementation.name} has no bytecode that tells starts from resumptions",
                holders=(),
                remedy="Count on CPython",
            )
        self._refuse(sys.getprofile(), "sys.setprofile")
        self._refuse(threading.getprofile(), "threading.setprofile")
        if sys.getprofile() is None:
            clear_stale_interruptions()
        if others_are_running() and can_reach() and foreign_hooks(self._own):
            raise CountingUnavailableError(
                "the profile hook of another thread is taken (sys.setprofile)",
                holders=("a profiler on another thread",),
                remedy="Switch that profiler off for this run, or count on Python 3.12 or newer",
            )

    def _refuse(self, hook: object, function: str) -> None:
        if hook is None or hook in self._own:
            return
        holder = _described(hook)
        raise CountingUnavailableError(
            f"the profile hook is taken by {holder} ({function})",
            holders=(holder,),
            remedy="Switch that profiler off for this run, or count on Python 3.12 or newer",
        )

    def observe(
        self, bodies: Iterable[Body], *, everything: bool, natives: bool, attribute: bool
    ) -> None:
        """Report starts; see `Backend.observe`."""
        self._generation = object()
        self._starts[_OPEN] = _UNCOUNTED
        for body in bodies:
            self._starts[id(body.code)] = _start_of(body)
        for code in self._ignored:
            # Patterns may have changed, and named bodies may be among those ignored so far.
            if id(code) not in self._recorder.bodies:
                self._starts.pop(id(code), None)
        self._ignored.clear()
        self._everything = everything
        if everything:
            # A body without a known module must come by the cold road once, to be told its name.
            for identity, body in self._recorder.bodies.items():
                if body.module is None:
                    self._starts.pop(identity, None)
        hook = self._plain
        if attribute:
            hook = self._attributing
        elif everything or natives:
            hook = self._full
        self._install(hook)

    def check(self) -> None:
        """Raise if the hook was taken or removed; see `Backend.check`."""
        found = sys.getprofile()
        if found is self._hook:
            return
        if found is None:
            raise CountingLostError(
                "the profile hook was removed while calls were counted: by sys.setprofile(None), or"
                " by an exception raised inside it (recursion to the limit, a timeout's signal)",
                holder=None,
                remedy="Keep the counted block from that, or count on Python 3.12 or newer",
            )
        holder = _described(found)
        raise CountingLostError(
            f"the profile hook was taken over by {holder} while calls were counted",
            holder=holder,
            remedy="Keep that profiler out of the counted block, or count on Python 3.12 or newer",
        )

    def release(self) -> None:
        """Remove the hook from every thread; see `Backend.release`."""
        if sys.getprofile() in self._own:
            sys.setprofile(None)
        if threading.getprofile() in self._own:
            threading.setprofile(None)
        # A foreign hook set meanwhile on another thread is left alone, and ours beside it go by
        # themselves.
        if self._hook is not None and others_are_running() and not foreign_hooks(self._own):
            set_everywhere(None)
        self._generation = object()
        self._hook = None
        self._everything = False
        self._starts.clear()
        self._ignored.clear()

    def blind(self) -> str | None:
        """Why starts may be missed; see `Backend.blind`."""
        if others_are_running() and not can_reach():
            return (
                "threads that ran before counting began can't be reached: this Python has no ctypes"
                " with _PyEval_SetProfile"
            )
        return None

    def blind_native(self, function: object) -> str:
        """Why calls of a C function may be missed; see `Backend.blind_native`."""
        if isinstance(
            function, BuiltinFunctionType | MethodDescriptorType | ClassMethodDescriptorType
        ):
            return CALLED_FROM_C
        return f"Python 3.11 reports no calls of a '{type(function).__qualname__}' object"

    def _install(self, hook: Hook) -> None:
        if hook is self._hook and sys.getprofile() is hook:
            return
        self._hook = hook
        threading.setprofile(hook)
        if others_are_running():
            set_everywhere(hook)
        sys.setprofile(hook)

    def _cold_start(self, code: CodeType, frame: FrameType) -> Start:
        """Decide about a body that has no entry yet."""
        generation = self._generation
        body = self._recorder.first_start(code, frame)
        start = _UNCOUNTED if body is None else _start_of(body)
        self._ignored.append(code)  # held, so that its id stays its own
        # Other blocks may have been opened since, on another thread, and the decision be out of
        # date. No thread can come between these two lines: there is no call between them.
        if generation is self._generation:
            return self._starts.setdefault(id(code), start)
        return start

    def _make_hook(self, *, attribute: bool) -> Hook:
        recorder, starts = self._recorder, self._starts

        def hook(frame: FrameType, event: str, argument: object) -> None:
            # An exception that left this function would reach the user's, and end the counting.
            try:
                if event == "call":
                    code = frame.f_code
                    start = starts.get(id(code))
                    if start is None:
                        if not self._everything:
                            if self._hook is None:
                                sys.setprofile(None)
                            return
                        start = self._cold_start(code, frame)
                    if start.offset == frame.f_lasti:
                        start.tick()
                        if attribute and start.body is not None:
                            recorder.attribute(start.body, frame.f_back)
                elif event == "c_call":
                    native = recorder.natives.get(id(argument)) or recorder.native_of(argument)
                    if native is not None and not is_own(frame.f_code):
                        native.tick()
                        if attribute:
                            recorder.attribute(native, frame)
            except Exception as error:  # noqa: BLE001
                recorder.failure = error

        return hook


def _never() -> int:
    raise AssertionError("a body that is not counted has no start")


_UNCOUNTED = Start(_NOWHERE, _never, None)


def _start_of(body: Body) -> Start:
    return Start(start_offset(body.code), body.tick, body)


def _make_plain_hook(starts: dict[int, Start]) -> Hook:
    """The hook where only named bodies are counted: closed over what it needs."""

    def plain(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            start = starts.get(id(frame.f_code))
            if start is not None:
                if start.offset == frame.f_lasti:
                    start.tick()
            elif not starts:
                # Counting has ended and this thread could not be reached to be told.
                sys.setprofile(None)

    return plain


def _described(hook: object) -> str:
    """A profiler's name, as a person would look for it."""
    hook = getattr(hook, "__func__", hook)
    named = hook if hasattr(hook, "__qualname__") else type(hook)
    module = getattr(named, "__module__", None)
    if module == "__main__":
        # As in `python -m cProfile`: the name it was started by says more.
        spec = getattr(sys.modules["__main__"], "__spec__", None)
        module = module if spec is None else spec.name
    return f"{module}:{getattr(named, '__qualname__', '')}"
