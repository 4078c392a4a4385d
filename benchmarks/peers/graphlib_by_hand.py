"""The standard library's `graphlib` under an engine of thirty lines."""

from __future__ import annotations

from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

from benchmarks.peers.peer import CHAIN_LENGTH, Peer, heavy_loop, simple_loop, stable_loop

if TYPE_CHECKING:
    from collections.abc import Callable


class Call:
    """A call that has not been made; its arguments may be calls too."""

    __slots__ = ("args", "body")

    def __init__(self, body: Callable[..., Any], *args: Any) -> None:
        self.body = body
        self.args = args


def run(target: Any) -> Any:
    """Evaluate calls in topological order, and go on with what the last one returns."""
    while isinstance(target, Call):
        graph: dict[Call, list[Call]] = {}
        pending = [target]
        while pending:
            call = pending.pop()
            if call not in graph:
                graph[call] = [arg for arg in call.args if isinstance(arg, Call)]
                pending += graph[call]
        values: dict[Call, Any] = {}
        for call in TopologicalSorter(graph).static_order():
            args = [values[arg] if isinstance(arg, Call) else arg for arg in call.args]
            values[call] = call.body(*args)
        target = values[target]
    return target


def countdown(n: int) -> Any:
    """Go on with one less."""
    return "done" if n == 0 else Call(countdown, n - 1)


def noop(depth: int) -> int:
    """Return the depth of this link."""
    return depth + 1


def chain() -> Call:
    """Return a chain of 11 dependent calls."""
    link = Call(noop, 0)
    for _ in range(CHAIN_LENGTH - 1):
        link = Call(noop, link)
    return link


CAPTURED = chain()


def stable_countdown(n: int, depth: int, checksum: int) -> Any:
    """Go on with the chain that was made once."""
    checksum += depth
    return checksum if n == 0 else Call(stable_countdown, n - 1, CAPTURED, checksum)


def heavy_countdown(n: int, depth: int, checksum: int) -> Any:
    """Go on with a new chain."""
    checksum += depth
    return checksum if n == 0 else Call(heavy_countdown, n - 1, chain(), checksum)


PEER = Peer(
    name="graphlib by hand",
    distribution=None,
    simple=simple_loop(lambda n: run(Call(countdown, n)), countdown.__code__),
    stable=stable_loop(
        lambda n: run(Call(stable_countdown, n, CAPTURED, 0)),
        stable_countdown.__code__,
        noop.__code__,
    ),
    heavy=heavy_loop(
        lambda n: run(Call(heavy_countdown, n, 0, 0)), heavy_countdown.__code__, noop.__code__
    ),
)
