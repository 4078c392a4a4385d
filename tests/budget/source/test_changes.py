from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cascade_budget.model.findings import (
    CallVerdict,
    Site,
    TargetFinding,
)
from cascade_budget.source.changes import (
    changed_lines,
    line_author,
    parse_diff,
)
from cascade_budget.source.marking import (
    ChangeMarker,
    enclosing,
    function_spans,
)
from cascade_budget.source.repository import (
    Repository,
    RevisionError,
)

SOURCE = "import inspect\n\n\ndef load(f):\n    if f:\n        inspect.signature(f)\n\n\ndef idle():\n    pass\n"


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


def test_changed_moved_and_new_lines_are_told_from_old_ones(checkout) -> None:
    (checkout / "app.py").write_text(SOURCE.replace("    if f:\n", "    if f is not None:\n"))
    (checkout / "näw file.py").write_text("new = 1\n", encoding="utf-8")
    changed = changed_lines(Repository.at(checkout), "HEAD")
    assert changed.lines == {"app.py": (range(5, 6),)}
    assert changed.first(checkout / "app.py", range(5, 6)) == 5
    assert changed.first(checkout / "app.py", range(6, 7)) is None
    assert changed.first(checkout / "näw file.py", range(1, 2)) == 1
    assert changed.first(Path("/usr/lib/elsewhere.py"), range(1, 2)) is None


def test_a_renamed_file_is_no_change_of_every_line(checkout) -> None:
    git(checkout, "mv", "app.py", "core.py")
    git(checkout, "commit", "-qm", "Rename")
    assert changed_lines(Repository.at(checkout), "HEAD~1").lines == {}


def test_a_committed_file_with_an_unusual_name_is_found(checkout) -> None:
    name = 'a "b"\tñ.py'
    (checkout / name).write_text("x = 1\n", encoding="utf-8")
    git(checkout, "add", "-A")
    git(checkout, "commit", "-qm", "Odd")
    changed = changed_lines(Repository.at(checkout), "HEAD~1")
    assert changed.lines == {name: (range(1, 2),)}


def test_content_that_looks_like_a_header_is_content() -> None:
    diff = (
        "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1,2 @@\n"
        "--- a/y\n+++ b/y\n+@@ -1 +1 @@\n@@ -9,2 +10,0 @@\n-a\n-b\n@@ -20,0 +19 @@\n+c\n"
    )
    assert parse_diff(diff) == {"x": (range(1, 3), range(19, 20))}


def test_an_unknown_revision_is_told(checkout) -> None:
    with pytest.raises(RevisionError, match="there is no revision 'nowhere'"):
        changed_lines(Repository.at(checkout), "nowhere")


def test_the_author_of_a_line_is_told_with_commit_and_text(checkout) -> None:
    repository = Repository.at(checkout)
    author = line_author(repository, "app.py", 6)
    assert author.author == "Ann <ann@example.org>"
    assert author.subject == "Load what there is"
    assert author.line == "        inspect.signature(f)"
    assert author.is_committed
    (checkout / "app.py").write_text(SOURCE.replace("pass", "return"), encoding="utf-8")
    assert not line_author(repository, "app.py", 10).is_committed


def test_a_line_that_is_not_there_has_no_author(checkout) -> None:
    with pytest.raises(RevisionError, match=r"^git can't say who wrote line 99 of app\.py; "):
        line_author(Repository.at(checkout), "app.py", 99)


def finding(line: int) -> TargetFinding:
    return TargetFinding(
        target="inspect:signature",
        verdict=CallVerdict.EXCEEDED,
        sentence="",
        sites=(Site(path="app.py", line=line, function="load", calls=3),),
    )


def test_a_site_is_marked_where_another_line_of_its_function_changed(checkout) -> None:
    (checkout / "app.py").write_text(SOURCE.replace("if f:", "if True:"), encoding="utf-8")
    marker = ChangeMarker(checkout, "main")
    (load,) = marker.mark([finding(6)])
    (idle,) = marker.mark([finding(10)])
    assert load.sites[0].changed_since == "main"
    assert idle.sites[0].changed_since == ""


def test_without_a_base_what_is_not_committed_counts_as_changed(checkout) -> None:
    (checkout / "app.py").write_text(SOURCE.replace("if f:", "if True:"), encoding="utf-8")
    (load,) = ChangeMarker(checkout, None).mark([finding(6)])
    assert load.sites[0].changed_since == "HEAD"


def test_outside_a_checkout_nothing_is_marked(tmp_path) -> None:
    (tmp_path / "app.py").write_text(SOURCE, encoding="utf-8")
    (load,) = ChangeMarker(tmp_path, "main").mark([finding(6)])
    assert load.sites[0].changed_since == ""


def test_the_innermost_function_encloses_a_line(tmp_path) -> None:
    path = tmp_path / "nested.py"
    path.write_text("@d\ndef a():\n    def b():\n        x\n    y\nz\n", encoding="utf-8")
    spans = function_spans(path)
    assert [enclosing(spans, line) for line in (1, 4, 5, 6)] == [
        range(1, 6),
        range(3, 5),
        range(1, 6),
        range(6, 7),
    ]
    path.write_text("def (", encoding="utf-8")
    assert function_spans(path) == ()
