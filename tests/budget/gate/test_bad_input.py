"""What is written wrongly is refused with the test, the reason and the remedy."""

from __future__ import annotations

import pytest

WHERE = "test_shop.py::test_it"


def marked(arguments, fixture=""):
    return f"""
@pytest.mark.cascade_budget({arguments})
def test_it({fixture}):
    pass
"""


#: The arguments of a marker, and what is said of them.
WRONG_MARKERS = [
    (
        "call={'shop:price': 1}",
        f"marker cascade_budget has no argument 'call'; {WHERE}. Did you mean 'calls'?",
    ),
    (
        "budget=3",
        f"marker cascade_budget has no argument 'budget'; {WHERE}. It takes calls, watch, cold",
    ),
    (
        "'shop:price'",
        (
            f"marker cascade_budget takes no positional arguments, and has 'shop:price'; {WHERE}. "
            "Write calls=... or watch=..."
        ),
    ),
    (
        "calls=3",
        f"calls is 3; {WHERE}. Write a dict of formulas or a list of functions",
    ),
    (
        "calls={'shop:price': -1}",
        (
            f"the budget of 'shop:price' is -1; {WHERE}. "
            'Write a formula such as "n + 1" or a number'
        ),
    ),
    (
        "calls={'shop:price': 1.5}",
        (
            f"the budget of 'shop:price' is 1.5; {WHERE}. "
            'Write a formula such as "n + 1" or a number'
        ),
    ),
    (
        "calls=[3]",
        f"a function in calls is 3; {WHERE}. Write text such as 'inspect:signature'",
    ),
    (
        "calls={'shop:price': '2n'}",
        (
            "formula '2n' does not parse: a product is written with *, as in '2*n'. "
            'Write a polynomial in n, such as "0", "n + 1", "11*n" or "n*n"'
        ),
    ),
    (
        "calls={'shop:price': 'n'}",
        (
            f"the budget of 'shop:price' is 'n', and a whole test has no n; {WHERE}. "
            "Write a number, or run the workload through the cascade_budget fixture"
        ),
    ),
    (
        "watch=3",
        f"watch is 3; {WHERE}. Write a list of patterns such as 'package.module.*'",
    ),
    (
        "watch=['shop.py']",
        (
            "it is a path, and modules are matched by their names; watch pattern 'shop.py'. "
            "Write 'shop'"
        ),
    ),
    ("cold='yes'", f"cold is 'yes'; {WHERE}. Write True or False"),
]


@pytest.mark.parametrize("option", [(), ("--cascade-budget",)], ids=["plain", "gate"])
def test_a_wrong_marker_stops_the_collection_of_its_file(project, option):
    for number, (arguments, _) in enumerate(WRONG_MARKERS):
        project.test(marked(arguments), f"test_{number}.py")
    project.run(*option).assert_outcomes(errors=len(WRONG_MARKERS))
    assert project.result.ret == pytest.ExitCode.INTERRUPTED
    for number, (_, message) in enumerate(WRONG_MARKERS):
        name = f"test_{number}.py"
        said = message.replace("test_shop.py", name)
        assert project.section(f"ERROR collecting {name}") == [said]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (
            "shop:prise",
            "module 'shop' has no 'prise'; target 'shop:prise'. Did you mean 'shop:price'?",
        ),
        (
            "inspect.signature",
            (
                "it is not of the form module:qualname; target 'inspect.signature'. "
                "Write 'inspect:signature'"
            ),
        ),
    ],
)
def test_an_unknown_target_names_the_nearest_under_the_gate(project, target, message):
    project.test(marked(f"calls={{'{target}': 0}}"))
    project.run().assert_outcomes(passed=1)
    project.run("--cascade-budget").assert_outcomes(errors=1)
    assert project.section("ERROR collecting test_shop.py") == [message]


def test_the_nearest_marker_that_gives_an_argument_wins(project):
    project.test(
        """
pytestmark = pytest.mark.cascade_budget(calls={"shop:price": 1}, cold=False)

def test_module():
    shop.price(1)

@pytest.mark.cascade_budget(calls={"shop:price": 2})
def test_own():
    shop.price(1)
    shop.price(1)
"""
    )
    project.run("--cascade-budget").assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "cascade_budget_timeout = soon",
            (
                "ERROR: cascade_budget_timeout is 'soon', not a number of seconds, 0 for no limit. "
                "Correct it in the ini file or behind -o"
            ),
        ),
        (
            "cascade_budget_coarse = -3",
            (
                "ERROR: cascade_budget_coarse is '-3', not a percentage such as 25, or off. "
                "Correct it in the ini file or behind -o"
            ),
        ),
        (
            "cascade_budget_coarse_elsewhere = nan",
            (
                "ERROR: cascade_budget_coarse_elsewhere is 'nan', not a percentage such as 25, or off. "
                "Correct it in the ini file or behind -o"
            ),
        ),
    ],
)
def test_a_wrong_setting_is_a_usage_error(project, line, message):
    project.write("pytest.ini", f"[pytest]\n{line}\n")
    project.test(marked(""))
    project.run()
    assert project.result.ret == pytest.ExitCode.USAGE_ERROR
    assert [text for text in project.result.errlines if text] == [message]


