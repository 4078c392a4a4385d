"""Mistakes about what a bounce is given: stale literals, an unchecked shape, raw lazies."""

from __future__ import annotations

import ast
import functools
import re
from typing import TYPE_CHECKING, Any

from cascade.blueprint import bind as binding
from cascade.graph import build
from cascade.graph.model import Value

from .loops import Renamed, assigned, blocks, body_called, once_a_loop, rewrite_loops, tree_of

if TYPE_CHECKING:
    import pytest


def one_node_refreshed_on_a_cache_hit(patch: pytest.MonkeyPatch) -> None:
    """A cache hit takes the root's literals from the target, all others from the first bounce."""
    right = binding.bind
    first = _first_literals(patch)

    def bind(structure: Any, target: Any) -> list[Any] | None:
        values = right(structure, target)
        return None if values is None else _refreshed(structure, target, first[id(structure)])

    patch.setattr(binding, "bind", bind)
    rewrite_loops(patch, once_a_loop(r"v\d+", r"x\d+\."))


def shape_check_skipped_for_the_same_task(patch: pytest.MonkeyPatch) -> None:
    """A target of the same task is bound to the blueprint without a look at its shape."""
    right = binding.bind
    first = _first_literals(patch)

    def bind(structure: Any, target: Any) -> list[Any] | None:
        values = right(structure, target)
        if values is None and type(target) is structure.nodes[-1].lazy_class:
            return _refreshed(structure, target, first[id(structure)])
        return values

    patch.setattr(binding, "bind", bind)


def raw_lazies_handed_to_the_body(patch: pytest.MonkeyPatch) -> None:
    """The loop calls the root's body with the lazy results, and what they stand for never runs."""

    def edit(tree: ast.Module) -> int:
        places = 0
        for block in blocks(tree):
            for statement in list(block):
                if assigned(statement, r"r\d+") or _asks_for_a_result(statement):
                    block[block.index(statement)] = ast.Pass()
                elif body_called(statement):
                    Renamed(r"r(\d+)", r"x\1").visit(statement)
                    places += 1
        return places

    rewrite_loops(patch, edit)


def _asks_for_a_result(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and any(
        isinstance(node, ast.Name) and re.fullmatch(r"r\d+", node.id)
        for node in ast.walk(statement.test)
    )


def dependencies_run_once_a_loop(patch: pytest.MonkeyPatch) -> None:
    """The loop runs what its root depends on in its first bounce, and keeps the results."""
    rewrite_loops(patch, once_a_loop(r"r\d+", r"(await )?B\d+\("))


def markers_passed_by_the_loop(patch: pytest.MonkeyPatch) -> None:
    """The loop takes a task with Param, Env or Inject, and hands the markers over as they are."""

    def edit(tree: ast.Module) -> int:
        for block in blocks(tree):
            for index, statement in enumerate(block):
                if name := assigned(statement, r"[SP]\d+"):
                    marker = "Inject('unresolved')" if name[0] == "S" else f"N{name[1:]}"
                    block[index : index + 1] = tree_of(f"{name} = {marker}").body
        return 0

    rewrite_loops(patch, edit)


def _first_literals(patch: pytest.MonkeyPatch) -> dict[int, list[Any]]:
    """The first literals of each structure, which is held so that its id stays its own."""
    right = build.build_graph
    first: dict[int, list[Any]] = {}
    held: list[Any] = []

    # The budget is about the right one, and sees through the layer to it.
    @functools.wraps(right)
    def build_graph(target: Any) -> Any:
        graph = right(target)
        first[id(graph.structure)] = list(graph.values)
        held.append(graph.structure)
        return graph

    patch.setattr(build, "build_graph", build_graph)
    return first


def _refreshed(structure: Any, target: Any, stale: list[Any]) -> list[Any]:
    values = list(stale)
    root = structure.nodes[-1]
    for slot, argument in zip(root.task.slots, root.arguments, strict=True):
        if isinstance(argument, Value):
            values[argument.slot] = getattr(target, slot)
    return values
