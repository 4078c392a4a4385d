from __future__ import annotations

import asyncio
import importlib
from inspect import isawaitable

import pytest

from benchmarks.comparison.peers import MODULES
from benchmarks.executions import count_executions

LIBRARIES = {
    "graphlib_by_hand": "graphlib",
    "pocketflow_nodes": "pocketflow",
    "hamilton_driver": "hamilton",
    "burr_actions": "burr",
    "pydantic_graph_nodes": "pydantic_graph",
    "langgraph_state": "langgraph",
    "dask_delayed": "dask",
}


def run(loop, n):
    async def wait(result):
        return await result

    result = loop.run(n)
    return asyncio.run(wait(result)) if isawaitable(result) else result


def test_every_peer_module_has_its_library():
    assert sorted(MODULES) == sorted(LIBRARIES)


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize(
    ("workload", "n", "result", "executions"),
    [
        ("simple", 0, "done", {"countdown": 1}),
        ("simple", 7, "done", {"countdown": 8}),
        ("stable", 0, 11, {"countdown": 1, "noop": 11}),
        ("stable", 7, 88, {"countdown": 8, "noop": 88}),
        ("heavy", 0, 0, {"countdown": 1, "noop": 0}),
        ("heavy", 7, 77, {"countdown": 8, "noop": 77}),
    ],
)
def test_a_peer_runs_the_same_loop(module, workload, n, result, executions):
    pytest.importorskip(LIBRARIES[module], reason="`make bench-peers` installs it")
    peer = importlib.import_module(f"benchmarks.peers.{module}").PEER
    loop = getattr(peer, workload)
    with count_executions(loop.bodies) as counts:
        actual = run(loop, n)
    assert actual == loop.result(n) == result
    assert counts == loop.executions(n) == executions
