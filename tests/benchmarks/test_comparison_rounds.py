from __future__ import annotations

import itertools

import pytest

from benchmarks.comparison import rounds
from benchmarks.comparison.rounds import Contender, Costs, Ratio, block_size, check, interleave
from benchmarks.executions import ExecutionError


def body(log, name, n):
    log.append((name, n))
    return "done"


def contender(name, log, **changes):
    values = {
        "name": name,
        "block": lambda n: body(log, name, n),
        "result": lambda _: "done",
        "bodies": {"body": body.__code__},
        "executions": lambda _: {"body": 1},
        "fixed_n": 10,
    }
    return Contender(**{**values, **changes})


@pytest.fixture
def clock(monkeypatch):
    """CPU time that stands still but for what a block spends of it."""

    class Clock:
        now = 0.0

        def process_time(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(rounds.time, "process_time", clock.process_time)
    return clock


def test_orders_are_rotated_and_turned_round_from_round_to_round():
    log = []
    interleave([contender(name, log) for name in "abc"], rounds=6)
    assert [name for name, _ in log] == [*"abc", *"cba", *"bca", *"acb", *"cab", *"bac"]


def test_a_ratio_pairs_the_costs_of_one_round():
    costs = Costs(
        block_n={"a": 1, "b": 1},
        cpu_seconds={"a": [1.0, 20.0, 3.0, 8.0, 10.0], "b": [2.0, 20.0, 2.0, 4.0, 20.0]},
    )
    assert costs.ratio("a", "b") == Ratio(median=1.0, low=0.5, high=1.5)
    assert costs.ratio("b", "b") == Ratio(median=1.0, low=1.0, high=1.0)
    assert costs.median_cpu_us("a") == 8_000_000


def test_one_round_has_no_spread():
    costs = Costs(block_n={"a": 1, "b": 1}, cpu_seconds={"a": [3.0], "b": [2.0]})
    assert costs.ratio("a", "b") == Ratio(median=1.5, low=1.5, high=1.5)


def test_a_cost_is_cpu_time_over_the_transactions_of_the_block(clock):
    def block(n):
        clock.now += n * 0.5
        return "done"

    costs = interleave([contender("a", [], block=block, fixed_n=4)], rounds=3)
    assert costs == Costs(block_n={"a": 4}, cpu_seconds={"a": [0.5, 0.5, 0.5]})


def test_a_block_is_sized_for_its_time_and_not_for_the_warm_up(clock):
    warm_up = itertools.chain([0.0005], itertools.repeat(0.0))

    def block(n):
        clock.now += n * 1e-6 + next(warm_up)
        return "done"

    assert block_size(contender("a", [], block=block, fixed_n=None), 0.006) == 6000


def test_a_block_has_at_least_one_transaction(clock):
    def block(n):
        clock.now += n
        return "done"

    assert block_size(contender("a", [], block=block, fixed_n=None), 0.006) == 1


def test_check_runs_every_size_once():
    log = []
    check(contender("a", log, sizes=(0, 3, 9)))
    assert log == [("a", 0), ("a", 3), ("a", 9)]


def test_check_refuses_a_wrong_result():
    with pytest.raises(ExecutionError) as error:
        check(contender("a", [], result=lambda _: "finished", sizes=(3,)))
    assert str(error.value) == (
        "a over 3 transactions gave 'done', and 'finished' is right: "
        "its speed means nothing until that is mended"
    )


def test_check_refuses_a_right_result_of_too_few_executions():
    with pytest.raises(ExecutionError) as error:
        check(contender("a", [], executions=lambda n: {"body": n}, sizes=(3,)))
    assert str(error.value) == (
        "a over 3 transactions gave {'body': 1}, and {'body': 3} is right: "
        "its speed means nothing until that is mended"
    )


def test_a_number_is_no_truth_value():
    with pytest.raises(ExecutionError):
        check(contender("a", [], block=lambda _: 1, result=lambda _: True, bodies={}, sizes=(1,)))


def test_a_timed_block_is_checked_on_its_result():
    results = iter(["done", "done", "wrong"])
    with pytest.raises(ExecutionError, match="a over 10 transactions gave 'wrong'"):
        interleave([contender("a", [], block=lambda _: next(results))], rounds=3)


def test_measure_says_what_it_is_doing_and_checks_before_and_after():
    said = []
    log = []
    turns = [contender("a", log, sizes=(1,))]
    rounds.measure(turns, rounds=2, say=said.append, clock=itertools.count().__next__)
    assert [n for _, n in log] == [1, 10, 10, 1]
    assert said == [
        "checking result and executions of a",
        "sizing the blocks",
        "round 1 of 2, 1 s left",
        "round 2 of 2, 0 s left",
        "checking a again, warm",
    ]
