from __future__ import annotations

import asyncio

import pytest

import cascade as cs
from benchmarks import workloads
from benchmarks.executions import count_executions

LITERALS = [
    (workloads.SIMPLE, 0, "done", {"simple_countdown": 1}),
    (workloads.SIMPLE, 1, "done", {"simple_countdown": 2}),
    (workloads.SIMPLE, 100, "done", {"simple_countdown": 101}),
    (workloads.STABLE_RECEIVED, 0, 11, {"stable_received_countdown": 1, "noop": 11}),
    (workloads.STABLE_RECEIVED, 1, 22, {"stable_received_countdown": 2, "noop": 11}),
    (workloads.STABLE_RECEIVED, 100, 1111, {"stable_received_countdown": 101, "noop": 11}),
    (workloads.STABLE_CAPTURED, 0, 11, {"stable_captured_countdown": 1, "noop": 11}),
    (workloads.STABLE_CAPTURED, 1, 22, {"stable_captured_countdown": 2, "noop": 22}),
    (workloads.STABLE_CAPTURED, 100, 1111, {"stable_captured_countdown": 101, "noop": 1111}),
    (workloads.HEAVY, 0, 0, {"heavy_complex_countdown": 1, "noop": 0}),
    (workloads.HEAVY, 1, 11, {"heavy_complex_countdown": 2, "noop": 11}),
    (workloads.HEAVY, 100, 1100, {"heavy_complex_countdown": 101, "noop": 1100}),
    (workloads.ASYNC, 0, "done", {"async_countdown": 1}),
    (workloads.ASYNC, 100, "done", {"async_countdown": 101}),
    (workloads.MUTUAL, 0, True, {"is_even": 1, "is_odd": 0}),
    (workloads.MUTUAL, 1, False, {"is_even": 1, "is_odd": 1}),
    (workloads.MUTUAL, 100, True, {"is_even": 51, "is_odd": 50}),
    (workloads.MUTUAL, 101, False, {"is_even": 51, "is_odd": 51}),
]


@pytest.mark.parametrize(("workload", "n", "result", "executions"), LITERALS)
def test_a_workload_states_its_result_and_its_executions(workload, n, result, executions):
    assert workload.result(n) == result
    assert workload.executions(n) == executions
    assert workload.bodies.keys() == executions.keys()


@pytest.mark.parametrize(("workload", "n", "result", "executions"), LITERALS)
def test_a_fresh_engine_gives_that_result_with_those_executions(workload, n, result, executions):
    with count_executions(workload.bodies) as counts:
        actual = cs.run(workload.target(n))
    assert actual == result
    assert counts == executions


@pytest.mark.parametrize("workload", workloads.WORKLOADS, ids=lambda one: one.name)
def test_a_warm_engine_runs_each_body_as_often_as_a_fresh_one(workload):
    async def runs():
        engine = cs.Engine()
        seen = []
        for n in (300, 7, 300):
            with count_executions(workload.bodies) as counts:
                result = await engine.run(workload.target(n))
            seen.append((result, counts))
        return seen

    assert asyncio.run(runs()) == [
        (workload.result(n), workload.executions(n)) for n in (300, 7, 300)
    ]


def test_the_chain_is_worth_its_length():
    with count_executions(workloads.STABLE_CAPTURED.bodies) as counts:
        assert cs.run(workloads.noop_chain()) == 11
    assert counts == {"stable_captured_countdown": 0, "noop": 11}


def test_the_names_of_the_workloads_are_distinct():
    assert [one.name for one in workloads.WORKLOADS] == [
        "simple",
        "stable, received",
        "stable, captured",
        "heavy",
        "async bodies",
        "mutual recursion",
    ]
