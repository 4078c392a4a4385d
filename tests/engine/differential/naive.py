"""A language with the meaning of `cascade`'s core and none of its parts: no graph, no cache, no loop.

It stands in for `cs` in a program's source. What a call means is written down once more, as plainly
as it can be, so that a mistake that all tiers share can still be seen. It knows tasks, nesting,
sharing, tail calls, maps, Routers and run inputs; results and executions are right, events are none.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Self

from cascade.blueprint.cache import CacheStatistics
from cascade.engine import Statistics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Lazy:
    """A call that has not run."""

    def __init__(self, function: Callable[..., Any], arguments: dict[str, Any]) -> None:
        self.function = function
        self.arguments = arguments


class LazyMap:
    """A call for each item of columns."""

    def __init__(self, make: Callable[..., Lazy], columns: dict[str, Any]) -> None:
        self.make = make
        self.columns = columns


class Router:
    """One of several values."""

    def __init__(self, *, selector: Any, routes: dict[Any, Any]) -> None:
        self.selector = selector
        self.routes = routes


class Param:
    """A run input."""

    def __init__(self, name: str, default: Any, kind: Callable[[Any], Any]) -> None:
        self.name = name
        self.default = default
        self.kind = kind


class Env:
    """An environment variable that nobody sets."""

    def __init__(self, name: str, default: Any) -> None:
        self.name = name
        self.default = default


def task(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Make a constructor of lazy calls."""
    if function is None:
        return lambda body: task(body, **options)
    body = function
    signature = inspect.signature(body)

    def make(*args: Any, **kwargs: Any) -> Lazy:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return Lazy(body, dict(bound.arguments))

    make.__dict__["map"] = lambda **columns: LazyMap(make, columns)
    return make


def TailCall(make: Callable[..., Lazy], *args: Any, **kwargs: Any) -> Lazy:  # noqa: N802  cascade's own name
    """The call itself."""
    return make(*args, **kwargs)


class Engine:
    """Evaluates from the inside out, and goes on while a call comes back."""

    def __init__(self, **options: Any) -> None:
        self.options = options

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        return None

    def subscribe(self, subscriber: Callable[[Any], object]) -> Callable[[], None]:
        """Nobody has anything to say to a subscriber."""
        del subscriber
        return lambda: None

    def statistics(self) -> Statistics:
        """Nothing is ever kept."""
        nothing = CacheStatistics(hits=0, misses=0, compiled=0, evicted=0, size=0, tasks=0)
        return Statistics(bounces=0, cache=nothing, active_runs=0, waiting=0, recorded=0)

    async def run(self, target: Any, params: Mapping[str, Any]) -> Any:
        """Run a target to its value."""
        while isinstance(target, (Lazy, LazyMap)):
            target = await self._one_bounce(target, params)
        return target

    async def _one_bounce(self, target: Lazy | LazyMap, params: Mapping[str, Any]) -> Any:
        return await self._called(target, params, {})

    async def _called(self, call: Any, params: Mapping[str, Any], known: dict[int, Any]) -> Any:
        if isinstance(call, LazyMap):
            columns = await self._value(call.columns, params, known)
            rows = zip(*columns.values(), strict=True)
            calls = [call.make(**dict(zip(columns, row, strict=True))) for row in rows]
            return [await self.run(each, params) for each in calls]
        arguments = await self._value(call.arguments, params, known)
        result = call.function(**arguments)
        return await result if inspect.isawaitable(result) else result

    async def _value(self, value: Any, params: Mapping[str, Any], known: dict[int, Any]) -> Any:
        if isinstance(value, (Lazy, LazyMap)):
            if id(value) not in known:
                result = await self._called(value, params, known)
                known[id(value)] = await self.run(result, params)
            return known[id(value)]
        if isinstance(value, Router):
            chosen = await self._value(value.selector, params, known)
            if chosen not in value.routes:
                raise ValueError(f"no route {chosen!r}")
            return await self._value(value.routes[chosen], params, known)
        if isinstance(value, Param):
            return value.kind(params.get(value.name, value.default))
        if isinstance(value, Env):
            return value.default
        if not _holds_something(value):
            return value
        if isinstance(value, dict):
            return {key: await self._value(item, params, known) for key, item in value.items()}
        items = [await self._value(item, params, known) for item in value]
        return value._make(items) if hasattr(value, "_make") else type(value)(items)


def _holds_something(value: Any) -> bool:
    items = value.values() if isinstance(value, dict) else value
    return isinstance(value, (list, tuple, dict)) and any(
        isinstance(item, (Lazy, LazyMap, Router, Param, Env)) or _holds_something(item)
        for item in items
    )
