"""Options of a run reach the fresh processes that run its tests: those of conftest files as well."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

CONFTEST = """
import pytest


def pytest_addoption(parser):
    parser.addoption("--ds")


@pytest.fixture
def settings(pytestconfig):
    assert pytestconfig.getoption("--ds") == "production"
"""
SHOP = "def price(item):\n    return item\n\n\ndef serve(n):\n    return [price(1) for _ in range(n)] and 'done'\n"
WORKLOAD = """
import pytest
import shop


@pytest.mark.cascade_budget(calls={"shop:price": "n"}, cold=True)
def test_serve(settings, cascade_budget):
    cascade_budget(shop.serve, n=400)
"""
WHOLE = """
import pytest
import shop


@pytest.mark.cascade_budget(calls={"shop:price": "3"}, cold=True)
def test_serve(settings):
    shop.serve(3)
"""


class Project:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.write("checks/conftest.py", CONFTEST)
        self.write("shop.py", SHOP)
        self.write("pytest.ini", "[pytest]\npythonpath = .\ncascade_budget_coarse = off\n")

    def write(self, name: str, text: str) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def run(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *words, "-p", "no:randomly"],
            cwd=self.path,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("CASCADE_BUDGET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONHASHSEED", "0")
    return Project(tmp_path / "project")


@pytest.mark.parametrize("test", [WORKLOAD, WHOLE], ids=["workload", "whole test"])
@pytest.mark.parametrize(
    "more",
    [(), ("-p", "xdist", "-n1"), ("--lf", "-k", "serve", "-x", "--junitxml=out.xml")],
    ids=["plain", "xdist", "selected"],
)
def test_counted_in_a_fresh_process(project: Project, test: str, more: tuple[str, ...]) -> None:
    project.write("checks/test_shop.py", test)
    printed = project.run("pytest", "--cascade-budget", *more, "--ds", "production", "checks")
    assert "1 passed" in printed, printed
    if "--lf" in more:
        assert 'tests="1"' in (project.path / "out.xml").read_text("utf-8")


@pytest.mark.parametrize("started_in", [".", "checks", ".."])
def test_timed_in_fresh_processes(project: Project, started_in: str) -> None:
    project.write("checks/test_shop.py", WORKLOAD.replace(", cold=True", ""))
    tests = {".": "checks", "checks": ".", "..": "project/checks"}[started_in]
    project.path /= started_in
    # Enough for one round: then the gate says that more are wanted.
    limit = ("-o", "cascade_budget_time_limit=0.001")
    gate = ("pytest", "--cascade-budget", "--cascade-budget-base=.", *limit)
    printed = project.run(*gate, "--ds=production", tests)
    assert "0.001 seconds were enough for 1 of" in printed, printed


def test_counted_for_a_whole_suite(project: Project) -> None:
    project.write("checks/test_shop.py", WHOLE)
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "one")):
        subprocess.run(
            ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", *words],
            cwd=project.path,
            check=True,
        )
    printed = project.run("cascade_budget", "diff", "HEAD", "--", "--ds=production", "checks")
    assert "1 test" in printed, printed
