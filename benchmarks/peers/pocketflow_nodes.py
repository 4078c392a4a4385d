"""PocketFlow: nodes over a shared dictionary, a flow that follows the action each one returns."""

from __future__ import annotations

from typing import Any

from pocketflow import Flow, Node

from benchmarks.peers.peer import CHAIN_LENGTH, Peer, heavy_loop, simple_loop, stable_loop


class Countdown(Node):
    """One step that comes back to itself."""

    def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> str:  # noqa: ARG002
        if shared["n"] == 0:
            shared["result"] = "done"
            return "end"
        shared["n"] -= 1
        return "again"


class End(Node):
    """Where a flow ends without a warning that an action leads nowhere."""


class Noop(Node):
    """One link of a chain."""

    def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> str:  # noqa: ARG002
        shared["depth"] += 1
        return "default"


class StableCountdown(Node):
    """The step after a chain that is part of the flow."""

    def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> str:  # noqa: ARG002
        shared["checksum"] += shared["depth"]
        if shared["n"] == 0:
            return "end"
        shared["n"] -= 1
        shared["depth"] = 0
        return "again"


class HeavyCountdown(StableCountdown):
    """The step that makes a new chain, runs it as a flow of its own, and comes back to itself."""

    def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> str:  # noqa: ARG002
        shared["checksum"] += shared["depth"]
        if shared["n"] == 0:
            return "end"
        shared["n"] -= 1
        shared["depth"] = 0
        first, _ = chain()
        Flow(start=first).run(shared)
        return "again"


def chain() -> tuple[Noop, Noop]:
    """Return the first and the last of 11 nodes in a row."""
    first = last = Noop()
    for _ in range(CHAIN_LENGTH - 1):
        last = last >> Noop()
    return first, last


def _looping(step: Node) -> Flow:
    step - "again" >> step
    step - "end" >> End()
    return Flow(start=step)


def _stable() -> Flow:
    first, last = chain()
    step = StableCountdown()
    last >> step
    step - "again" >> first
    step - "end" >> End()
    return Flow(start=first)


SIMPLE = _looping(Countdown())
STABLE = _stable()
HEAVY = _looping(HeavyCountdown())


def simple(n: int) -> Any:
    """Make n bounces of one step."""
    shared: dict[str, Any] = {"n": n}
    SIMPLE.run(shared)
    return shared["result"]


def with_chain(flow: Flow, n: int) -> Any:
    """Make n bounces with a chain each."""
    shared = {"n": n, "depth": 0, "checksum": 0}
    flow.run(shared)
    return shared["checksum"]


PEER = Peer(
    name="pocketflow",
    distribution="pocketflow",
    simple=simple_loop(simple, Countdown.post.__code__),
    stable=stable_loop(
        lambda n: with_chain(STABLE, n), StableCountdown.post.__code__, Noop.post.__code__
    ),
    heavy=heavy_loop(
        lambda n: with_chain(HEAVY, n), HeavyCountdown.post.__code__, Noop.post.__code__
    ),
)
