"""When the time for a verdict is up, on a clock that only what is measured moves on."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from cascade_budget.judge.sequential import Plan
from cascade_budget.model.throughput import Outcome
from cascade_budget.timing import fresh_pairs as starting
from cascade_budget.timing import rounds as room
from cascade_budget.timing.clocks import Cost
from cascade_budget.timing.pairing_errors import PairingError
from cascade_budget.timing.rounds import Limits, run_rounds

START_SECONDS = 0.01
EACH_NS = 2_500_000


class SlowPair:
    """Both sides of a workload whose transaction takes 2.5 ms, each start of them 10 ms."""

    def __init__(self, clock):
        self.clock = clock
        ready = SimpleNamespace(n=1000, obstacle="", imported=True)
        self.ready = {"base": ready, "head": ready}

    def start(self):
        self.clock.now += START_SECONDS

    def wait(self):
        pass

    def end(self, *, at_once):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def run(self, side, n, repeat=1):
        spent = EACH_NS * n * repeat
        self.clock.now += spent / 1e9
        return Cost(thread_ns=spent, process_ns=spent, wall_ns=spent, delay_ns=0)

    def result(self, side, n):
        self.run(side, n)
        return "digest", "1"

    def settle(self):
        pass


@pytest.fixture
def timed(monkeypatch):
    """Time the slow workload within so many seconds."""

    def time_within(seconds):
        clock = SimpleNamespace(now=0.0)
        monkeypatch.setattr(room, "Clock", SimpleNamespace(monotonic=lambda: clock.now))
        monkeypatch.setattr(starting, "Pair", lambda *_, **__: SlowPair(clock))
        side = SimpleNamespace(node="test_slow.py::test_slow", imports=None, root="")
        return run_rounds(side, side, plan=Plan(looks=(5, 8)), limits=Limits(total_seconds=seconds))

    return time_within


def test_the_search_for_a_chunk_is_not_expected_of_every_round(timed):
    needed = timed(1000.0).seconds
    timing = timed(needed + 0.001)
    assert (timing.verdict.outcome, timing.verdict.rounds) == (Outcome.UNCHANGED, 5)
    assert timing.timed_out is False
    assert timing.seconds == needed


def test_a_round_that_would_not_fit_is_not_begun(timed):
    needed = timed(1000.0).seconds
    with pytest.raises(PairingError) as caught:
        timed(needed - 0.001)
    assert str(caught.value).partition(" seconds were ")[2] == (
        "enough for 4 of the 5 rounds of a first verdict; test_slow.py::test_slow. Make n smaller, or raise cascade_budget_time_limit in the ini file"
    )
