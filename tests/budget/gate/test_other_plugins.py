"""Other plugins run beside the gate, and counts stay exact."""

from __future__ import annotations

import sys

import pytest

EXACT = """
@pytest.mark.cascade_budget(calls={"shop:price": "n + 1"})
@pytest.mark.parametrize("case", range(4))
def test_serve(cascade_budget, case):
    assert cascade_budget(shop.serve, n=40) == "done"
"""
MIXED = """
@pytest.mark.cascade_budget(calls=["shop:price"])
@pytest.mark.parametrize("case", range(4))
def test_serve(case):
    shop.serve(case)

@pytest.mark.cascade_budget(calls={"shop:price": 0})
def test_red():
    shop.serve(0)
"""


def test_workers_of_xdist_report_and_the_controller_writes(project):
    project.test(MIXED)
    project.run_apart("-p", "xdist.plugin", "-n2", "--cascade-budget-update")
    project.result.assert_outcomes(passed=4, failed=1)
    assert project.recorded() == [
        "",
        '["test_shop.py::test_serve[0]"]',
        '"shop:price" = "1"',
        "",
        '["test_shop.py::test_serve[1]"]',
        '"shop:price" = "2"',
        "",
        '["test_shop.py::test_serve[2]"]',
        '"shop:price" = "3"',
        "",
        '["test_shop.py::test_serve[3]"]',
        '"shop:price" = "4"',
    ]
    project.ledger.write_text(project.ledger.read_text() + '["test_old.py::test_gone"]\n')
    project.run_apart("-p", "xdist.plugin", "-n2", "--cascade-budget", "--junitxml=junit.xml")
    project.result.assert_outcomes(passed=4, failed=1)
    assert project.section("test_red") == [
        project.section("test_red")[0],
        "test_red: over budget",
        "  shop:price  1 call, budget 0: was never called, is now called once",
        "    shop.py:14 in serve          1",
        "  the budget is fixed in the test's marker: fix the code or edit the marker",
    ]
    assert project.section("cascade budget") == [
        "                                           verdict",
        "test_shop.py",
        "  test_serve[0]                            as budgeted",
        "    shop:price  1",
        "  test_serve[1]                            as budgeted",
        "    shop:price  2",
        "  test_serve[2]                            as budgeted",
        "    shop:price  3",
        "  test_serve[3]                            as budgeted",
        "    shop:price  4",
        "  test_red                                 OVER BUDGET",
        "    shop:price  1 call, budget 0: was never called, is now called once",
        "stale in cascade-budget.toml; an update of the whole suite removes them:",
        "  test_old.py::test_gone",
    ]
    junit = (project.path / "junit.xml").read_text().replace(" />", "/>")
    assert '<property name="cascade_budget shop:price" value="1: over budget"/>' in junit


def test_a_wrong_marker_is_reported_once_by_xdist(project):
    project.test("@pytest.mark.cascade_budget(call=3)\ndef test_it():\n    pass\n")
    project.run_apart("-p", "xdist.plugin", "-n2", "--cascade-budget")
    project.result.assert_outcomes(errors=1)
    project.result.stdout.fnmatch_lines(
        [
            (
                "marker cascade_budget has no argument 'call'; test_shop.py::test_it. "
                "Did you mean 'calls'?"
            )
        ]
    )


@pytest.mark.parametrize("core", ["ctrace", "sysmon"])
def test_coverage_measures_and_calls_are_counted(project, monkeypatch, core):
    if core == "sysmon" and sys.version_info < (3, 12):
        pytest.skip("sys.monitoring came with Python 3.12")
    project.test(EXACT)
    project.write("pytest.ini", "[pytest]\n")
    monkeypatch.setenv("COVERAGE_CORE", core)
    coverage = (sys.executable, "-m", "coverage", "run", "--include=shop.py", "-m", "pytest")
    monkeypatch.setattr(project.pytester, "_getpytestargs", lambda: coverage)
    project.run_apart("--cascade-budget")
    project.result.assert_outcomes(passed=4)
    lines = project.section("cascade budget")
    assert lines[3] == "    shop:price  n + 1"
    assert lines[4].startswith("    not timed: ")


def test_random_order_and_hypothesis_leave_counts_exact(project):
    project.test(
        EXACT
        + """
from hypothesis import given, settings, strategies

@settings(database=None)
@given(strategies.integers())
def test_property(value):
    assert shop.price(value) == 2 * value
"""
    )
    plugins = ("-p", "pytest_randomly", "-p", "_hypothesis_pytestplugin")
    project.run_apart(*plugins, "--cascade-budget").assert_outcomes(passed=5)


