from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (ROOT / "engine" / "cascade", ROOT / "regressions" / "cascade_budget")
PACKAGES_WITHOUT_CIRCLES = PACKAGES[:1]


def test_every_import_contract_is_kept() -> None:
    linted = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as m; m()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert "4 kept, 0 broken" in linted.stdout


@pytest.mark.parametrize("package", PACKAGES_WITHOUT_CIRCLES, ids=lambda package: package.name)
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
