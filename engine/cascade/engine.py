"""The engine: caches, constraints and subscribers that its runs share."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, final, get_args, overload

from cascade.errors import ConstraintError, NotATargetError, RunningLoopError
from cascade.runtime.core import Core, Tier
from cascade.runtime.run import Run
from cascade.runtime.state import MemoryState, State
from cascade.runtime.trampoline import trampoline
from cascade.spec.constraint import Rate, checked_limit, exact_amount
from cascade.spec.lazy import LazyResult, is_deferred

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from fractions import Fraction

    from cascade.blueprint.cache import CacheStatistics
    from cascade.events import Event, Subscriber
    from cascade.spec.resource import Resource

R = TypeVar("R")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What an engine has done since it was made, and what it holds.

    Attributes:
        bounces: targets evaluated, tail calls included.
        cache: the cycle cache.
        active_runs: runs that have begun and not ended.
        waiting: task bodies that wait for a constraint.
        recorded: results held by the in-memory state; 0 for a state of one's own.
    """

    bounces: int
    cache: CacheStatistics
    active_runs: int
    waiting: int
    recorded: int

    @property
    def blueprint_hits(self) -> int:
        """Bounces that a blueprint was found for."""
        return self.cache.hits

    @property
    def blueprint_misses(self) -> int:
        """Bounces whose graph was built."""
        return self.cache.misses

    @property
    def compiled(self) -> int:
        """Fused loops written."""
        return self.cache.compiled

    @property
    def evicted(self) -> int:
        """Blueprints dropped to keep the cache's bound."""
        return self.cache.evicted


