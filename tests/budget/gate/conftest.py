"""A small project, run by pytest itself: outcomes, report and changed files are the tests' literals."""

from __future__ import annotations

import re
import shutil

import pytest

# Runs in this process forget what they import; what is imported here need not be imported again.
import cascade_budget.gate.session  # noqa: F401

SHOP = """
import inspect


def price(item):
    return item * 2


def handle(item):
    return price(item)


def serve(n):
    price(0)
    for item in range(n):
        handle(item)
    return "done"
"""

# A signature that is there already is read at a tenth of the calls.
CULPRIT = (
    SHOP.replace("    return price(item)", "    inspect.signature(price)\n    return price(item)")
    + "\n\nprice.__signature__ = inspect.signature(price)\n"
)

_RULE = re.compile(r"^([=_-])\1* (?P<title>.+?) \1+$")


class Project:
    """The project and its runs. `price` is called n + 1 times, `handle` n times."""

    def __init__(self, pytester):
        self.pytester = pytester
        self.path = pytester.path
        self.ledger = pytester.path / "cascade-budget.toml"
        self.result = None
        self.write("shop.py", SHOP)
        self.configure()

    def configure(self, *lines):
        settings = "".join(
            f"{line}\n" for line in ("cascade_budget_coarse = off", "cascade_profile = off", *lines)
        )
        self.write("pytest.ini", f"[pytest]\n{settings}")

    def write(self, name, text):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # Byte code of a file that is written twice within a second would pass for fresh.
        shutil.rmtree(path.parent / "__pycache__", ignore_errors=True)
        path.write_text(text, encoding="utf-8")

    def test(self, text, name="test_shop.py"):
        self.write(name, f"import pytest\nimport shop\n\n{text}")

    def budget(self, *lines):
        self.write("cascade-budget.toml", "".join(f"{line}\n" for line in ("version = 1", *lines)))

    def run(self, *arguments):
        """Run in this process."""
        self.result = self.pytester.runpytest_inprocess(*PLAIN, *arguments)
        return self.result

    def run_apart(self, *arguments):
        """Run in a process of its own."""
        self.result = self.pytester.runpytest_subprocess(*PLAIN, *arguments)
        return self.result

    def section(self, title):
        """The lines of the last run's report under a title."""
        lines, inside = [], False
        for line in self.result.outlines:
            rule = _RULE.match(line)
            if rule and inside:
                break
            if inside:
                lines.append(line)
            inside = inside or bool(rule and rule["title"] == title)
        return lines

    def errors(self):
        """The lines of the last run's report that say what was raised."""
        return [line[1:].strip() for line in self.result.outlines if line.startswith("E  ")]

    def recorded(self):
        """The lines of the ledger, without its heading."""
        return self.ledger.read_text(encoding="utf-8").splitlines()[4:]


PLAIN = ("-p", "no:cacheprovider")


@pytest.fixture
def project(pytester, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    return Project(pytester)


@pytest.fixture
def culprit():
    """The shop with a call of `inspect.signature` in every transaction."""
    return CULPRIT
