"""Pictures of a graph as text: Mermaid and DOT."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from cascade.graph.build import build_graph
from cascade.graph.model import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cascade.graph.model import Node, Structure

Format = Literal["mermaid", "dot"]


def visualize(target: object, form: Format = "mermaid") -> str:
    """Return a picture of what a target would run, as text; nothing runs.

    Solid arrows carry results, dotted ones only order. A Router is a diamond with an arrow to it
    from each route, named by its key; a map is a box with a double edge.

    Args:
        target: a lazy result, or a list or tuple of them.
        form: "mermaid" or "dot".

    Raises:
        ValueError: the form is unknown.
    """
    if form not in ("mermaid", "dot"):
        raise ValueError(f"form {form!r} is unknown. Use 'mermaid' or 'dot'.")
    graph = build_graph(target)
    values = graph.values
    return _mermaid(graph.structure, values) if form == "mermaid" else _dot(graph.structure, values)


def _mermaid(structure: Structure, values: list[object]) -> str:
    lines = ["flowchart TD"]
    for node in structure.nodes:
        left, right = {Kind.SWITCH: ("{", "}"), Kind.MAP: ("[[", "]]")}.get(node.kind, ("[", "]"))
        label = _label(node).replace('"', "#quot;")
        lines.append(f'    n{node.index}{left}"{label}"{right}')
    for source, sink, label, solid in _edges(structure, values):
        arrow = "-->" if solid else "-.->"
        shown = f'|"{label}"|'.replace("\n", " ") if label else ""
        lines.append(f"    n{source} {arrow}{shown} n{sink}")
    return "\n".join(lines) + "\n"


def _dot(structure: Structure, values: list[object]) -> str:
    lines = ["digraph {"]
    for node in structure.nodes:
        shape = {Kind.SWITCH: "diamond", Kind.MAP: "box, peripheries=2"}.get(node.kind, "box")
        lines.append(f"    n{node.index} [label={_quoted(_label(node))}, shape={shape}];")
    for source, sink, label, solid in _edges(structure, values):
        style = "" if solid else ", style=dotted"
        lines.append(f"    n{source} -> n{sink} [label={_quoted(label)}{style}];")
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _label(node: Node) -> str:
    policies = [
        name
        for name, present in (
            ("retry", node.retry),
            ("cache", node.cache),
            ("run_if", node.condition),
            ("constraints", node.amounts),
        )
        if present
    ]
    return node.name + (f" ({', '.join(policies)})" if policies else "")


def _edges(structure: Structure, values: list[object]) -> Iterator[tuple[int, int, str, bool]]:
    for node in structure.nodes:
        for name, binding in node.uses():
            for source in dict.fromkeys(binding.nodes()):
                yield source, node.index, name, True
        for key, route in node.routes:
            slot = getattr(key, "slot", None)
            shown = "key" if slot is None else str(values[slot])
            for source in dict.fromkeys(route.nodes()):
                yield source, node.index, shown.replace('"', "'"), True
        for source in node.after:
            yield source, node.index, "", False
