"""The marker alone budgets the whole body of a test, counted in runs of the test itself."""

from __future__ import annotations


def test_a_body_is_held_to_plain_numbers(project):
    project.test(
        """
@pytest.mark.cascade_budget(calls={"shop:price": 4, "shop:serve": "1"})
def test_green():
    shop.serve(3)

@pytest.mark.cascade_budget(calls={"shop:price": 3})
def test_red():
    shop.serve(3)
"""
    )
    project.run("--cascade-budget").assert_outcomes(passed=1, failed=1)
    assert project.section("test_red") == [
        "test_red: over budget",
        "  shop:price  4 calls, budget 3: was called 3 times, is now called 4 times",
        "    shop.py:10 in handle          3",
        "    shop.py:14 in serve           1",
        "  the budget is fixed in the test's marker: fix the code or edit the marker",
    ]
    assert project.section("cascade budget") == [
        "                                           verdict",
        "test_shop.py",
        "  test_green                               as budgeted",
        "    shop:price  4",
        "    shop:serve  1",
        "  test_red                                 OVER BUDGET",
        "    shop:price  4 calls, budget 3: was called 3 times, is now called 4 times",
    ]


def test_the_body_runs_warm_twice_counted_and_once_more_to_find_who_calls(project):
    project.test(
        """
RUNS = []

@pytest.fixture(scope="module")
def shared():
    RUNS.append("module")
    yield
    RUNS.append("end of module")

@pytest.fixture
def own(shared):
    RUNS.append("set up")
    yield
    RUNS.append("tear down")

@pytest.mark.cascade_budget(calls={"shop:price": 1})
def test_green(own):
    RUNS.append("green")
    shop.price(1)

@pytest.mark.cascade_budget(calls={"shop:price": 0})
def test_red(own):
    RUNS.append("red")
    shop.price(1)

def test_log():
    once = ["set up", "green", "tear down"]
    again = ["set up", "red", "tear down"]
    assert RUNS == ["module", *once * 3, *again * 4]
"""
    )
    project.run("--cascade-budget").assert_outcomes(passed=2, failed=1)


def test_what_a_dry_run_prints_and_records_is_not_the_test_s(project):
    project.test(
        """
@pytest.mark.cascade_budget(calls={"shop:price": 0})
def test_loud(record_property):
    record_property("colour", "blue")
    print("loud")
    shop.price(1)
"""
    )
    project.run(
        "--cascade-budget", "--junitxml=junit.xml", "-o", "junit_family=xunit1"
    ).assert_outcomes(failed=1)
    assert project.section("Captured stdout call") == ["loud"]
    assert (project.path / "junit.xml").read_text().count('value="blue"') == 1


def test_without_the_gate_a_body_runs_once_and_is_not_counted(project):
    project.test(
        """
RUNS = []

@pytest.mark.cascade_budget(calls={"shop:price": 0})
def test_serve():
    RUNS.append(shop.price(1))
    assert len(RUNS) == 1
"""
    )
    project.run().assert_outcomes(passed=1)


def test_skipped_failing_and_xfailing_tests_are_what_they_were(project):
    project.test(
        """
pytestmark = pytest.mark.cascade_budget(calls={"shop:price": 0})

@pytest.mark.skip(reason="later")
def test_skipped():
    shop.price(1)

def test_failing():
    assert shop.price(1) == 3

@pytest.mark.xfail(strict=True)
def test_xfailing():
    assert shop.price(1) == 3

def test_broken(missing):
    shop.price(1)
"""
    )
    project.run("--cascade-budget").assert_outcomes(skipped=1, failed=1, xfailed=1, errors=1)


def test_a_test_that_passes_every_other_time_is_not_gated(project):
    project.test(
        """
RUNS = []

@pytest.mark.cascade_budget(calls={"shop:price": 0})
def test_flaky():
    RUNS.append(1)
    assert len(RUNS) > 1
"""
    )
    project.run("--cascade-budget").assert_outcomes(passed=1)
    assert project.section("cascade budget") == [
        "                                           verdict",
        "test_shop.py",
        "  test_flaky                               unstable",
        "    shop:price  the test passes and fails in runs of the same code: not gated",
    ]


