"""`template_key`: a structure's identity, by its tasks' identity and its whole topology."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cascade.graph.model import Graph


def template_key(graph: Graph) -> tuple[object, ...]:
    """Return a hashable key: equal exactly for graphs of the same structure.

    Tasks stand for themselves, never for their names. Sharing shows as equal node numbers. Literals
    are only counted, and every reference is a number, so that depth does not make the key deep.
    The key holds the tasks alive that it names.
    """
    structure = graph.structure
    return (structure.root, *(node.key() for node in structure.calls))
