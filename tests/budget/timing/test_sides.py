from __future__ import annotations

import os
import sys
import zipfile
from pathlib import Path

import pytest

from cascade_budget.process.imports import redirect_imports
from cascade_budget.process.job import Imports
from cascade_budget.source.repository import RevisionError
from cascade_budget.source.requirement import (
    BaseInstallError,
    InstalledBase,
    install_base,
    parse_requirement,
)
from cascade_budget.timing.pairs import Pair
from cascade_budget.timing.sides import Sides, find_base, lay_out_sides

NODE = "tests/test_shop.py::test_serve"
OLD = "def serve(n):\n    return 'old'\n"
NEW = "def serve(n):\n    return 'new'\n"
TEST = """
import importlib.metadata
import os
import shop


def test_serve(cascade_budget):
    cascade_budget(lambda n: (shop.serve(n), shop.__file__), n=2000)
"""


def returned(sides, node=NODE):
    """What each side's workload returns."""
    base, head = sides.specs(node, ("-q", "-p", "no:cacheprovider"))
    with Pair(base, head, seed=5, timeout_seconds=60) as pair:
        return {side: pair.result(side, 1)[1] for side in ("base", "head")}


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("jsonschema==4.17.3", "jsonschema"),
        ("click<8.1", "click"),
        ("attrs @ https://example.org/attrs.whl", "attrs"),
        ("main", None),
        ("HEAD~1", None),
        ("v1.2", None),
        ("origin/main", None),
        ("main@{1}", None),
        ("3f2a1bc", None),
    ],
)
def test_a_requirement_is_told_from_a_revision(word, name):
    requirement = parse_requirement(word)
    assert (requirement.name if requirement else None) == name


def test_head_is_the_working_tree_and_base_the_commit_in_a_plain_folder_on_the_path(project):
    project.write("shop.py", OLD)
    project.write("tests/test_shop.py", TEST)
    project.commit()
    project.write("shop.py", NEW)
    with lay_out_sides(find_base("HEAD", project.path), project.path) as sides:
        results = returned(sides)
        assert results["base"].startswith("('old', '")
        assert results["head"].startswith("('new', '")
        folders = [sides.base_root, sides.head_root]
        assert all(folder.is_dir() and folder != project.path for folder in folders)
    assert not any(folder.exists() for folder in folders)


def test_the_tests_are_heads_on_both_sides(project):
    project.commit()
    project.write("tests/test_shop.py", TEST.replace("(shop.serve(n), shop.__file__)", "'head'"))
    with lay_out_sides(find_base("HEAD", project.path), project.path) as sides:
        assert returned(sides) == {"base": "'head'", "head": "'head'"}


def test_a_src_layout_installed_editable_is_redirected(project, monkeypatch):
    # As `pip install -e` leaves it: the source folder on the path.
    project.remove("shop.py")
    project.write("pytest.ini", "[pytest]\n")
    project.write("src/shop/__init__.py", OLD)
    project.write("tests/test_shop.py", TEST)
    project.commit()
    project.write("src/shop/__init__.py", NEW)
    monkeypatch.syspath_prepend(str(project.path / "src"))
    monkeypatch.setenv("PYTHONPATH", str(project.path / "src"))
    with lay_out_sides(find_base("HEAD", project.path), project.path) as sides:
        results = returned(sides)
    assert results["base"].startswith("('old', '")
    assert results["head"].startswith("('new', '")
    assert str(project.path / "src") not in str(results)


def test_two_roots_of_one_repository_are_both_redirected(project, monkeypatch):
    project.remove("shop.py")
    project.write("pytest.ini", "[pytest]\n")
    project.write("first/shop.py", "import stock\n\ndef serve(n):\n    return stock.NAME\n")
    project.write("second/stock.py", "NAME = 'old'\n")
    project.write("tests/test_shop.py", TEST)
    project.commit()
    project.write("second/stock.py", "NAME = 'new'\n")
    roots = [str(project.path / "first"), str(project.path / "second")]
    for root in roots:
        monkeypatch.syspath_prepend(root)
    monkeypatch.setenv("PYTHONPATH", ":".join(roots))
    with lay_out_sides(find_base("HEAD", project.path), project.path) as sides:
        results = returned(sides)
    assert results["base"].startswith("('old', '")
    assert results["head"].startswith("('new', '")


def test_a_project_in_a_folder_of_its_repository_runs_there(project):
    inner = project.path / "python"
    project.write("python/shop.py", OLD)
    project.write("python/pytest.ini", "[pytest]\npythonpath = .\n")
    project.write("python/tests/test_shop.py", TEST)
    project.commit()
    project.write("python/shop.py", NEW)
    with lay_out_sides(find_base("HEAD", inner), inner) as sides:
        assert sides.base_root.name == sides.head_root.name == "python"
        assert returned(sides)["base"].startswith("('old', '")


def test_a_folder_is_a_base_too(project):
    project.write("shop.py", NEW)
    project.write("tests/test_shop.py", TEST)
    for name in ("shop.py", "pytest.ini", "tests/test_shop.py"):
        text = (project.path / name).read_text("utf-8").replace("'new'", "'old'")
        project.write(f"../other/{name}", text)
    with lay_out_sides(find_base("../other", project.path), project.path) as sides:
        assert returned(sides)["base"].startswith("('old', '")


def test_an_unknown_revision_is_told_before_anything_is_copied(project):
    project.commit()
    with pytest.raises(RevisionError, match="there is no revision 'mian'"):
        find_base("mian", project.path)


