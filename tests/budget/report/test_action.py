from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml", reason="PyYAML reads the action")
ACTION = Path(__file__).resolve().parents[3] / "action.yml"


def steps() -> list[dict]:
    return yaml.safe_load(ACTION.read_text(encoding="utf-8"))["runs"]["steps"]


def printed(step: int, **inputs: str) -> list[str]:
    """What the step would run, a line a word."""
    done = subprocess.run(
        ["bash", "-e", "-c", steps()[step]["run"]],
        env={"PATH": os.environ["PATH"], "PYTHON": "words", **inputs, "BASH_ENV": "/dev/stdin"},
        input='words() { printf "%s\\n" "$@"; }',
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize(("base", "extra"), [("", ""), ("main", "[throughput]")])
def test_the_action_installs_what_it_is_told_beside_the_gate(base: str, extra: str) -> None:
    assert printed(0, INSTALL="-e . *", BASE=base) == [
        "-m",
        "pip",
        "install",
        "-e",
        ".",
        "*",
        f"pytest-cascade-budget{extra}",
    ]


def test_without_a_base_the_action_counts_alone() -> None:
    assert printed(1, ARGUMENTS="", BASE="", REPORT="reports") == [
        "-m",
        "pytest",
        "--cascade-budget",
        "--cascade-budget-report=reports",
    ]


def test_what_is_in_an_input_is_no_command() -> None:
    assert printed(1, ARGUMENTS="-k $(id)", BASE="main; rm -rf x", REPORT="a b") == [
        "-m",
        "pytest",
        "--cascade-budget",
        "--cascade-budget-base=main; rm -rf x",
        "--cascade-budget-report=a b",
        "-k",
        "$(id)",
    ]


def test_every_input_that_a_step_reads_is_declared() -> None:
    action = yaml.safe_load(ACTION.read_text(encoding="utf-8"))
    text = ACTION.read_text(encoding="utf-8")
    read = {part.split(" ")[0] for part in text.split("inputs.")[1:]}
    assert {name.rstrip("}") for name in read} == set(action["inputs"])
