from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.budget.commands.dispatch_project import make_project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.budget.commands.history import History


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all tests, as a user has one: counts are found by content."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _own_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASCADE_BUDGET_CACHE", str(cache))
    monkeypatch.delenv("PYTHONPATH", raising=False)


@pytest.fixture(scope="session")
def dispatch(tmp_path_factory: pytest.TempPathFactory) -> History:
    """The project with a branch for each of its eight commits; on main, and to be left there."""
    return make_project(tmp_path_factory.mktemp("dispatch"))
