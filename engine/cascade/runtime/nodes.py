"""One node with everything that may decide how it runs: skips, cache, constraints, retries."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from cascade.events import SkipReason, TaskBlocked, TaskRetrying, TaskSkipped
from cascade.graph.model import Frame, Kind, Node
from cascade.runtime.siblings import side_by_side, until_ended
from cascade.spec.constraint import checked_amount
from cascade.spec.lazy import is_deferred, refuse_unequal_columns
from cascade.spec.policy import MISS, CacheKey, CachePolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from concurrent.futures import Executor

    from cascade.blueprint.compiled import Failure
    from cascade.graph.model import Binding
    from cascade.graph.resources import Needs
    from cascade.graph.stages import Demand
    from cascade.runtime.run import Run
    from cascade.runtime.scopes import Scope
    from cascade.spec.lazy import TaskSpec

Owed = list[tuple[CachePolicy, CacheKey]]


@final
@dataclass(frozen=True, slots=True)
class Skip:
    """Stands where a node was skipped."""

    reason: SkipReason


@final
@dataclass(slots=True, kw_only=True, eq=False)
class Bounce:
    """One turn of the loop, run node by node.

    Attributes:
        run: the run that it belongs to.
        nodes: the structure's.
        frame: its values and results.
        tail: the node whose deferred result is a tail call, -1 for none.
        depth: how many trampolines stand around this one.
        owed: caches that wait for what the tail call ends in.
        demand: what is wanted, where Routers choose.
        late: what is read or acquired only when a part of it is to run.
        scope: where step-scoped resources are held.
        skipped: whether any node was.
    """

    run: Run
    nodes: tuple[Node, ...]
    frame: Frame
    tail: int
    depth: int
    owed: Owed
    demand: Demand | None
    late: Mapping[int | Binding, Needs]
    scope: Scope
    skipped: bool = False

    async def prepare(self, part: int | Binding) -> None:
        """Read and acquire what only a part needs that is about to run."""
        needs = self.late.get(part)
        if needs is not None:
            await self.run.prepare(needs, self.scope)


def call_inline(bounce: Bounce, node: Node) -> bool:
    """Run a bare sync body and return whether what it returned is still to be gone on with."""
    run, frame = bounce.run, bounce.frame
    task = node.task
    values = [binding.fetch(frame) for binding in node.arguments]
    began = run.body_starts(node.index, task.name)
    try:
        result = task.invoke(task.function, values)
    except BaseException as error:
        run.body_ended(node.index, task.name, run.clock() - began, error)
        raise
    run.body_ended(node.index, task.name, run.clock() - began)
    frame.results[node.index] = result
    return node.index != bounce.tail and is_deferred(result)


async def settle(bounce: Bounce, node: Node) -> None:
    """Go on with a deferred result until it is a value."""
    results = bounce.frame.results
    results[node.index] = await bounce.run.proceed(results[node.index], bounce.depth + 1)


async def run_node(bounce: Bounce, node: Node) -> None:
    """Run any node with all its policies and leave its result in the frame."""
    frame = bounce.frame
    skip = _upstream_skip(bounce, node)
    if skip is None and node.condition is not None:
        await bounce.prepare(node.condition)
        if not node.condition.fetch(frame):
            skip = SkipReason.CONDITION_FALSE
    if skip is not None:
        bounce.skipped = True
        frame.results[node.index] = Skip(skip)
        bounce.run.say(TaskSkipped, node.name, node.index, skip)
        return
    await bounce.prepare(node.index)
    if node.kind is Kind.SWITCH:
        chosen = _choose(bounce, node)
        await bounce.prepare(chosen)
        frame.results[node.index] = chosen
    elif node.kind is Kind.MAP:
        frame.results[node.index] = await _run_map(bounce, node)
    else:
        values = [binding.fetch(frame) for binding in node.arguments]
        is_tail = node.index == bounce.tail
        frame.results[node.index] = await _run_call(bounce, node, values, is_tail=is_tail)


def _upstream_skip(bounce: Bounce, node: Node) -> SkipReason | None:
    if not bounce.skipped:
        return None
    results = bounce.frame.results
    if any(type(results[index]) is Skip for index in _upstream(bounce, node.needs)):
        return SkipReason.UPSTREAM_SKIPPED
    if any(type(results[index]) is Skip for index in node.after):
        return SkipReason.SEQUENCE_CUT
    return None


def _upstream(bounce: Bounce, needs: tuple[int, ...]) -> Iterator[int]:
    """Yield what a node needs, through the switches to the routes that they chose."""
    pending = list(needs)
    while pending:
        index = pending.pop()
        yield index
        if bounce.nodes[index].kind is Kind.SWITCH:
            pending += bounce.frame.results[index].nodes()


def _choose(bounce: Bounce, node: Node) -> Binding:
    frame = bounce.frame
    selected = node.arguments[0].fetch(frame)
    routes = {key.fetch(frame): route for key, route in node.routes}
    try:
        chosen = routes[selected]
    except (KeyError, TypeError):
        known = ", ".join(repr(key) for key in routes)
        raise ValueError(
            f"a Router's selector gave {selected!r}, and its routes are {known}. "
            "Add a route for it, or select one of these."
        ) from None
    assert bounce.demand is not None
    bounce.demand.want(chosen.nodes())
    return chosen


async def _run_call(bounce: Bounce, node: Node, values: Sequence[Any], *, is_tail: bool) -> Any:
    run, task, cache = bounce.run, node.task, node.cache
    key: CacheKey | None = None
    if cache is not None:
        key = CacheKey(task.function, task.name, tuple(zip(task.names, values, strict=True)))
        known = await cache.get(key)
        if known is not MISS:
            run.say(TaskSkipped, task.name, node.index, SkipReason.CACHE_HIT)
            return known
    if node.amounts or run.limiter.rules:
        result = await _admitted(bounce, node, values)
    else:
        result = await attempts(run, node, values)
    if is_deferred(result):
        if is_tail:
            if cache is not None and key is not None:
                bounce.owed.append((cache, key))
            return result
        result = await run.proceed(result, bounce.depth + 1)
    if cache is not None and key is not None:
        await cache.put(key, result)
    return result


async def _admitted(bounce: Bounce, node: Node, values: Sequence[Any]) -> Any:
    run, limiter, name = bounce.run, bounce.run.limiter, node.task.name
    amounts = {
        capacity: checked_amount(capacity, amount.fetch(bounce.frame), name)
        for capacity, amount in node.amounts
    }
    admission = limiter.enter(name, amounts)
    if not admission.granted:
        run.say(TaskBlocked, name, node.index, admission.denied)
        await limiter.wait(admission)
    try:
        return await attempts(run, node, values)
    finally:
        limiter.leave(admission)


async def attempts(
    run: Run, node: Node, values: Sequence[Any], failure: Failure | None = None
) -> Any:
    """Call a body as often as its retry policy says, the first time where that has failed before.

    Args:
        run: the run.
        node: whose body it is.
        values: what it is given, one value per parameter.
        failure: what a fused loop's attempt ended in.
    """
    index, task, retry = node.index, node.task, node.retry
    attempt = 1
    delay_s = 0.0 if retry is None else retry.delay_s
    began = run.body_starts(index, task.name) if failure is None else failure.began
    try:
        while True:
            try:
                if failure is None and task.is_async:
                    result = await task.invoke(task.function, values)
                else:
                    result = await _call_body(run, task, values, failure)
                break
            except Exception as error:
                if retry is None or attempt >= retry.max_attempts:
                    raise
                failure = None
                run.say(TaskRetrying, task.name, index, attempt, delay_s, error)
            await asyncio.sleep(delay_s)
            delay_s *= retry.backoff
            attempt += 1
    except BaseException as error:
        run.body_ended(index, task.name, run.clock() - began, error)
        raise
    run.body_ended(index, task.name, run.clock() - began)
    if run.clock() >= run.pace.deadline:
        await run.pace.rest()
    return result


async def _call_body(
    run: Run, task: TaskSpec, values: Sequence[Any], failure: Failure | None
) -> Any:
    if failure is not None:
        raise failure.error
    if task.threaded:
        return await offload(run.core.threads(), lambda: task.invoke(task.function, values))
    return task.invoke(task.function, values)


async def offload(pool: Executor, call: Callable[[], Any]) -> Any:
    """Run a call in a thread, in a copy of this context.

    A thread can't be stopped, so a cancelled caller waits for it: nothing that the body uses is
    released under it.
    """
    submitted = pool.submit(contextvars.copy_context().run, _outcome, call)
    result = asyncio.wrap_future(submitted)
    try:
        value, error = await asyncio.shield(result)
    except asyncio.CancelledError:
        if not submitted.cancel():
            await until_ended([result])
        raise
    if error is not None:
        raise error
    return value


def _outcome(call: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    """Keep what a call raises as a value: a future can't hold a StopIteration."""
    try:
        return call(), None
    except BaseException as error:  # noqa: BLE001  the caller raises it
        return None, error


