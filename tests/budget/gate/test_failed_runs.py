"""A run after the counts that fails hides no verdict: the test fails for both, in every report."""

from __future__ import annotations

import html
import json
import re
import subprocess

import pytest

from tests.budget.gate.conftest import SHOP

OVER = """
@pytest.mark.cascade_budget(calls={"shop:price": "n + 1", "inspect:signature": "0"})
def test_serve(cascade_budget):
    cascade_budget(shop.serve, n=2_000)
"""


@pytest.fixture
def compared(project, culprit, tmp_path_factory, monkeypatch):
    """A project whose last commit can't serve as many, and calls less."""
    monkeypatch.setenv("CASCADE_BUDGET_CACHE", str(tmp_path_factory.mktemp("cache")))
    project.test(OVER)
    fails = "    if n > 400:\n        raise OSError('sold out')\n    price(0)\n"
    project.write("shop.py", SHOP.replace("    price(0)\n", fails))
    project.write(".gitignore", "__pycache__/\n")
    for words in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "--message=one")):
        identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "gc.auto=0")
        subprocess.run(["git", *identity, *words], cwd=project.path, check=True)
    project.write("shop.py", culprit)
    return project


def test_a_test_over_its_budget_whose_timing_fails_shows_both_in_every_report(compared):
    compared.run_apart("--cascade-budget-base=HEAD", "--cascade-budget-report=out", "-v")
    compared.result.assert_outcomes(failed=1)
    head = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=compared.path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    calls = "n calls, budget 0: was never called, is now called once per transaction"
    time = (
        f"not compared with HEAD ({head}): the workload raises on base and not on head: OSError: "
        "sold out (shop.py:15); test_shop.py::test_serve. There is nothing to compare with: name a "
        "base on which it runs"
    )

    assert compared.section("test_serve") == [
        "test_serve: over budget, counted at n = 100, 200, 300, 400",
        "  inspect:signature",
        f"    {calls}",
        "    shop.py:10 in handle        400 at n = 400   changed since HEAD",
        "  shop:price         n + 1, as budgeted",
        "  throughput",
        f"    {time}",
        "  the budget is fixed in the test's marker: fix the code or edit the marker",
    ]
    assert compared.section("cascade budget") == [
        "                                           verdict",
        "test_shop.py",
        "  test_serve                               OVER BUDGET",
        "    shop:price         n + 1",
        "    inspect:signature",
        f"      {calls}",
        f"    {time}",
        "report: out/cascade-budget.html",
    ]
    compared.result.stdout.fnmatch_lines(["test_shop.py::test_serve OVER BUDGET *"])

    written = {
        ending: (compared.path / f"out/cascade-budget.{ending}").read_text(encoding="utf-8")
        for ending in ("json", "md", "html")
    }
    (found,) = json.loads(written["json"])["tests"]
    assert found["verdict"] == "over budget"
    assert [(each["target"], each["verdict"]) for each in found["targets"]] == [
        ("shop:price", "as budgeted"),
        ("inspect:signature", "over budget"),
    ]
    assert found["time"]["verdict"] == "not compared"
    assert found["time"]["sentence"] == time
    assert written["md"].splitlines()[4:8] == [
        "### `test_shop.py::test_serve`: over budget",
        "",
        f"- `inspect:signature`: {calls}",
        "  - `shop.py:10` in `handle`: 400 calls at n = 400 **changed since HEAD**",
    ]
    assert written["md"].splitlines()[8] == "- throughput: " + re.sub(r"([\[\]_])", r"\\\1", time)
    page = html.unescape(written["html"])
    assert '<span class="badge bad">over budget</span>' in page
    assert f"<p>{calls}</p>" in page
    assert f"<p>{time}</p>" in page


def test_a_workload_that_takes_too_long_to_be_timed_keeps_its_counts(project, culprit):
    project.configure("cascade_budget_timeout = 1")
    project.write("shop.py", culprit)
    project.test(
        """
import threading

def wait(n):
    if n > 4:
        threading.Event().wait()
    return shop.serve(n)

@pytest.mark.cascade_budget(calls={"inspect:signature": "0"})
def test_serve(cascade_budget):
    assert cascade_budget(wait, n=10_000, sizes=[1, 2, 3, 4]) == "done"
"""
    )
    project.run("--cascade-budget", "-o", "cascade_budget_coarse=25").assert_outcomes(failed=1)
    assert project.section("test_serve") == [
        "test_serve: over budget, counted at n = 1, 2, 3, 4",
        "  inspect:signature",
        "    n calls, budget 0: was never called, is now called once per transaction",
        "    shop.py:10 in handle          4 at n = 4",
        "  throughput",
        (
            "    not compared: the workload at n = 10,000 did not end within 1 seconds. Make it "
            "smaller, or raise cascade_budget_timeout in the ini file"
        ),
        "  the budget is fixed in the test's marker: fix the code or edit the marker",
    ]


def test_a_run_that_only_finds_who_calls_hides_no_verdict_where_it_fails(project):
    project.test(
        """
RUNS = []

def serve(n):
    RUNS.append(n)
    if len(RUNS) > 12:
        raise OSError("sold out")
    shop.price(1)

@pytest.mark.cascade_budget(calls={"shop:price": 0})
def test_serve(cascade_budget):
    cascade_budget(serve, n=4)
"""
    )
    project.run("--cascade-budget").assert_outcomes(failed=1)
    assert project.section("test_serve") == [
        "test_serve: over budget, counted at n = 1, 2, 3, 4",
        "  shop:price",
        (
            "    1 call, budget 0: was never called, is now called once; who calls it was not "
            "found: sold out"
        ),
        "  the budget is fixed in the test's marker: fix the code or edit the marker",
    ]