def test_a_budget_on_a_property_test_is_unstable_or_counted_and_never_an_error(project):
    project.test(
        """
from hypothesis import given, settings, strategies

@pytest.mark.cascade_budget(calls={"shop:price": 20})
@settings(database=None, derandomize=True, max_examples=20)
@given(strategies.integers())
def test_property(value):
    assert shop.price(value) == 2 * value
"""
    )
    project.run_apart("-p", "_hypothesis_pytestplugin", "--cascade-budget").assert_outcomes(
        passed=1
    )


def test_async_tests_are_budgeted_as_a_whole(project):
    project.configure("asyncio_mode = auto", "asyncio_default_fixture_loop_scope = function")
    project.test(
        """
import asyncio

async def step():
    await asyncio.sleep(0)
    return shop.price(1)

@pytest.mark.cascade_budget(calls={"shop:price": 3, "test_shop:step": 3})
async def test_gather():
    await asyncio.gather(step(), step(), step())
"""
    )
    project.run_apart("-p", "pytest_asyncio.plugin", "--cascade-budget").assert_outcomes(passed=1)


def test_pytest_timeout_keeps_its_alarm(project):
    project.test(EXACT)
    project.run_apart("-p", "pytest_timeout", "--timeout=60", "--cascade-budget")
    project.result.assert_outcomes(passed=4)


STOPPED_CLOCKS = """
import sys
import time

CLOCKS = ("monotonic", "perf_counter", "perf_counter_ns", "process_time_ns", "thread_time_ns")

def stop_clocks(monkeypatch):
    # As time freezers do: in `time`, and wherever a module holds one of its functions.
    real = {getattr(time, name) for name in CLOCKS}
    for module in list(sys.modules.values()):
        for name, value in list(vars(module).items()):
            if type(value).__name__ == "builtin_function_or_method" and value in real:
                monkeypatch.setattr(module, name, lambda: 0)

@pytest.mark.cascade_budget(calls={"shop:price": "n + 1"})
def test_stopped(cascade_budget, monkeypatch):
    stop_clocks(monkeypatch)
    cascade_budget(shop.serve, n=100)

@pytest.mark.cascade_budget(calls={"shop:price": "201"})
def test_whole(monkeypatch):
    stop_clocks(monkeypatch)
    shop.serve(200)
"""


@pytest.mark.parametrize("arguments", [("--cascade-budget-update",), ("--cascade-profile",), ()])
def test_clocks_that_a_test_stops_go_on_for_the_gate(project, arguments):
    project.configure("cascade_budget_timeout = 30")
    project.test(STOPPED_CLOCKS)
    plain = ("-p", "no:cacheprovider", "-o", "cascade_budget_coarse=25", *arguments)
    result = project.pytester.runpytest_subprocess(*plain, timeout=60)
    result.assert_outcomes(passed=2)


# As pytest-rerunfailures does it: a failed attempt is logged as a rerun, and the test runs again.
RERUNS = """
import pytest
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    for attempt in range(3):
        item.attempt = attempt
        item._initrequest()
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        failed = attempt < 2 and any(report.failed for report in reports)
        for report in reports:
            if failed and report.failed:
                report.outcome = "rerun"
            item.ihook.pytest_runtest_logreport(report=report)
        if not failed:
            return True

def pytest_report_teststatus(report):
    return ("rerun", "R", "RERUN") if report.outcome == "rerun" else None
"""


def test_of_a_test_that_is_run_again_the_last_attempt_counts(project):
    project.write("conftest.py", RERUNS)
    project.test(
        """
@pytest.mark.cascade_budget(calls={"shop:price": "n"})
def test_fixture(cascade_budget, request):
    more = getattr(request.node, "attempt", 0) == 0
    cascade_budget(lambda n: [shop.price(each) for each in range(n + more)], n=40)

@pytest.mark.cascade_budget(calls={"shop:price": 3})
def test_whole(request):
    for each in range(4 if getattr(request.node, "attempt", 0) == 0 else 3):
        shop.price(each)
"""
    )
    project.run("--cascade-budget", "--junitxml=junit.xml").assert_outcomes(passed=2)
    assert project.section("cascade budget") == [
        "                                           verdict",
        "test_shop.py",
        "  test_fixture                             as budgeted",
        "    shop:price  n",
        "  test_whole                               unstable",
        "    shop:price  3 and 4 calls in two runs of the same code: not gated",
    ]
    # Each attempt has a report, and each report its own facts once.
    assert (project.path / "junit.xml").read_text("utf-8").count(
        'name="cascade_budget shop:price"'
    ) == 4
