from __future__ import annotations

import random
from dataclasses import replace

import pytest

from cascade_budget.errors import UsageError
from cascade_budget.judge.sequential import Plan
from cascade_budget.model.throughput import Chunking, Outcome, Round
from cascade_budget.process.job import Imports
from cascade_budget.timing import chunks
from cascade_budget.timing.chunks import find_chunking
from cascade_budget.timing.clocks import Cost, Meter
from cascade_budget.timing.pairing_errors import NothingUnderTestError, PairingError
from cascade_budget.timing.pairs import Ready
from cascade_budget.timing.rounds import (
    Limits,
    check_sides,
    cpu_clock,
    judge_rounds,
    measure_round,
    run_rounds,
)
from cascade_budget.timing.trials import refuse_too_few


class VirtualPair:
    """Both sides on a virtual machine: what a run costs follows from a formula."""

    def __init__(self, *, fixed_ns=0, each_ns=1000, head=1.0, wait_ns=0, elsewhere_ns=0, pace=None):
        self.fixed_ns = fixed_ns
        self.each_ns = each_ns
        self.factor = {"base": 1.0, "head": head}
        self.wait_ns = wait_ns
        self.elsewhere_ns = elsewhere_ns
        self.pace = pace or (lambda: 1.0)
        self.log = []

    def run(self, side, n, repeat=1):
        self.log.append((side, n, repeat))
        work = (self.fixed_ns + self.each_ns * n) * repeat * self.factor[side] * self.pace()
        other = self.elsewhere_ns * n * repeat
        return Cost(
            thread_ns=max(1, round(work)),
            process_ns=max(1, round(work + other)),
            wall_ns=max(1, round(work + other + self.wait_ns * n * repeat)),
            delay_ns=0,
        )

    def settle(self):
        self.log.append("settle")


def test_a_short_workload_is_run_several_times_a_chunk():
    chunking = find_chunking(VirtualPair(each_ns=100), 1000)
    assert chunking == Chunking(n=1000, repeat=10, quads=80, threaded=False, waits=False)


def test_a_workload_of_a_millisecond_is_run_once_a_chunk():
    chunking = find_chunking(VirtualPair(each_ns=1000), 1000)
    assert (chunking.n, chunking.repeat, chunking.quads) == (1000, 1, 80)


def test_a_long_linear_workload_is_cut_down_to_a_millisecond():
    chunking = find_chunking(VirtualPair(each_ns=1000), 100_000)
    assert (chunking.n, chunking.repeat, chunking.quads) == (1000, 1, 80)


def test_a_fixed_part_keeps_its_weight():
    # At n = 100,000 the fixed 5 ms are 5 %; in a chunk of 1 ms they would be all there is.
    chunking = find_chunking(VirtualPair(each_ns=1000, fixed_ns=5_000_000), 100_000)
    assert 25_000 <= chunking.n <= 64_000
    assert chunking.quads == 6


def test_one_transaction_is_the_least_that_a_chunk_holds():
    chunking = find_chunking(VirtualPair(each_ns=80_000_000), 100)
    assert (chunking.n, chunking.repeat, chunking.quads) == (1, 1, 6)


def test_waiting_and_threads_are_told_by_the_clocks():
    assert find_chunking(VirtualPair(wait_ns=2000), 1000).waits
    assert not find_chunking(VirtualPair(wait_ns=100), 1000).waits
    threaded = find_chunking(VirtualPair(elsewhere_ns=500), 1000)
    assert threaded.threaded
    cost = Cost(thread_ns=1, process_ns=2, wall_ns=3, delay_ns=0)
    assert cpu_clock(threaded)(cost) == 2
    assert cpu_clock(replace(threaded, threaded=False))(cost) == 1


CHUNKING = Chunking(n=1000, repeat=2, quads=40, threaded=False, waits=False)


def test_a_round_alternates_its_sides_in_quads_after_warming_up():
    pair = VirtualPair()
    measure_round(pair, CHUNKING, random.Random(3))
    sides = [entry if entry == "settle" else entry[0] for entry in pair.log]
    assert sides.index("settle") == 8
    quads = {tuple(sides[start : start + 4]) for start in range(9, len(sides), 4)}
    assert quads == {("base", "head", "head", "base"), ("head", "base", "base", "head")}
    assert len(sides) == 8 + 1 + 40 * 4
    assert {entry[1:] for entry in pair.log if entry != "settle"} == {(1000, 2)}


def test_a_rounds_value_is_the_log_ratio_of_head_to_base():
    one = measure_round(VirtualPair(head=1.25), CHUNKING, random.Random(3))
    assert one.cpu == pytest.approx(0.223144, abs=1e-6)
    assert one.wall == pytest.approx(0.223144, abs=1e-6)
    assert (one.base_cpu_ns, one.head_cpu_ns) == (1000, 1250)
    assert (one.base_wall_ns, one.head_wall_ns) == (1000, 1250)


def test_a_drift_of_the_machine_and_bursts_leave_a_round_alone():
    chance = random.Random(5)
    ticks = iter(range(10_000))

    def pace():
        burst = 3.0 if chance.random() < 0.1 else 1.0
        return burst * (1 + next(ticks) / 500)

    one = measure_round(VirtualPair(head=1.02, pace=pace), CHUNKING, random.Random(3))
    assert one.cpu == pytest.approx(0.0198, abs=0.004)


