"""Counts beside the tools that watch, reorder or repeat the same tests: exact, or refused by name."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SHOP = """\
import asyncio

def price(item):
    return item

def lines(n):
    for number in range(n):
        yield price(number)

async def fetch(n):
    await asyncio.sleep(0)
    return price(n)

def work():
    [price(n) for n in range(10)]
    list(map(price, lines(5)))
    len(())
"""

TESTS = """\
import shop
from cascade_budget.counting import count_calls
from cascade_budget.counting.targets import resolve_target

TARGETS = [resolve_target(f"shop:{name}") for name in ("price", "lines", "fetch", "work")]
TARGETS.append(resolve_target("builtins:len"))
WORK = {"shop:price": 20, "shop:lines": 1, "shop:fetch": 0, "shop:work": 1, "builtins:len": 1}
WATCHED = {"shop:lines": 1, "shop:price": 20, "shop:work": 1}

def test_once():
    for attribute in (False, True):
        with count_calls(TARGETS, watch=["shop"], attribute=attribute) as counts:
            shop.work()
        assert dict(counts) == WORK
        assert counts.watched == WATCHED
        assert "shop:price" not in counts.blind

def test_again():
    test_once()

def test_third():
    test_once()
"""

HYPOTHESIS = """
from hypothesis import HealthCheck, given, settings, strategies

@settings(
    max_examples=20, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)
@given(strategies.integers(0, 20))
def test_property(n):
    with count_calls(TARGETS) as counts:
        for _ in range(n):
            shop.price(n)
    assert counts["shop:price"] == n

def test_around_hypothesis():
    with count_calls(TARGETS, watch=["shop"]) as counts:
        test_property()
        shop.work()
    assert counts["shop:work"] == 1
    assert counts.watched["shop:work"] == 1
    assert counts["shop:price"] > 20
"""

ASYNCIO = """
import asyncio
import pytest

@pytest.mark.asyncio
async def test_in_a_running_loop():
    with count_calls(TARGETS) as counts:
        await asyncio.gather(*(shop.fetch(n) for n in range(7)))
    assert counts["shop:fetch"] == counts["shop:price"] == 7
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "test_shop.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\npythonpath = .\naddopts = -p no:cacheprovider\n"
    )
    return tmp_path


def run(
    project: Path,
    *command: str,
    plugins: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run the project's tests in a process of their own, with `plugins` and no other.

    Returns:
        What was printed.
    """
    ran = subprocess.run(
        [sys.executable, "-m", *command, *(part for name in plugins for part in ("-p", name))],
        cwd=project,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.stdout + ran.stderr


@pytest.mark.parametrize("core", ["ctrace", "sysmon"])
def test_beside_coverage(project: Path, core: str) -> None:
    if core == "sysmon" and sys.version_info < (3, 12):
        pytest.skip("coverage's sysmon core needs Python 3.12")
    printed = run(project, "coverage", "run", "-m", "pytest", environment={"COVERAGE_CORE": core})
    assert "= 3 passed in" in printed
    # Counting takes nothing from coverage either: all lines ran but the coroutine's two.
    report = run(project, "coverage", "report", "--include=shop.py")
    total = next(line for line in report.splitlines() if line.startswith("shop.py"))
    assert total.split()[1:3] == ["13", "2"]


def test_beside_hypothesis_asyncio_and_randomly(project: Path) -> None:
    with (project / "test_shop.py").open("a") as tests:
        tests.write(HYPOTHESIS + ASYNCIO)
    printed = run(project, "pytest", plugins=["hypothesispytest", "asyncio", "randomly"])
    assert "= 6 passed in" in printed


def test_beside_xdist_with_all_of_them(project: Path) -> None:
    with (project / "test_shop.py").open("a") as tests:
        tests.write(HYPOTHESIS + ASYNCIO)
    printed = run(
        project,
        *("pytest", "-n", "2"),
        plugins=["xdist", "hypothesispytest", "asyncio", "randomly"],
    )
    assert "= 6 passed in" in printed


def test_beside_cprofile(project: Path) -> None:
    printed = run(project, "cProfile", "-o", "profile.out", "-m", "pytest")
    if sys.version_info >= (3, 12):
        assert "= 3 passed in" in printed
    else:
        assert "= 3 failed in" in printed
        assert (
            "CountingUnavailableError: the profile hook is taken by cProfile:Profile"
            " (sys.setprofile); counting calls. Switch that profiler off for this run, or count"
            " on Python 3.12 or newer"
        ) in printed
