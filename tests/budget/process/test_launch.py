"""A fresh interpreter: what it runs, what it leaves behind, what tests in it find."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from cascade_budget.process.channel import channel_pair
from cascade_budget.process.job import Job
from cascade_budget.process.launch import FreshInterpreter

if TYPE_CHECKING:
    from pathlib import Path


def job(folder: Path, text: str, **changes: Any) -> Job:
    """One that runs the test `test_it` of a file."""
    (folder / "test_file.py").write_text(text, encoding="utf-8")
    values: dict[str, Any] = {
        "plugin": "cascade_budget.process.worker:WorkerPlugin",
        "root": str(folder),
        "node": "test_file.py::test_it",
        "arguments": ("-q", "-p", "no:randomly"),
    }
    return Job(**{**values, **changes})


def outcome(one: Job) -> tuple[int | None, str]:
    """Exit code of pytest, and what it printed."""
    with FreshInterpreter([one]) as process:
        return process.exit_code(60), process.printed()


def group_ends(leader: int) -> bool:
    """Whether no process of a group is left; orphans need a moment to be buried."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            os.killpg(leader, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


def test_messages_arrive_whole_and_in_order_and_an_end_that_is_gone_is_told() -> None:
    ours, theirs = channel_pair()
    long = "ö" * 100_000
    for message in ({"text": "line\nline"}, {"long": long}, {}):
        # A buffer of the system holds the first; the others need a reader.
        if message == {"long": long}:
            continue
        theirs.send(message)
    assert ours.receive(1) == {"text": "line\nline"}
    assert ours.receive(1) == {}
    with pytest.raises(TimeoutError):
        ours.receive(0.01)
    with pytest.raises(TimeoutError):
        ours.receive(-1.0)
    theirs.close()
    with pytest.raises(EOFError):
        ours.receive(1)
    with pytest.raises(EOFError):
        ours.send({})
    ours.close()


@pytest.mark.skipif(sys.platform == "win32", reason="groups of processes are POSIX's")
def test_ctrl_c_ends_a_hanging_test_and_what_it_started(tmp_path: Path) -> None:
    hanging = """
import subprocess, sys, threading
from pathlib import Path


def test_it():
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path("started").touch()
    threading.Event().wait()
"""
    process = FreshInterpreter([job(tmp_path, hanging)])
    with pytest.raises(KeyboardInterrupt), process:
        while not (tmp_path / "started").exists():
            time.sleep(0.01)
            assert process.exit_code() is None, process.printed()
        raise KeyboardInterrupt
    assert group_ends(process.pid)


def test_a_test_that_is_ended_before_its_time_may_tear_down(tmp_path: Path) -> None:
    slow = """
import time
from pathlib import Path


def test_it():
    try:
        Path("started").touch()
        # One long sleep may begin after the signal has come, and then nothing wakes it.
        while True:
            time.sleep(0.01)
    finally:
        Path("torn-down").touch()
"""
    with FreshInterpreter([job(tmp_path, slow)], grace_seconds=60):
        while not (tmp_path / "started").exists():
            time.sleep(0.01)
    assert (tmp_path / "torn-down").exists()


def test_processes_that_a_test_starts_are_ordinary_ones(tmp_path: Path) -> None:
    """Neither pytest in a process of its own nor a spawned one takes itself for a worker."""
    starting = """
import multiprocessing, subprocess, sys


def double(number):
    return 2 * number


def test_other():
    pass


def test_it():
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"{__file__}::test_other"]
    assert "1 passed" in subprocess.run(command, capture_output=True, text=True).stdout
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(double, [1, 2]) == [2, 4]
"""
    assert outcome(job(tmp_path, starting))[0] == 0


def test_what_selects_or_writes_is_taken_back_and_what_a_test_needs_is_not(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "def pytest_addoption(parser):\n    parser.addoption('--ds')\n", encoding="utf-8"
    )
    text = """
import os, sys


def test_other():
    raise AssertionError


def test_it(pytestconfig, tmp_path):
    assert pytestconfig.getoption("--ds") == "prod"
    assert sys.argv[1:3] == ["-q", "--lf"]
"""
    # A run empties the folder that it is given for temporary files; the run that asks is using it.
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "kept").touch()
    selecting = ("-q", "--lf", "-k", "other", "-p", "xdist", "-n", "2")
    writing = ("--junitxml=out.xml", f"--basetemp={tmp_path / 'base'}")
    arguments = (*selecting, *writing, "--ds", "prod", ".")
    code, printed = outcome(job(tmp_path, text, arguments=arguments))
    assert (code, "1 passed" in printed) == (0, True), printed
    assert not (tmp_path / "out.xml").exists()
    assert (tmp_path / "base" / "kept").exists()
    assert not (tmp_path / ".pytest_cache").exists()
    assert outcome(job(tmp_path, text, arguments=arguments, node=""))[0] == 1


@pytest.mark.parametrize("option", ["randomly", "no:randomly"])
def test_random_numbers_are_those_of_the_seed_in_each_process(tmp_path: Path, option: str) -> None:
    text = """
import random
from pathlib import Path

NUMBER = random.random()


def test_it():
    with Path("drawn").open("a") as file:
        print(NUMBER, random.random(), file=file)
"""
    for seed in (3, 3, 4):
        one = job(tmp_path, text, arguments=("-q", "-p", option), random_seed=seed)
        assert outcome(one)[0] == 0
    first, again, other = (tmp_path / "drawn").read_text("utf-8").splitlines()
    assert first == again
    assert not set(first.split()) & set(other.split())


def test_hypothesis_makes_the_same_examples_in_each_process(tmp_path: Path) -> None:
    text = """
from pathlib import Path
from hypothesis import given, settings, strategies


@settings(max_examples=5, database=None)
@given(strategies.integers())
def test_it(number):
    with Path("drawn").open("a") as file:
        print(number, file=file)
"""
    arguments = ("-q", "-p", "_hypothesis_pytestplugin")
    for _ in range(2):
        assert outcome(job(tmp_path, text, arguments=arguments))[0] == 0
    drawn = (tmp_path / "drawn").read_text("utf-8").splitlines()
    assert drawn[: len(drawn) // 2] == drawn[len(drawn) // 2 :]
    assert len(set(drawn)) > 1
