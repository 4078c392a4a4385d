"""What the text of a loop calls things: by position, so that tasks of one shape share a text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from cascade.graph.model import Injected, Input, Items, Pairs

if TYPE_CHECKING:
    from cascade.graph.model import Binding, Node, Structure


@final
class Names:
    """Numbers what the loop of one structure names.

    Attributes:
        structure: the nodes.
        last: index of the node that is the target.
        classes: the lazy classes of the structure's nodes, numbered by `rank`.
        kinds: container types that its arguments rebuild, numbered by `kind`.
        resources: resources that its arguments name, numbered by `resource`.
        inputs: markers of the run inputs that they name, numbered by `input`.
    """

    __slots__ = ("classes", "inputs", "kinds", "last", "resources", "structure")

    def __init__(self, structure: Structure) -> None:
        self.structure = structure
        self.last = len(structure.nodes) - 1
        self.classes: list[Any] = list(
            dict.fromkeys(node.lazy_class for node in structure.nodes if node.spec is not None)
        )
        self.kinds = _rebuilt_kinds(structure)
        self.resources = [each.resource for each in structure.leaves(Injected)]
        self.inputs = [each.marker for each in structure.leaves(Input)]

    def lazy(self, index: int) -> str:
        """Return the name of a lazy result by the number of its call."""
        return "target" if index == self.last else f"x{index}".replace("-", "_")

    def rank(self, node: Node) -> int:
        """Return the number of a node's lazy class."""
        return self.classes.index(node.lazy_class)

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
            for rank, lazy_class in enumerate(self.classes)
            for position, slot in enumerate(lazy_class.spec.slots_of(lazy_class))
        }


def _rebuilt_kinds(structure: Structure) -> list[type]:
    kinds: dict[type, None] = {}

    def collect(binding: Binding) -> None:
        if isinstance(binding, Items):
            kinds.setdefault(binding.kind)
            for item in binding.items:
                collect(item)
        elif isinstance(binding, Pairs):
            for pair in binding.pairs:
                collect(pair[0])
                collect(pair[1])

    for node in structure.nodes:
        for each in (*node.arguments, *(use for pair in node.routes for use in pair)):
            collect(each)
    return list(kinds)
