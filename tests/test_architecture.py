from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (ROOT / "engine" / "cascade", ROOT / "regressions" / "cascade_budget")
MODULES_PER_ROOM = 8


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


def rooms() -> list[Path]:
    return sorted(
        {module.parent for package in PACKAGES for module in package.rglob("*.py")},
    )


@pytest.mark.parametrize("room", rooms(), ids=lambda room: str(room.relative_to(ROOT)))
def test_a_room_holds_at_most_eight_modules(room: Path) -> None:
    modules = [path.name for path in room.glob("*.py") if path.name != "__init__.py"]
    assert len(modules) <= MODULES_PER_ROOM, modules


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
