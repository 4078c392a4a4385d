"""Mistakes in what runs a body: signatures read again, threads, a lost yield, machinery."""

from __future__ import annotations

import ast
import asyncio
import inspect
import types
import uuid
from typing import TYPE_CHECKING, Any

from cascade.runtime import nodes
from cascade.runtime.state import Generation, MemoryState
from cascade.spec.lazy import TaskSpec

from .loops import before_bodies, before_each_body, before_each_bounce, required, rewrite_loops

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    import pytest


def signature_on_every_resolve(patch: pytest.MonkeyPatch) -> None:
    """The resolver asks what a body takes each time that it has arguments for it."""

    def resolve(body: Callable[..., Any]) -> None:
        inspect.signature(body)

    before_each_body(patch, resolve)


def state_in_a_thread(patch: pytest.MonkeyPatch) -> None:
    """Every access to the in-memory state goes through a thread."""
    for name in ("put", "get", "has", "skip", "clear"):
        patch.setattr(MemoryState, name, _in_a_thread(getattr(MemoryState, name)))


def _in_a_thread(right: Callable[..., Any]) -> Callable[..., Any]:
    async def access(*arguments: Any) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, _finished, right(*arguments))

    return access


def _finished(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as ended:
        return ended.value
    raise AssertionError("the in-memory state waited for something")


def state_cleared_on_every_bounce(patch: pytest.MonkeyPatch) -> None:
    """The state is cleared before each bounce, though the loop has put nothing into it."""

    async def forget(run: Any, _blueprint: Any, _target: Any) -> None:
        await run.core.state.clear(Generation(run.run_id, 0))

    before_each_bounce(patch, forget)


def yield_removed_from_the_loop(patch: pytest.MonkeyPatch) -> None:
    """The loop never gives way to others."""

    class Removed(ast.NodeTransformer):
        places = 0

        def visit_Await(self, node: ast.Await) -> ast.expr:
            if ast.unparse(node.value) != "pace.rest()":
                return node
            self.places += 1
            return ast.Constant(value=False)

    def edit(tree: ast.Module) -> int:
        removed = Removed()
        removed.visit(tree)
        return required(removed.places, "await of pace.rest()")

    rewrite_loops(patch, edit)


def machinery_around_every_body(patch: pytest.MonkeyPatch) -> None:
    """Before each body an object is made, a uuid drawn, and the event loop yielded to."""

    async def instruction(body: Callable[..., Any]) -> None:
        types.SimpleNamespace(id=uuid.uuid4(), body=body, arguments={}, results=[])
        await asyncio.sleep(0)

    rewrite_loops(patch, before_bodies("await instruction({body})"), instruction=instruction)


def every_sync_task_in_a_thread(patch: pytest.MonkeyPatch) -> None:
    """A sync body runs in the thread pool whatever its mode says."""
    patch.setattr(TaskSpec, "threaded", property(lambda spec: not spec.is_async))


def map_not_told_of_a_new_signature(patch: pytest.MonkeyPatch) -> None:
    """What reads a map's column takes no task name any more; its call site still passes it."""

    def items(name: str, column: Any) -> list[Any]:
        return list(column) if column is not None else [name]

    patch.setattr(nodes, "_items", items)
