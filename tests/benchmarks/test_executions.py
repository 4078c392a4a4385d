from __future__ import annotations

import asyncio
import sys
import threading

import pytest

from benchmarks.executions import ExecutionError, count_executions


def work():
    return 1


async def wait(times):
    for _ in range(times):
        await asyncio.sleep(0)


def generate():
    yield 1
    yield 2


def bodies(*functions):
    return {one.__name__: one.__code__ for one in functions}


def test_each_start_of_a_body_is_one_execution():
    with count_executions(bodies(work)) as counts:
        for _ in range(3):
            work()
    assert counts == {"work": 3}


def test_a_body_that_never_runs_is_counted_as_zero():
    with count_executions(bodies(work, generate)) as counts:
        work()
    assert counts == {"work": 1, "generate": 0}


def test_a_resumed_coroutine_is_no_new_execution():
    async def both():
        await asyncio.gather(wait(5), wait(3))

    with count_executions(bodies(wait)) as counts:
        asyncio.run(both())
    assert counts == {"wait": 2}


def test_a_resumed_generator_is_no_new_execution():
    with count_executions(bodies(generate)) as counts:
        assert list(generate()) == [1, 2]
        assert list(generate()) == [1, 2]
    assert counts == {"generate": 2}


def test_a_thread_started_inside_is_counted():
    with count_executions(bodies(work)) as counts:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert counts == {"work": 1}


def test_equal_code_of_another_function_is_not_counted():
    def make():
        def inner():
            return 1

        return inner

    one, other = make(), make()
    namesake = compile("def work():\n    return 1\n", __file__, "exec")
    with count_executions({"inner": one.__code__}) as counts:
        one()
        other()
        exec(namesake, {})
    assert counts == {"inner": 2}, "closures of one definition share their code"


def test_what_runs_after_the_block_is_not_counted():
    with count_executions(bodies(work)) as counts:
        work()
    work()
    assert counts == {"work": 1}
    assert sys.getprofile() is None


def test_the_profiler_is_taken_off_when_the_block_raises():
    with pytest.raises(ZeroDivisionError), count_executions(bodies(work)):
        raise ZeroDivisionError
    assert sys.getprofile() is None


def test_another_profiler_is_named_and_left_in_place():
    def profiler(_frame, _event, _arg):
        return None

    sys.setprofile(profiler)
    try:
        with (
            pytest.raises(RuntimeError, match=r"profiler at .* is installed as profile function"),
            count_executions(bodies(work)),
        ):
            pass
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)


def test_an_execution_error_says_what_came_out_and_what_is_right():
    error = ExecutionError("heavy", 100, {"noop": 1100}, {"noop": 11})
    assert str(error) == (
        "heavy over 100 transactions gave {'noop': 11}, and {'noop': 1100} is right: "
        "its speed means nothing until that is mended"
    )
    assert (error.workload, error.n) == ("heavy", 100)
    assert (error.expected, error.actual) == ({"noop": 1100}, {"noop": 11})
