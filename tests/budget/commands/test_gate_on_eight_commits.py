"""The same eight commits under the gate, with one marker: laws, and the lines that broke them."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from benchmarks.attribution.running import Finished, run_python
from tests.budget.commands.dispatch_project import BUDGETED_TEST, COMMITS, PROJECT
from tests.budget.commands.history import History

if TYPE_CHECKING:
    from pathlib import Path

OVER = "test_sending: over budget, counted at n = 100, 200, 300, 400"
ACCEPT = "  accept with --cascade-budget-update"

RED = {
    "B1": [
        OVER,
        "  inspect:signature",
        "    n calls, budget 0: was never called, is now called once per transaction",
        "    src/dispatch/registry.py:14 in signature_of        400 at n = 400",
        ACCEPT,
    ],
    "B3": [
        OVER,
        "  dispatch.pricing:rate",
        "    2*n calls, budget n: was called once, is now called twice per transaction",
        "    src/dispatch/pricing.py:16 in price        800 at n = 400",
        "      changed since HEAD",
        ACCEPT,
    ],
    "V1": [
        OVER,
        "  inspect:signature",
        "    n calls, budget 0: was never called, is now called once per transaction",
        "    src/dispatch/sending.py:20 in send        400 at n = 400",
        "      changed since HEAD",
        "  dispatch.registry:cache_key     gone, was n",
        "  dispatch.registry:signature_of  gone, was n",
        ACCEPT,
    ],
}


@pytest.fixture(scope="session")
def budgeted(tmp_path_factory: pytest.TempPathFactory) -> History:
    """The project with one marked test and the ledger that it recorded, committed."""
    history = History.start(tmp_path_factory.mktemp("budgeted"))
    history.write({**PROJECT, "tests/test_budget.py": BUDGETED_TEST})
    recorded = gate(history.root, "--cascade-budget-update")
    assert recorded.code == 0, recorded.output
    history.commit("Send orders within a budget")
    return history


def gate(root: Path, *options: str) -> Finished:
    # Counts alone: what time would say depends on what else this machine does.
    return run_python(
        *("-m", "pytest", "--cascade-budget"),
        *("-o", "cascade_budget_coarse=off", "-o", "cascade_profile=off"),
        *("-p", "no:cacheprovider", "tests/test_budget.py", *options),
        at=root,
    )


@pytest.mark.parametrize("name", COMMITS)
def test_the_gate_is_right_about_a_commit(name: str, budgeted: History, tmp_path: Path) -> None:
    root = tmp_path / "checkout"
    shutil.copytree(budgeted.root, root)
    History(root).write(COMMITS[name])
    finished = gate(root)
    if name in RED:
        lines = finished.output.splitlines()
        start = lines.index(OVER)
        assert lines[start : start + len(RED[name])] == RED[name]
        assert finished.code == 1
    else:
        assert finished.code == 0, finished.output
