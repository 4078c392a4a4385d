"""Profiles of base and head from real pairs of processes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cascade_budget.judge.profile_comparison import compare_profiles
from cascade_budget.profiling import paired_profiles as sides
from cascade_budget.profiling.paired_profiles import profile_sides
from cascade_budget.timing import fresh_pairs as starting
from cascade_budget.timing.pairing_errors import KilledWorkerError, SideFailedError
from tests.budget.timing.conftest import SHOP, SLOW_SHOP, TEST, Project, usable_processors

if TYPE_CHECKING:
    from pathlib import Path

    from cascade_budget.process.job import Job

KILLED = """
import os, signal
import shop


def serve(n):
    if killed:
        os.kill(os.getpid(), signal.SIGKILL)
    return shop.serve(n)


def test_serve(cascade_budget):
    cascade_budget(serve, n=2000)
"""


def two_sides(
    tmp_path: Path, *, head_shop: str = SHOP, base_test: str = TEST, head_test: str = TEST
) -> tuple[Job, Job]:
    """Two projects that differ in the code or in the test."""
    made = []
    for name, shop, test in (("base", SHOP, base_test), ("head", head_shop, head_test)):
        project = Project(tmp_path / name)
        project.write("shop.py", shop)
        project.write("tests/test_shop.py", test)
        made.append(replace(project.specs()[0], name=name))
    return made[0], made[1]


@pytest.fixture(autouse=True)
def _fewer_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough of them for a difference, and half the time."""
    monkeypatch.setattr(sides, "PROCESSES", 2)


def test_what_head_does_more_of_is_at_the_top_of_the_difference(tmp_path: Path) -> None:
    told: list[str] = []
    base, head = profile_sides(
        *two_sides(tmp_path, head_shop=SLOW_SHOP), timeout_seconds=60, progress=told.append
    )
    assert told == [
        f"profiling base and head, {done} of 2 pairs of processes done"
        for done in range(0, 2, min(2, usable_processors()))
    ]
    assert len(base) == len(head) == 8
    alike = {(one.transactions, one.clock) for one in (*base, *head)}
    assert len(alike) == 1
    difference = compare_profiles(base, head)
    first = difference.functions[0]
    assert (str(first.key), first.path, first.line) == ("shop:price > sum", "shop.py", 2)
    assert first.head_ns > 2 * first.base_ns
    assert difference.head_ns > 2 * difference.base_ns
    own = {frame.path for one in (*base, *head) for frame in one.frames if frame.own}
    assert own == {"shop.py"}


def test_two_sides_of_the_same_code_differ_in_no_function(tmp_path: Path) -> None:
    base, head = profile_sides(*two_sides(tmp_path), timeout_seconds=60)
    assert len(base) == len(head) == 8
    # A confidence at which chance shows nothing in ten thousand runs of this test.
    assert compare_profiles(base, head, confidence=0.9999).functions == ()


def test_where_time_runs_out_what_was_recorded_is_handed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "AT_ONCE", 1)
    monkeypatch.setattr(sides, "TOTAL_SECONDS", 0.01)
    base, head = profile_sides(*two_sides(tmp_path), timeout_seconds=60)
    assert len(base) == len(head) == 4


def test_a_side_that_dies_is_told(tmp_path: Path) -> None:
    base, head = two_sides(
        tmp_path,
        base_test=KILLED.replace("killed", "False"),
        head_test=KILLED.replace("killed", "True"),
    )
    with pytest.raises(KilledWorkerError) as raised:
        profile_sides(base, head, timeout_seconds=60)
    assert raised.value.side == "head"


def test_a_side_without_a_workload_is_told(tmp_path: Path) -> None:
    base, head = two_sides(tmp_path, base_test="def test_serve():\n    pass\n")
    with pytest.raises(SideFailedError, match="the test made no call number 1 of cascade_budget"):
        profile_sides(base, head, timeout_seconds=60)