@pytest.mark.parametrize("option", ["--cascade-budget-base", "--cascade-budget-report"])
def test_an_empty_option_is_a_usage_error_and_no_plain_run(project, option):
    project.test(marked(""))
    project.run("--cascade-budget", f"{option}=")
    assert project.result.ret == pytest.ExitCode.USAGE_ERROR
    assert [text for text in project.result.errlines if text] == [
        (
            f"ERROR: {option} is empty. Give it a value or leave it out: perhaps a variable in the "
            "command is not set"
        )
    ]


def test_a_workload_that_raises_says_what_it_was_run_for(project):
    project.test(
        """
def break_down(n):
    if n > 150:
        raise ValueError("sold out")

def test_it(cascade_budget):
    cascade_budget(break_down, n=1_000)
"""
    )
    project.run().assert_outcomes(passed=1)
    project.run("--cascade-budget").assert_outcomes(failed=1)
    assert project.errors() == [
        "ValueError: sold out",
        "cascade_budget was warming up, n = 200",
    ]


def test_a_workload_that_hangs_is_ended_where_it_stands(project):
    project.configure("cascade_budget_timeout = 0.2")
    project.test(
        """
import threading

def wait(n):
    threading.Event().wait()

def test_it(cascade_budget):
    cascade_budget(wait, n=1_000)
"""
    )
    project.run("--cascade-budget").assert_outcomes(failed=1)
    assert project.errors() == [
        (
            "cascade_budget.errors.WorkloadTimeoutError: the workload at n = 100 did not end "
            "within 0.2 seconds. Make it smaller, or raise cascade_budget_timeout in the ini file"
        ),
        "cascade_budget was warming up, n = 100",
    ]
    project.result.stdout.fnmatch_lines(["test_shop.py:8: in wait", "    threading.Event().wait()"])


def test_a_whole_test_that_hangs_is_ended_in_its_first_run(project):
    project.configure("cascade_budget_timeout = 0.2")
    project.test(
        """
import pytest

@pytest.mark.cascade_budget
def test_it():
    while True:
        try:
            while True:
                pass
        except Exception:
            pass
"""
    )
    project.run("--cascade-budget").assert_outcomes(failed=1)
    assert project.errors() == [
        (
            "cascade_budget.errors.WorkloadTimeoutError: the test did not end within 0.2 seconds. "
            "Make it smaller, or raise cascade_budget_timeout in the ini file"
        )
    ]


def test_a_workload_that_leaves_threads_behind_each_time_is_refused(project):
    project.test(
        """
import threading

def test_it(cascade_budget):
    end = threading.Event()
    started = []

    def leak(n):
        thread = threading.Thread(target=end.wait, name=f"leak {n}", daemon=True)
        thread.start()
        started.append(thread)

    try:
        cascade_budget(leak, n=4)
    finally:
        end.set()
        for thread in started:
            thread.join()
"""
    )
    project.run("--cascade-budget").assert_outcomes(failed=1)
    assert project.errors() == [
        (
            "cascade_budget.errors.WorkloadThreadsError: each of 8 runs of the workload left "
            "threads behind, the last one 'leak 4'. Join them in the workload: what they call would "
            "be counted into a later run"
        )
    ]


def test_a_workload_that_fills_a_pool_once_is_counted(project):
    project.test(
        """
from concurrent.futures import ThreadPoolExecutor

@pytest.mark.cascade_budget(calls={"shop:price": "n"})
def test_it(cascade_budget):
    with ThreadPoolExecutor(2) as pool:
        cascade_budget(lambda n: list(pool.map(shop.price, range(n))), n=1_000)
"""
    )
    project.run("--cascade-budget").assert_outcomes(passed=1)


def test_a_fresh_process_that_does_not_count_is_an_error_with_what_it_printed(project):
    project.write(
        "conftest.py", "import os, pytest\n\nif 'WORSE' in os.environ:\n    raise SystemExit(7)\n"
    )
    project.test(
        """
import os

@pytest.mark.cascade_budget(calls={"shop:price": 0}, cold=True)
def test_it():
    pass

@pytest.fixture(autouse=True, scope="module")
def worse():
    os.environ["WORSE"] = "yes"
    yield
    del os.environ["WORSE"]

@pytest.mark.cascade_budget(calls={"shop:price": 0}, cold=True)
def test_fixture(cascade_budget):
    cascade_budget(shop.serve, n=4)
"""
    )
    project.run("--cascade-budget", "-k", "fixture").assert_outcomes(failed=1, deselected=1)
    assert project.errors()[:1] == [
        (
            "cascade_budget.errors.ColdRunError: a fresh process for test_shop.py::test_fixture "
            "at n = 1 ended without counting. It printed:"
        )
    ]
