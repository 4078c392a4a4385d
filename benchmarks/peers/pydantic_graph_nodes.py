"""pydantic-graph: nodes that return the node to go on with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic_graph import BaseNode, End, GraphBuilder, GraphRunContext

from benchmarks.peers.peer import CHAIN_LENGTH, Peer, heavy_loop, simple_loop, stable_loop


@dataclass
class Countdown(BaseNode[None, None, str]):
    """One step that comes back to itself."""

    n: int

    async def run(self, ctx: GraphRunContext) -> Countdown | End[str]:  # noqa: ARG002
        """Go on with one less."""
        return End("done") if self.n == 0 else Countdown(self.n - 1)


@dataclass
class Noop(BaseNode[None, None, int]):
    """One link of a chain; the last is followed by the step."""

    n: int
    depth: int
    checksum: int

    async def run(self, ctx: GraphRunContext) -> Noop | Total:  # noqa: ARG002
        """Go one link deeper."""
        depth = self.depth + 1
        if depth == CHAIN_LENGTH:
            return Total(self.n, depth, self.checksum)
        return Noop(self.n, depth, self.checksum)


@dataclass
class Total(BaseNode[None, None, int]):
    """The step after a chain."""

    n: int
    depth: int
    checksum: int

    async def run(self, ctx: GraphRunContext) -> Noop | End[int]:  # noqa: ARG002
        """Add the chain's depth to the checksum and go on with a new chain."""
        checksum = self.checksum + self.depth
        return End(checksum) if self.n == 0 else Noop(self.n - 1, 0, checksum)


def _simple() -> Any:
    builder = GraphBuilder(input_type=Countdown, output_type=str)
    builder.add(
        builder.node(Countdown),
        builder.edge_from(builder.start_node).to(Countdown),
    )
    return builder.build()


def _chained(start: type[Noop | Total]) -> Any:
    builder = GraphBuilder(input_type=start, output_type=int)
    builder.add(
        builder.node(Noop),
        builder.node(Total),
        builder.edge_from(builder.start_node).to(start),
    )
    return builder.build()


SIMPLE = _simple()
STABLE = _chained(Noop)
HEAVY = _chained(Total)

PEER = Peer(
    name="pydantic-graph",
    distribution="pydantic-graph",
    simple=simple_loop(lambda n: SIMPLE.run(inputs=Countdown(n)), Countdown.run.__code__),
    stable=stable_loop(
        lambda n: STABLE.run(inputs=Noop(n, 0, 0)), Total.run.__code__, Noop.run.__code__
    ),
    heavy=heavy_loop(
        lambda n: HEAVY.run(inputs=Total(n, 0, 0)), Total.run.__code__, Noop.run.__code__
    ),
)
