"""The fixture: a workload is counted at four sizes, held to its laws, and otherwise just runs."""

from __future__ import annotations

import pytest

ASYNC = ("asyncio_mode = auto", "asyncio_default_fixture_loop_scope = function")
CONTRACT = """
@pytest.mark.cascade_budget(calls={"shop:price": "n + 1", "inspect:signature": "0"})
def test_serve(cascade_budget):
    assert cascade_budget(shop.serve, n=10_000) == "done"
"""


def test_without_the_gate_a_workload_runs_once_at_the_smallest_size(project):
    project.test(
        """
        @pytest.mark.cascade_budget(calls={"shop:price": "0"})
        def test_sizes(cascade_budget):
            sizes = []
            assert cascade_budget(lambda n: sizes.append(n) or "done", n=10_000) == "done"
            assert sizes == [100]
        """.replace("\n        ", "\n")
    )
    project.run().assert_outcomes(passed=1)
    assert "cascade budget" not in project.result.stdout.str()


def test_under_the_gate_each_size_runs_warm_and_twice_counted(project):
    project.test(
        """
@pytest.mark.cascade_budget(calls={"shop:price": "0"})
def test_sizes(cascade_budget):
    sizes = []
    cascade_budget(sizes.append, n=8)
    assert sizes == [2, 4, 6, 8, 2, 4, 6, 8, 2, 4, 6, 8]
"""
    )
    project.run("--cascade-budget").assert_outcomes(passed=1)


def test_a_contract_that_holds_is_green(project):
    project.test(CONTRACT)
    project.run("--cascade-budget").assert_outcomes(passed=1)
    assert project.section("cascade budget") == [
        "                                           verdict",
        "test_shop.py",
        "  test_serve                               as budgeted",
        "    shop:price         n + 1",
        "    inspect:signature  0",
    ]


def test_a_call_too_many_names_the_function_the_law_and_the_line(project, culprit):
    project.write("shop.py", culprit)
    project.test(CONTRACT)
    project.run("--cascade-budget").assert_outcomes(failed=1)
    assert project.result.ret == pytest.ExitCode.TESTS_FAILED
    assert project.section("test_serve") == [
        "test_serve: over budget, counted at n = 100, 200, 300, 400",
        "  inspect:signature",
        "    n calls, budget 0: was never called, is now called once per transaction",
        "    shop.py:10 in handle        400 at n = 400",
        "  shop:price         n + 1, as budgeted",
        "  the budget is fixed in the test's marker: fix the code or edit the marker",
    ]
    assert project.section("short test summary info") == [
        "OVER BUDGET test_shop.py::test_serve - OverBudget: test_serve: over budget, c...",
    ]


def test_a_call_too_few_is_slack_and_fails_too(project):
    project.test(CONTRACT.replace('"n + 1"', '"2*n"'))
    project.run("--cascade-budget").assert_outcomes(failed=1)
    assert project.section("test_serve") == [
        "test_serve: under budget, counted at n = 100, 200, 300, 400",
        "  shop:price",
        "    n + 1 calls, budget 2*n: was called twice, is now called once per transaction",
        "  inspect:signature  0, as budgeted",
        "  the budget is fixed in the test's marker: fix the code or edit the marker",
    ]


@pytest.mark.parametrize(
    ("calls", "word"),
    [
        ('{"shop:price": "n"}', "OVER BUDGET"),
        ('{"shop:price": "2*n"}', "UNDER BUDGET"),
        ('["shop:price"]', "NOT RECORDED"),
    ],
)
def test_a_broken_budget_has_a_letter_and_a_word_of_its_own(project, calls, word):
    project.test(
        f"""
@pytest.mark.cascade_budget(calls={calls})
def test_serve(cascade_budget):
    cascade_budget(shop.serve, n=4)
"""
    )
    project.run("--cascade-budget")
    project.result.stdout.fnmatch_lines(["test_shop.py B *"])
    project.run("--cascade-budget", "-v")
    project.result.stdout.fnmatch_lines([f"test_shop.py::test_serve {word} *"])


def test_the_body_s_own_failure_comes_first(project, culprit):
    project.write("shop.py", culprit.replace('"done"', '"lost"'))
    project.test(CONTRACT)
    project.run("--cascade-budget").assert_outcomes(failed=1)
    project.result.stdout.fnmatch_lines(["E*AssertionError: assert 'lost' == 'done'"])
    assert "over budget," not in project.result.stdout.str()


