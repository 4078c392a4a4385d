from __future__ import annotations

import json
import re

import pytest

from cascade_budget.gate.profiles_of_tests import file_stem
from cascade_budget.model.profiles import CodeFrame, ProfileSession
from cascade_budget.report.profile_renderers import (
    render_profile_html,
    render_profile_text,
    render_speedscope,
)
from cascade_budget.source.files import write_text


def frame(name: str) -> CodeFrame:
    return CodeFrame(
        function=f"app:{name}",
        path="app.py",
        line=3,
        own=True,
        record=f"{name}\x00/project/app.py\x003",
    )


def session(*names: str, ns: float = 2e6, transactions: int = 1000) -> ProfileSession:
    return ProfileSession(
        frames=tuple(map(frame, names)),
        stacks={tuple(range(len(names))): ns},
        transactions=transactions,
        sample_ns=1e5,
        plain_ns_per_transaction=ns / transactions,
        clock="cpu",
    )


def test_the_text_is_a_tree_with_the_title_above() -> None:
    text = render_profile_text([session("run", "step")], title="tests/test_a.py::test_a")
    assert text.splitlines()[1:] == [
        ".  tests/test_a.py::test_a",
        ".  0.0020 run  /project/app.py:3",
        ".  `- 0.0020 step  /project/app.py:3",
    ]


def test_speedscope_holds_base_and_head_in_ns_a_transaction() -> None:
    text = render_speedscope(
        {
            "base": [session("run"), session("run", ns=4e6)],
            "head": [session("run", "step", ns=8e6)],
        },
        title="t",
    )
    value = json.loads(text)
    assert value["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    assert [one["name"] for one in value["shared"]["frames"]] == ["app:run", "app:step"]
    base, head = value["profiles"]
    assert (base["name"], base["samples"], base["weights"]) == ("base", [[0]], [3000.0])
    assert (head["name"], head["samples"], head["weights"]) == ("head", [[0, 1]], [8000.0])
    assert head["unit"] == "nanoseconds"
    assert value["activeProfileIndex"] == 1


HOSTILE = "</script><script>alert(1)</script>\nnext \x1b[31m\u202e ::error::x %0A {0} {title}"


def test_nothing_hostile_ends_the_script_of_a_profiles_page() -> None:
    page = render_profile_html([session(HOSTILE.replace("\x00", ""))], title=HOSTILE)
    data = page[page.index("const sessionData") :]
    assert data.count("</script>") == 1
    assert "alert(1)" in data
    head = page[: page.index("<style>")]
    assert "<script" not in head
    assert "\\nnext \\x1b[31m\\u202e" in head


def test_a_profiles_page_asks_nothing_of_the_network() -> None:
    page = render_profile_html([session("run")], title="t")
    assert set(re.findall(r"https?://[a-z.]+", page)) <= {"http://www.w"}


def test_each_line_of_a_hostile_tree_can_be_seen() -> None:
    text = render_profile_text([session(HOSTILE)], title=HOSTILE)
    assert re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", text) is None
    assert not any(line.startswith("::") for line in text.splitlines())


@pytest.mark.parametrize(
    ("key", "stem"),
    [
        ("test_a.py", "test_a.py"),
        ("tests/test_a.py::test_b", "tests-test_a.py-test_b-df9b21a7"),
        ("tests/test_a.py::test_b[../../x]", "tests-test_a.py-test_b-..-..-x-bc036a12"),
        ("::", "test-71546855"),
        ("a" * 300 + "/", "a" * 100 + "-0e29cc4f"),
    ],
)
def test_a_key_becomes_a_file_name_of_its_own(key, stem) -> None:
    assert file_stem(key) == stem


def test_two_keys_that_read_alike_have_two_files() -> None:
    assert file_stem("a/b") != file_stem("a::b")


def test_a_file_that_cannot_be_written_keeps_what_was_there(tmp_path, monkeypatch) -> None:
    path = write_text(tmp_path / "new" / "report.md", "first \ud800\n")
    assert path.read_text(encoding="utf-8") == "first ?\n"

    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(path), "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_text(path, "second")
    assert path.read_text(encoding="utf-8") == "first ?\n"
    assert [one.name for one in path.parent.iterdir()] == ["report.md"]
