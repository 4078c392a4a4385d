"""The trampoline: go on with a target for as long as what comes back is another one.

The loop is boring on purpose: it looks the target's class up, awaits what it finds, and repeats.
Everything that happens once stands in a function with "cold" in its name.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol, final

from cascade.blueprint import bind as binding
from cascade.blueprint import compile as compiling
from cascade.blueprint.cache import COMPILE_AFTER, Entry
from cascade.blueprint.model import Break, Miss
from cascade.events import (
    StaticAnalysisWarning,
    Status,
    TaskBlocked,
    TaskFinished,
    TaskRetrying,
    TaskSkipped,
    TaskStarted,
    task_finished,
    task_started,
)
from cascade.graph import analysis, build, template
from cascade.runtime.reference import resume_bounce, run_bounce
from cascade.runtime.scopes import Scope
from cascade.runtime.state import Generation
from cascade.spec.lazy import LazyResult, TailCall

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Executor

    from cascade.blueprint.cache import CycleCache
    from cascade.blueprint.model import Blueprint, Loop
    from cascade.events import SkipReason
    from cascade.runtime.bus import Bus
    from cascade.runtime.limiter import Limiter
    from cascade.runtime.nodes import Owed
    from cascade.runtime.pace import Pace
    from cascade.runtime.state import State
    from cascade.spec.resource import Resource
    from cascade.spec.task import TaskSpec

DEPTH_OF_A_STACK = 16
"""Trampolines that stand inside each other before the next one gets a stack of its own."""


class Host(Protocol):
    """What a run needs of its engine.

    Attributes:
        bounces: targets evaluated node by node, all runs together.
        fused: targets evaluated by fused loops.
        cache: blueprints.
        loops: loops that the trampoline may enter without asking, by the target's class.
        uses_blueprints: whether any tier but the reference is allowed.
        fuses: whether loops may be written.
        compile_after: hits of a blueprint before its loop is written.
        observed: whether anybody listens to task events.
        analyses: whether anybody listens to warnings.
        records: whether every node's result goes to a state of the user's own.
    """

    bounces: int
    fused: int
    cache: CycleCache
    loops: Mapping[type, Loop]
    uses_blueprints: bool
    fuses: bool
    compile_after: int
    observed: bool
    analyses: bool
    records: bool
    bus: Bus
    clock: Callable[[], float]
    limiter: Limiter
    resources: Mapping[str, Resource]
    state: State

    def threads(self) -> Executor:
        """Return the pool for threaded bodies."""
        ...


@final
class Run:
    """One call of `Engine.run`: its inputs, its resources, and what its tasks report.

    Attributes:
        engine: where it runs.
        run_id: its number, from 1.
        pace: the slice that it shares.
        params: the run's parameters as given.
        resources: values of its open run-scoped resources.
        inputs: values of its Param and Env markers by `id`.
    """

    __slots__ = (
        "_bounce",
        "_markers",
        "analysed",
        "bus",
        "clock",
        "engine",
        "inputs",
        "limiter",
        "pace",
        "params",
        "publish",
        "resources",
        "run_id",
        "scope",
        "state",
    )

    def __init__(self, engine: Host, run_id: int, pace: Pace, params: Mapping[str, Any]) -> None:
        self.engine = engine
        self.run_id = run_id
        self.pace = pace
        self.params = params
        self.bus = engine.bus
        self.publish = engine.bus.publish
        self.clock = engine.clock
        self.limiter = engine.limiter
        self.state = engine.state
        self.scope = Scope(run_id, engine.bus)
        self.resources: Mapping[str, Any] = self.scope.values
        self.inputs: dict[int, Any] = {}
        self.analysed: set[TaskSpec] = set()
        self._markers: list[object] = []
        self._bounce = 0

    async def prepare(self, blueprint: Blueprint) -> None:
        """Read the inputs and acquire the run-scoped resources that a blueprint needs.

        Raises:
            ParamError: an input is missing or can't be converted.
        """
        for marker in blueprint.structure.inputs:
            if id(marker) not in self.inputs:
                self.inputs[id(marker)] = marker.value(self.params)
                self._markers.append(marker)
        if blueprint.needs.run:
            await self.scope.acquire(blueprint.needs.run)

    async def proceed(self, target: Any, depth: int) -> Any:
        """Go on with a deferred result inside a bounce until it is a value.

        Every few levels the next trampoline is a task of its own, so that a recursion that is no
        tail call is limited by memory and not by the interpreter's stack.
        """
        if depth % DEPTH_OF_A_STACK == 0:
            return await asyncio.ensure_future(trampoline(self, target, depth))
        return await trampoline(self, target, depth)

    def next_generation(self, *, first_sight: bool) -> Generation | None:
        """Return the generation to record a bounce under, or None when it is not recorded."""
        if not first_sight and not self.engine.records:
            return None
        self._bounce += 1
        return Generation(self.run_id, self._bounce)

    def threads(self) -> Executor:
        """Return the engine's thread pool."""
        return self.engine.threads()

    def body_starts(self, node: int, task: str) -> float:
        """Say that a body is about to be called, and return the clock's reading."""
        if self.bus.wants(TaskStarted):
            self.publish(task_started(self.run_id, task, node))
        return self.clock()

    def body_ended(self, node: int, task: str, duration_s: float) -> None:
        """Say that a body returned."""
        if self.bus.wants(TaskFinished):
            self.publish(task_finished(self.run_id, task, node, duration_s))

    def body_failed(self, node: int, task: str, duration_s: float, error: BaseException) -> None:
        """Say that a body raised or was cancelled."""
        if self.bus.wants(TaskFinished):
            status = (
                Status.CANCELLED if isinstance(error, asyncio.CancelledError) else Status.FAILED
            )
            self.publish(TaskFinished(self.run_id, task, node, duration_s, status, error))

    def ended_late(self, node: int, task: str) -> None:
        """Say that a body returned to those who came while it ran.

        When it began nobody listened and the clock was not read; its duration is then given as the
        time since the slice began, which is at least as long.
        """
        if self.bus.wants(TaskFinished):
            self.publish(task_finished(self.run_id, task, node, self.pace.since_slice_began()))

    def failed_late(
        self, error: BaseException, lines: Mapping[int, int], names: Sequence[str]
    ) -> None:
        """Say that a body raised to those who came while it ran; its line tells which it was."""
        node = None if error.__traceback__ is None else lines.get(error.__traceback__.tb_lineno)
        if node is not None:
            self.body_failed(node, names[node], self.pace.since_slice_began(), error)

    def retrying(
        self, node: int, task: str, attempt: int, delay_s: float, error: Exception
    ) -> None:
        """Say that a body will be called again."""
        if self.bus.wants(TaskRetrying):
            self.publish(TaskRetrying(self.run_id, task, node, attempt, delay_s, error))

    def blocked(self, node: int, task: str, reason: str) -> None:
        """Say that a task waits for a constraint."""
        if self.bus.wants(TaskBlocked):
            self.publish(TaskBlocked(self.run_id, task, node, reason))

    def skipped(self, node: int, task: str, reason: SkipReason) -> None:
        """Say that a body is not called."""
        if self.bus.wants(TaskSkipped):
            self.publish(TaskSkipped(self.run_id, task, node, reason))


