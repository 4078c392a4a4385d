"""The trampoline: go on with a target for as long as what comes back is another one.

The loop is boring on purpose: it looks the target's class up, awaits what it finds, and repeats.
Everything that happens once stands in a function with "cold" in its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cascade.blueprint import bind as binding
from cascade.blueprint import compile as compiling
from cascade.blueprint.cache import Entry, look_of
from cascade.blueprint.compiled import Break, Miss
from cascade.events import StaticAnalysisWarning
from cascade.graph import analysis, build, template
from cascade.runtime.bounce import resume_bounce, run_bounce
from cascade.spec.lazy import LazyResult, TailCall

if TYPE_CHECKING:
    from cascade.blueprint.compiled import Loop
    from cascade.runtime.nodes import Owed
    from cascade.runtime.run import Run


async def trampoline(run: Run, outcome: Any, depth: int = 0) -> Any:
    """Run a target and whatever it tail-calls, and return the value that comes out.

    Args:
        run: the run that it belongs to.
        outcome: a lazy result, a TailCall, or a list of lazy results.
        depth: how many trampolines stand around this one.
    """
    core = run.core
    pace = run.pace
    owed: Owed = []
    target = loop = None
    if type(outcome) is list:
        return await bounce_cold(run, outcome, depth, owed)
    while True:
        # The alarm is taken before the choice, so that a change in between ends the loop.
        alarm = pace.alarm
        following = core.loops.get(type(outcome))
        if following is None:
            if type(outcome) is Break:
                core.fused += 1
                outcome = await resume_bounce(run, outcome, depth, owed)
                continue
            if type(outcome) is Miss:
                again = outcome.target is target
                outcome = outcome.target
                following = core.loops.get(look_of(outcome))
                if again and following is loop:
                    following = None
            elif type(outcome) is TailCall:
                outcome = outcome.lazy()
                following = core.loops.get(type(outcome))
            elif not issubclass(type(outcome), LazyResult):
                break
            # Also where nobody listens yet: who comes in the next body hears of its call.
            if core.analyses:
                _analyse_cold(run, target, outcome)
        target, loop = outcome, following
        if loop is None:
            outcome = await bounce_cold(run, target, depth, owed)
        else:
            outcome = await loop(target, run, alarm)
    for cache, key in owed:
        await cache.put(key, outcome)
    return outcome


async def bounce_cold(run: Run, target: Any, depth: int, owed: Owed) -> Any:
    """Run a target that the loop has no loop for: find its blueprint, or build its graph."""
    core = run.core
    alarm = run.pace.alarm
    if core.uses_blueprints:
        for entry in core.cache.entries(type(target)):
            blueprint = entry.blueprint
            loop = _loop_of(run, entry, target)
            if loop is not None:
                if blueprint.prepares:
                    # Its loop would find out as well, but only with the resources open.
                    if binding.bind(blueprint.structure, target) is None:
                        continue
                    await run.prepare(blueprint.needs, run.scope)
                    if alarm:
                        return await bounce_cold(run, target, depth, owed)
                outcome = await loop(target, run, alarm)
                if type(outcome) is Miss and outcome.target is target:
                    continue
                core.cache.prefer(target, entry)
                return outcome
            values = binding.bind(blueprint.structure, target)
            if values is not None:
                core.cache.touch(type(target), entry)
                return await _bounce_known(run, entry, values, target, depth=depth, owed=owed)
    return await _bounce_new(run, target, depth, owed)


def _loop_of(run: Run, entry: Entry, target: Any) -> Loop | None:
    core = run.core
    if not core.fuses or (core.limiter.rules and core.limiter.affects(entry.blueprint.names)):
        return None
    if core.analyses and len(entry.blueprint.names) > 1 and target.spec not in run.analysed:
        return None
    return entry.observed if core.observed else entry.silent


async def _bounce_known(
    run: Run, entry: Entry, values: list[Any], target: Any, *, depth: int, owed: Owed
) -> Any:
    """Run a bounce of a known template, and write its loop when it has come often enough."""
    core = run.core
    core.bounces += 1
    core.cache.hits += 1
    entry.hits += 1
    blueprint = entry.blueprint
    outcome, frame = await run_bounce(run, blueprint, values, depth, owed, first_sight=False)
    if blueprint.unfusable is None and core.fuses and entry.hits >= core.compile_after:
        observed = core.observed
        if (entry.observed if observed else entry.silent) is None:
            loop = compiling.compile_blueprint(
                entry, values, frame.results, clock=core.clock, observed=observed
            )
            core.cache.compiled += 1
            if observed:
                entry.observed = loop
            else:
                entry.silent = loop
        core.cache.prefer(target, entry)
    return outcome


async def _bounce_new(run: Run, target: Any, depth: int, owed: Owed) -> Any:
    """Run a target whose template has no blueprint yet, or may not have one."""
    core = run.core
    core.bounces += 1
    core.cache.misses += 1
    graph = build.build_graph(target)
    registered = core.resources
    if not core.uses_blueprints or type(target) is list:
        blueprint = compiling.make_blueprint(graph.structure, registered)
    else:
        key = template.template_key(graph)
        entry = core.cache.find(key)
        if entry is None:
            entry = Entry(key, compiling.make_blueprint(graph.structure, registered))
            core.cache.add(type(target), entry)
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
        run.say(StaticAnalysisWarning, analysis.CS_W001, spec.name, finding)
