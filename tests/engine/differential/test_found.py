"""What random programs have found, each by its name, on every tier."""

from __future__ import annotations

import pytest

import cascade as cs

POOL = cs.Inject("pool")


def test_a_second_run_on_a_warm_engine_acquires_its_own_resources(engine):
    opened = []

    @cs.resource
    def pool():
        opened.append("open")
        yield len(opened)
        opened.append("closed")

    @cs.task
    def loop(n, pool=POOL):
        return loop(n - 1) if n else pool

    engine.default.register(pool)
    assert engine.run(loop(20)) == 1
    assert engine.run(loop(20)) == 3
    assert opened == ["open", "closed", "open", "closed"]


def test_a_second_run_on_a_warm_engine_reads_its_own_inputs(engine):
    given = cs.Param("given", 7)

    @cs.task
    def loop(n, value):
        return again(n) if n else value

    def again(n):
        return loop(n - 1, given)

    assert engine.run(loop(20, given)) == 7
    assert engine.run(loop(20, given), {"given": 8}) == 8
    assert engine.run(loop(20, given)) == 7


def test_a_template_that_is_only_tried_acquires_nothing(engine):
    opened = []

    @cs.resource
    def pool():
        opened.append("open")
        yield "pool"

    @cs.task
    def loop(n, pool=POOL):
        return loop(n - 1) if n else pool

    engine.default.register(pool)
    assert engine.run(loop(20)) == "pool"
    opened.clear()
    assert engine.run(loop(0, "given")) == "given"
    assert opened == []


def test_a_template_that_is_only_tried_asks_for_no_input(engine):
    missing = cs.Param("missing")

    @cs.task
    def loop(n, value=None):
        return again(n) if n else value

    def again(n):
        return loop(n - 1, missing)

    assert engine.run(loop(20, missing), {"missing": 1}) == 1
    assert engine.run(loop(0, "given")) == "given"


@pytest.mark.parametrize("run", [1, 2, 3])
def test_the_warning_of_a_recursion_that_builds_calls_comes_in_its_place(engine, log_of, run):
    @cs.task
    def leaf(n):
        return n

    @cs.task
    def loop(n, value=0):
        return loop(n - 1, leaf(n)) if n else value

    for _ in range(run - 1):
        engine.run(loop(20))
    log = log_of(engine.default)
    assert engine.run(loop(20)) == 1
    assert log[:8] == [
        ("RunStarted",),
        ("TaskStarted", "loop"),
        ("TaskFinished", "loop", "succeeded"),
        ("TaskStarted", "leaf"),
        ("TaskFinished", "leaf", "succeeded"),
        ("TaskStarted", "loop"),
        ("TaskFinished", "loop", "succeeded"),
        ("StaticAnalysisWarning", "CS-W001", "loop"),
    ]


def test_who_comes_as_calls_are_built_hears_the_warning_though_the_run_began_with_values(
    engine, log_of
):
    logs = []
    armed = []

    @cs.task
    def leaf(n):
        return n

    @cs.task
    def loop(n, value=0):
        if n == 1 and armed:
            logs.append(log_of(engine.default, cs.StaticAnalysisWarning))
        return loop(n - 1, leaf(n)) if n else value

    for _ in range(20):
        engine.run(loop(2))
    armed.append(True)
    assert engine.run(loop(2)) == 1
    assert logs == [[("StaticAnalysisWarning", "CS-W001", "loop")]]


@pytest.mark.parametrize("fails", [False, True])
def test_who_comes_while_a_body_runs_hears_the_same_on_every_tier(engine, log_of, fails):
    logs = []
    armed = []

    @cs.task
    def loop(n):
        if n == 1 and armed:
            logs.append(log_of(engine.default))
            if fails:
                raise ValueError("at 1")
        return loop(n - 1) if n else "done"

    engine.run(loop(20))
    armed.append(True)
    if fails:
        with pytest.raises(ValueError, match="at 1"):
            engine.run(loop(20))
        assert logs == [[("TaskFinished", "loop", "failed"), ("RunFinished", "failed")]]
    else:
        assert engine.run(loop(20)) == "done"
        assert logs == [
            [
                ("TaskFinished", "loop", "succeeded"),
                ("TaskStarted", "loop"),
                ("TaskFinished", "loop", "succeeded"),
                ("RunFinished", "succeeded"),
            ]
        ]
