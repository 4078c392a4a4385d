"""`scan_resources`: which resources a structure needs, in the order to acquire them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, final

from cascade.errors import ResourceError
from cascade.graph.model import Injected, Input

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cascade.graph.model import Binding, Structure
    from cascade.spec.param import Env, Param
    from cascade.spec.resource import Resource

    _Use = tuple[Binding, str, str]


@final
@dataclass(frozen=True, slots=True)
class Needs:
    """Inputs and resources, each resource after those that it needs itself.

    Attributes:
        inputs: markers of run inputs, read once a run.
        run: run-scoped resources, acquired once a run.
        step: step-scoped resources, acquired for each bounce.
        late: what is needed only by what may not run, by the node's index or by the binding of its
            condition or of a route.
        any_step: whether a bounce may need a step-scoped resource.
    """

    inputs: tuple[Param | Env, ...] = ()
    run: tuple[Resource, ...] = ()
    step: tuple[Resource, ...] = ()
    late: Mapping[int | Binding, Needs] = field(default_factory=dict)
    any_step: bool = False


def scan_resources(structure: Structure, registered: Mapping[str, Resource]) -> Needs:
    """Return what a structure needs, in the order of its markers, dependencies first.

    What belongs to a route, or to a task that may be skipped, is needed late: when it is to run.

    Args:
        structure: the nodes and their markers.
        registered: the engine's resources by name.

    Raises:
        ResourceError: a marker names a resource that is not registered.
    """
    if not structure.marked:
        return Needs()
    wanted = set(structure.root.nodes())
    for node in reversed(structure.nodes):
        if node.index in wanted:
            wanted.update(node.needs, node.after)
    skippable: set[int] = set()
    at_once: list[_Use] = []
    late: defaultdict[int | Binding, list[_Use]] = defaultdict(list)
    for node in structure.nodes:
        certain = node.index in wanted and skippable.isdisjoint((*node.needs, *node.after))
        routes = [route for _, route in node.routes]
        routed = (other for route in routes for other in route.nodes())
        if not certain or node.condition is not None or not skippable.isdisjoint(routed):
            skippable.add(node.index)
        for parameter, binding in node.uses():
            part = binding if binding is node.condition else node.index
            now = certain and (node.condition is None or binding is node.condition)
            (at_once if now else late[part]).append((binding, parameter, node.name))
        for route in routes:
            late[route].append((route, "routes", node.name))
    found = {part: _needs(uses, registered, {}) for part, uses in late.items()}
    found = {part: needs for part, needs in found.items() if needs != Needs()}
    return _needs(at_once, registered, found)


def _needs(
    uses: Iterable[_Use], registered: Mapping[str, Resource], late: Mapping[int | Binding, Needs]
) -> Needs:
    inputs: dict[Input, None] = {}
    order: dict[str, Resource] = {}
    for binding, parameter, task in uses:
        for leaf in binding.leaves():
            if isinstance(leaf, Input):
                inputs[leaf] = None
            elif isinstance(leaf, Injected):
                if leaf.resource not in registered:
                    raise ResourceError.unknown(leaf.resource, parameter, f"task '{task}'")
                _add(registered[leaf.resource], registered, order)
    step = tuple(each for each in order.values() if each.scope == "step")
    return Needs(
        inputs=tuple(each.marker for each in inputs),
        run=tuple(each for each in order.values() if each.scope == "run"),
        step=step,
        late=late,
        any_step=bool(step) or any(each.step for each in late.values()),
    )


def _add(
    resource: Resource, registered: Mapping[str, Resource], order: dict[str, Resource]
) -> None:
    if resource.name in order:
        return
    for _, needed in resource.needs:
        _add(registered[needed], registered, order)
    order[resource.name] = resource


def check_registry(registered: Mapping[str, Resource]) -> None:
    """Check that all resources can be acquired and released in some order.

    Raises:
        ResourceError: one needs an unknown resource, or itself over others, or is run-scoped and
            needs a step-scoped one.
    """
    for resource in registered.values():
        for parameter, needed in resource.needs:
            if needed not in registered:
                raise ResourceError.unknown(needed, parameter, f"resource '{resource.name}'")
            if resource.scope == "run" and registered[needed].scope == "step":
                raise ResourceError(
                    resource.name,
                    f"run-scoped resource '{resource.name}' needs step-scoped '{needed}', which is "
                    f"released before it. Give '{resource.name}' scope=\"step\", or '{needed}' "
                    'scope="run".',
                )
        _refuse_cycle(resource, registered, ())


def _refuse_cycle(
    resource: Resource, registered: Mapping[str, Resource], path: tuple[str, ...]
) -> None:
    path = (*path, resource.name)
    if resource.name in path[:-1]:
        raise ResourceError(
            path[0],
            f"resources need each other: {' -> '.join(path)}. Remove one of these Inject markers.",
        )
    for _, needed in resource.needs:
        if needed in registered:
            _refuse_cycle(registered[needed], registered, path)
