"""A project with the engine in it, whose one module says which regression is planted.

Only so can base be the plain code and head the same with a mistake: the gate runs either side's code
under the same tests, and a plugin's option would plant on both.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from benchmarks.attribution.running import Finished, run_python
from tests.budget.commands.history import History

ROOT = Path(__file__).resolve().parents[2]

SETTINGS = """\
[pytest]
pythonpath = src
testpaths = tests
addopts = --import-mode=importlib -p no:cacheprovider -p no:randomly
asyncio_default_fixture_loop_scope = function
cascade_budget_coarse = off
"""

#: Before any test module makes a task.
PLANTING = """\
import pytest

from mutants import find_mutant
from planted import SLUG


def pytest_configure(config):
    if SLUG is not None:
        patch = pytest.MonkeyPatch()
        config.add_cleanup(patch.undo)
        find_mutant(SLUG).plant(patch)
"""


@dataclass(frozen=True)
class PlantedProject:
    """The project, in a git checkout whose HEAD is the plain code.

    Attributes:
        history: the checkout.
        cache: of the gate's.
    """

    history: History
    cache: Path

    @classmethod
    def make(cls, folder: Path) -> PlantedProject:
        """Copy the engine, the mutants and the gated workloads into a checkout."""
        history = History.start(folder / "project")
        source = history.root / "src"
        without = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "engine" / "cascade", source / "cascade", ignore=without)
        shutil.copytree(ROOT / "tests" / "mutants", source / "mutants", ignore=without)
        history.commit(
            "The plain engine",
            {
                ".gitignore": "__pycache__/\nreports/\ncascade-budget.toml\n",
                "pytest.ini": SETTINGS,
                "src/planted.py": "SLUG = None\n",
                "src/benchmarks/__init__.py": "",
                "src/benchmarks/workloads.py": _text("benchmarks/workloads.py"),
                "tests/conftest.py": PLANTING,
                "tests/test_countdowns.py": _text("tests/gate/test_countdowns.py"),
            },
        )
        return cls(history, folder / "cache")

    def plant(self, slug: str | None) -> None:
        """Plant a regression in head, and leave base alone."""
        self.history.write({"src/planted.py": f"SLUG = {slug!r}\n"})

    def gate(self, test: str, *options: str) -> Finished:
        """Judge head's throughput against base's; calls are recorded, and fail nothing."""
        return run_python(
            *("-m", "pytest", "--color=no", "--cascade-budget-update"),
            *("--cascade-budget-base=HEAD", "--cascade-budget-report=reports", *options),
            f"tests/test_countdowns.py::{test}",
            at=self.history.root,
            environment={"CASCADE_BUDGET_CACHE": str(self.cache)},
        )


def _text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")
