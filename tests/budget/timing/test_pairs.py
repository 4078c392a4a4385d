from __future__ import annotations

import ast
import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from cascade_budget.timing import pairs as pairing
from cascade_budget.timing.pairing_errors import (
    DifferingResultsError,
    HangingWorkloadError,
    KilledWorkerError,
    ObstructedTimingError,
    SideFailedError,
)
from cascade_budget.timing.pairs import Pair
from cascade_budget.timing.rounds import check_sides, compare_results

NODE = "tests/test_shop.py::test_serve"


def opened(project, *, timeout_seconds=60.0, seed=7, **changes):
    base, head = project.specs()
    return Pair(replace(base, **changes), head, seed=seed, timeout_seconds=timeout_seconds)


class TwoFolders:
    """Base and head as copies, so that they can differ."""

    def __init__(self, project, base_test, head_test):
        self.project = project
        self.node = NODE
        project.write("base/tests/test_shop.py", base_test)
        project.write("head/tests/test_shop.py", head_test)
        for side in ("base", "head"):
            for name in ("shop.py", "pytest.ini"):
                project.write(f"{side}/{name}", (project.path / name).read_text("utf-8"))

    def pair(self, *, timeout_seconds=60.0):
        base, head = self.project.specs()
        sides = []
        for spec in (base, head):
            root = str(self.project.path / spec.name)
            sides.append(replace(spec, root=root, arguments=("-q", "-p", "no:cacheprovider")))
        return Pair(*sides, seed=3, timeout_seconds=timeout_seconds)


def group_ends(leader: int) -> bool:
    """Whether no process of a group is left; orphans need a moment to be buried."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            os.killpg(leader, 0)
        except ProcessLookupError:
            return True
    return False


def run_in_order(sides: TwoFolders, *order: str) -> None:
    with sides.pair() as pair:
        for side in order:
            pair.run(side, 1)


GOOD = """
import shop


def test_serve(cascade_budget):
    cascade_budget(shop.serve, n=2000)
"""


def workload(body):
    return f"""
import os, signal, sys, threading, time
import shop


def work(n):
    {body}
    return "done"


def test_serve(cascade_budget):
    cascade_budget(work, n=2000)
"""


def test_a_pair_runs_the_workload_on_either_side_and_says_what_it_cost(project):
    with opened(project) as pair:
        assert {side: ready.n for side, ready in pair.ready.items()} == {"base": 2000, "head": 2000}
        assert pair.result("base", 10)[1] == "'done'"
        small, large = pair.run("head", 100), pair.run("head", 100, repeat=50)
    assert 0 < small.thread_ns < large.thread_ns <= large.wall_ns
    assert large.thread_ns <= large.process_ns


def test_both_sides_share_one_hash_seed_and_another_pair_has_another(project):
    project.write(
        "tests/test_shop.py", workload("return hash('seed')").replace('return "done"', "")
    )
    seeds = []
    for seed in (1, 2):
        base, head = project.specs()
        with Pair(base, head, seed=seed, timeout_seconds=60) as pair:
            values = {pair.result(side, 1)[1] for side in ("base", "head")}
            assert len(values) == 1
            seeds.append(values)
    assert seeds[0] != seeds[1]


def test_a_conftest_is_loaded_by_each_side_and_by_nothing_before(project, monkeypatch):
    log = project.path.parent / "loaded.txt"
    project.write(
        "tests/conftest.py",
        f"import os\n\nwith open({str(log)!r}, 'a') as file:\n    print(os.getpid(), file=file)\n",
    )
    # Where the gate is started: pytest would look for a conftest here, and in what is called tests.
    monkeypatch.chdir(project.path)
    with opened(project) as pair:
        pair.run("base", 1)
        pair.run("head", 1)
    loaded = log.read_text("utf-8").split()
    assert len(loaded) == len(set(loaded)) == 2


def test_spawned_siblings_serve_as_forked_ones_do(project, monkeypatch):
    monkeypatch.setattr(pairing, "can_fork", lambda: False)
    with opened(project) as pair:
        assert pair.result("base", 5) == pair.result("head", 5)
        assert pair.run("base", 100).thread_ns > 0


def test_fixtures_are_torn_down_when_the_pair_is_left(project):
    project.write(
        "tests/test_shop.py",
        """
import os
import pathlib
import pytest
import shop


@pytest.fixture(scope="session")
def marker():
    path = pathlib.Path(f"torn-down-{os.getpid()}")
    yield
    path.touch()


def test_serve(marker, cascade_budget):
    cascade_budget(shop.serve, n=2000)
