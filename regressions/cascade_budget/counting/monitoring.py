"""Counting by `sys.monitoring`, Python 3.12 and newer.

Named bodies get a local PY_START event each, so that a function that isn't named runs as if nobody
counted. Patterns need a global PY_START, which a body that no pattern covers switches off for
itself at its first start. C functions need a global CALL, since only the caller's code can report
them.
"""

from __future__ import annotations

import sys
from types import BuiltinFunctionType
from typing import TYPE_CHECKING, Any, final

from cascade_budget.counting.backend import (
    CALLED_FROM_C,
    INLINED,
    CountingLostError,
    CountingUnavailableError,
)
from cascade_budget.counting.call_sites import is_own

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import CodeType

    from cascade_budget.counting.recorder import Recorder
    from cascade_budget.counting.tallies import Body

# Typed by hand: the tree is checked as Python 3.11, which has no such module.
monitoring: Any = vars(sys)["monitoring"]

TOOL_NAME = "cascade-budget"
# Coverage takes 1, profilers take 2; 3 and 0 belong to others by habit and are asked for last.
_INLINES = sys.version_info >= (3, 14)
_TOOL_IDS = (4, 5, 3, 0)


@final
class MonitoringBackend:
    """One tool id for all open blocks, held while any is open."""

    name = "sys.monitoring"

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._tool: int | None = None
        self._ticks: dict[int, Callable[[], int]] = {}
        self._native_ticks: dict[int, Callable[[], int]] = {}
        self._observed: dict[int, Body] = {}
        self._everything = False
        self._wanted = 0
        self._generation = object()
        self._callbacks: dict[int, Callable[..., object]] = {}
        self._sees_star_calls: bool | None = None

    def claim(self) -> None:
        """Take a tool id; see `Backend.claim`."""
        if self._tool is not None:
            return
        for tool in _TOOL_IDS:
            if monitoring.get_tool(tool) is None:
                try:
                    monitoring.use_tool_id(tool, TOOL_NAME)
                except ValueError:  # another thread was quicker
                    continue
                self._tool = tool
                return
        holders = {tool: str(monitoring.get_tool(tool)) for tool in sorted(_TOOL_IDS)}
        listed = ", ".join(f"{tool} '{holder}'" for tool, holder in holders.items())
        raise CountingUnavailableError(
            f"every sys.monitoring tool id that may be used is taken: {listed}",
            holders=tuple(holders.values()),
            remedy="Switch one of these tools off for this run",
        )

    def observe(
        self, bodies: Iterable[Body], *, everything: bool, natives: bool, attribute: bool
    ) -> None:
        """Report starts; see `Backend.observe`."""
        tool = self._claimed()
        events = monitoring.events
        self._everything = everything
        self._generation = object()
        on_start = (
            self._on_start_attributed
            if attribute
            else _make_on_start(self._ticks, self._cold_start)
        )
        on_call = self._make_on_call(attribute=attribute) if natives else None
        self._native_ticks.clear()
        self._native_ticks.update(
            (identity, native.tick) for identity, native in self._recorder.natives.items()
        )
        self._callbacks = {events.PY_START: on_start}
        if on_call is not None:
            self._callbacks[events.CALL] = on_call
        for event in (events.PY_START, events.CALL):
            monitoring.register_callback(tool, event, self._callbacks.get(event))
        for body in bodies:
            self._observed[id(body.code)] = body
            self._ticks[id(body.code)] = body.tick
            # An earlier holder of this tool id may have switched PY_START off in this body
            # (DISABLE). That outlasts the holder, unless the body's events change on the way: hence
            # the detour.
            monitoring.set_local_events(tool, body.code, events.PY_RETURN)
            monitoring.set_local_events(tool, body.code, events.PY_START)
        if everything:
            # A body without a known module must come by the cold road once, to be told its name.
            for identity, body in self._recorder.bodies.items():
                if body.module is None:
                    self._ticks.pop(identity, None)
        self._wanted = (events.PY_START if everything else 0) | (events.CALL if natives else 0)
        monitoring.set_events(tool, self._wanted)
        if self._wanted:
            # What was switched off may be wanted now: patterns have changed since, or the tool id's
            # holder. It is switched on again for other tools too, which only costs them a second
            # look.
            monitoring.restart_events()

    def check(self) -> None:
        """Raise if the tool id or a callback was taken; see `Backend.check`."""
        tool = self._claimed()
        holder = monitoring.get_tool(tool)
        lost = holder != TOOL_NAME or [
            event
            for event, callback in self._callbacks.items()
            if monitoring.register_callback(tool, event, callback) is not callback
        ]
        if lost:
            raise CountingLostError(
                f"'{holder}' took sys.monitoring tool id {tool} over while calls were counted",
                holder=holder,
                remedy="Let the block that counts end before another tool takes this id",
            )
        if monitoring.get_events(tool) != self._wanted or any(
            monitoring.get_local_events(tool, body.code) != monitoring.events.PY_START
            for body in self._observed.values()
        ):
            raise CountingLostError(
                f"events of sys.monitoring tool id {tool} were switched off while calls were "
                "counted",
                holder=None,
                remedy="Keep the counted block from changing the events of other tools",
            )

    def release(self) -> None:
        """Free the tool id; see `Backend.release`."""
        tool = self._claimed()
        if monitoring.get_tool(tool) == TOOL_NAME:
            monitoring.set_events(tool, 0)
            for body in self._observed.values():
                monitoring.set_local_events(tool, body.code, 0)
            for event in (monitoring.events.PY_START, monitoring.events.CALL):
                monitoring.register_callback(tool, event, None)
            monitoring.free_tool_id(tool)
        self._tool = None
        self._everything = False
        self._generation = object()
        self._ticks.clear()
        self._native_ticks.clear()
        self._observed.clear()
        self._callbacks = {}

    def blind(self) -> str | None:
        """Why starts may be missed; see `Backend.blind`."""
        if getattr(sys, "_is_gil_enabled", lambda: True)():
            return None
        return "without a GIL, starts at the same moment on two threads may count as one"

    def blind_native(self, function: object) -> str:
        """Why calls of C functions may be missed; see `Backend.blind_native`."""
        if self._sees_star_calls is None:
            self._sees_star_calls = self._try_star_call()
        if function in (any, all) and _INLINES:
            return f"{CALLED_FROM_C}, and {INLINED}"
        if self._sees_star_calls:
            return CALLED_FROM_C
        return f"{CALLED_FROM_C}, and f(*args) is not reported by this one"

    def _claimed(self) -> int:
        if self._tool is None:
            raise RuntimeError("no tool id is held: claim() comes first")
        return self._tool

    def _cold_start(self, code: CodeType) -> object:
        """A start of a body that has no tick yet. Two frames below the body's own."""
        try:
            generation = self._generation
            body = self._recorder.first_start(code, sys._getframe(2))  # noqa: SLF001
            if body is not None:
                self._ticks[id(code)] = body.tick
                body.tick()
            # Another thread may have opened a block since, which wants what the last ones did not:
            # only a decision that is up to date may switch off. No call stands between check and
            # return, and so no thread can come between them.
            elif generation is self._generation:
                return monitoring.DISABLE
        except Exception as error:  # noqa: BLE001
            self._recorder.failure = error
        return None

    def _on_start_attributed(self, code: CodeType, _offset: int) -> object:
        try:
            generation = self._generation
            frame = sys._getframe(1)  # noqa: SLF001
            body = self._recorder.bodies.get(id(code))
            if body is None or id(code) not in self._ticks:
                body = self._recorder.first_start(code, frame)
                if body is None:
                    return monitoring.DISABLE if generation is self._generation else None
                self._ticks[id(code)] = body.tick
            body.tick()
            self._recorder.attribute(body, frame.f_back)
        except Exception as error:  # noqa: BLE001
            self._recorder.failure = error
        return None

    def _make_on_call(self, *, attribute: bool) -> Callable[[CodeType, int, object, object], None]:
        recorder, ticks = self._recorder, self._native_ticks
        others = recorder.methods

        def on_call(code: CodeType, _offset: int, function: object, _first: object) -> None:
            tick = ticks.get(id(function))
            if tick is not None:
                if not is_own(code):
                    tick()
            elif type(function) is BuiltinFunctionType and function.__name__ in others:
                try:
                    native = recorder.native_of(function)
                    if native is not None and not is_own(code):
                        native.tick()
                except Exception as error:  # noqa: BLE001
                    recorder.failure = error

        def on_call_attributed(
            code: CodeType, _offset: int, function: object, _first: object
        ) -> None:
            try:
                native = recorder.natives.get(id(function)) or recorder.native_of(function)
                if native is not None and not is_own(code):
                    native.tick()
                    recorder.attribute(native, sys._getframe(1))  # noqa: SLF001
            except Exception as error:  # noqa: BLE001
                recorder.failure = error

        return on_call_attributed if attribute else on_call

    def _try_star_call(self) -> bool:
        """Whether f(*args) with a C function is reported; not for while natives are counted."""
        tool = self._claimed()
        call, code = monitoring.events.CALL, _star_call.__code__
        seen: list[object] = []
        before = monitoring.register_callback(
            tool, call, lambda _code, _offset, function, _first: seen.append(function)
        )
        monitoring.set_local_events(tool, code, call)
        _star_call(len, ((),))
        monitoring.set_local_events(tool, code, 0)
        monitoring.register_callback(tool, call, before)
        return len in seen


def _star_call(function: Callable[..., object], arguments: tuple[object, ...]) -> object:
    return function(*arguments)


def _make_on_start(
    ticks: dict[int, Callable[[], int]], cold_start: Callable[[CodeType], object]
) -> Callable[[CodeType, int], object]:
    """The callback of every counted start: closed over what it needs, one look-up and one call."""

    def on_start(code: CodeType, _offset: int) -> object:
        try:
            ticks[id(code)]()
        except KeyError:
            return cold_start(code)
        return None

    return on_start
