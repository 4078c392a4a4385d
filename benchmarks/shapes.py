"""Shapes that people write beyond the countdowns, each with its twin by hand in plain asyncio.

A twin is what one would write without an engine: a coroutine with a `while` loop that calls plain
functions, awaits what is async, and lets the event loop turn once a slice. It makes no call lazy,
so that its cost is that of the bodies alone.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from inspect import unwrap
from typing import TYPE_CHECKING, Any, cast

import cascade as cs
from benchmarks.limits import SLICE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from types import CodeType, FunctionType

MESSAGES = 1_000
INTS = 4_000
TEMPLATES = 12
ITEMS = 2_000
MANY_ITEMS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A program of n bounces on the engine, beside the same by hand.

    Attributes:
        name: What reports call it.
        run: Runs n bounces on an engine.
        twin: Runs the same n bounces by hand.
        result: What n bounces return, either way.
        tasks: The tasks whose executions are checked.
        executions: How often the body of each of `tasks` runs in n bounces, in their order.
        target: The largest ratio to the twin that is good enough; None where it is to be read.
        sizes: The n at which result and executions are checked.
        fixed_n: Bounces of a timed block; None where any number will do.
        seen: Shapes of the same task that the engine has seen before, each once.
        subscribed: Whether somebody listens to all events.
    """

    name: str
    run: Callable[[cs.Engine, int], Awaitable[Any]]
    twin: Callable[[int], Awaitable[Any]]
    result: Callable[[int], object]
    tasks: Sequence[Callable[..., Any]]
    executions: Callable[[int], Sequence[int]]
    target: float | None = None
    sizes: Sequence[int] = (0, 1, 2, 40, 200)
    fixed_n: int | None = None
    seen: int = 0
    subscribed: bool = False

    @property
    def bodies(self) -> Mapping[str, CodeType]:
        """The code of each task's body, by the task's name."""
        return {task.__name__: cast("FunctionType", unwrap(task)).__code__ for task in self.tasks}

    def prepare(self, loop: asyncio.AbstractEventLoop) -> cs.Engine:
        """Return an engine that is as old as the shape wants it to be."""
        engine = cs.Engine()
        if self.subscribed:
            engine.subscribe(lambda _: None)
        for length in range(1, self.seen + 1):
            loop.run_until_complete(engine.run(ninth(0, [left(0)] * length)))
        return engine


async def _loop(step: Callable[..., Any], *state: Any) -> Any:
    """Call a function with its own results until it returns no tuple, a turn each slice."""
    clock = time.perf_counter
    deadline = clock() + SLICE_SECONDS
    while True:
        following = step(*state)
        if type(following) is not tuple:
            return following
        state = following
        if clock() >= deadline:
            await asyncio.sleep(0)
            deadline = clock() + SLICE_SECONDS


def _message(n: int) -> dict[str, object]:
    return {"role": "user", "content": f"message {n}"}


@cs.task
def agent(n: int, history: list[Any]) -> Any:
    """Carry a history: what it holds is looked through for calls on every bounce."""
    return len(history) if n == 0 else agent(n - 1, history)


@cs.task(opaque=("history",))
def opaque_agent(n: int, history: list[Any]) -> Any:
    """Carry a history that nobody looks into."""
    return len(history) if n == 0 else opaque_agent(n - 1, history)


@cs.task
def plain_agent(n: int, history: int) -> Any:
    """Carry an int in the place of a history."""
    return history if n == 0 else plain_agent(n - 1, history)


@cs.task
def collect(n: int, seen: list[int]) -> Any:
    """Carry a list that grows by one number on each bounce."""
    seen.append(n)
    return len(seen) if n == 0 else collect(n - 1, seen)


@cs.task(opaque=("seen",))
def opaque_collect(n: int, seen: list[int]) -> Any:
    """Carry a growing list that nobody looks into."""
    seen.append(n)
    return len(seen) if n == 0 else opaque_collect(n - 1, seen)


@cs.task
def cons(n: int, cells: Any) -> Any:
    """Carry cells of a number and the rest."""
    return cells[0] if n == 0 else cons(n - 1, (n, cells))


def _agent_step(n: int, history: Any) -> Any:
    return len(history) if n == 0 else (n - 1, history)


def _plain_agent_step(n: int, history: int) -> Any:
    return history if n == 0 else (n - 1, history)