""",
    )
    with opened(project):
        pass
    assert len(list(project.path.glob("torn-down-*"))) == 2


def test_the_second_call_of_the_fixture_is_served_when_it_is_asked_for(project):
    project.write(
        "tests/test_shop.py",
        """
import shop


def test_serve(cascade_budget):
    assert cascade_budget(lambda n: "first", n=2000) == "first"
    cascade_budget(lambda n: "second", n=3000)
""",
    )
    base, head = project.specs()
    with Pair(
        replace(base, task={**base.task, "ordinal": 2}),
        replace(head, task={**head.task, "ordinal": 2}),
        seed=1,
        timeout_seconds=60,
    ) as pair:
        assert pair.ready["head"].n == 3000
        assert pair.result("base", 1)[1] == "'second'"


def test_a_coroutine_workload_is_served_on_one_event_loop(project):
    project.write(
        "tests/test_shop.py",
        """
import asyncio


async def work(n):
    await asyncio.sleep(0)
    return id(asyncio.get_running_loop())


def test_serve(cascade_budget):
    cascade_budget(work, n=100)
""",
    )
    with opened(project) as pair:
        assert pair.result("head", 1) == pair.result("head", 1)


def test_a_killed_worker_is_told_with_its_signal(project):
    sides = TwoFolders(project, workload("os.kill(os.getpid(), signal.SIGKILL)"), GOOD)
    with pytest.raises(KilledWorkerError) as caught:
        run_in_order(sides, "base")
    assert str(caught.value).startswith(
        f"the process of base was ended by signal 9; {NODE}. Run the test alone to see why; a kill from outside is often a lack of memory"
    )


def test_a_worker_that_exits_is_told_with_its_code_and_what_it_printed(project):
    sides = TwoFolders(project, GOOD, workload("os.write(2, b'out of paper\\n'); os._exit(3)"))
    with pytest.raises(KilledWorkerError) as caught:
        run_in_order(sides, "head")
    assert caught.value.fact == "the process of head ended with exit code 3"
    assert "out of paper" in caught.value.printed.splitlines()


def test_a_hanging_worker_is_ended_and_told(project):
    sides = TwoFolders(project, GOOD, workload("threading.Event().wait()"))
    pair = sides.pair(timeout_seconds=0.2)
    with pytest.raises(HangingWorkloadError) as caught, pair:
        pair.run("head", 1)
    assert str(caught.value) == (
        f"the workload did not end within 0.2 seconds on head; {NODE}. Make it smaller, or raise cascade_budget_timeout in the ini file"
    )
    assert all(process.exit_code() is not None for process in pair._running)


def test_no_process_is_left_when_the_block_is_interrupted(project):
    pair = opened(project)
    with pytest.raises(KeyboardInterrupt), pair:
        raise KeyboardInterrupt
    assert all(process.exit_code() is not None for process in pair._running)
    assert group_ends(pair._running[0].pid)


def test_a_workload_that_raises_on_base_only(project):
    sides = TwoFolders(project, workload("raise ValueError('no stock')"), GOOD)
    with pytest.raises(SideFailedError) as caught:
        run_in_order(sides, "head", "base")
    assert str(caught.value) == (
        f"the workload raises on base and not on head: ValueError: no stock (tests/test_shop.py:7); {NODE}. There is nothing to compare with: name a base on which it runs"
    )
    assert not caught.value.new_here


def test_a_workload_that_raises_on_head_only(project):
    sides = TwoFolders(project, GOOD, workload("raise ValueError('no stock')"))
    with pytest.raises(SideFailedError) as caught:
        run_in_order(sides, "base", "head")
    assert str(caught.value) == (
        f"the workload raises on head and not on base: ValueError: no stock (tests/test_shop.py:7); {NODE}. Mend it, or make it independent of the hash seed and of other tests"
    )


def test_a_test_that_fails_before_its_workload_on_both_sides(project):
    project.write("tests/test_shop.py", "def test_serve(cascade_budget):\n    assert 1 == 2\n")
    with pytest.raises(SideFailedError) as caught, opened(project):
        pass
    assert str(caught.value) == (
        f"the workload fails in a fresh process on both sides: AssertionError: assert 1 == 2 (tests/test_shop.py:2); {NODE}. Make the test pass when it runs alone"
    )


@pytest.mark.parametrize(
    ("base_test", "failure"),
    [
        (
            "import shop, warehouse\n" + GOOD,
            "ModuleNotFoundError: No module named 'warehouse' (tests/test_shop.py:1)",
        ),
        (
            "from shop import stock\n" + GOOD,
            "ImportError: cannot import name 'stock' from 'shop'",
        ),
        (
            workload("shop.stock(n)"),
            "AttributeError: module 'shop' has no attribute 'stock' (tests/test_shop.py:7)",
        ),
        (
            workload("shop.serve(n, fresh=True)"),
            "TypeError: serve() got an unexpected keyword argument 'fresh' (tests/test_shop.py:7)",
        ),
        (
            "import pytest\npytest.skip('not yet', allow_module_level=True)\n",
            "skipped: not yet",
        ),
        ("def test_other(): pass\n", f"not found: no test {NODE} (pytest ended with 4)"),
    ],
)
def test_what_base_lacks_makes_the_workload_new_here(project, base_test, failure):
    sides = TwoFolders(project, base_test, GOOD)
    with pytest.raises(SideFailedError) as caught:
        run_in_order(sides, "base")
    assert caught.value.new_here
    assert str(caught.value.failures["base"]).startswith(failure)


def test_an_error_from_inside_the_code_is_not_taken_for_a_lack(project):
    sides = TwoFolders(project, workload("shop.price(5)"), GOOD)
    with pytest.raises(SideFailedError) as caught:
        run_in_order(sides, "base")
    assert not caught.value.new_here
    assert caught.value.failures["base"].kind == "TypeError"


def test_differing_results_are_told_with_both(project):
    sides = TwoFolders(project, workload("return ['old', n]"), workload("return ['new', n]"))
    with pytest.raises(DifferingResultsError) as caught, sides.pair() as pair:
        compare_results(pair, 4000, NODE)
    assert str(caught.value) == (
        f"for n = 4,000 base returns ['old', 4000] and head returns ['new', 4000]; {NODE}. A cost is compared only where the work is the same; if the difference is meant, return what both revisions agree on, or None"
    )


def test_results_that_differ_from_run_to_run_are_not_compared(project):
    project.write("tests/test_shop.py", workload("return time.perf_counter_ns()"))
    with opened(project) as pair:
        assert not compare_results(pair, 1, NODE)


DRAWN = """
import random

