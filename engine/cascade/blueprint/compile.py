"""`make_blueprint` solves a template once; `compile_blueprint` writes its loop when that pays."""

from __future__ import annotations

import time
from dataclasses import astuple
from typing import TYPE_CHECKING, Any, cast

from cascade.blueprint.bind import same_policy
from cascade.blueprint.compiled import MISSING, Blueprint, Break, Failure, Loop, Miss
from cascade.codegen import loop as text
from cascade.codegen.names import Names
from cascade.codegen.source import function_from
from cascade.events import FinishedDraft, Status, TaskFinished, TaskStarted
from cascade.graph.build import merges_alike
from cascade.graph.literals import is_passed, is_plain
from cascade.graph.resources import scan_resources
from cascade.graph.stages import plan_routes, plan_stages
from cascade.spec.lazy import DEFERRED
from cascade.spec.policy import retrying
from cascade.spec.resource import Inject
from cascade.spec.routing import Router

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cascade.blueprint.cache import Entry
    from cascade.graph.model import Structure
    from cascade.spec.resource import Resource


def make_blueprint(structure: Structure, registered: Mapping[str, Resource]) -> Blueprint:
    """Solve stages and resource needs of a structure.

    Args:
        structure: the nodes.
        registered: the engine's resources by name.

    Raises:
        ResourceError: an Inject marker names a resource that is not registered.
    """
    stages = plan_stages(structure)
    routes = plan_routes(structure)
    needs = scan_resources(structure, registered)
    return Blueprint(
        structure=structure,
        stages=stages,
        routes=routes,
        needs=needs,
        names=tuple(node.name for node in structure.nodes),
        unfusable=text.unfusable(structure, [plan for _, plan in routes] or [stages], needs),
    )


def compile_blueprint(
    entry: Entry,
    values: Sequence[Any],
    results: Sequence[Any],
    *,
    clock: Callable[[], float] = time.perf_counter,
    observed: bool = False,
) -> Loop:
    """Write and make the fused loop of an entry whose blueprint's `unfusable` is None.

    About a millisecond for twelve nodes where the text is new to the process, much less where
    another task of the same shape has been compiled before.

    Args:
        entry: what to run.
        values: the literals of one bounce; their types become guards.
        results: the results of the same bounce; their types become guards.
        clock: seconds, monotonic.
        observed: whether the loop says TaskStarted and TaskFinished.
    """
    blueprint = entry.blueprint
    structure = blueprint.structure
    source = text.loop_text(structure, blueprint.plans, values, observed=observed)
    return cast(
        "Loop",
        function_from(
            source,
            "loop",
            {
                **loop_namespace(entry, values, results, clock),
                "LINES": text.body_lines(source, len(structure.nodes) - 1),
            },
            label=f"loop of {blueprint.names[-1]}",
            attributes=Names(structure).slots(),
        ),
    )


def loop_namespace(
    entry: Entry, values: Sequence[Any], results: Sequence[Any], clock: Callable[[], float]
) -> dict[str, Any]:
    """Return the objects that a loop's text names."""
    structure = entry.blueprint.structure
    names = Names(structure)
    namespace: dict[str, Any] = {
        "BLUEPRINT": entry.blueprint,
        "ENTRY": entry,
        "Break": Break,
        "Failure": Failure,
        "DEFERRED": DEFERRED,
        "FinishedDraft": FinishedDraft,
        "Inject": Inject,
        "MISSING": MISSING,
        "Miss": Miss,
        "Router": Router,
        "SUCCEEDED": Status.SUCCEEDED,
        "TYPE": type,
        "TaskFinished": TaskFinished,
        "COUNTED": text.COUNTED,
        "CLOCK": clock,
        "is_passed": is_passed,
        "merges_alike": merges_alike,
        "is_plain": is_plain,
        "same_policy": same_policy,
        "TaskStarted": TaskStarted,
    }
    for rank, lazy_class in enumerate(names.classes):
        namespace[f"BODY{rank}"] = lazy_class.spec.function
        namespace[f"CLASS{rank}"] = lazy_class
    for number, (route, _) in enumerate(entry.blueprint.routes):
        namespace[f"ROUTE{number}"] = route
    for node in structure.nodes:
        namespace[f"NAME{node.index}"] = node.name
        namespace[f"NODE{node.index}"] = node
        if node.retry is not None:
            namespace[f"POLICY{node.index}"] = retrying(*astuple(node.retry))
    namespace |= {f"LITERAL{slot}": type(value) for slot, value in enumerate(values)}
    namespace |= {f"RESULT{index}": type(result) for index, result in enumerate(results)}
    namespace |= {f"K{index}": kind for index, kind in enumerate(names.kinds)}
    namespace |= {f"N{index}": marker for index, marker in enumerate(names.inputs)}
    return namespace