def _collect_step(n: int, seen: list[int]) -> Any:
    seen.append(n)
    return len(seen) if n == 0 else (n - 1, seen)


@cs.task
def retried(n: int) -> Any:
    """Tail-call itself with a retry on each call."""
    return "done" if n == 0 else cs.lazy(retried(n - 1)).with_retry()


def _retried_step(n: int) -> Any:
    for attempt in range(3):
        try:
            return "done" if n == 0 else (n - 1,)
        except Exception:
            if attempt == 2:
                raise
    return None


@cs.task
def left(n: int) -> int:
    """One route."""
    return n + 1


@cs.task
def right(n: int) -> int:
    """The other route."""
    return n + 2


@cs.task
def routed(n: int, total: int) -> Any:
    """Take the value of one of two routes."""
    if n == 0:
        return total
    return routed(
        n - 1, cast("Any", cs.Router(selector=n % 2, routes={0: left(total), 1: right(total)}))
    )


def _left(n: int) -> int:
    return n + 1


def _right(n: int) -> int:
    return n + 2


_ROUTES = {0: _left, 1: _right}


def _routed_step(n: int, total: int) -> Any:
    return total if n == 0 else (n - 1, _ROUTES[n % 2](total))


@cs.task(pure=True)
def square(n: int) -> int:
    """Return the square; equal calls in one graph run once."""
    return n * n


@cs.task
def squares(n: int, a: int, b: int, total: int) -> Any:
    """Take two pure calls on each bounce."""
    total += a + b
    return total if n == 0 else squares(n - 1, square(n), square(n + 1), total)


def _square(n: int) -> int:
    return n * n


def _squares_step(n: int, a: int, b: int, total: int) -> Any:
    total += a + b
    return total if n == 0 else (n - 1, _square(n), _square(n + 1), total)


@cs.task
def settings(n: int, options: dict[str, int], total: int) -> Any:
    """Take a call inside a dict."""
    total += options["a"]
    return total if n == 0 else settings(n - 1, {"a": left(n), "b": n}, total)


def _settings_step(n: int, options: dict[str, int], total: int) -> Any:
    total += options["a"]
    return total if n == 0 else (n - 1, {"a": _left(n), "b": n}, total)


@cs.task
def item(n: int, hops: int) -> Any:
    """An item of a map that tail-calls twice."""
    return n if hops == 0 else item(n, hops - 1)


@cs.task
def doubled(n: int) -> int:
    """An item of a map."""
    return n + n


def _item_step(n: int, hops: int) -> Any:
    return n if hops == 0 else (n, hops - 1)


