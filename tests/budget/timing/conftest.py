"""Small projects on disk, and real pairs of processes that run their tests."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cascade_budget.timing.pairs import timing_job

if TYPE_CHECKING:
    from pathlib import Path

    from cascade_budget.process.job import Job

SHOP = """
def price(item):
    return sum(map(ord, item)) % 97


def serve(n):
    total = 0
    for number in range(n):
        total += price("item number %d" % (number % 50))
    return "done"
"""

#: Each item is priced three times over: a cliff that a handful of rounds shows.
SLOW_SHOP = SHOP.replace("total += price(", "price('a' * 60); price('b' * 60); total += price(")

TEST = """
import shop


def test_serve(cascade_budget):
    assert cascade_budget(shop.serve, n=2000) == "done"
"""


def usable_processors() -> int:
    """How many processors this process may run on."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


class Project:
    """A folder with `shop.py` and a test of it, and a git history where it is asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.write("shop.py", SHOP)
        self.write("tests/test_shop.py", TEST)
        self.write(
            "pytest.ini",
            "[pytest]\npythonpath = .\ncascade_budget_coarse = off\ncascade_profile = off\n",
        )
        self.write(".gitignore", "__pycache__/\n")

    def write(self, name: str, text: str) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def remove(self, name: str) -> None:
        (self.path / name).unlink()

    def git(self, *words: str) -> str:
        identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "gc.auto=0")
        done = subprocess.run(
            ["git", *identity, *words], cwd=self.path, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self, message: str = "change") -> str:
        if not (self.path / ".git").exists():
            self.git("init", "--quiet", "--initial-branch=main")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD")

    def specs(self, test: str = "tests/test_shop.py::test_serve") -> tuple[Job, Job]:
        """Both sides as the same code: what happens in a test is then the test's own doing."""

        def spec(name: str) -> Job:
            return timing_job(
                name=name,
                root=str(self.path),
                node=test,
                arguments=("-q", "-p", "no:cacheprovider", f"--rootdir={self.path}"),
            )

        return spec("base"), spec("head")

    def gate(self, *arguments: str, timeout: float = 900) -> subprocess.CompletedProcess[str]:
        """`pytest --cascade-budget ...` in a process of its own."""
        return subprocess.run(
            [sys.executable, "-m", "pytest", "--cascade-budget-update", *arguments],
            cwd=self.path,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("CASCADE_BUDGET_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "project"
    folder.mkdir()
    return Project(folder)
