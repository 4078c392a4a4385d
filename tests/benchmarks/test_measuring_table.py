from __future__ import annotations

import json
import os

import pytest

from benchmarks.measuring.__main__ import slowdowns_of
from benchmarks.measuring.decisions import Decision, Verdict
from benchmarks.measuring.others import as_line, main
from benchmarks.measuring.others_table import as_markdown, rate
from benchmarks.measuring.rates import read_lines


def line(
    tool="pyperf 2.10.0", rule="t-test", injected=0.0, verdict="same", *, seconds=50.0, load=3.0
):
    return {
        "tool": tool,
        "rule": rule,
        "injected": injected,
        "verdict": verdict,
        "seconds": seconds,
        "load_average": load,
        "python": "3.11.7",
    }


LINES = [
    line(verdict="slower"),
    line(verdict="slower"),
    line(verdict="faster", seconds=70.0),
    line(injected=0.05, verdict="slower", load=7.5),
    line("cascade-budget", "99.9 %, tolerance 1 %", 0.0, "undecided", seconds=30.0),
    line("pytest-benchmark 5.3.1", "min:5%", verdict="slower", seconds=11.0),
    line("asv continuous 0.6.6", "--factor=1.05", 0.05, "same", seconds=5.4),
]


def test_a_table_has_a_row_for_each_rule_and_a_column_for_each_slowdown(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert as_markdown(LINES) == [
        "| Tool | Rule | Slower: same code | Slower: 5 % more to do | Faster: same code | Seconds |",
        "| --- | --- | --- | --- | --- | --- |",
        "| cascade-budget | 99.9 %, tolerance 1 % | 0 of 1 (0-98 %) |  | 0 of 1 (0-98 %) | 30 |",
        "| asv continuous 0.6.6 | `--factor=1.05` |  | 0 of 1 (0-98 %) |  | 5 |",
        "| pyperf 2.10.0 | t-test | 2 of 3 (9-99 %) | 1 of 1 (3-100 %) | 1 of 3 (1-91 %) | 50 |",
        "| pytest-benchmark 5.3.1 | `min:5%` | 1 of 1 (3-100 %) |  |  | 11 |",
        "",
        "Python 3.11.7, load average 3 to 7.5 (median 3) on 2 processors; 95 % intervals; seconds a decision, median. Undecided: 1.",
    ]


def test_a_rate_has_its_exact_interval():
    group = [line(verdict="slower")] * 10 + [line()] * 10
    assert rate(group, Verdict.SLOWER) == "10 of 20 (27-73 %)"


def test_a_table_of_nothing_says_how_to_make_lines():
    with pytest.raises(
        ValueError, match=r"^no decisions in the files; `run --to FILE` makes them$"
    ):
        as_markdown([])


def test_the_lines_of_several_sessions_add_up(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_text(json.dumps(line()) + "\n", encoding="utf-8")
    assert read_lines([tmp_path / "a", tmp_path / "b"]) == [line(), line()]


def test_a_decision_is_kept_with_what_the_machine_was_like():
    kept = as_line(
        Decision(
            tool="asv", rule="--factor=1.05", injected=0.02, verdict=Verdict.SAME, seconds=1.239
        )
    )
    assert (
        json.loads(json.dumps(kept)).items()
        >= {
            "tool": "asv",
            "rule": "--factor=1.05",
            "injected": 0.02,
            "verdict": "same",
            "seconds": 1.24,
        }.items()
    )
    assert sorted(kept) == sorted(line())


def test_the_table_is_put_between_the_marks_of_a_page(tmp_path, capsys):
    lines, page = tmp_path / "lines.jsonl", tmp_path / "page.md"
    lines.write_text(json.dumps(line()) + "\n", encoding="utf-8")
    page.write_text("before\n<!-- others -->\nold\n<!-- /others -->\nafter\n", encoding="utf-8")
    assert main(["table", str(lines), "--page", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n<!-- others -->\n\n| Tool | Rule | Slower: same code |")
    assert text.endswith("Undecided: 0.\n\n<!-- /others -->\nafter\n")
    assert "old" not in text
    assert capsys.readouterr().out in text


def test_a_missing_file_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["table", "none.jsonl"]) == 2
    assert capsys.readouterr().err == "error: [Errno 2] No such file or directory: 'none.jsonl'\n"


def test_a_slowdown_may_be_asked_for_in_every_third_trial():
    assert [slowdowns_of(trial, ["0", "0.02:3"]) for trial in range(4)] == [
        [0.0, 0.02],
        [0.0],
        [0.0],
        [0.0, 0.02],
    ]
