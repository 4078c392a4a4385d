"""What the text of a loop calls things: by position, so that tasks of one shape share a text."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from cascade.graph.model import Injected, Input, Items

if TYPE_CHECKING:
    from cascade.graph.model import Binding, Node, Structure
    from cascade.spec.lazy import TaskSpec


@final
class Names:
    """Numbers what the loop of one structure names.

    Attributes:
        structure: the nodes.
        last: index of the node that is the target.
        tasks: the structure's tasks, numbered by `rank`.
        kinds: container types that its arguments rebuild, numbered by `kind`.
        resources: resources that its arguments name, numbered by `resource`.
        inputs: markers of the run inputs that they name, numbered by `input`.
    """

    __slots__ = ("inputs", "kinds", "last", "resources", "structure", "tasks")

    def __init__(self, structure: Structure) -> None:
        self.structure = structure
        self.last = len(structure.nodes) - 1
        self.tasks: list[TaskSpec] = list(dict.fromkeys(node.task for node in structure.nodes))
        self.kinds = _rebuilt_kinds(structure)
        self.resources = [each.resource for each in structure.leaves(Injected)]
        self.inputs = [each.marker for each in structure.leaves(Input)]

    def lazy(self, index: int) -> str:
        """Return the name of a node's lazy result."""
        return "target" if index == self.last else f"x{index}"

    def rank(self, node: Node) -> int:
        """Return the number of a node's task."""
        return self.tasks.index(node.task)

    def kind(self, kind: type) -> int:
        """Return the number of a rebuilt container type."""
        return self.kinds.index(kind)

    def resource(self, name: str) -> int:
        """Return the number of a resource."""
        return self.resources.index(name)

    def input(self, binding: Input) -> int:
        """Return the number of a run input."""
        return next(i for i, marker in enumerate(self.inputs) if marker is binding.marker)

    def slots(self) -> dict[str, str]:
        """Return the slot that each attribute in the text stands for."""
        return {
            f"_t{rank}_s{position}": slot
            for rank, spec in enumerate(self.tasks)
            for position, slot in enumerate(spec.slots)
        }


def _rebuilt_kinds(structure: Structure) -> list[type]:
    kinds: dict[type, None] = {}

    def collect(binding: Binding) -> None:
        if isinstance(binding, Items):
            kinds.setdefault(binding.kind)
            for item in binding.items:
                collect(item)

    for node in structure.nodes:
        for argument in node.arguments:
            collect(argument)
    return list(kinds)