async def trampoline(run: Run, target: Any, depth: int = 0) -> Any:
    """Run a target and whatever it tail-calls, and return the value that comes out.

    Args:
        run: the run that it belongs to.
        target: a lazy result, a TailCall, or a container of lazy results.
        depth: how many trampolines stand around this one.
    """
    engine = run.engine
    pace = run.pace
    owed: Owed = []
    if type(target) is TailCall:
        target = target.lazy()
    while True:
        # The alarm is taken before the choice, so that a change in between ends the loop.
        alarm = pace.alarm
        loop = engine.loops.get(type(target))
        if loop is None:
            outcome = await bounce_cold(run, target, depth, owed)
        else:
            outcome = await loop(target, run, alarm)
        while type(outcome) is Miss or type(outcome) is Break:
            if type(outcome) is Miss:
                if engine.analyses:
                    _analyse_cold(run, target, outcome.target)
                # Also where nobody listens yet: who comes in the next body hears of its call.
                target = outcome.target
            outcome = await _leave_cold(run, outcome, depth, owed)
        if outcome.__class__ in engine.loops:
            target = outcome
            continue
        if type(outcome) is TailCall:
            outcome = outcome.lazy()
        elif not isinstance(outcome, LazyResult):
            break
        if engine.analyses:
            _analyse_cold(run, target, outcome)
        target = outcome
    for cache, key in owed:
        await cache.put(key, outcome)
    return outcome


