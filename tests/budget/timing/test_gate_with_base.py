from __future__ import annotations

import html
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from cascade_budget.timing.selfcheck_result import SelfCheckResult, write_result
from tests.budget.timing.conftest import SHOP, SLOW_SHOP, TEST


def lines_with(text: str, *words: str) -> list[str]:
    return [line for line in text.splitlines() if all(word in line for word in words)]


def children(process: int) -> list[int]:
    # Without -ww, ps cuts each command line to the COLUMNS of the environment.
    listed = subprocess.run(
        ["ps", "-ww", "-eo", "ppid=,pid=,args="], capture_output=True, text=True, check=True
    )
    rows = [line.split(maxsplit=2) for line in listed.stdout.splitlines()]
    return [
        int(pid)
        for parent, pid, words in rows
        if int(parent) == process and "cascade_budget.process" in words
    ]


def group_exists(leader: int) -> bool:
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for(condition):
    """What a condition gives once it gives something; polled, for another process decides."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if found := condition():
            return found
    return None


def test_a_slower_head_fails_the_test_and_says_by_how_much(project):
    # A cliff shows in short rounds too.
    project.write(
        "tests/conftest.py",
        "from cascade_budget.report import progress\nfrom cascade_budget.timing import chunks\n\n"
        "chunks.ROUND_NS = 40_000_000\nprogress._LOG_SECONDS = 0\n",
    )
    project.commit()
    project.write("shop.py", SLOW_SHOP)
    done = project.gate("--cascade-budget-base=HEAD")
    assert done.returncode == 1, done.stdout
    assert lines_with(done.stdout, "cascade-budget: laying out HEAD (")
    assert lines_with(
        done.stdout, "cascade-budget: test_serve: round 8 of at most 36, ", "slower so"
    )
    (sentence,) = lines_with(done.stdout, "x slower than HEAD (")[:1]
    found = re.match(r"(?:  throughput)? +([0-9.]+)x slower than HEAD", sentence)
    assert found is not None
    assert 2.5 < float(found[1]) < 10, sentence
    assert sentence.endswith("x slower")
    assert lines_with(done.stdout, "bounds with a confidence of 99.9 %, 8 rounds")
    assert lines_with(
        done.stdout, "forked processes, ", " x 4 chunks of ", " transactions a round, "
    )
    assert lines_with(
        done.stdout, "this machine has not been checked: cascade-budget selfcheck does"
    )
    assert lines_with(done.stdout, "TOO SLOW tests/test_shop.py::test_serve")
    # The checkout is as it was, and nothing is left of the copies.
    assert project.git("worktree", "list").count("\n") == 0
    assert project.git("status", "--porcelain").splitlines() == [
        "M shop.py",
        "?? cascade-budget.toml",
    ]
    assert list((project.path.parent / "cache" / "trees").iterdir()) == []


def test_a_test_of_something_new_is_not_compared(project):
    project.commit()
    project.write("shop.py", SHOP + "\n\ndef stock(n):\n    return serve(n)\n")
    project.write("tests/test_shop.py", TEST.replace("shop.serve", "shop.stock"))
    done = project.gate("--cascade-budget-base=HEAD")
    assert done.returncode == 0, done.stdout
    assert lines_with(
        done.stdout,
        "new here: not compared, on HEAD (",
        "AttributeError: module 'shop' has no attribute 'stock' (tests/test_shop.py:6)",
    )


def test_differing_results_fail_the_test_and_hide_no_call_over_budget(project):
    marker = '@pytest.mark.cascade_budget(calls={"shop:price": "0"})'
    project.commit()
    project.write("shop.py", SHOP.replace('return "done"', 'return ["done"]'))
    project.write(
        "tests/test_shop.py",
        TEST.replace("import shop", "import pytest\nimport shop")
        .replace("def test_serve", f"{marker}\ndef test_serve")
        .replace('== "done"', ""),
    )
    done = project.gate(
        "--cascade-budget-base=HEAD", "--cascade-budget-report=out", "--cascade-profile=off"
    )
    assert done.returncode == 1
    assert lines_with(done.stdout, "test_serve: over budget, counted at n = 100, 200, 300, 400")
    calls = "n calls, budget 0: was never called, is now called once per transaction"
    (test,) = json.loads((project.path / "out/cascade-budget.json").read_text("utf-8"))["tests"]
    assert (test["verdict"], test["time"]["verdict"]) == ("over budget", "not compared")
    page = (project.path / "out/cascade-budget.html").read_text("utf-8")
    markdown = (project.path / "out/cascade-budget.md").read_text("utf-8")
    assert '<span class="badge bad">over budget</span>' in page
    assert "### `tests/test_shop.py::test_serve`: over budget" in markdown
    for text in (done.stdout, test["targets"][0]["sentence"], page, markdown):
        assert calls in text
    reason = "base returns 'done' and head returns ['done']; tests/test_shop.py::test_serve"
    for text in (done.stdout, test["time"]["sentence"], html.unescape(page)):
        assert reason in text
    assert r"head returns \['done'\]; tests/test\_shop.py::test\_serve" in markdown


def test_a_test_under_a_tracer_is_not_timed(project):
    project.write(
        "tests/conftest.py",
        "import sys\nimport pytest\n\n\n@pytest.fixture(autouse=True)\ndef traced():\n"
        "    before = sys.gettrace()\n    sys.settrace(lambda *event: None)\n    yield\n"
        "    sys.settrace(before)\n",
    )
    project.commit()
    done = project.gate("--cascade-budget-base=HEAD")
    assert done.returncode == 1
    assert lines_with(
        done.stdout, "throughput is not timed: a tracer is active (", "coverage, tracers"
    )


def test_a_test_that_imports_nothing_of_the_project_is_not_compared(project):
    project.write(
        "tests/test_shop.py",
        "def test_serve(cascade_budget):\n    cascade_budget(lambda n: sum(range(n)), n=2000)\n",
    )
    project.commit()
    done = project.gate("--cascade-budget-base=HEAD")
    assert done.returncode == 1
    assert lines_with(done.stdout, "the test imports nothing of the code under test; ")


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT to one process")
def test_ctrl_c_leaves_no_worker_and_no_copy(project):
    project.commit()
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--cascade-budget-update",
        "--cascade-budget-base=HEAD",
    ]
    trees = project.path.parent / "cache" / "trees"
    with subprocess.Popen(command, cwd=project.path, stdout=subprocess.DEVNULL) as gate:
        workers = wait_for(lambda: children(gate.pid))
        assert workers
        assert list(trees.iterdir())
        gate.send_signal(signal.SIGINT)
        assert gate.wait(120) == 2
    assert list(trees.iterdir()) == []
    assert project.git("status", "--porcelain") == ""
    for worker in workers:
        assert wait_for(lambda leader=worker: not group_exists(leader))


def test_an_unknown_revision_is_wrong_usage(project):
    project.commit()
    project.git("tag", "release-1")
    done = project.gate("--cascade-budget-base=relase-1")
    assert done.returncode == 4
    assert done.stderr.strip() == (
        f"ERROR: there is no revision 'relase-1'; {project.path}. Did you mean release-1?"
    )


@pytest.mark.parametrize("base", ["HEAD", "jsonschema==4.17.3"])
def test_a_cache_that_cannot_be_written_is_wrong_usage(project, monkeypatch, base):
    project.commit()
    project.write("file", "")
    monkeypatch.setenv("CASCADE_BUDGET_CACHE", str(project.path / "file"))
    done = project.gate(f"--cascade-budget-base={base}")
    assert done.returncode == 4
    assert done.stderr.strip() == (
        f"ERROR: the cache folder can't be used: Not a directory; {project.path}/file/trees. "
        "Set CASCADE_BUDGET_CACHE to a folder that can be written"
    )


def test_a_shallow_clone_is_told(project):
    project.commit("one")
    project.write("shop.py", SLOW_SHOP)
    first = project.git("rev-parse", "HEAD")
    project.commit("two")
    project.git("clone", "--quiet", "--depth=1", f"file://{project.path}", "../shallow")
    project.path = project.path.parent / "shallow"
    done = project.gate(f"--cascade-budget-base={first}")
    assert done.returncode == 4
    assert "this clone is shallow, its history was cut off" in done.stderr
    assert "git fetch --unshallow" in done.stderr


def test_a_base_that_does_not_install_is_wrong_usage(project):
    done = project.gate("--cascade-budget-base=iniconfig @ file:///nowhere/iniconfig-1.0.whl")
    assert done.returncode == 4
    assert (
        "ERROR: the base iniconfig @ file:///nowhere/iniconfig-1.0.whl cannot be installed"
        in done.stderr
    )
    assert "The installer said:" in done.stderr


def test_a_base_of_something_not_installed_here_is_wrong_usage(project):
    done = project.gate("--cascade-budget-base=no-such-shop==1.0")
    assert done.returncode == 4
    assert done.stderr.strip() == (
        "ERROR: no-such-shop is not installed here, so there is no head to compare with no-such-shop==1.0. Install the release that is to be judged in this environment"
    )


def test_a_machine_that_failed_its_selfcheck_gets_no_verdict(project):
    project.commit()
    project.write("shop.py", SLOW_SHOP)
    result = SelfCheckResult(
        holds=False,
        date="2024-05-06",
        false_alarms=3,
        trials=20,
        found={"2%": (4, 5)},
        smallest_detected=None,
        seconds=12.0,
    )
    write_result(result)
    done = project.gate("--cascade-budget-base=HEAD", "-v")
    assert done.returncode == 0, done.stdout
    sentence = "not judged against HEAD ("
    assert lines_with(done.stdout, sentence, "this machine failed its self-check of 2024-05-06")
    done = project.gate("--cascade-budget-base=HEAD", "-o", "cascade_budget_unresolved=fail")
    assert done.returncode == 1
    assert lines_with(done.stdout, "3 false alarms in 20 verdicts")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "cascade_budget_unresolved = maybe",
            "cascade_budget_unresolved is 'maybe', not pass or fail. Correct it in the ini file or behind -o",
        ),
        (
            "cascade_budget_tolerance = 0",
            "cascade_budget_tolerance is '0', not a percentage above 0. Two copies of the same code differ by tenths of a percent; leave it at 1",
        ),
    ],
)
def test_settings_out_of_range_are_wrong_usage(project, line, message):
    project.write("pytest.ini", f"[pytest]\npythonpath = .\n{line}\n")
    done = project.gate()
    assert (done.returncode, done.stderr.strip()) == (4, f"ERROR: {message}")
