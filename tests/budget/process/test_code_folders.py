"""Which files are code under test: those in its folders, but not in an environment there."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

import cascade_budget
from cascade_budget.process.imports import CodeFolders


@pytest.fixture
def tree(tmp_path):
    for name in (
        "project/src/shop/pricing.py",
        "project/.venv/pyvenv.cfg",
        "project/.venv/lib/site-packages/other.py",
        "project-2/shop.py",
        "elsewhere/shared.py",
        "made-with-venv/pyvenv.cfg",
        "made-with-venv/code.py",
    ):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return tmp_path


@pytest.mark.parametrize(
    ("path", "held"),
    [
        ("project", True),
        ("project/src/shop/pricing.py", True),
        ("project/src/shop/not_there.py", True),
        ("project/src/../src/shop", True),
        ("project/.venv", False),
        ("project/.venv/lib/site-packages/other.py", False),
        ("project-2/shop.py", False),
        ("", False),
        ("elsewhere/shared.py", False),
        # A root is meant, whatever lies in it.
        ("made-with-venv/code.py", True),
    ],
)
def test_what_lies_in_the_folders_is_theirs_unless_it_is_an_environment_s(tree, path, held):
    folders = CodeFolders([str(tree / "project"), str(tree / "made-with-venv")])
    assert folders.hold(str(tree / path)) is held
    # Answered from memory as it was at first.
    assert folders.hold(str(tree / path)) is held


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_link_counts_as_what_it_points_to(tree):
    (tree / "project/linked.py").symlink_to(tree / "elsewhere/shared.py")
    (tree / "elsewhere/ours.py").symlink_to(tree / "project/src/shop/pricing.py")
    (tree / "elsewhere/src").symlink_to(tree / "project/src")
    (tree / "same").symlink_to(tree / "project")
    for root in ("project", "same"):
        folders = CodeFolders([str(tree / root)])
        assert not folders.hold(str(tree / "project/linked.py"))
        assert folders.hold(str(tree / "elsewhere/ours.py"))
        assert folders.hold(str(tree / "elsewhere/src/shop/pricing.py"))
        assert folders.hold(str(tree / "same/src/shop/pricing.py"))


def test_relative_paths_are_of_the_working_directory(tree, monkeypatch):
    monkeypatch.chdir(tree / "project")
    folders = CodeFolders([os.curdir])
    assert folders.hold("")
    assert folders.hold("src")
    assert not folders.hold(os.pardir)


def test_the_gauge_itself_is_never_under_test():
    package = Path(cascade_budget.__file__).parent
    folders = CodeFolders([str(package.parents[1])])
    assert not folders.hold(str(package.parent))
    assert not folders.hold(cascade_budget.__file__)
    assert folders.hold(str(package.parent / "another.py"))
