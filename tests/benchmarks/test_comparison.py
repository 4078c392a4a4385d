from __future__ import annotations

import json
import sys

import pytest

from benchmarks.comparison import __main__ as comparison
from benchmarks.comparison.lines import Line, Section
from benchmarks.comparison.rounds import Contender


def body(n):
    return n


def contender(name, **changes):
    values = {
        "name": name,
        "block": body,
        "result": lambda n: n,
        "bodies": {"body": body.__code__},
        "executions": lambda _: {"body": 1},
        "fixed_n": 1,
    }
    return Contender(**{**values, **changes})


@pytest.fixture
def compare(monkeypatch, capsys):
    """Run the command over one line with this target, and return status, output and error."""

    def compare(target, *arguments, **changes):
        section = Section(
            title="loops",
            reference=contender("reference"),
            lines=[Line(contender=contender("one", **changes), target=target)],
        )
        monkeypatch.setattr(comparison, "short_sections", lambda _: [section])
        monkeypatch.setattr(comparison, "shape_sections", lambda _: [])
        monkeypatch.setattr(comparison, "concurrent_section", lambda _, bounces: section)
        monkeypatch.setattr(comparison, "BOUNCES", 10)
        status = comparison.main(["--quick", "--only", "one", *arguments])
        output, error = capsys.readouterr()
        return status, output, error

    return compare


def test_a_missed_target_is_told_and_fails_only_when_strict(compare):
    status, output, _ = compare(0.0)
    assert status == 0
    assert output.endswith("targets missed: one; one\n")
    assert compare(0.0, "--strict")[0] == 1


def test_a_target_that_is_met_is_said_to_be(compare):
    status, output, _ = compare(1e9, "--strict")
    assert status == 0
    assert output.splitlines()[2].endswith("1000000000.0 met")
    assert "missed" not in output


def test_a_line_whose_executions_are_wrong_gets_no_figure(compare):
    status, output, error = compare(1.0, executions=lambda _: {"body": 2})
    assert (status, output) == (2, "")
    assert "error: one over 0 transactions gave {'body': 1}, and {'body': 2} is right:" in error


def test_a_name_that_nothing_has_is_refused_with_those_there_are(compare):
    status, output, error = compare(1.0, "--only", "absent")
    assert (status, output) == (2, "")
    assert error == ("no line or section has 'absent' in its name; lines are: reference; one\n")


def test_json_is_written_where_it_is_asked_for(compare, tmp_path):
    page = tmp_path / "figures.json"
    assert compare(1e9, "--json", str(page))[0] == 0
    value = json.loads(page.read_text(encoding="utf-8"))
    assert [one["reference"] for one in value["sections"]] == ["reference", "reference"]
    assert [line["name"] for one in value["sections"] for line in one["lines"]] == ["one", "one"]
    assert value["endurance"] == []


def test_tables_are_put_between_the_marks_of_this_python(compare, tmp_path):
    name = f"comparison on {sys.version_info[0]}.{sys.version_info[1]}"
    page = tmp_path / "README.md"
    page.write_text(f"<!-- {name} -->\n<!-- /{name} -->\n", encoding="utf-8")
    assert compare(1e9, "--readme", str(page))[0] == 0
    lines = page.read_text(encoding="utf-8").splitlines()
    assert lines[:3] == [f"<!-- {name} -->", "", "```text"]
    assert lines[3].startswith("loops ")
    assert lines[-3:] == ["```", "", f"<!-- /{name} -->"]