async def _leave_cold(run: Run, left: Miss | Break, depth: int, owed: Owed) -> Any:
    if isinstance(left, Miss):
        return await bounce_cold(run, left.target, depth, owed)
    run.engine.fused += 1
    return await resume_bounce(run, left, depth, owed)


async def bounce_cold(run: Run, target: Any, depth: int, owed: Owed) -> Any:
    """Run a target that the loop has no loop for: find its blueprint, or build its graph."""
    engine = run.engine
    alarm = run.pace.alarm
    if engine.uses_blueprints:
        for entry in engine.cache.entries(type(target)):
            blueprint = entry.blueprint
            loop = _loop_of(run, entry, target)
            if loop is not None:
                if blueprint.prepares:
                    # Its loop would find out as well, but only with the resources open.
                    if binding.bind(blueprint.structure, target) is None:
                        continue
                    await run.prepare(blueprint)
                    if alarm:
                        return await bounce_cold(run, target, depth, owed)
                outcome = await loop(target, run, alarm)
                if type(outcome) is Miss and outcome.target is target:
                    continue
                engine.cache.prefer(type(target), entry)
                return outcome
            values = binding.bind(blueprint.structure, target)
            if values is not None:
                return await _bounce_known(run, entry, values, target, depth=depth, owed=owed)
    return await _bounce_new(run, target, depth, owed)


def _loop_of(run: Run, entry: Entry, target: Any) -> Loop | None:
    engine = run.engine
    if not engine.fuses or (engine.limiter.rules and engine.limiter.affects(entry.blueprint.names)):
        return None
    if engine.analyses and not entry.blueprint.hot and target.spec not in run.analysed:
        return None
    return entry.observed if engine.observed else entry.silent


async def _bounce_known(
    run: Run, entry: Entry, values: list[Any], target: Any, *, depth: int, owed: Owed
) -> Any:
    """Run a bounce of a known template, and write its loop when it has come often enough."""
    engine = run.engine
    engine.bounces += 1
    engine.cache.hits += 1
    entry.hits += 1
    blueprint = entry.blueprint
    outcome, frame = await run_bounce(run, blueprint, values, depth, owed, first_sight=False)
    if blueprint.unfusable is None and engine.fuses and entry.hits >= engine.compile_after:
        observed = engine.observed
        if (entry.observed if observed else entry.silent) is None:
            loop = compiling.compile_blueprint(
                blueprint, values, frame.results, clock=engine.clock, observed=observed
            )
            engine.cache.compiled += 1
            if observed:
                entry.observed = loop
            else:
                entry.silent = loop
        engine.cache.prefer(type(target), entry)
    return outcome


async def _bounce_new(run: Run, target: Any, depth: int, owed: Owed) -> Any:
    """Run a target whose template has no blueprint yet, or may not have one."""
    engine = run.engine
    engine.bounces += 1
    engine.cache.misses += 1
    graph = build.build_graph(target)
    registered = engine.resources
    if not engine.uses_blueprints or not isinstance(target, LazyResult):
        blueprint = compiling.make_blueprint(graph.structure, registered)
    else:
        key = template.template_key(graph)
        entry = engine.cache.find(key)
        if entry is None:
            entry = Entry(key, compiling.make_blueprint(graph.structure, registered))
            engine.cache.add(type(target), entry)
        blueprint = entry.blueprint
    outcome, _ = await run_bounce(run, blueprint, graph.values, depth, owed, first_sight=True)
    return outcome


def _analyse_cold(run: Run, previous: Any, target: LazyResult[Any]) -> None:
    """Warn once a task where a recursion builds new calls for its arguments on every bounce."""
    spec = target.spec
    if previous is target or spec in run.analysed or getattr(previous, "spec", None) is not spec:
        return
    finding = analysis.recursion_builds_calls(previous, target)
    if finding is None:
        return
    run.analysed.add(spec)
    if finding:
        run.publish(StaticAnalysisWarning(run.run_id, analysis.CS_W001, spec.name, finding))


__all__ = ["COMPILE_AFTER", "Run", "bounce_cold", "trampoline"]
