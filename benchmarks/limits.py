"""The same loops written by hand: what a good engineer gets without an engine.

Each does the least that its loop needs. None keeps a graph, shares a lazy that is used twice, goes
on with a tail call made by an argument, or knows a policy, a resource or an event. Calls are lazy
as the engine's are: that is what lets a body return the next call instead of making it.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import CodeType

CHAIN_LENGTH = 11
SLICE_SECONDS = 0.001
"""How long a driver keeps the event loop before it yields; the engine's default is the same."""


@final
class Lazy:
    """A call that has not been made: a body and its arguments."""

    __slots__ = ("args", "body")

    def __init__(self, body: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.body = body
        self.args = args


@final
class Task:
    """A function whose call makes a `Lazy`."""

    __slots__ = ("body",)

    def __init__(self, body: Callable[..., Any]) -> None:
        self.body = body

    def __call__(self, *args: Any) -> Lazy:
        """Return the call without making it."""
        return Lazy(self.body, args)


@Task
def countdown(n: int) -> Any:
    """Tail-call itself `n` times."""
    if n == 0:
        return "done"
    return countdown(n - 1)


@Task
def noop(depth: int) -> int:
    """Return the depth of this link."""
    return depth + 1


@Task
def heavy_countdown(n: int, depth: int, checksum: int) -> Any:
    """Build a chain of 11 noops on every bounce and pass it on."""
    checksum += depth
    if n == 0:
        return checksum
    link = noop(0)
    for _ in range(CHAIN_LENGTH - 1):
        link = noop(link)
    return heavy_countdown(n - 1, link, checksum)


def trampoline(target: Any) -> Any:
    """Go on with what each body returns until it is no lazy call."""
    while type(target) is Lazy:
        target = target.body(*target.args)
    return target


async def drive(target: Any) -> Any:
    """Do as `trampoline` does, read the clock on each step, and yield once a slice (e0)."""
    clock = time.perf_counter
    deadline = clock() + SLICE_SECONDS
    while type(target) is Lazy:
        target = target.body(*target.args)
        if clock() >= deadline:
            await asyncio.sleep(0)
            deadline = clock() + SLICE_SECONDS
    return target


async def drive_yielding(target: Any) -> Any:
    """Do as `trampoline` does and yield on each step, as a loop with `sleep(0)` in it does."""
    while type(target) is Lazy:
        target = target.body(*target.args)
        await asyncio.sleep(0)
    return target


def evaluate(lazy: Lazy) -> Any:
    """Make a call whose arguments may be lazy calls, these first and at any depth."""
    return lazy.body(*[evaluate(arg) if type(arg) is Lazy else arg for arg in lazy.args])


async def drive_nested(target: Any) -> Any:
    """Do as `drive` does for calls with lazy arguments (f, over `heavy_countdown`)."""
    clock = time.perf_counter
    deadline = clock() + SLICE_SECONDS
    while type(target) is Lazy:
        target = evaluate(target)
        if clock() >= deadline:
            await asyncio.sleep(0)
            deadline = clock() + SLICE_SECONDS
    return target


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A hand-written loop of n bounces and what must come out of it.

    Attributes:
        name: What reports call it.
        run: Makes n bounces and returns their result.
        result: What n bounces return.
        bodies: The functions whose executions are checked, by name.
        executions: How often each of `bodies` runs in n bounces, by the same names.
    """

    name: str
    run: Callable[[int], Any]
    result: Callable[[int], object]
    bodies: Mapping[str, CodeType]
    executions: Callable[[int], Mapping[str, int]]


async def _trampoline(n: int) -> Any:
    return trampoline(countdown(n))


def _code(task: Task) -> CodeType:
    code: CodeType = task.body.__code__
    return code


def _simple(name: str, run: Callable[[int], Any]) -> Limit:
    return Limit(
        name=name,
        run=run,
        result=lambda _: "done",
        bodies={"countdown": _code(countdown)},
        executions=lambda n: {"countdown": n + 1},
    )


SYNC = _simple("sync trampoline", _trampoline)
E0 = _simple("e0: async, yields each 1 ms", lambda n: drive(countdown(n)))
YIELDING = _simple("sleep(0) each bounce", lambda n: drive_yielding(countdown(n)))
F = Limit(
    name="f: heavy, recursive",
    run=lambda n: drive_nested(heavy_countdown(n, 0, 0)),
    result=lambda n: 11 * n,
    bodies={"heavy_countdown": _code(heavy_countdown), "noop": _code(noop)},
    executions=lambda n: {"heavy_countdown": n + 1, "noop": 11 * n},
)

LIMITS = (SYNC, E0, YIELDING, F)