@final
class Engine:
    """Runs lazy results.

    One engine serves many runs at once, and several event loops in turn. What it learns about the
    structure of targets stays for its next runs.

    Args:
        resources: what `cs.Inject` may name.
        capacity: total of each capacity that `.with_constraints` may ask for.
        state: where results are recorded node by node; by default in memory, and only where that
            costs a loop nothing.
        tier: "auto", or the highest tier to use from first sight on: "reference", "blueprint" or
            "hot".
        slice_s: seconds after which a run lets others on the event loop have their turn.
        max_threads: bound of the pool for tasks with mode="thread"; Python's default when None.
        clock: seconds, monotonic. Tests may pass a virtual one.

    Raises:
        ResourceError: two resources have one name, or their needs can't be met.
        ConstraintError: a capacity is no number of 0 or more.
        ValueError: the tier is unknown, or the slice is not above 0.
        TypeError: a resource was not made with `@cs.resource`, or the state is none.
    """

    def __init__(
        self,
        *,
        resources: Iterable[Resource] = (),
        capacity: Mapping[str, float] | None = None,
        state: State | None = None,
        tier: Tier = "auto",
        slice_s: float = 0.001,
        max_threads: int | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        if tier not in get_args(Tier):
            raise ValueError(f"tier {tier!r} is unknown. Use one of {', '.join(get_args(Tier))}.")
        if not slice_s > 0:
            raise ValueError(f"slice_s is {slice_s}. Pass a number of seconds above 0.")
        if state is not None and not isinstance(state, State):
            raise TypeError(
                f"{type(state).__name__} is no state: it needs async put, get, has, skip and clear."
            )
        self._core = Core(
            tier=tier,
            state=state,
            capacity=_checked_capacities(capacity or {}),
            slice_s=slice_s,
            max_threads=max_threads,
            clock=clock,
        )
        self._core.register(resources)

    async def run(
        self,
        target: LazyResult[R] | R | list[Any] | tuple[Any, ...],
        params: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run a lazy result and all that it tail-calls, and return its value.

        Args:
            target: a lazy result, or a list or tuple of them for a list of their values.
            params: values of `cs.Param` markers by name.

        Raises:
            NotATargetError: the target is no lazy result.
            ParamError: an input is missing or can't be converted; no task has run then.
            DependencyMissingError: the target was skipped.
            Exception: whatever a task body raised, as it was.
        """
        checked = _checked_target(target)
        return await Run(self._core, params or {}, trampoline).value_of(checked)

    def subscribe(self, subscriber: Subscriber, *kinds: type[Event]) -> Callable[[], None]:
        """Deliver events to a callable, and return the function that ends this.

        Args:
            subscriber: called with each event. If it raises, it is logged and dropped.
            *kinds: event classes, a base class for all below it; all events by default.

        Raises:
            TypeError: the subscriber can't be called, or a kind is no event class.
        """
        return self._core.bus.subscribe(subscriber, *kinds)

    def register(self, *resources: Resource) -> None:
        """Add resources.

        Raises:
            ResourceError: a name is taken, or the resources' needs can't be met.
        """
        self._core.register(resources)

    def set_concurrency(
        self, pattern: str, limit: int | None, *, expires_in: float | None = None
    ) -> None:
        """Let at most so many bodies of matching tasks run at once.

        Args:
            pattern: a glob on task names, such as "fetch_*".
            limit: 1 or more, or None to lift the limit.
            expires_in: seconds after which the limit is lifted by itself.

        Raises:
            ConstraintError: the limit is no whole number of 1 or more.
        """
        checked = None if limit is None else checked_limit(pattern, limit)
        self._core.limiter.set_rule(pattern, "limit", checked, expires_in)

    def set_rate(self, pattern: str, rate: str | None, *, expires_in: float | None = None) -> None:
        """Let matching tasks start at most so often.

        Args:
            pattern: a glob on task names.
            rate: starts per time, such as "10/s", "100/m" or "5/200ms", or None to lift the limit.
            expires_in: seconds after which the limit is lifted by itself.

        Raises:
            ConstraintError: the rate can't be read.
        """
        parsed = None if rate is None else Rate.parse(rate)
        self._core.limiter.set_rule(pattern, "rate", parsed, expires_in)

    def pause(self, pattern: str = "*", *, expires_in: float | None = None) -> None:
        """Let no body of a matching task start. Bodies that are running run to their end.

        Args:
            pattern: a glob on task names.
            expires_in: seconds after which the pause ends by itself.
        """
        self._core.limiter.set_rule(pattern, "paused", True, expires_in)

    def resume(self, pattern: str = "*") -> None:
        """End the pause that was set for exactly this pattern."""
        self._core.limiter.set_rule(pattern, "paused", False, None)

    def statistics(self) -> Statistics:
        """Return what the engine has done and holds, as a frozen value."""
        core = self._core
        return Statistics(
            bounces=core.bounces + core.fused,
            cache=core.cache.statistics(fused=core.fused),
            active_runs=core.active_runs,
            waiting=core.limiter.waiting,
            recorded=len(core.state) if isinstance(core.state, MemoryState) else 0,
        )

    def clear_caches(self) -> None:
        """Forget every blueprint; the next runs learn them again."""
        self._core.cache.clear()

    def close(self) -> None:
        """Stop the thread pool when its bodies have ended. The engine can still be used."""
        self._core.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def _checked_capacities(capacity: Mapping[str, Any]) -> dict[str, Fraction | float]:
    exact: dict[str, Fraction | float] = {}
    for name, total in capacity.items():
        found = exact_amount(total)
        if found is None:
            raise ConstraintError(
                name, f"capacity '{name}' is {total!r}. Pass a number of 0 or more."
            )
        exact[name] = found
    return exact


def _checked_target(target: Any) -> Any:
    if is_deferred(target):
        return target
    if not isinstance(target, (list, tuple)):
        raise NotATargetError(target)
    for each in target:
        if not isinstance(each, LazyResult):
            raise NotATargetError(each)
    return list(target)


@overload
def run(target: LazyResult[R], params: Mapping[str, Any] | None = ..., **options: Any) -> R: ...
@overload
def run(target: R, params: Mapping[str, Any] | None = ..., **options: Any) -> R: ...


def run(target: Any, params: Mapping[str, Any] | None = None, **options: Any) -> Any:
    """Run a target on an engine and an event loop made for this call.

    Args:
        target: a lazy result, or a list or tuple of them for a list of their values.
        params: values of `cs.Param` markers by name.
        **options: arguments of `Engine`.

    Raises:
        RunningLoopError: an event loop is running in this thread already.
        Exception: whatever `Engine.run` raises.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        raise RunningLoopError
    with Engine(**options) as engine:
        return asyncio.run(engine.run(target, params))
