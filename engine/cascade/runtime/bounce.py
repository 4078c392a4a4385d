"""The reference: one bounce run stage by stage and node by node, whatever its policies.

Every other tier must give what this one gives. A blueprint that no loop fits runs here too, with
its graph, plan and resource scan kept from the first time.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from cascade.blueprint.compiled import MISSING
from cascade.errors import DependencyMissingError
from cascade.events import SkipReason
from cascade.graph.model import Frame, Kind, Result
from cascade.graph.stages import Demand, Stage
from cascade.runtime.nodes import Bounce, Skip, attempts, call_inline, run_node, settle
from cascade.runtime.scopes import Scope
from cascade.runtime.siblings import side_by_side
from cascade.runtime.state import StateKey
from cascade.spec.lazy import is_deferred

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from cascade.blueprint.compiled import Blueprint, Break
    from cascade.graph.model import Node
    from cascade.runtime.nodes import Owed
    from cascade.runtime.run import Run
    from cascade.runtime.state import Generation


async def run_bounce(
    run: Run, blueprint: Blueprint, values: list[Any], depth: int, owed: Owed, *, first_sight: bool
) -> tuple[Any, Frame]:
    """Run one bounce from its start.

    Args:
        run: the run.
        blueprint: the plan.
        values: the literals of this bounce.
        depth: how many trampolines stand around this one.
        owed: caches that wait for what a tail call ends in; added to.
        first_sight: whether its graph has been built for this bounce alone.

    Returns:
        What its root gave, a value or the next target, and the frame.
    """
    results: list[Any] = [MISSING] * len(blueprint.structure.nodes)
    generation = run.next_generation(first_sight=first_sight)
    if not blueprint.needs.any_step:
        await run.prepare(blueprint.needs, run.scope)
        frame = Frame(values, results, run.resources, run.inputs)
        bounce = _bounce(run, blueprint, frame, depth=depth, owed=owed, scope=run.scope)
        return await _run_stages(bounce, blueprint, generation), frame
    async with Scope(run.say, outer=run.resources) as scope:
        await run.prepare(blueprint.needs, scope)
        frame = Frame(values, results, scope.values, run.inputs)
        bounce = _bounce(run, blueprint, frame, depth=depth, owed=owed, scope=scope)
        return await _run_stages(bounce, blueprint, generation), frame


async def resume_bounce(run: Run, left: Break, depth: int, owed: Owed) -> Any:
    """Finish a bounce that a fused loop left in the middle."""
    blueprint = left.blueprint
    frame = Frame(left.values, left.results, run.resources, run.inputs)
    bounce = _bounce(run, blueprint, frame, depth=depth, owed=owed, scope=run.scope)
    last = blueprint.structure.nodes[left.node]
    if left.failure is not None:
        left.results[left.node] = await attempts(run, last, left.failure.values, left.failure)
    inside = left.node != bounce.tail
    deferred = [last] if inside and is_deferred(left.results[left.node]) else []
    number = 0
    while number < len(plan := blueprint.plan(left.results)):
        stage = plan[number]
        number += 1
        members = [
            node
            for node in (*stage.concurrent, *stage.inline)
            if left.results[node.index] is MISSING
        ]
        if len(members) == len(stage.concurrent) + len(stage.inline) and deferred:
            await side_by_side([settle(bounce, node) for node in deferred])
            deferred = []
        if members:
            rest = Stage(
                concurrent=tuple(node for node in members if not node.inline),
                inline=tuple(node for node in members if node.inline),
            )
            await _run_stage(bounce, rest, deferred)
            deferred = []
    return _outcome(bounce, blueprint)


def _bounce(
    run: Run, blueprint: Blueprint, frame: Frame, *, depth: int, owed: Owed, scope: Scope
) -> Bounce:
    structure = blueprint.structure
    root = structure.root
    return Bounce(
        run=run,
        nodes=structure.nodes,
        frame=frame,
        tail=root.node if isinstance(root, Result) else -1,
        depth=depth,
        owed=owed,
        demand=Demand(structure) if structure.has_switch else None,
        late=blueprint.needs.late,
        scope=scope,
    )


async def _run_stages(bounce: Bounce, blueprint: Blueprint, generation: Generation | None) -> Any:
    run = bounce.run
    try:
        if bounce.demand is None:
            for stage in blueprint.stages:
                await _run_stage(bounce, stage, [])
                if generation is not None:
                    await _record(bounce, stage, generation)
        else:
            while (stage_now := bounce.demand.next_stage(bounce.frame.results)) is not None:
                await _run_stage(bounce, stage_now, [])
                if generation is not None:
                    await _record(bounce, stage_now, generation)
        outcome = _outcome(bounce, blueprint)
        if generation is not None and bounce.tail >= 0:
            key = StateKey(generation, bounce.tail)
            if await run.core.state.has(key):
                outcome = await run.core.state.get(key)
        return outcome
    finally:
        if generation is not None:
            await run.core.state.clear(generation)


async def _run_stage(bounce: Bounce, stage: Stage, deferred: list[Node]) -> None:
    """Run one stage; `deferred` are nodes of it that ran before and are still to be settled."""
    concurrent = stage.concurrent
    if not concurrent:
        rest = await _run_inline(bounce, stage, deferred)
        if rest:
            await side_by_side(rest)
    elif len(concurrent) == 1 and not stage.inline and not deferred:
        await run_node(bounce, concurrent[0])
    else:
        await side_by_side(
            [run_node(bounce, node) for node in concurrent],
            functools.partial(_run_inline, bounce, stage, deferred),
        )


async def _run_inline(
    bounce: Bounce, stage: Stage, deferred: list[Node]
) -> list[Coroutine[Any, Any, None]]:
    """Run the bare sync bodies of a stage in order, and return what is to be awaited after them."""
    run = bounce.run
    rules = run.limiter.rules
    rest = [(settle, node) for node in deferred]
    for node in stage.inline:
        affected = rules and run.limiter.affects((node.name,))
        if affected or bounce.skipped or node.index in bounce.late:
            rest.append((run_node, node))
            continue
        if call_inline(bounce, node):
            rest.append((settle, node))
        if run.clock() >= run.pace.deadline:
            await run.pace.rest()
    return [go_on(bounce, node) for go_on, node in rest]


async def _record(bounce: Bounce, stage: Stage, generation: Generation) -> None:
    state = bounce.run.core.state
    for node in (*stage.concurrent, *stage.inline):
        result = bounce.frame.results[node.index]
        key = StateKey(generation, node.index)
        if type(result) is Skip:
            await state.skip(key, result.reason)
        elif node.kind is not Kind.SWITCH and not is_deferred(result):
            await state.put(key, result)


def _outcome(bounce: Bounce, blueprint: Blueprint) -> Any:
    structure, results = blueprint.structure, bounce.frame.results
    if bounce.skipped:
        for index in structure.root.nodes():
            result = results[index]
            if type(result) is Skip:
                if result.reason is SkipReason.SEQUENCE_CUT:
                    results[index] = None
                else:
                    raise DependencyMissingError(structure.nodes[index].name, result.reason.value)
    return structure.root.fetch(bounce.frame)