async def _run_map(bounce: Bounce, node: Node) -> list[Any]:
    task = node.task
    resolved = [binding.fetch(bounce.frame) for binding in node.arguments]
    columns = {
        name: _items(task.name, name, column)
        for name, column in zip(node.names[: node.columns], resolved, strict=False)
    }
    shared = dict(zip(node.names[node.columns :], resolved[node.columns :], strict=True))
    refuse_unequal_columns(task.name, {name: len(items) for name, items in columns.items()})
    calls = list(_rows(task, columns, shared))
    waits = task.is_async or task.threaded or node.retry or node.cache or node.amounts
    if not waits and not bounce.run.limiter.rules:
        return await _map_inline(bounce, node, calls)
    # The map may be the bounce's tail, but what an item tail-calls belongs into the list.
    return await side_by_side([_run_call(bounce, node, values, is_tail=False) for values in calls])


def _rows(
    task: TaskSpec, columns: Mapping[str, Sequence[Any]], shared: Mapping[str, Any]
) -> Iterator[tuple[Any, ...]]:
    """Yield what each item's body is given, one value per parameter."""
    count = len(next(iter(columns.values()), ()))
    named = {each.name for each in task.parameters if each.kind is not each.VAR_KEYWORD}
    others = {name: column for name, column in columns.items() if name not in named}
    by_parameter: list[Iterable[Any]] = []
    for parameter in task.parameters:
        if parameter.kind is parameter.VAR_KEYWORD:
            by_parameter.append([{name: others[name][i] for name in others} for i in range(count)])
        elif parameter.kind is parameter.VAR_POSITIONAL:
            by_parameter.append(itertools.repeat((), count))
        elif parameter.name in columns:
            by_parameter.append(columns[parameter.name])
        else:
            value = shared.get(parameter.name, parameter.default)
            by_parameter.append(itertools.repeat(value, count))
    return zip(*by_parameter, strict=True)


