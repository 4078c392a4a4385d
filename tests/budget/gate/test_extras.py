"""What an extra installs may be missing: then the first line says so, and what to type."""

from __future__ import annotations

import subprocess
import sys

import pytest

TO_TYPE = "pip install 'pytest-cascade-budget[throughput]'"

NOT_INSTALLED = """
from importlib.machinery import PathFinder

find_spec = PathFinder.find_spec


@classmethod
def find_in_core(cls, name, path=None, target=None):
    absent = name in ("asv", "numpy", "pytest_benchmark", "scipy")
    return None if absent else find_spec(name, path, target)


PathFinder.find_spec = find_in_core
"""

BUDGETED = """
from pathlib import Path


@pytest.mark.cascade_budget(calls={"shop:price": "n + 1"})
def test_serve(cascade_budget):
    Path("ran").touch()
    cascade_budget(shop.serve, n=1000)
"""

EVERY_MODULE = """
import importlib
import pkgutil
import sys

import cascade_budget

for module in pkgutil.walk_packages(cascade_budget.__path__, "cascade_budget."):
    only_on_newer = module.name.endswith(".monitoring") and sys.version_info < (3, 12)
    if not only_on_newer and not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print("imported")
"""


@pytest.fixture
def core(project, monkeypatch):
    """The shop, in an environment that has the core alone."""
    project.write("core/sitecustomize.py", NOT_INSTALLED)
    monkeypatch.setenv("PYTHONPATH", str(project.path / "core"))
    project.test(BUDGETED)
    return project


def command(project, *arguments):
    return python(project, "-m", "cascade_budget", *arguments)


def python(project, *arguments):
    return subprocess.run(
        [sys.executable, *arguments], cwd=project.path, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("option", ["--cascade-budget-base=HEAD", "--cascade-budget"])
def test_a_base_without_scipy_is_refused_before_any_test_runs(core, option):
    if option == "--cascade-budget":
        core.configure("cascade_budget_base = HEAD")
    result = core.run_apart(option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.outlines == []
    assert [line for line in result.errlines if line] == [
        f"ERROR: --cascade-budget-base needs scipy: {TO_TYPE}"
    ]
    assert not (core.path / "ran").exists()


@pytest.mark.parametrize(
    ("arguments", "subject"),
    [
        (["asv", "main", "HEAD"], "judging times"),
        (["selfcheck"], "judging times"),
        (["bisect", "test_shop.py", "--good", "main", "--timing"], "--timing"),
    ],
)
def test_a_command_that_judges_times_is_refused_at_once(core, arguments, subject):
    done = command(core, *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (
        2,
        "",
        f"cascade-budget {arguments[0]}: {subject} needs scipy: {TO_TYPE}\n",
    )


def test_the_core_counts_and_writes_every_report(core):
    result = core.run_apart("--cascade-budget", "--cascade-budget-report=out")
    result.assert_outcomes(passed=1)
    written = {path.name for path in (core.path / "out").iterdir()}
    assert written == {"cascade-budget.json", "cascade-budget.md", "cascade-budget.html"}


def test_every_module_is_imported_without_an_extra(core):
    done = python(core, "-c", EVERY_MODULE)
    assert (done.stdout, done.stderr) == ("imported\n", "")


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_what_asks_about_the_commands_imports_none_of_them(project, option):
    code = f"""
import sys
from cascade_budget.cli import main
try:
    main([{option!r}])
finally:
    loaded = sorted(name for name in sys.modules if name.startswith("cascade_budget."))
    print("\\n", *loaded, *sorted({{"numpy", "pytest", "rich", "scipy"}} & set(sys.modules)))
"""
    done = python(project, "-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].split() == [
        "cascade_budget.cli",
        "cascade_budget.commands",
        "cascade_budget.errors",
    ]
