"""Counting by `sys.setprofile`, Python 3.11.

A call event comes at each entry of a frame: starts, but resumptions of generators and coroutines as
well, and throws into them. They are told apart by the instruction the frame stands at: a start
stands at RESUME with argument 0, a resumption at RESUME with another, and closing a generator that
never started at RETURN_GENERATOR.

A hook is one thread's own. Threads that start while a block is open get it from `threading`; those
that ran before are out of reach, and `blind` says so.

Source: CPython 3.11, Python/ceval.c (trace_function_entry) and the `dis` documentation of RESUME.
"""

from __future__ import annotations

import contextlib
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
from cascade_budget.process.limits import TIMER_NAME, deliver_interruptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import CodeType, FrameType

    from cascade_budget.counting.recorder import Recorder
    from cascade_budget.counting.tallies import Body

    Hook = Callable[[FrameType, str, object], None]

UNREACHED = "threads that ran before counting began are not counted by Python 3.11"

_setprofile = sys.setprofile
_RESUME = opmap["RESUME"]
_NOWHERE = -2  # no instruction's offset: a body seen and not counted
_OPEN = 0  # no object's id: keeps the table from being empty while its hook is in use


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
    """One hook for all open blocks, on every thread that a block opens or starts."""

    name = "sys.setprofile"

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._starts: dict[int, Start] = {}
        self._named: dict[int, Start] = {}
        self._generation = object()
        self._ignored: list[CodeType] = []
        self._everything = False
        self._attribute = False
        self._hook: Hook | None = None
        self._plain = _make_plain_hook(self._named, self._switch)
        self._full = self._make_full_hook()
        self._own: tuple[Hook, ...] = (self._plain, self._full)
        self._unreached = False
        self._swapped = ""

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
        if self._hook is None:
            _clear_stale_interruptions()
            self._unreached = _others_are_running()
            self._swapped = ""
            vars(sys)["setprofile"] = self._watched_setprofile
        elif sys.getprofile() is None:
            _setprofile(self._hook)

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
        self._attribute = attribute
        self._hook = self._full if attribute or everything or natives else self._plain
        # The table in use is never empty, and the other hook's always is: so a thread that has the
        # wrong one finds out, whoever changed it.
        if self._hook is self._plain:
            self._named.update(self._starts)
        else:
            self._named.clear()
        threading.setprofile(self._hook)
        _setprofile(self._hook)

    def check(self) -> None:
        """Raise if the hook was taken or removed; see `Backend.check`."""
        found = sys.getprofile()
        if found in self._own:
            if not self._swapped:
                return
            raise CountingLostError(
                f"the profile hook was taken by {self._swapped} and put back while calls were "
                "counted",
                holder=self._swapped,
                remedy="Keep that out of the counted block, or count on Python 3.12 or newer",
            )
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
        """Remove the hook; see `Backend.release`. Other threads do at their next call."""
        if sys.getprofile() in self._own:
            _setprofile(None)
        if threading.getprofile() in self._own:
            threading.setprofile(None)
        vars(sys)["setprofile"] = _setprofile
        self._generation = object()
        self._hook = None
        self._everything = self._attribute = False
        self._starts.clear()
        self._named.clear()
        self._ignored.clear()

    def blind(self) -> str | None:
        """Why starts may be missed; see `Backend.blind`."""
        return UNREACHED if self._unreached else None

    def blind_native(self, function: object) -> str:
        """Why calls of a C function may be missed; see `Backend.blind_native`."""
        if isinstance(
            function, BuiltinFunctionType | MethodDescriptorType | ClassMethodDescriptorType
        ):
            return CALLED_FROM_C
        return f"Python 3.11 reports no calls of a '{type(function).__qualname__}' object"

    def _watched_setprofile(self, hook: Hook | None, /) -> None:
        """What `sys.setprofile` is meanwhile: it notes who takes this hook's place for a time."""
        # A thread sets the hook that `threading` holds before it runs anything.
        if sys._getframe(1).f_globals.get("__name__") != "threading":  # noqa: SLF001
            before = sys.getprofile()
            if hook in self._own and before not in self._own:
                self._swapped = _described(before)
        _setprofile(hook)

    def _switch(self, frame: FrameType, event: str, argument: object) -> None:
        """Set on this thread the hook that is in use now, or none, and hand it the event."""
        hook = self._hook
        _setprofile(hook)
        if hook is not None:
            hook(frame, event, argument)

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

    def _make_full_hook(self) -> Hook:
        recorder, starts = self._recorder, self._starts

        def full(frame: FrameType, event: str, argument: object) -> None:
            # An exception that left this function would reach the user's, and end the counting.
            try:
                if event == "call":
                    code = frame.f_code
                    start = starts.get(id(code))
                    if start is None:
                        if not self._everything:
                            if self._hook is not full:
                                self._switch(frame, event, argument)
                            return
                        start = self._cold_start(code, frame)
                    if start.offset == frame.f_lasti:
                        start.tick()
                        if self._attribute and start.body is not None:
                            recorder.attribute(start.body, frame.f_back)
                elif event == "c_call":
                    native = recorder.natives.get(id(argument)) or recorder.native_of(argument)
                    if native is not None and not is_own(frame.f_code):
                        native.tick()
                        if self._attribute:
                            recorder.attribute(native, frame)
            except Exception as error:  # noqa: BLE001
                recorder.failure = error

        return full


