"""`scan_resources`: which resources a structure needs, in the order to acquire them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from cascade.errors import ResourceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cascade.graph.model import Structure
    from cascade.spec.resource import Resource


@final
@dataclass(frozen=True, slots=True)
class Needs:
    """The resources of one structure, each after those that it needs itself.

    Attributes:
        run: run-scoped, acquired once a run.
        step: step-scoped, acquired for each bounce.
    """

    run: tuple[Resource, ...] = ()
    step: tuple[Resource, ...] = ()


def scan_resources(structure: Structure, registered: Mapping[str, Resource]) -> Needs:
    """Return what a structure needs, in the order of its Inject markers, dependencies first.

    Args:
        structure: the nodes and their markers.
        registered: the engine's resources by name.

    Raises:
        ResourceError: a marker names a resource that is not registered.
    """
    order: dict[str, Resource] = {}
    for name, parameter, task in structure.injects:
        if name not in registered:
            raise ResourceError.unknown(name, parameter, f"task '{task}'")
        _add(registered[name], registered, order)
    return Needs(
        run=tuple(each for each in order.values() if each.scope == "run"),
        step=tuple(each for each in order.values() if each.scope == "step"),
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
