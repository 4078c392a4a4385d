"""Data drawn at random: a count of it is the same in every run, and other tests draw as ever."""

from __future__ import annotations

import pytest

DRAWN = """
import {random}

MARKED = pytest.mark.cascade_budget(calls={{"shop:price": "0*n"}})
SIZE = {random}.{draw}(1_000)


def count(cascade_budget, size):
    def workload(n):
        for item in range(n * size):
            shop.price(item)

    cascade_budget(workload, n=4)


@MARKED
def test_drawn_by_the_module(cascade_budget):
    count(cascade_budget, SIZE)


@MARKED
def test_drawn_by_the_test(cascade_budget):
    count(cascade_budget, {random}.{draw}(1_000))


@pytest.fixture
def size():
    return {random}.{draw}(1_000)


@MARKED
def test_drawn_by_a_fixture(cascade_budget, size):
    count(cascade_budget, size)
"""


def assert_drawn_alike(project, places, *options):
    """The tests are over budget by the same laws in two processes."""
    runs = []
    for _ in range(2):
        project.run_apart("--cascade-budget", *options).assert_outcomes(failed=3)
        for place in places:
            told = project.section(f"test_drawn_by_{place}")
            (law,) = (line for line in told if "budget 0" in line)
            assert "n calls, budget 0: was never called, is now called " in law
            runs.append(law)
    assert runs[: len(places)] == runs[len(places) :]


@pytest.mark.parametrize("options", [(), ("-p", "pytest_randomly")], ids=["alone", "randomly"])
def test_what_is_drawn_before_the_workload_runs_is_drawn_alike_in_every_run(project, options):
    project.test(DRAWN.format(random="random", draw="randrange"))
    assert_drawn_alike(project, ("the_module", "the_test", "a_fixture"), *options)


def test_numpy_draws_alike_too(project):
    pytest.importorskip("numpy")
    project.test(DRAWN.format(random="numpy.random", draw="randint"))
    assert_drawn_alike(project, ("the_test",))


def test_a_whole_test_draws_alike_each_time_it_is_run(project):
    project.test(
        """
import random

@pytest.mark.cascade_budget(calls=["shop:price"])
def test_whole():
    for item in range(random.randrange(1_000)):
        shop.price(item)
"""
    )
    project.run("--cascade-budget-update").assert_outcomes(passed=1)
    project.run_apart("--cascade-budget").assert_outcomes(passed=1)
    assert project.section("cascade budget")[2].split() == ["test_whole", "as", "budgeted"]


def test_other_tests_go_on_with_the_numbers_that_they_had(project):
    project.write(
        "conftest.py", "import random\n\ndef pytest_sessionstart():\n    random.seed(7)\n"
    )
    project.test(
        """
import random

SIZE = random.random()

@pytest.mark.cascade_budget(calls=["shop:price"])
def test_budgeted():
    random.random()

def test_other():
    assert random.random() == random.Random(7).random()
"""
    )
    project.run("--cascade-budget-update").assert_outcomes(passed=2)


def test_a_seed_of_pytest_randomly_is_given_back_to_other_tests(project):
    project.test(
        """
@pytest.mark.cascade_budget(calls=["shop:price"])
def test_budgeted(pytestconfig):
    assert pytestconfig.getoption("randomly_seed") == 0

def test_other(pytestconfig):
    assert pytestconfig.getoption("randomly_seed") == 3
"""
    )
    project.run_apart(
        "-p", "pytest_randomly", "--randomly-seed=3", "--cascade-budget-update"
    ).assert_outcomes(passed=2)


HASHED = """
import shop

def serve(n):
    words = {"w%d" % number for number in range(40)}
    for _ in range(n):
        for word in words:
            shop.price(1)
            if word == "w7":
                break
"""


@pytest.fixture
def hashed(project, monkeypatch):
    """A project whose calls hang on the order of a set, which is another in each process."""
    monkeypatch.delenv("PYTHONHASHSEED")
    project.write("hashed.py", HASHED)
    return project


@pytest.mark.parametrize(
    "body",
    [
        "cascade_budget(hashed.serve, n=4)",
        "hashed.serve(4)",
    ],
    ids=["a workload", "a whole test"],
)
def test_a_count_that_hangs_on_the_hash_seed_fails_no_test(hashed, body):
    fixture = "cascade_budget" if "cascade_budget" in body else ""
    hashed.test(
        f"""
import hashed

@pytest.mark.cascade_budget(calls=["shop:price"])
def test_hashed({fixture}):
    {body}
"""
    )
    hashed.run_apart("--cascade-budget-update").assert_outcomes(passed=1)
    # One process in 40 happens to count what the ledger's did.
    for _ in range(5):
        hashed.run_apart("--cascade-budget").assert_outcomes(passed=1)
        if "in two runs of the same code: not gated" in "".join(hashed.section("cascade budget")):
            break
    else:
        pytest.fail("no process counted otherwise")


def test_a_growth_beyond_what_the_hash_seed_moves_is_red(hashed):
    hashed.write("hashed.py", HASHED.replace("    for _ in", "    shop.serve(1_000)\n    for _ in"))
    hashed.test(
        """
import hashed

@pytest.mark.cascade_budget(calls={"shop:price": 0})
def test_hashed():
    hashed.serve(1)
"""
    )
    hashed.run_apart("--cascade-budget").assert_outcomes(failed=1)
    assert hashed.section("test_hashed")[0] == "test_hashed: over budget"


def test_what_no_seed_moves_is_red_in_every_process(hashed):
    hashed.test(
        """
@pytest.mark.cascade_budget(calls={"shop:price": "n"})
def test_red(cascade_budget):
    cascade_budget(shop.serve, n=40)
"""
    )
    hashed.run_apart("--cascade-budget").assert_outcomes(failed=1)
    assert hashed.section("test_red")[:2] == [
        "test_red: over budget, counted at n = 10, 20, 30, 40",
        "  shop:price  n + 1 calls, budget n: was n, is now n + 1",
    ]