def test_xfail_sees_a_failure_like_any_other(project, culprit):
    project.write("shop.py", culprit)
    project.test(f"@pytest.mark.xfail(strict=True){CONTRACT}")
    project.run("--cascade-budget").assert_outcomes(xfailed=1)


def test_junit_sees_a_failure_and_the_facts(project, culprit):
    project.write("shop.py", culprit)
    project.test(CONTRACT)
    project.run("--cascade-budget", "--junitxml=junit.xml")
    junit = (project.path / "junit.xml").read_text()
    assert (
        '<property name="cascade_budget shop:price" value="n + 1: as budgeted"/>'
        '<property name="cascade_budget inspect:signature" value="n: over budget"/>'
    ) in junit.replace(" />", "/>")
    assert 'failures="1"' in junit
    assert '<failure message="OverBudget: test_serve: over budget, counted at n = ' in junit


def test_coroutine_workloads_are_awaited_and_their_resumptions_are_no_calls(project):
    project.test(
        """
import asyncio

async def step(item):
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return shop.price(item)

async def serve(n):
    for item in range(n):
        await step(item)
    return "done"

@pytest.mark.cascade_budget(calls={"test_shop:step": "n", "shop:price": "n"})
def test_function(cascade_budget):
    assert cascade_budget(serve, n=40) == "done"

@pytest.mark.cascade_budget(calls={"test_shop:step": "n"})
def test_lambda(cascade_budget):
    assert cascade_budget(lambda n: serve(n), n=40) == "done"
"""
    )
    project.run().assert_outcomes(passed=2)
    project.run("--cascade-budget").assert_outcomes(passed=2)


def test_a_coroutine_workload_in_an_async_test_is_refused(project):
    project.configure(*ASYNC)
    project.test(
        """
async def serve(n):
    return "done"

async def test_async(cascade_budget):
    cascade_budget(serve, n=1_000)
"""
    )
    project.run("-p", "pytest_asyncio.plugin").assert_outcomes(failed=1)
    assert project.errors() == [
        (
            "cascade_budget.errors.UsageError: the workload is a coroutine function and an event "
            "loop is running already; cascade_budget was called from an async test. Make the test "
            "a plain def: the fixture runs the workload in a loop of its own"
        )
    ]
    project.result.stdout.fnmatch_lines([">       cascade_budget(serve, n=1_000)"])
    assert "execution.py" not in project.result.stdout.str()


def test_a_plain_workload_in_an_async_test_is_counted(project):
    project.configure(*ASYNC)
    project.test(CONTRACT.replace("def test_serve", "async def test_serve"))
    project.run("-p", "pytest_asyncio.plugin", "--cascade-budget").assert_outcomes(passed=1)


def test_several_calls_in_a_test_have_entries_of_their_own(project):
    project.test(
        """
@pytest.mark.cascade_budget(calls=["shop:price"])
def test_serve(cascade_budget):
    cascade_budget(shop.serve, n=1_000)
    cascade_budget(lambda n: shop.serve(2 * n), n=1_000)
    cascade_budget(lambda n: shop.serve(3), n=1_000, name="fixed")
"""
    )
    project.run("--cascade-budget-update").assert_outcomes(passed=1)
    assert project.recorded() == [
        "",
        '["test_shop.py::test_serve"]',
        '"shop:price" = "n + 1"',
        "",
        '["test_shop.py::test_serve (2)"]',
        '"shop:price" = "2*n + 1"',
        "",
        '["test_shop.py::test_serve (fixed)"]',
        '"shop:price" = "4"',
    ]
    project.run("--cascade-budget").assert_outcomes(passed=1)


