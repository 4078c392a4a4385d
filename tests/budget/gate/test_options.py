"""Options, their ini twins, and what a person reads who asks for help."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

import cascade_budget

RED = """
@pytest.mark.cascade_budget(calls={"shop:price": 0})
def test_red():
    shop.price(1)
"""


def test_the_front_door():
    assert sorted(cascade_budget.__all__) == [
        "BudgetError",
        "CallCounts",
        "CascadeBudget",
        "ColdRunError",
        "LawSyntaxError",
        "LedgerError",
        "UsageError",
        "WorkloadError",
        "WorkloadThreadsError",
        "WorkloadTimeoutError",
        "__version__",
        "count",
    ]
    assert all(hasattr(cascade_budget, name) for name in cascade_budget.__all__)
    assert not hasattr(cascade_budget, "nothing")
    assert cascade_budget.__version__ == version("pytest-cascade-budget")


def test_loading_the_plugin_adds_five_modules():
    code = (
        "import sys, pytest\n"
        "before = set(sys.modules)\n"
        "import cascade_budget.plugin\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [
        "cascade_budget",
        "cascade_budget.clock",
        "cascade_budget.errors",
        "cascade_budget.plugin",
        "cascade_budget.settings",
    ]


def test_a_run_without_budgets_loads_no_more_than_that(project):
    project.test(
        """
import sys

def test_modules():
    ours = sorted(name for name in sys.modules if name.startswith("cascade_budget"))
    assert ours == [
        "cascade_budget",
        "cascade_budget.clock",
        "cascade_budget.errors",
        "cascade_budget.plugin",
        "cascade_budget.settings",
    ]
"""
    )
    project.run_apart().assert_outcomes(passed=1)


@pytest.mark.parametrize("line", ["cascade_budget = true", "cascade_budget_update = true"])
def test_the_ini_file_turns_the_gate_on_as_the_option_does(project, line):
    project.test(RED)
    project.run().assert_outcomes(passed=1)
    project.configure(line)
    project.run().assert_outcomes(failed=1)
    project.run("-o", "cascade_budget=false", "-o", "cascade_budget_update=false")
    project.result.assert_outcomes(passed=1)


def test_help_teaches_the_options(project):
    project.run("--help")
    help_text = project.result.stdout.str()
    for option in (
        "--cascade-budget ",
        "--cascade-budget-update",
        "--cascade-budget-base=REF",
        "--cascade-budget-report=DIR",
        "--cascade-profile",
        "cascade_budget_watch (args)",
        "cascade_budget_ledger (string)",
        "cascade_budget_timeout (string)",
        "cascade_budget_coarse (string)",
        "cascade_budget_coarse_elsewhere (string)",
    ):
        assert option in help_text


def test_markers_describe_the_marker(project):
    project.run("--markers")
    project.result.stdout.fnmatch_lines(
        ["@pytest.mark.cascade_budget(calls=None, watch=None, cold=False): budget the calls *"]
    )


def test_fixtures_describe_the_fixture(project):
    project.test(RED)
    project.run("--fixtures")
    project.result.stdout.fnmatch_lines(
        ["cascade_budget -- *plugin.py:*", "    Hold a workload to the test's budgets."]
    )


def test_quiet_shows_what_is_not_as_budgeted_and_verbose_shows_each_function(project):
    project.test(
        RED
        + """
@pytest.mark.cascade_budget(watch=["shop.*"])
def test_green():
    shop.serve(1)
"""
    )
    project.run("--cascade-budget-update", "-k", "green")
    project.run("--cascade-budget", "-q")
    assert project.section("cascade budget") == [
        "                                           verdict",
        "test_shop.py",
        "  test_red                                 OVER BUDGET",
        "    shop:price  1 call, budget 0: was never called, is now called once",
    ]
    project.run("--cascade-budget", "-v")
    assert project.section("cascade budget") == [
        "                                           verdict",
        "test_shop.py",
        "  test_red                                 OVER BUDGET",
        "    shop:price  1 call, budget 0: was never called, is now called once",
        "  test_green                               as budgeted",
        "    shop:handle  1",
        "    shop:price   2",
        "    shop:serve   1",
    ]


def test_a_log_shows_that_a_long_run_is_alive(project, monkeypatch):
    monkeypatch.setattr("cascade_budget.report.progress._LOG_SECONDS", 0)
    project.test(
        """
@pytest.mark.cascade_budget(calls={"shop:price": 5})
def test_body():
    shop.serve(4)

@pytest.mark.cascade_budget(calls={"shop:price": "n + 1"})
def test_workload(cascade_budget):
    cascade_budget(shop.serve, n=4)
"""
    )
    project.run("--cascade-budget").assert_outcomes(passed=2)
    said = [line for line in project.result.outlines if line.startswith("cascade-budget: ")]
    assert said == [
        "cascade-budget: test_body: warming up",
        "cascade-budget: test_body: counting",
        *[f"cascade-budget: test_workload: warming up, n = {n}" for n in (1, 2, 3, 4)],
        *[f"cascade-budget: test_workload: counting, n = {n}" for n in (1, 2, 3, 4)] * 2,
        "cascade-budget: test_workload: timing, n = 4",
    ]


@pytest.mark.parametrize("arguments", [("--setup-only",), ("--setup-plan",), ("--collect-only",)])
def test_what_runs_no_body_counts_nothing(project, arguments):
    project.test(RED)
    project.run("--cascade-budget", *arguments)
    assert project.result.ret == pytest.ExitCode.OK


def test_the_gate_runs_without_capture_and_without_a_terminal(project):
    project.test(RED)
    project.run_apart("--cascade-budget", "-p", "no:terminal")
    assert project.result.ret == pytest.ExitCode.TESTS_FAILED
    project.run("--cascade-budget", "-s").assert_outcomes(failed=1)
