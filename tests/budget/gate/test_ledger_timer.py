"""Throughput without a base: a cost in the ledger, a coarse check against it, and TPS for people."""

from __future__ import annotations

import re

import pytest

from cascade_budget.timing.calibration import machine_kind, python_key

SPIN = """
def spin(n):
    total = 0
    for item in range(n):
        total += sum(range(50))
    return "done"

@pytest.mark.cascade_budget(calls={"shop:price": 0})
def test_spin(cascade_budget):
    assert cascade_budget(spin, n=4_000) == "done"
"""

#: What is measured here is no matter of percents.
SHORT = """
from cascade_budget.timing import calibration

calibration._ENOUGH_NS = 40_000_000
"""


@pytest.fixture
def timed(project):
    project.write("pytest.ini", "[pytest]\ncascade_profile = off\n")
    project.write("conftest.py", SHORT)
    project.test(SPIN)
    return project


def record(project, cost, machine=None):
    machine = machine or machine_kind()
    project.budget(
        '["test_shop.py::test_spin"]',
        f'"{python_key()}" = {{ calibrated_cost = {cost}, machine = "{machine}" }}',
    )


def test_a_cost_is_recorded_and_then_held(timed):
    timed.run_apart("--cascade-budget-update").assert_outcomes(passed=1)
    line = timed.recorded()[-1]
    cost = re.fullmatch(
        rf'"{python_key()}" = {{ calibrated_cost = ([0-9.]+), machine = "{machine_kind()}" }}', line
    )
    assert cost is not None, line
    assert 0.01 < float(cost[1]) < 100
    timed.run_apart("--cascade-budget").assert_outcomes(passed=1)
    assert re.fullmatch(
        r"  test_spin                                as budgeted    +[0-9,]+ +[0-9,]+",
        timed.section("cascade budget")[2],
    )


def test_a_cost_far_above_the_ledger_s_fails_after_three_attempts(timed):
    record(timed, 0.0001)
    timed.run_apart("--cascade-budget").assert_outcomes(failed=1)
    lines = timed.section("test_spin")
    assert lines[0] == "test_spin: too slow, counted at n = 100, 200, 300, 400"
    assert lines[1] == "  shop:price  0, as budgeted"
    assert lines[2] == "  throughput"
    assert re.fullmatch(
        r"    [\d.]+x slower than in the ledger, limit 25 % slower, in each of 3 attempts",
        lines[3],
    )
    assert lines[4:] == ["  accept with --cascade-budget-update"]


def test_an_update_accepts_a_cost(timed):
    record(timed, 0.0001)
    timed.run_apart("--cascade-budget-update").assert_outcomes(passed=1)
    timed.run_apart("--cascade-budget").assert_outcomes(passed=1)


def test_a_faster_workload_is_said_and_does_not_fail(timed):
    record(timed, 10_000)
    timed.run_apart("--cascade-budget").assert_outcomes(passed=1)
    assert re.fullmatch(
        r"    [\d.]+x faster than in the ledger", timed.section("cascade budget")[-1]
    )


def test_a_record_of_another_architecture_judges_nothing(timed):
    record(timed, 0.0001, "plan9-vax-00000000")
    timed.run_apart("--cascade-budget").assert_outcomes(passed=1)
    assert timed.section("cascade budget")[-1] == (
        f"no cost recorded for {python_key()} comparable with this machine: not judged"
    )


def test_a_record_of_another_kind_of_machine_is_held_to_a_wide_limit(timed):
    elsewhere = machine_kind().rpartition("-")[0] + "-00000000"
    record(timed, 0.0001, elsewhere)
    timed.run_apart("--cascade-budget").assert_outcomes(failed=1)
    assert (
        "x slower than in the ledger on another kind of machine, limit 3.0x slower"
        in timed.section("test_spin")[3]
    )


@pytest.mark.parametrize(("setting", "failed"), [("off", 0), ("1000000000000", 0), ("25", 1)])
def test_the_limit_is_the_ini_file_s(timed, setting, failed):
    record(timed, 0.0001)
    timed.run_apart("--cascade-budget", "-o", f"cascade_budget_coarse={setting}")
    timed.result.assert_outcomes(passed=1 - failed, failed=failed)


def test_timing_is_refused_while_a_tracer_is_active(timed):
    record(timed, 0.0001)
    timed.write(
        "conftest.py",
        """
import sys
import pytest

def tracer(frame, event, argument):
    return None

@pytest.fixture(autouse=True)
def traced():
    sys.settrace(tracer)
    yield
    sys.settrace(None)
""",
    )
    timed.run_apart("--cascade-budget").assert_outcomes(passed=1)
    assert timed.section("cascade budget") == [
        "                                           verdict",
        "test_shop.py",
        "  test_spin                                as budgeted",
        "    shop:price  0",
        "    not timed: a tracer is active (conftest.tracer)",
    ]
