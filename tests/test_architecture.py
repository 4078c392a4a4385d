from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.code_lines import by_room, code_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
ENGINE = ROOT / "engine" / "cascade"
GATE = ROOT / "regressions" / "cascade_budget"
PACKAGES = (ENGINE, GATE)


def test_every_import_contract_is_kept() -> None:
    linted = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as m; m()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert "5 kept, 0 broken" in linted.stdout


def modules(package: Path) -> list[Path]:
    return [path for path in package.rglob("*.py") if not path.name.startswith("__")]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_no_file_name_occurs_twice_in_a_package(package: Path) -> None:
    names = Counter(path.name for path in modules(package))
    assert len(names) > 10
    assert [name for name, times in names.items() if times > 1] == []


def test_the_gate_reads_clocks_that_no_test_can_replace() -> None:
    importing = re.compile(r"^\s*(?:import time|from time import)\b", re.MULTILINE)
    readers = {
        path.name for path in modules(GATE) if importing.search(path.read_text(encoding="utf-8"))
    }
    # How coarse a clock is, which is no reading of it.
    assert readers == {"clock.py", "calibration.py"}


def test_the_gate_has_at_most_twelve_rooms() -> None:
    assert len(by_room(GATE)) - 1 <= 12


def test_what_counts_as_a_line_of_code() -> None:
    text = '"""Doc."""\n\nimport os  # why\n\nX = (\n    1,\n)\n"""Of X."""\n# a comment\n'
    assert code_lines(text) == 4


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_no_module_reaches_itself_by_imports_those_for_type_checkers_included(
    package: Path,
) -> None:
    imports = imports_within(package)
    assert any(imports.values())
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def imports_within(package: Path) -> dict[str, set[str]]:
    """The modules of the package that each module imports, wherever the import stands."""
    modules = {name_of(path, package): path for path in package.rglob("*.py")}
    return {
        name: {each for each in imported(path, modules) if each != name}
        for name, path in modules.items()
    }


def name_of(path: Path, package: Path) -> str:
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path, modules: dict[str, Path]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names if each.name in modules)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None, f"{path} imports relatively"
            for each in node.names:
                submodule = f"{node.module}.{each.name}"
                if submodule in modules:
                    yield submodule
                elif node.module in modules:
                    yield node.module


def test_no_module_or_class_is_called_by_an_empty_word() -> None:
    empty = ("manager", "service", "processor", "handler", "helper", "helpers", "utils")
    names = [
        (path, name)
        for package in PACKAGES
        for path in package.rglob("*.py")
        for name in (path.stem, *class_names(path))
    ]
    offenders = [
        f"{path.relative_to(ROOT)}: {name}"
        for path, name in names
        if name.lower().strip("_").endswith(empty)
    ]
    assert len(names) > len(PACKAGES)
    assert offenders == []


def class_names(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