WRONG_CALLS = [
    (
        "cascade_budget(3, n=10)",
        (
            "the workload is 3; cascade_budget(workload, n=...). "
            "It is a function of n that performs n transactions"
        ),
    ),
    (
        "cascade_budget(shop.serve, n=0)",
        "n is 0; cascade_budget(workload, n=...). It is a number of transactions, 1 or more",
    ),
    (
        "cascade_budget(shop.serve, n=True)",
        "n is True; cascade_budget(workload, n=...). It is a number of transactions, 1 or more",
    ),
    (
        "cascade_budget(shop.serve, n=10, sizes=[1, 2, 3])",
        (
            "sizes holds 3 different numbers of transactions, (1, 2, 3); "
            "cascade_budget(workload, n=..., sizes=...). "
            "Give 4 or more: fewer can't tell a law from chance"
        ),
    ),
    (
        "cascade_budget(shop.serve, n=10, sizes=[1, 2, 3, 'x'])",
        (
            "sizes is [1, 2, 3, 'x']; cascade_budget(workload, n=..., sizes=...). "
            "It is a list of numbers of transactions"
        ),
    ),
    (
        "cascade_budget(shop.serve, n=10, name='')",
        (
            "name is ''; cascade_budget(workload, n=..., name=...). "
            "It is a word or two that tell this call from the others"
        ),
    ),
    (
        "[cascade_budget(shop.serve, n=10, name='x') for _ in '12']",
        (
            "the test calls cascade_budget twice with name='x'; test_shop.py::test_it. "
            "Give each call a name of its own"
        ),
    ),
]


def test_a_wrong_call_of_the_fixture_is_refused(project):
    tests = (
        f"""
def test_{number}(cascade_budget):
    with pytest.raises(package.UsageError) as caught:
        {call}
    assert str(caught.value) == {message.replace("test_it", f"test_{number}")!r}
"""
        for number, (call, message) in enumerate(WRONG_CALLS)
    )
    project.test("import cascade_budget as package\n" + "".join(tests))
    project.run().assert_outcomes(passed=len(WRONG_CALLS))


def test_a_fixture_that_is_never_called_judges_nothing_and_fails(project):
    project.test(
        """
@pytest.mark.cascade_budget(calls={"shop:price": "0"})
def test_serve(cascade_budget):
    shop.serve(3)
"""
    )
    project.run("--cascade-budget").assert_outcomes(failed=1)
    assert project.section("test_serve") == [
        (
            "the test has the marker and the fixture cascade_budget, and never calls the "
            "fixture; test_shop.py::test_serve. Call cascade_budget(workload, n=...), or "
            "leave the fixture out to budget the whole test"
        )
    ]


def test_one_block_is_counted_with_and_without_the_gate(project):
    project.test(
        """
import cascade_budget as package

def test_module():
    with package.count("shop:price", "shop:handle", watch=["shop:*"]) as calls:
        shop.serve(5)
    assert dict(calls) == {"shop:price": 6, "shop:handle": 5}
    assert dict(calls.watched) == {"shop:serve": 1, "shop:price": 6, "shop:handle": 5}

def test_fixture(cascade_budget):
    with cascade_budget.count("shop:price", attribute=True) as calls:
        shop.serve(5)
    assert calls["shop:price"] == 6
    assert [(site.line, site.function, site.calls) for site in calls.sites["shop:price"]] == [
        (10, "handle", 5),
        (14, "serve", 1),
    ]
"""
    )
    project.run().assert_outcomes(passed=2)
    project.run("--cascade-budget").assert_outcomes(passed=2)


def test_first_runs_are_counted_in_fresh_processes(project):
    project.write(
        "shop.py",
        """
import functools

@functools.cache
def price(item):
    return item * 2

def serve(n):
    for item in range(n):
        price(item)
    return "done"
""",
    )
    project.test(
        """
@pytest.mark.cascade_budget(calls={"shop:price": "n"}, cold=True)
def test_cold(cascade_budget):
    assert cascade_budget(shop.serve, n=4) == "done"

@pytest.mark.cascade_budget(calls={"shop:price": "0"})
def test_warm(cascade_budget):
    assert cascade_budget(shop.serve, n=4) == "done"

@pytest.mark.cascade_budget(calls={"shop:price": "2"}, cold=True)
def test_cold_body():
    shop.serve(3)
"""
    )
    project.run("--cascade-budget").assert_outcomes(passed=2, failed=1)
    assert project.section("test_cold_body") == [
        "test_cold_body: over budget",
        "  shop:price  3 calls, budget 2: was called twice, is now called 3 times",
        "    shop.py:10 in serve          3",
        "  the budget is fixed in the test's marker: fix the code or edit the marker",
    ]