IN_THE_MODULE = random.randrange(1_000_000)


def test_serve(cascade_budget):
    in_the_test = random.randrange(1_000_000)
    cascade_budget(lambda n: (IN_THE_MODULE, in_the_test, random.randrange(1_000_000)), n=10)
"""


@pytest.mark.parametrize("options", ["", "-p pytest_randomly"], ids=["alone", "pytest-randomly"])
def test_both_sides_of_a_pair_draw_the_same_numbers_and_another_pair_others(project, options):
    project.write("pytest.ini", f"[pytest]\npythonpath = .\naddopts = {options}\n")
    project.write("tests/test_shop.py", DRAWN)
    seen = []
    for seed in (1, 2):
        with opened(project, seed=seed) as pair:
            results = [pair.result(side, 10) for side in ("base", "head")]
            assert results[0] == results[1]
            seen.append(ast.literal_eval(results[0][1]))
    assert all(one != other for one, other in zip(*seen, strict=True))


def test_results_that_differ_between_two_processes_of_base_are_not_compared(project):
    project.write(
        "tests/test_shop.py",
        "import os\n\n\ndef test_serve(cascade_budget):\n    number = os.urandom(8)\n"
        "    cascade_budget(lambda n: number, n=10)\n",
    )
    with opened(project) as pair:
        assert not compare_results(pair, 1, NODE)


def test_timing_is_refused_where_the_workload_is_traced(project):
    project.write(
        "tests/conftest.py",
        "import sys\nimport pytest\n\n\n@pytest.fixture(autouse=True)\ndef traced():\n"
        "    sys.settrace(lambda *event: None)\n    yield\n    sys.settrace(None)\n",
    )
    base, head = project.specs()
    with pytest.raises(ObstructedTimingError) as caught, opened(project) as pair:
        check_sides(pair, base, head)
    assert str(caught.value) == (
        f"throughput is not timed: a tracer is active (conftest.traced.<locals>.<lambda>); {NODE}. Run the gate with a base apart from coverage, tracers and debuggers"
    )


def test_a_worker_ends_when_the_gate_is_gone(project):
    script = (
        "import sys, os\n"
        "sys.path[:0] = []\n"
        "from cascade_budget.timing.pairs import Pair, timing_job\n"
        f"spec = lambda name: timing_job(name=name, root={str(project.path)!r}, node={NODE!r}, arguments=('-q',))\n"
        "pair = Pair(spec('base'), spec('head'), seed=1, timeout_seconds=60).__enter__()\n"
        "print(pair._running[0].pid, flush=True)\n"
        "os._exit(0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert group_ends(int(done.stdout))