def test_a_count_that_differs_between_runs_is_said_and_not_gated(project):
    project.test(
        """
RUNS = []

@pytest.mark.cascade_budget(calls={"shop:price": 0})
def test_unstable():
    RUNS.append(1)
    for _ in RUNS:
        shop.price(1)
"""
    )
    project.run("--cascade-budget").assert_outcomes(passed=1)
    assert project.section("cascade budget") == [
        "                                           verdict",
        "test_shop.py",
        "  test_unstable                            unstable",
        "    shop:price  2 and 4 calls in two runs of the same code: not gated",
    ]


def test_methods_unittest_cases_and_parameters_are_tests_like_any_other(project):
    project.test(
        """
import unittest

class TestShop:
    @pytest.mark.cascade_budget(calls=["shop:price"])
    @pytest.mark.parametrize("text", ['a"b', "[x] (2)", "caf\\u00e9\\n"])
    def test_it(self, text):
        shop.price(1)

@pytest.mark.cascade_budget(calls=["shop:price"])
class CaseOfShop(unittest.TestCase):
    def test_it(self):
        shop.serve(2)
"""
    )
    project.run("--cascade-budget-update").assert_outcomes(passed=4)
    assert project.recorded() == [
        "",
        '["test_shop.py::CaseOfShop::test_it"]',
        '"shop:price" = "3"',
        "",
        '["test_shop.py::TestShop::test_it[[x] (2)]"]',
        '"shop:price" = "1"',
        "",
        '["test_shop.py::TestShop::test_it[a\\"b]"]',
        '"shop:price" = "1"',
        "",
        '["test_shop.py::TestShop::test_it[caf\\\\xe9\\\\n]"]',
        '"shop:price" = "1"',
    ]
    project.run("--cascade-budget").assert_outcomes(passed=4)
    assert project.section("cascade budget")[-1] == "    shop:price  3"


def test_a_marker_that_a_conftest_adds_is_held_to(project):
    project.write(
        "conftest.py",
        """
import pytest

def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.cascade_budget(calls={"shop:price": 1}))
""",
    )
    project.test(
        """
def test_whole():
    shop.serve(2)

def test_fixture(cascade_budget):
    cascade_budget(shop.serve, n=40)
"""
    )
    project.run("--cascade-budget").assert_outcomes(failed=2)
    assert project.section("test_whole")[:2] == [
        "test_whole: over budget",
        "  shop:price  3 calls, budget 1: was called once, is now called 3 times",
    ]
    assert project.section("test_fixture")[0].startswith("test_fixture: over budget")


def test_a_marker_on_a_doctest_is_refused(project):
    project.write(
        "conftest.py",
        """
import pytest

def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker("cascade_budget")
""",
    )
    project.write("more.py", '"""\n>>> 1 + 1\n2\n"""\n')
    project.run("--cascade-budget", "--doctest-modules", "more.py")
    assert project.result.ret == 4
    assert [line for line in project.result.errlines if line] == [
        (
            "ERROR: the marker cascade_budget stands on a doctest, which can't run again to be "
            "counted; more.py::more. Leave doctests out where markers are added, or write the example "
            "as a test"
        )
    ]


def test_a_strict_xfail_is_gated(project):
    project.test(
        """
@pytest.mark.xfail(strict=True)
@pytest.mark.cascade_budget(calls={"shop:price": 1})
def test_over():
    shop.serve(2)

@pytest.mark.xfail(strict=True)
@pytest.mark.cascade_budget(calls={"shop:price": 3})
def test_within():
    shop.serve(2)
"""
    )
    project.run("--cascade-budget").assert_outcomes(xfailed=1, failed=1)
    assert project.section("test_within") == ["[XPASS(strict)] "]
    summary = "\n".join(project.section("cascade budget"))
    assert "OVER BUDGET" in summary
    assert "unstable" not in summary


def test_what_was_collected_is_set_aside_from_the_garbage_collector(project):
    """A count collects garbage, and would look at every object of pytest and of the project."""
    project.test(
        """
import gc

BEFORE = gc.get_freeze_count()

@pytest.mark.cascade_budget(calls={"shop:price": 4})
def test_serve():
    shop.serve(3)
    assert gc.get_freeze_count() > BEFORE + 10_000
"""
    )
    project.run_apart("--cascade-budget").assert_outcomes(passed=1)
