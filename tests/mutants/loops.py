"""Places in the running engine where a line can be planted: before each bounce, before each body.

A bounce runs in a generated loop or, until its template has one, node by node. A line planted
here stands in both. Generated text is changed as a syntax tree, so that only its names matter:
`B3` is the body of node 3, `r3` its result, `x3` its lazy result, `v2` a literal, `S0` a resource,
`P0` an input.
"""

from __future__ import annotations

import ast
import functools
import re
from typing import TYPE_CHECKING, Any, Final, final

from cascade.blueprint import compile as compiling
from cascade.codegen import loop as writing
from cascade.runtime import bounce, nodes, trampoline

from .mutant import AnchorError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    import pytest

    Block = list[ast.stmt]
    Edit = Callable[[ast.Module], int]

_TEXTS: Final = 64
"""Loops' texts that are kept as changed."""


def tree_of(text: str) -> ast.Module:
    """Parse, without a call of `ast.parse`: that is budgeted, and planting must not count."""
    return compile(text, "<planted>", "exec", ast.PyCF_ONLY_AST)


def rewrite_loops(patch: pytest.MonkeyPatch, edit: Edit, **names: Any) -> None:
    """Change every loop that is compiled from now on.

    Args:
        patch: undoes it.
        edit: changes a loop's tree in place and returns in how many places.
        **names: what the new text names.
    """
    right_text, right_names = writing.loop_text, compiling.loop_namespace

    # Planting must not take time either: each run has an engine, and loops, of its own.
    @functools.lru_cache(_TEXTS)
    def changed(text: str) -> str:
        tree = tree_of(text)
        edit(tree)
        return ast.unparse(ast.fix_missing_locations(tree)) + "\n"

    def loop_text(*arguments: Any, **options: Any) -> str:
        return changed(right_text(*arguments, **options))

    def loop_namespace(*arguments: Any, **options: Any) -> dict[str, Any]:
        return {**right_names(*arguments, **options), **names}

    patch.setattr(writing, "loop_text", loop_text)
    patch.setattr(compiling, "loop_namespace", loop_namespace)


def before_each_bounce(
    patch: pytest.MonkeyPatch, planted: Callable[[Any, Any, Any], Awaitable[None]]
) -> None:
    """Await `planted(run, blueprint, target)` before each bounce of a template that is known."""

    def edit(tree: ast.Module) -> int:
        loops = list(_innermost_loops(tree))
        for loop in loops:
            loop.body[:0] = tree_of("await planted(run, BLUEPRINT, target)").body
        return required(len(loops), "loop around a body's call")

    rewrite_loops(patch, edit, planted=planted)
    right = trampoline._bounce_known

    async def bounce_known(run: Any, entry: Any, values: Any, target: Any, **rest: Any) -> Any:
        await planted(run, entry.blueprint, target)
        return await right(run, entry, values, target, **rest)

    patch.setattr(trampoline, "_bounce_known", bounce_known)


def before_each_body(
    patch: pytest.MonkeyPatch, planted: Callable[[Callable[..., Any]], None]
) -> None:
    """Call `planted(body)` before each call of a body."""
    rewrite_loops(patch, before_bodies("planted({body})"), planted=planted)
    right_inline, right_call = nodes.call_inline, nodes._call_body

    def call_inline(bounce: Any, node: Any) -> bool:
        planted(node.task.function)
        return right_inline(bounce, node)

    async def call_body(run: Any, task: Any, values: Any) -> Any:
        planted(task.function)
        return await right_call(run, task, values)

    patch.setattr(bounce, "call_inline", call_inline)
    patch.setattr(nodes, "_call_body", call_body)


def before_bodies(line: str) -> Edit:
    """An edit that puts a line before each call of a body; `{body}` in it is the body's name."""

    def edit(tree: ast.Module) -> int:
        places = 0
        for block in blocks(tree):
            for statement in list(block):
                body = body_called(statement)
                if body is not None:
                    block[block.index(statement) : block.index(statement)] = tree_of(
                        line.format(body=body)
                    ).body
                    places += 1
        return required(places, "call of a body")

    return edit


def once_a_loop(target: str, source: str) -> Edit:
    """An edit that makes an assignment happen in a loop's first bounce only.

    Args:
        target: pattern of the assigned name.
        source: pattern of the assigned expression.
    """

    def edit(tree: ast.Module) -> int:
        places = 0
        for block in blocks(tree):
            for index, statement in enumerate(block):
                name = assigned(statement, target)
                if name and re.match(source, ast.unparse(statement.value)):  # type: ignore[attr-defined]
                    (guard,) = tree_of(f"if {name!r} not in locals(): pass").body
                    assert isinstance(guard, ast.If)
                    guard.body = [statement]
                    block[index] = guard
                    places += 1
        return places

    return edit


def blocks(tree: ast.AST) -> Iterator[Block]:
    """Every list of statements in a tree."""
    for node in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list):
                yield block


def assigned(statement: ast.stmt, pattern: str) -> str | None:
    """The name that a statement assigns to, where it is a single one that fits the pattern."""
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        name = statement.targets[0].id
        if re.fullmatch(pattern, name):
            return name
    return None


def body_called(statement: ast.stmt) -> str | None:
    """The body that a statement calls and keeps the result of."""
    if not isinstance(statement, ast.Assign):
        return None
    call = statement.value
    if isinstance(call, ast.Await):
        call = call.value
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
        return call.func.id if re.fullmatch(r"B\d+", call.func.id) else None
    return None


def required(places: int, what: str) -> int:
    """The number of places, which must not be 0.

    Raises:
        AnchorError: it is.
    """
    if not places:
        raise AnchorError(what, "the text of a loop")
    return places


@final
class Renamed(ast.NodeTransformer):
    """Replaces names in an expression.

    Args:
        pattern: of the names.
        replacement: as `re.sub` takes it; any expression.
    """

    def __init__(self, pattern: str, replacement: str) -> None:
        self._pattern = pattern
        self._replacement = replacement

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Replace one name."""
        if not re.fullmatch(self._pattern, node.id):
            return node
        (statement,) = tree_of(re.sub(self._pattern, self._replacement, node.id)).body
        assert isinstance(statement, ast.Expr)
        return statement.value


def _innermost_loops(tree: ast.Module) -> Iterator[ast.For | ast.While]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.For, ast.While)):
            below = [each for statement in node.body for each in ast.walk(statement)]
            calls = any(isinstance(each, ast.stmt) and body_called(each) for each in below)
            if calls and not any(isinstance(each, (ast.For, ast.While)) for each in below):
                yield node