def _items(task: str, name: str, column: Any) -> list[Any]:
    try:
        return list(column)
    except TypeError:
        raise TypeError(
            f"column '{name}' of '{task}.map' is {type(column).__name__}, which has no items. "
            "Pass a list, or a lazy result of one."
        ) from None


async def _map_inline(bounce: Bounce, node: Node, calls: Sequence[Sequence[Any]]) -> list[Any]:
    results: list[Any] = []
    deferred: list[int] = []
    run, core, task, clock = bounce.run, bounce.run.core, node.task, bounce.run.clock
    invoke, body, pace = task.invoke, task.function, bounce.run.pace
    usual: type | None = None
    for values in calls:
        if core.observed:
            result = await attempts(run, node, values)
        else:
            try:
                result = invoke(body, values)
            except BaseException as error:
                # Nobody listened when it began; who came while it ran hears of it.
                run.body_ended(node.index, task.name, pace.since_slice_began(), error)
                raise
            if clock() >= pace.deadline:
                run.ended_late(node.index, task.name)
                await pace.rest()
        if type(result) is not usual:
            if is_deferred(result):
                deferred.append(len(results))
            else:
                usual = type(result)
        results.append(result)
    settled = await side_by_side(
        [run.proceed(results[position], bounce.depth + 1) for position in deferred]
    )
    for position, value in zip(deferred, settled, strict=True):
        results[position] = value
    return results