def write_release(folder, version, module):
    """The release as it stands in an environment."""
    info = folder / f"shop-{version}.dist-info"
    info.mkdir(parents=True)
    (folder / "shop.py").write_text(module, encoding="utf-8")
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: shop\nVersion: {version}\n", encoding="utf-8"
    )
    (info / "WHEEL").write_text(
        "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        encoding="utf-8",
    )
    names = ["shop.py", f"{info.name}/METADATA", f"{info.name}/WHEEL", f"{info.name}/RECORD"]
    (info / "RECORD").write_text("".join(f"{name},,\n" for name in names), encoding="utf-8")
    wheel = folder.parent / f"shop-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in names:
            archive.write(folder / name, name)
    return wheel


def test_an_earlier_release_is_a_base_and_the_environment_stays_as_it_is(project, monkeypatch):
    wheel = write_release(project.path.parent / "old", "1.0", OLD)
    new = project.path.parent / "new"
    write_release(new, "2.0", NEW)
    project.remove("shop.py")
    project.write(
        "tests/test_shop.py", TEST.replace("shop.__file__", "importlib.metadata.version('shop')")
    )
    monkeypatch.syspath_prepend(str(new))
    monkeypatch.setenv("PYTHONPATH", str(new))
    before = sorted(path.name for path in new.iterdir())
    base = find_base(f"shop @ file://{wheel}", project.path)
    assert base.label == "shop 1.0"
    assert isinstance(base, InstalledBase)
    assert base.packages == ("shop",)
    with lay_out_sides(base, project.path) as sides:
        assert returned(sides) == {"base": "('old', '1.0')", "head": "('new', '2.0')"}
    assert [
        name for name in sorted(path.name for path in new.iterdir()) if name != "__pycache__"
    ] == before


def test_a_release_that_names_one_version_is_installed_once(project, monkeypatch):
    wheel = write_release(project.path.parent / "old", "1.0", OLD)
    write_release(project.path.parent / "new", "2.0", NEW)
    monkeypatch.syspath_prepend(str(project.path.parent / "new"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    cache = project.path.parent / "cache" / "packages"
    requirement = parse_requirement("shop==1.0")
    first = install_base(requirement, cache)
    wheel.unlink()
    monkeypatch.setattr(os, "getpid", lambda: 1)
    assert install_base(requirement, cache) == first
    with pytest.raises(BaseInstallError):
        install_base(parse_requirement("shop<2"), cache)
    assert [path.name for path in cache.iterdir()] == [first.folder.name]


def test_a_release_that_cannot_be_installed_says_what_the_installer_said(project):
    requirement = parse_requirement("iniconfig @ file:///nowhere/iniconfig-1.0-py3-none-any.whl")
    with pytest.raises(BaseInstallError) as caught:
        install_base(requirement, project.path.parent / "cache")
    assert caught.value.fact == f"the base {requirement} cannot be installed"
    assert caught.value.remedy.startswith(
        "Name a release that has a build for this Python. The installer said:\n"
    )
    assert len(caught.value.remedy.splitlines()) > 1


def test_a_release_of_what_is_not_installed_here_has_no_head():
    with pytest.raises(BaseInstallError) as caught:
        install_base(parse_requirement("no-such-shop==1"), None)
    assert "no-such-shop is not installed here" in str(caught.value)


@pytest.mark.parametrize("name", ["pytest", "pluggy", "pytest-cascade-budget"])
def test_what_runs_the_workers_is_no_base(name):
    with pytest.raises(BaseInstallError) as caught:
        install_base(parse_requirement(f"{name}==1"), None)
    assert str(caught.value) == (
        f"{name} runs the tests of both sides, so it can't differ between them. Name a library that the workload calls"
    )


def test_a_library_that_the_worker_uses_itself_is_imported_anew(monkeypatch):
    # Every pytest has imported iniconfig long before a workload runs.
    old = sys.modules["iniconfig"]
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("PYTHONPATH", "")
    redirect_imports(Imports(forgotten=("iniconfig",)))
    assert "iniconfig" not in sys.modules
    assert not [name for name in sys.modules if name.startswith("iniconfig.")]
    assert old.__name__ == "iniconfig"


def test_nothing_of_the_checkout_is_imported_by_a_worker(project):
    project.write("tests/test_shop.py", TEST)
    project.commit()
    with lay_out_sides(find_base("HEAD", project.path), project.path) as sides:
        base, head = sides.specs(NODE, ("-q",))
        with Pair(base, head, seed=5, timeout_seconds=60) as pair:
            imported = [file for ready in pair.ready.values() for file in ready.imported]
    assert not [file for file in imported if file.startswith(f"{project.path}/")]


@pytest.mark.parametrize(
    ("argument", "moved"),
    [
        ("/home/u/app", "/c/base"),
        (
            "/home/u/app/tests/test_a.py::test[/home/u/app]",
            "/c/base/tests/test_a.py::test[/home/u/app]",
        ),
        ("--rootdir=/home/u/app", "--rootdir=/c/base"),
        ("-c/home/u/app/pytest.ini", "-c/c/base/pytest.ini"),
        ("pythonpath=/home/u/app/src /home/u/app", "pythonpath=/c/base/src /c/base"),
        ("--config=/home/u/app-config/x.ini", "--config=/home/u/app-config/x.ini"),
        ("/mnt/home/u/app/x.ini", "/mnt/home/u/app/x.ini"),
        ("/home/u/apple", "/home/u/apple"),
    ],
)
def test_an_argument_is_moved_where_it_names_the_project_and_nowhere_else(argument, moved):
    sides = Sides(
        label="base",
        project=Path("/home/u/app"),
        base_root=Path("/c/base"),
        head_root=Path("/c/head"),
        base_imports=Imports(),
        head_imports=Imports(),
    )
    assert sides.specs(NODE, [argument])[0].arguments == [moved]