async def _mapped(step: Callable[..., Any], rows: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Call a function on each row, and with its own results until it returns no tuple."""
    clock = time.perf_counter
    deadline = clock() + SLICE_SECONDS
    results = []
    for row in rows:
        state: Any = row
        while type(state) is tuple:
            state = step(*state)
            if clock() >= deadline:
                await asyncio.sleep(0)
                deadline = clock() + SLICE_SECONDS
        results.append(state)
    return results


def _double(n: int) -> int:
    return n + n


@cs.task
async def one(n: int) -> int:
    """An async sibling."""
    return n


@cs.task
async def siblings(n: int, a: int, b: int) -> Any:
    """Take two async calls that run side by side."""
    return a + b if n == 0 else siblings(n - 1, one(n), one(n))


async def _one(n: int) -> int:
    return n


async def _siblings_by_hand(n: int) -> int:
    a = b = 0
    while n:
        a, b = await asyncio.gather(_one(n), _one(n))
        n -= 1
    return a + b


@cs.task
def star(n: int, *rest: int) -> Any:
    """Carry arguments whose number changes from bounce to bounce."""
    return len(rest) if n == 0 else star(n - 1, *((n,) * (n % 5)))


def _star_step(n: int, *rest: int) -> Any:
    return len(rest) if n == 0 else (n - 1, *((n,) * (n % 5)))


def _hop(k: int) -> Any:
    @cs.task
    def hop(n: int) -> Any:
        return "done" if n == 0 else _HOPS[(k + 1) % 5](n - 1)

    return hop


_HOPS = [_hop(k) for k in range(5)]


def _hop_by_hand(k: int) -> Any:
    def hop(n: int) -> Any:
        return "done" if n == 0 else (_HOPS_BY_HAND[(k + 1) % 5], n - 1)

    return hop


_HOPS_BY_HAND = [_hop_by_hand(k) for k in range(5)]


def _kind() -> Any:
    @cs.task
    def kind(n: int) -> int:
        return n

    return kind


_KINDS = [_kind() for _ in range(TEMPLATES)]


@cs.task
def alternate(n: int, value: int, kinds: int) -> Any:
    """Take the call of another task on each bounce, so that templates alternate."""
    return value if n == 0 else alternate(n - 1, _KINDS[n % kinds](n), kinds)


def _alternate_step(n: int, value: int, kinds: int) -> Any:
    return value if n == 0 else (n - 1, _BY_HAND[n % kinds](n), kinds)


def _same(n: int) -> int:
    return n


_BY_HAND = [_same] * TEMPLATES


@cs.task
def ninth(n: int, value: Any) -> Any:
    """Be looped on in one shape after eight others were seen once."""
    return value if n == 0 else ninth(n - 1, left(n))


def _ninth_step(n: int, value: int) -> Any:
    return value if n == 0 else (n - 1, _left(n))


@cs.task
def simple(n: int) -> Any:
    """Tail-call itself."""
    return "done" if n == 0 else simple(n - 1)


def _simple_step(n: int) -> Any:
    return "done" if n == 0 else (n - 1,)


async def _short_runs(engine: cs.Engine, n: int) -> Any:
    result = None
    for _ in range(n):
        result = await engine.run(simple(3))
    return result


async def _short_loops(n: int) -> Any:
    result = None
    for _ in range(n):
        result = await _loop(_simple_step, 3)
    return result


def _carrying(size: int) -> Shape:
    history = [_message(n) for n in range(size)]
    return Shape(
        name=f"carried: {size:,} messages",
        run=lambda engine, n: engine.run(agent(n, history)),
        twin=lambda n: _loop(_agent_step, n, history),
        result=lambda _: size,
        tasks=[agent],
        executions=lambda n: [n + 1],
    )


def _carrying_unread(size: int) -> Shape:
    history = [_message(n) for n in range(size)]
    return Shape(
        name=f"opaque: {size:,} messages",
        run=lambda engine, n: engine.run(opaque_agent(n, history)),
        twin=lambda n: _loop(_agent_step, n, history),
        result=lambda _: size,
        tasks=[opaque_agent],
        executions=lambda n: [n + 1],
        target=1.2,
    )


def _alternating(kinds: int) -> Shape:
    return Shape(
        name=f"{kinds} templates alternating",
        run=lambda engine, n: engine.run(alternate(n, 0, kinds)),
        twin=lambda n: _loop(_alternate_step, n, 0, kinds),
        result=lambda n: 1 if n else 0,
        tasks=[alternate],
        executions=lambda n: [n + 1],
        target=10,
    )


def _after(seen: int) -> Shape:
    return Shape(
        name=f"after {seen:,} one-off shapes",
        run=lambda engine, n: engine.run(ninth(n, 0)),
        twin=lambda n: _loop(_ninth_step, n, 0),
        result=lambda n: 2 if n else 0,
        tasks=[ninth, left],
        executions=lambda n: [n + 1, n],
        target=1.3,
        seen=seen,
    )


AN_INT = Shape(
    name="carried: an int",
    run=lambda engine, n: engine.run(plain_agent(n, 7)),
    twin=lambda n: _loop(_plain_agent_step, n, 7),
    result=lambda _: 7,
    tasks=[plain_agent],
    executions=lambda n: [n + 1],
)
CARRIED = (
    *(_carrying(size) for size in (10, 100, MESSAGES)),
    *(_carrying_unread(size) for size in (10, 100, MESSAGES)),
    Shape(
        name=f"carried: list growing to {INTS:,} ints",
        run=lambda engine, n: engine.run(collect(n, [])),
        twin=lambda n: _loop(_collect_step, n, []),
        result=lambda n: n + 1,
        tasks=[collect],
        executions=lambda n: [n + 1],
        fixed_n=INTS,
    ),
    Shape(
        name=f"opaque: list growing to {INTS:,} ints",
        run=lambda engine, n: engine.run(opaque_collect(n, [])),
        twin=lambda n: _loop(_collect_step, n, []),
        result=lambda n: n + 1,
        tasks=[opaque_collect],
        executions=lambda n: [n + 1],
        target=1.2,
        fixed_n=INTS,
    ),
)
"""What a bounce carries, beside an int in its place."""

FRESH = _after(0)
AGED = (_after(8), _after(100), _after(1_000))
"""A loop on an engine that has seen other shapes of its task, beside one that has not."""

SHAPES = (
    _alternating(8),
    _alternating(12),
    Shape(
        name="a retry on each tail call",
        run=lambda engine, n: engine.run(retried(n)),
        twin=lambda n: _loop(_retried_step, n),
        result=lambda _: "done",
        tasks=[retried],
        executions=lambda n: [n + 1],
        target=10,
    ),
    Shape(
        name="a Router as an argument",
        run=lambda engine, n: engine.run(routed(n, 0)),
        twin=lambda n: _loop(_routed_step, n, 0),
        result=lambda n: n + (n + 1) // 2,
        tasks=[routed, left, right],
        executions=lambda n: [n + 1, n // 2, (n + 1) // 2],
        target=30,
    ),
    Shape(
        name="two pure calls a bounce",
        run=lambda engine, n: engine.run(squares(n, 0, 0, 0)),
        twin=lambda n: _loop(_squares_step, n, 0, 0, 0),
        result=lambda n: sum(k * k + (k + 1) * (k + 1) for k in range(1, n + 1)),
        tasks=[squares, square],
        executions=lambda n: [n + 1, 2 * n],
        target=30,
    ),
    Shape(
        name="a call inside a dict",
        run=lambda engine, n: engine.run(settings(n, {"a": 0}, 0)),
        twin=lambda n: _loop(_settings_step, n, {"a": 0}, 0),
        result=lambda n: n * (n + 3) // 2,
        tasks=[settings, left],
        executions=lambda n: [n + 1, n],
        target=20,
    ),
    Shape(
        name="map, two tail calls an item",
        run=lambda engine, n: engine.run(cast("Any", item).map(n=list(range(n)), hops=[2] * n)),
        twin=lambda n: _mapped(_item_step, [(k, 2) for k in range(n)]),
        result=lambda n: list(range(n)),
        tasks=[item],
        executions=lambda n: [3 * n],
        target=20,
        fixed_n=ITEMS,
    ),
    Shape(
        name="map of sync bodies",
        run=lambda engine, n: engine.run(cast("Any", doubled).map(n=list(range(n)))),
        twin=lambda n: _mapped(_double, [(k,) for k in range(n)]),
        result=lambda n: [2 * k for k in range(n)],
        tasks=[doubled],
        executions=lambda n: [n],
        target=5,
        fixed_n=MANY_ITEMS,
    ),
    Shape(
        name="two async siblings a bounce",
        run=lambda engine, n: engine.run(siblings(n, 0, 0)),
        twin=_siblings_by_hand,
        result=lambda n: 2 if n else 0,
        tasks=[siblings, one],
        executions=lambda n: [n + 1, 2 * n],
        target=3,
    ),
    Shape(
        name="*args of changing length",
        run=lambda engine, n: engine.run(star(n)),
        twin=lambda n: _loop(_star_step, n),
        result=lambda n: 1 if n else 0,
        tasks=[star],
        executions=lambda n: [n + 1],
        target=4,
    ),
    Shape(
        name="mutual recursion of 5",
        run=lambda engine, n: engine.run(_HOPS[0](n)),
        twin=lambda n: _loop(lambda body, n: body(n), _HOPS_BY_HAND[0], n),
        result=lambda _: "done",
        tasks=[_HOPS[0]],
        executions=lambda n: [n + 1],
        target=4,
    ),
    Shape(
        name="a subscriber to all events",
        run=lambda engine, n: engine.run(simple(n)),
        twin=lambda n: _loop(_simple_step, n),
        result=lambda _: "done",
        tasks=[simple],
        executions=lambda n: [n + 1],
        target=8,
        subscribed=True,
    ),
    Shape(
        name="short runs of 3 bounces",
        run=_short_runs,
        twin=_short_loops,
        result=lambda n: "done" if n else None,
        tasks=[simple],
        executions=lambda n: [4 * n],
        target=8,
    ),
)
"""Programs that are held against their twins."""
