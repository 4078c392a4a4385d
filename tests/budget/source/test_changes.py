from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from cascade_budget.model.findings import CallVerdict, Site, TargetFinding
from cascade_budget.source.changes import FileChanges, changes_since

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = "import inspect\n\n\ndef load(f):\n    if f:\n        inspect.signature(f)\n\n\ndef idle():\n    pass\n"
CHANGED = SOURCE.replace("    if f:\n", "    if f is not None:\n")


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=Ann", "-c", "user.email=ann@example.org", *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "app.py").write_text(SOURCE, encoding="utf-8")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "Load what there is")
    return tmp_path


def changed(root: Path, path: str | Path = "app.py", *, base: str | None = "main") -> list[int]:
    """Lines of a file that are not as they were, functions as a whole."""
    file = changes_since(root, base).of(str(path))
    if file is None:
        return []
    lines = (root / path).read_bytes().count(b"\n")
    return [line for line in range(1, lines + 1) if file.around(line) is not None]


def test_the_lines_of_a_changed_function_are_told_from_the_others(checkout) -> None:
    (checkout / "app.py").write_text(CHANGED, encoding="utf-8")
    assert changed(checkout) == [4, 5, 6]
    assert changed(checkout, checkout / "app.py") == [4, 5, 6]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("diff.interHunkContext", "5"),
        ("diff.context", "9"),
        ("diff.noprefix", "true"),
        ("diff.mnemonicPrefix", "true"),
        ("diff.external", "false"),
        ("diff.renames", "false"),
        ("color.ui", "always"),
        ("core.quotePath", "false"),
        ("core.autocrlf", "true"),
        ("status.showUntrackedFiles", "no"),
        ("add.ignoreErrors", "true"),
    ],
)
def test_no_setting_of_the_users_git_changes_what_changed(checkout, setting, value) -> None:
    git(checkout, "config", setting, value)
    git(checkout, "mv", "app.py", "näw.py")
    (checkout / "näw.py").write_text(f"{CHANGED}\nLAST = 1\n", encoding="utf-8")
    (checkout / "fresh.py").write_text("new = 1\n", encoding="utf-8")
    assert changed(checkout, "näw.py") == [4, 5, 6, 11, 12]
    assert changed(checkout, "fresh.py") == [1]


def test_a_deleted_line_changes_its_function(checkout) -> None:
    (checkout / "app.py").write_text(
        SOURCE.replace("    if f:\n        ", "    "), encoding="utf-8"
    )
    assert changed(checkout) == [4, 5]
    file = changes_since(checkout, "main").of("app.py")
    assert file is not None
    assert file.around(4) == 5


def test_comments_layout_and_a_new_name_change_no_function(checkout) -> None:
    text = SOURCE.replace("def idle", "def rest").replace(
        "(f)\n\n", "(\n            f  # it\n        )\n\n"
    )
    (checkout / "app.py").write_text(text, encoding="utf-8")
    assert changed(checkout) == []


@pytest.mark.parametrize("staged", [True, False])
def test_a_renamed_file_is_no_change_of_every_line(checkout, staged) -> None:
    (checkout / "app.py").rename(checkout / "core.py")
    (checkout / "core.py").write_text(CHANGED, encoding="utf-8")
    if staged:
        git(checkout, "add", "-A")
        git(checkout, "commit", "-qm", "Rename")
    assert changed(checkout, "core.py", base="main~1" if staged else "main") == [4, 5, 6]


def test_the_users_index_is_left_alone(checkout) -> None:
    (checkout / "fresh.py").write_text("new = 1\n", encoding="utf-8")
    before = (checkout / ".git" / "index").read_bytes()
    assert changed(checkout, "fresh.py") == [1]
    assert (checkout / ".git" / "index").read_bytes() == before


@pytest.mark.parametrize("name", ["a b.py", "näw file.py", 'a "b"\tñ.py'])
@pytest.mark.parametrize("committed", [True, False])
def test_a_new_file_is_new_as_a_whole_whatever_its_name(checkout, name, committed) -> None:
    (checkout / name).write_text("x = 1\ny = 2\n", encoding="utf-8")
    if committed:
        git(checkout, "add", "-A")
        git(checkout, "commit", "-qm", "Odd")
    assert changed(checkout, name, base="main~1" if committed else "main") == [1, 2]


def test_an_ignored_file_and_one_from_elsewhere_are_as_they_were(
    checkout, tmp_path_factory
) -> None:
    (checkout / ".gitignore").write_text("made.py\n", encoding="utf-8")
    (checkout / "made.py").write_text("x = 1\n", encoding="utf-8")
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "x.py"
    elsewhere.write_text("x = 1\n", encoding="utf-8")
    assert changed(checkout, "made.py") == []
    assert changed(checkout, elsewhere) == []


def test_other_ends_of_lines_change_nothing(checkout) -> None:
    (checkout / "app.py").write_bytes(CHANGED.replace("\n", "\r\n").encode())
    assert changed(checkout) == [4, 5, 6]


def test_a_form_feed_ends_no_line() -> None:
    base = "import a\n\f\ndef f():\n    return 1\n"
    file = FileChanges("app.py", base, base.replace("return 1", "return 2"))
    assert file.changed_functions == {"f": 4}


def test_a_file_of_a_checkout_above_the_project_is_compared(checkout) -> None:
    (checkout / "sub").mkdir()
    (checkout / "sub" / "part.py").write_text("x = 1\n", encoding="utf-8")
    assert changed(checkout / "sub", "part.py") == [1]
    assert changed(checkout / "sub", "../app.py") == []


def finding(line: int) -> TargetFinding:
    return TargetFinding(
        target="inspect:signature",
        verdict=CallVerdict.EXCEEDED,
        sentence="",
        sites=(Site(path="app.py", line=line, function="load", calls=3),),
    )


def test_a_site_is_marked_where_another_line_of_its_function_changed(checkout) -> None:
    (checkout / "app.py").write_text(CHANGED, encoding="utf-8")
    changes = changes_since(checkout, "main")
    load, idle = changes.mark([finding(6), finding(10)])
    assert load.sites[0].changed_since == "main"
    assert idle.sites[0].changed_since == ""


def test_without_a_base_what_is_not_committed_counts_as_changed(checkout) -> None:
    (checkout / "app.py").write_text(CHANGED, encoding="utf-8")
    (load,) = changes_since(checkout, None).mark([finding(6)])
    assert load.sites[0].changed_since == "HEAD"


@pytest.mark.parametrize("base", ["nowhere", "jsonschema==4.17.3"])
def test_against_what_is_no_revision_nothing_is_marked(checkout, base) -> None:
    (checkout / "app.py").write_text(CHANGED, encoding="utf-8")
    (load,) = changes_since(checkout, base).mark([finding(6)])
    assert load.sites[0].changed_since == ""


def test_outside_a_repository_nothing_is_marked(tmp_path) -> None:
    (tmp_path / "app.py").write_text(SOURCE, encoding="utf-8")
    (load,) = changes_since(tmp_path, "main").mark([finding(6)])
    assert load.sites[0].changed_since == ""


def test_the_innermost_function_around_a_line_decides() -> None:
    base = "@d\ndef a():\n    def b():\n        x\n    y\nz\n"
    nested = FileChanges("nested.py", base, base.replace("    y", "    w"))
    assert [nested.around(line) for line in range(1, 7)] == [5, 5, None, None, 5, None]
    broken = FileChanges("nested.py", base, "def (\nz\n")
    assert [broken.around(line) for line in (1, 2)] == [1, None]
