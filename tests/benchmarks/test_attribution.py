"""The scripts that hold attribution to its promise: they must be able to say no."""

from __future__ import annotations

import pytest

from benchmarks.attribution import small_project
from benchmarks.attribution.bisection import make_history
from benchmarks.attribution.running import Finished, run_python
from benchmarks.attribution.small_project import missing
from tests.budget.commands.dispatch_project import COMMITS

RIGHT = """\
test_sending: too slow, counted at n = 100, 200, 300, 400
  throughput
    3.2 % slower than main (3436056), between 2.7 and 3.6 % slower
    bounds with a confidence of 99.9 %, 8 rounds
    changed since main and run here:
      src/dispatch/pricing.py:1 ROUNDS, read by weigh   86 % of the time
"""


def finished(code: int, output: str) -> Finished:
    return Finished(code=code, output=output, seconds=1.0, cpu_seconds=1.0)


def test_a_red_run_that_says_all_of_it_lacks_nothing():
    assert missing("B2", finished(1, RIGHT)) == []


def test_a_red_run_that_names_another_line_is_wrong():
    assert missing("B2", finished(1, RIGHT.replace("ROUNDS, read by weigh", "in price"))) == [
        "src/dispatch/pricing.py:1 ROUNDS, read by weigh"
    ]


def test_a_run_that_stays_green_where_it_must_be_red_is_wrong():
    assert missing("B2", finished(0, RIGHT)) == ["exit code 1"]


def test_a_run_that_fails_where_it_must_be_green_is_wrong():
    assert missing("V2", finished(1, "")) == ["exit code 0"]
    assert missing("V2", finished(0, "")) == []


def test_half_of_the_commits_must_be_red():
    assert sorted(small_project.RED) == ["B1", "B2", "B3", "V1"]
    assert sorted(set(COMMITS) - set(small_project.RED)) == ["N", "V2", "V3", "V4"]


@pytest.mark.parametrize("lacking", [[], ["exit code 1"]])
def test_the_script_exits_1_when_one_is_wrong(lacking, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["small_project", "--times", "2", "--only", "N", "B1"])
    monkeypatch.setattr(small_project, "gate", lambda *_: finished(0, "said"))
    monkeypatch.setattr(small_project, "missing", lambda name, _: lacking if name == "B1" else [])
    assert small_project.main() == (1 if lacking else 0)
    lines = capsys.readouterr().out.splitlines()
    right = "0 of 2" if lacking else "2 of 2"
    assert lines[1:3] == [
        "N       green   2 of 2         1.0     1.0           1.0",
        f"B1      red     {right}         1.0     1.0           1.0",
    ]
    assert ("    missing: exit code 1" in lines) is bool(lacking)


def test_one_commit_of_a_history_slows_the_code_and_every_one_edits_it(tmp_path):
    history, names = make_history(tmp_path / "project", commits=5, planted=3, rounds=106)
    assert len(set(names)) == 5
    texts = [history.git("show", f"{name}:src/dispatch/pricing.py") for name in names]
    assert len(set(texts)) == 5
    assert ["ROUNDS = 106" in text for text in texts] == [False, False, True, True, True]


def test_a_command_is_run_apart_and_its_time_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    done = run_python(
        "-c",
        "import os, sys; print(os.environ.get('PYTHONPATH'), os.environ['NAME']); sum(range(10**6));"
        "sys.exit(os.getcwd())",
        at=tmp_path,
        environment={"NAME": "value"},
    )
    assert (done.code, done.output) == (1, f"None value\n{tmp_path}\n")
    assert done.cpu_seconds > 0
    assert done.seconds > 0
