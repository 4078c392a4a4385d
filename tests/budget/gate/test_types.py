"""What a user's type checker says of a test with budgets."""

from __future__ import annotations

import os
import subprocess
import sys

USERS_TEST = """
from typing import assert_type

import pytest

from cascade_budget import CallCounts, CascadeBudget, __version__, count


async def serve(n: int) -> str:
    return "x" * n


def price(calls: CallCounts) -> int:
    return calls["inspect:signature"]


@pytest.mark.cascade_budget(calls={"inspect:signature": "0"}, watch=["inspect.*"], cold=True)
def test_serve(cascade_budget: CascadeBudget) -> None:
    assert_type(cascade_budget(serve, n=1000), str)
    assert_type(cascade_budget(lambda n: n // n, n=1000, sizes=(1, 2, 3, 4), name="parted"), int)
    with cascade_budget.count("inspect:signature") as calls:
        pass
    assert_type(calls, CallCounts)


def test_count() -> None:
    with count("inspect:signature", watch=["ast.*"], attribute=True) as calls:
        pass
    assert price(calls) == sum(calls.watched.values()) == 0
    assert_type(__version__, str)
"""


def test_a_test_with_marker_fixture_and_count_is_clean_under_strict_mypy(tmp_path):
    (tmp_path / "test_users.py").write_text(USERS_TEST, encoding="utf-8")
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", os.devnull, "test_users.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.stdout == "Success: no issues found in 1 source file\n"
