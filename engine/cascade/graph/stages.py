"""`plan_stages`: the nodes in groups whose members don't need each other."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from cascade.graph.model import Binding, Kind

if TYPE_CHECKING:
    from cascade.graph.model import Node, Structure


@final
@dataclass(frozen=True, slots=True)
class Stage:
    """Nodes that can run side by side.

    Attributes:
        concurrent: nodes that may wait: async and threaded bodies, maps, and all with a policy.
        inline: bare sync calls, run in order.
    """

    concurrent: tuple[Node, ...]
    inline: tuple[Node, ...]


def plan_stages(structure: Structure) -> tuple[Stage, ...]:
    """Solve the evaluation order: each stage needs only the stages before it.

    A structure with a Router has no order before it runs, because which of its nodes run is chosen
    on the way; its plan is empty, and `next_stage` takes the place of it.
    """
    if structure.has_switch:
        return ()
    level: list[int] = []
    stages: list[list[Node]] = []
    for node in structure.nodes:
        own = 1 + max((level[other] for other in (*node.needs, *node.after)), default=-1)
        level.append(own)
        if own == len(stages):
            stages.append([])
        stages[own].append(node)
    return tuple(_stage(nodes) for nodes in stages)


def _stage(nodes: list[Node]) -> Stage:
    return Stage(
        concurrent=tuple(node for node in nodes if not node.inline),
        inline=tuple(node for node in nodes if node.inline),
    )


def plan_routes(structure: Structure) -> tuple[tuple[Binding, tuple[Stage, ...]], ...]:
    """Solve the order for each route of a structure with one Router, as `Demand` would find it.

    The plans agree up to the stage of the Router. With several Routers there is none.
    """
    switches = [node for node in structure.nodes if node.kind is Kind.SWITCH]
    if len(switches) != 1:
        return ()
    plans: list[tuple[Binding, tuple[Stage, ...]]] = []
    for _, route in switches[0].routes:
        demand = Demand(structure)
        results: list[object] = [None] * len(structure.nodes)
        stages: list[Stage] = []
        while (stage := demand.next_stage(results)) is not None:
            stages.append(stage)
            if switches[0] in stage.concurrent:
                results[switches[0].index] = route
                demand.want(route.nodes())
        plans.append((route, tuple(stages)))
    return tuple(plans)


@final
class Demand:
    """Which nodes of a structure with Routers are wanted, as far as the routes are chosen."""

    def __init__(self, structure: Structure) -> None:
        self._structure = structure
        self._missing: dict[int, int] = {}
        self._waiting: defaultdict[int, list[int]] = defaultdict(list)
        self._ready: list[int] = []
        self._running: list[int] = []
        self._ran: set[int] = set()
        self._settled: set[int] = set()
        self.want(structure.root.nodes())

    def want(self, nodes: tuple[int, ...]) -> None:
        """Add nodes and everything that they need, up to switches that have not chosen yet."""
        pending = list(nodes)
        while pending:
            index = pending.pop()
            if index not in self._missing:
                node = self._structure.nodes[index]
                upstream = (*node.needs, *node.after)
                pending += upstream
                if not self._wait(index, upstream):
                    self._ready.append(index)

    def next_stage(self, results: list[Any]) -> Stage | None:
        """Return the wanted nodes that can run now, or None when all have run.

        Args:
            results: results so far; a switch's result is the binding of the chosen route.
        """
        for index in self._running:
            self._ran.add(index)
            chosen = results[index]
            is_switch = self._structure.nodes[index].kind is Kind.SWITCH
            if not (
                is_switch and isinstance(chosen, Binding) and self._wait(index, chosen.nodes())
            ):
                self._settle(index)
        self._running, self._ready = sorted(self._ready), []
        nodes = [self._structure.nodes[index] for index in self._running]
        return _stage(nodes) if nodes else None

    def _wait(self, index: int, upstream: tuple[int, ...]) -> int:
        """Let a node wait for those of others that are not settled, and return how many are."""
        others = set(upstream) - self._settled
        self._missing[index] = len(others)
        for other in others:
            self._waiting[other].append(index)
        return len(others)

    def _settle(self, index: int) -> None:
        """Let go on what waits for a result: nodes, and switches that chose what has it."""
        pending = [index]
        while pending:
            settled = pending.pop()
            self._settled.add(settled)
            for other in self._waiting.pop(settled, ()):
                self._missing[other] -= 1
                if not self._missing[other]:
                    (pending if other in self._ran else self._ready).append(other)
