from __future__ import annotations

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


def other_results(project, head):
    """Commit the shop, give it another head, and run the gate beside it in short rounds."""
    project.write(
        "tests/conftest.py",
        "from cascade_budget.timing import chunks\n\nchunks.ROUND_NS = 40_000_000\n",
    )
    project.write("tests/test_shop.py", TEST.replace('== "done"', ""))
    project.commit()
    project.write("shop.py", head.replace('return "done"', 'return ["done"]'))
    done = project.gate(
        "--cascade-budget-base=HEAD", "--cascade-budget-report=out", "--cascade-profile=off"
    )
    (test,) = json.loads((project.path / "out/cascade-budget.json").read_text("utf-8"))["tests"]
    return done, test["time"]


def test_a_slower_head_with_other_results_is_red_and_shows_both(project):
    done, time_found = other_results(project, SLOW_SHOP)
    assert done.returncode == 1, done.stdout
    assert time_found["verdict"] == "too slow"
    assert re.fullmatch(
        r"[0-9.]+x slower than HEAD \(\w+\), between .* and .*x slower; results differ",
        time_found["sentence"],
    )
    (line,) = lines_with(done.stdout, "results differ: ")
    assert re.fullmatch(
        r"    results differ: for n = [0-9,]+ base returns 'done' and head returns \['done'\]", line
    )
    assert time_found["paired"]["differing_results"] == ["'done'", "['done']"]


def test_a_faster_head_with_other_results_is_green_and_not_credited(project):
    done, time_found = other_results(project, SHOP.replace("range(n)", "range(n // 9)"))
    assert done.returncode == 0, done.stdout
    assert time_found["verdict"] == "not credited"
    assert re.fullmatch(
        r"not credited: [0-9.]+x faster than HEAD \(\w+\), between .* and .*x faster; results differ",
        time_found["sentence"],
    )
    assert f"    {time_found['sentence']}" in done.stdout.splitlines()


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


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal to one process")
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 2), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_an_ended_session_leaves_no_worker_and_no_copy(project, number, code):
    project.write("tests/test_shop.py", f"{TEST}\n\ndef test_next():\n    assert False\n")
    project.commit()
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--cascade-budget-update",
        "--cascade-budget-base=HEAD",
    ]
    trees = project.path.parent / "cache" / "trees"
    with subprocess.Popen(command, cwd=project.path, stdout=subprocess.PIPE, text=True) as gate:
        workers = wait_for(lambda: children(gate.pid))
        assert workers
        assert list(trees.iterdir())
        gate.send_signal(number)
        said, _ = gate.communicate(timeout=120)
    assert gate.returncode == code, said
    assert "failed" not in said
    assert list(trees.iterdir()) == []
    assert project.git("status", "--porcelain") == ""
    for worker in workers:
        assert wait_for(lambda leader=worker: not group_exists(leader))


def test_too_little_time_is_unresolved_and_keeps_the_counts(project):
    project.write(
        "tests/test_shop.py",
        TEST.replace("import shop", "import pytest\nimport shop").replace(
            "def test_serve", '@pytest.mark.cascade_budget(calls=["shop:price"])\ndef test_serve'
        ),
    )
    project.commit()
    limit = ("--cascade-budget-base=HEAD", "-o", "cascade_budget_time_limit=0.001")
    done = project.gate(*limit)
    assert done.returncode == 0, done.stdout
    sentence = (
        "    unresolved: 0.001 seconds were enough for 1 of the 5 rounds of a first verdict; "
        "tests/test_shop.py::test_serve. Make n smaller, or raise cascade_budget_time_limit in the "
        "ini file"
    )
    assert sentence in done.stdout.splitlines()
    assert '"shop:price" = "n"' in (project.path / "cascade-budget.toml").read_text("utf-8")
    done = project.gate(*limit, "-o", "cascade_budget_unresolved=fail")
    assert done.returncode == 1
    assert lines_with(done.stdout, "UNRESOLVED tests/test_shop.py::test_serve")
    assert sentence.strip() in done.stdout


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