def test_more_transactions_make_head_slower_by_their_share():
    one = measure_round(VirtualPair(), CHUNKING, random.Random(3), injected_slowdown=0.02)
    assert one.cpu == pytest.approx(0.019803, abs=1e-6)
    assert one.head_cpu_ns == pytest.approx(1020)


def test_a_chunk_of_few_transactions_cannot_be_made_half_a_percent_more():
    with pytest.raises(
        UsageError, match=r"^a chunk holds 40 transactions, which can't be made 0\.5% more"
    ):
        refuse_too_few(replace(CHUNKING, n=40), [0.0, 0.02, 0.005], "test_a")
    refuse_too_few(replace(CHUNKING, n=40), [0.0], "test_a")


def rounds_of(cpu, wall):
    return [
        Round(cpu=c, wall=w, base_cpu_ns=1, head_cpu_ns=1, base_wall_ns=1, head_wall_ns=1)
        for c, w in zip(cpu, wall, strict=True)
    ]


QUIET = [0.001, -0.002, 0.003, 0.0, -0.001, 0.002, -0.003, 0.001]
SLOWER = [value + 0.05 for value in QUIET]


def test_waiting_work_is_judged_by_the_wall_as_well():
    waiting = replace(CHUNKING, waits=True)
    slower = judge_rounds(rounds_of(QUIET, SLOWER), waiting, Plan(), 0.01)
    assert (slower.outcome, slower.clock) == (Outcome.REGRESSED, "wall")
    burning = judge_rounds(rounds_of(SLOWER, QUIET), waiting, Plan(), 0.01)
    assert (burning.outcome, burning.clock) == (Outcome.REGRESSED, "cpu")


def test_the_wall_is_left_out_where_work_does_not_wait():
    verdict = judge_rounds(rounds_of(QUIET, SLOWER), CHUNKING, Plan(), 0.01)
    assert (verdict.outcome, verdict.clock) == (Outcome.UNCHANGED, "cpu")


def test_a_meter_reads_every_clock():
    meter = Meter()
    meter.start()
    sum(range(100_000))
    cost = meter.stop()
    assert 0 < cost.thread_ns <= cost.wall_ns
    assert cost.process_ns > 0
    assert cost.delay_ns >= 0
    assert cost.busy_wall_ns == max(1, cost.wall_ns - cost.delay_ns)


def paired(project, **limits):
    """Base and head as two folders; head serves three times as many."""
    test = (
        "import os, shop\n\n\ndef work(n):\n    shop.serve(n * (3 if os.getcwd().endswith('head') "
        "else 1))\n\n\ndef test_serve(cascade_budget):\n    cascade_budget(work, n=2000)\n"
    )
    specs = []
    for spec in project.specs():
        root = project.path / spec.name
        project.write(f"{spec.name}/tests/test_shop.py", test)
        for name in ("shop.py", "pytest.ini"):
            project.write(f"{spec.name}/{name}", (project.path / name).read_text("utf-8"))
        specs.append(
            replace(
                spec,
                root=str(root),
                arguments=("-q", "-p", "no:cacheprovider"),
                imports=Imports(roots=(str(root),)),
            )
        )
    told = []
    timing = run_rounds(
        *specs,
        plan=Plan(looks=(5,)),
        limits=Limits(**limits),
        chance=random.Random(1),
        progress=told.append,
    )
    return timing, told


def test_five_rounds_of_real_processes_show_a_cliff(project, monkeypatch):
    monkeypatch.setattr(chunks, "ROUND_NS", 40_000_000)
    timing, told = paired(project, total_seconds=900)
    verdict = timing.verdict
    assert verdict.outcome is Outcome.REGRESSED
    assert 1.5 < verdict.slowdown < 2.5
    assert (verdict.rounds, len(timing.rounds), timing.timed_out) == (5, 5, False)
    assert timing.results_compared
    speeds = timing.transactions_per_second
    assert 2 < speeds["base cpu"] / speeds["head cpu"] < 4
    assert [(progress.rounds, progress.most) for progress in told] == [(n, 5) for n in range(1, 6)]


def test_a_time_limit_too_short_for_a_verdict_is_told(project):
    with pytest.raises(PairingError) as caught:
        paired(project, total_seconds=0.001)
    assert str(caught.value) == (
        "0.001 seconds were enough for 1 of the 5 rounds of a first verdict; tests/test_shop.py::test_serve. Make n smaller, or raise cascade_budget_time_limit in the ini file"
    )


def test_sides_that_import_nothing_of_the_code_are_not_compared(project):
    base, head = project.specs()
    ready = Ready(n=1, obstacle="", imported=())
    pair = VirtualPair()
    pair.ready = {"base": ready, "head": ready}
    with pytest.raises(NothingUnderTestError) as caught:
        check_sides(pair, replace(base, root="/elsewhere"), head)
    assert str(caught.value) == (
        "the test imports nothing of the code under test; tests/test_shop.py::test_serve. Both sides would be the same; install the project with pip install -e, or name a requirement whose package the test uses"
    )
