"""LangGraph: a compiled state graph that goes round by a conditional edge."""

from __future__ import annotations

from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph

from benchmarks.peers.peer import CHAIN_LENGTH, Peer, heavy_loop, simple_loop, stable_loop


class Count(TypedDict):
    """State of the simple loop."""

    n: int


class Chained(TypedDict):
    """State of the loops with a chain."""

    n: int
    depth: int
    checksum: int


def countdown(state: Count) -> dict[str, int]:
    """Count one down."""
    return {"n": state["n"] - 1}


def noop(state: Chained) -> dict[str, int]:
    """Go one link deeper."""
    return {"depth": state["depth"] + 1}


def total(state: Chained) -> dict[str, int]:
    """Add the chain's depth to the checksum and count one down."""
    return {"n": state["n"] - 1, "checksum": state["checksum"] + state["depth"], "depth": 0}


def _simple() -> Any:
    graph = StateGraph(Count)
    graph.add_node("countdown", countdown)
    graph.add_edge(START, "countdown")
    graph.add_conditional_edges(
        "countdown", lambda state: END if state["n"] < 0 else "countdown", ["countdown", END]
    )
    return graph.compile()


def _chained(start: str) -> Any:
    graph = StateGraph(Chained)
    links = [f"noop_{k}" for k in range(1, CHAIN_LENGTH + 1)]
    for link in links:
        graph.add_node(link, noop)
    graph.add_node("total", total)
    for link, following in zip(links, [*links[1:], "total"], strict=True):
        graph.add_edge(link, following)
    graph.add_edge(START, start)
    graph.add_conditional_edges(
        "total", lambda state: END if state["n"] < 0 else "noop_1", ["noop_1", END]
    )
    return graph.compile()


SIMPLE = _simple()
STABLE = _chained("noop_1")
HEAVY = _chained("total")


def simple(n: int) -> Any:
    """Make n bounces of one node."""
    last = SIMPLE.invoke({"n": n}, {"recursion_limit": n + 2})
    return "done" if last["n"] == -1 else last


def with_chain(graph: Any, n: int) -> Any:
    """Make n bounces of a node after a chain."""
    steps = (CHAIN_LENGTH + 1) * (n + 1) + 1
    last = graph.invoke({"n": n, "depth": 0, "checksum": 0}, {"recursion_limit": steps})
    return last["checksum"]


PEER = Peer(
    name="langgraph",
    distribution="langgraph",
    simple=simple_loop(simple, countdown.__code__),
    stable=stable_loop(lambda n: with_chain(STABLE, n), total.__code__, noop.__code__),
    heavy=heavy_loop(lambda n: with_chain(HEAVY, n), total.__code__, noop.__code__, declared=True),
)