_UNCOUNTED = Start(_NOWHERE, int, None)


def _start_of(body: Body) -> Start:
    return Start(start_offset(body.code), body.tick, body)


def _make_plain_hook(named: dict[int, Start], switch: Hook) -> Hook:
    """The hook where only named bodies are counted: closed over what it needs."""

    def plain(frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            start = named.get(id(frame.f_code))
            if start is not None:
                if start.offset == frame.f_lasti:
                    start.tick()
            elif not named:
                switch(frame, event, argument)
        # Not at a C function's call: to ask about that would cost each return a comparison.

    return plain


def _others_are_running() -> bool:
    """Whether a thread runs that may call what is counted.

    That of pytest-xdist waits for its controller, that of a time limit for its end.
    """
    own = {thread.ident for thread in threading.enumerate() if thread.name == TIMER_NAME}
    own.add(threading.get_ident())
    return any(
        thread not in own and not _is_execnet(frame)
        for thread, frame in sys._current_frames().items()  # noqa: SLF001
    )


def _is_execnet(frame: FrameType | None) -> bool:
    while frame is not None:
        if str(frame.f_globals.get("__name__")).startswith("execnet."):
            return True
        frame = frame.f_back
    return False


def _clear_stale_interruptions() -> None:
    """Clear the interpreter's mark for exceptions sent to threads, where none is on its way.

    The mark stays behind once any library has called `PyThreadState_SetAsyncExc` with NULL or for a
    thread that ended, and while it is set and a profile hook is as well, a function's first
    instruction repeats for ever. Receiving an exception clears it. A thread of its own receives it:
    one that another thread waits for is marked again when that thread runs.

    Source: CPython 3.11, Python/ceval.c (DO_TRACING, CHECK_EVAL_BREAKER), Python/ceval_gil.h
    (take_gil).
    """
    receiver = threading.Thread(target=_receive, name="cascade-budget-receiver")
    receiver.start()
    receiver.join()


def _receive() -> None:
    with contextlib.suppress(ImportError):  # ctypes is an optional module
        deliver_interruptions()


def _described(hook: object) -> str:
    """A profiler's name, as a person would look for it."""
    if hook is None:
        return "sys.setprofile(None)"
    hook = getattr(hook, "__func__", hook)
    named = hook if hasattr(hook, "__qualname__") else type(hook)
    module = getattr(named, "__module__", None)
    if module == "__main__":
        # As in `python -m cProfile`: the name it was started by says more.
        spec = getattr(sys.modules["__main__"], "__spec__", None)
        module = module if spec is None else spec.name
    return f"{module}:{getattr(named, '__qualname__', '')}"
