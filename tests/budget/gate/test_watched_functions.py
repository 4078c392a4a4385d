"""Under a pattern a neutral edit stays green and growth is red; a bare marker catches the classics."""

from __future__ import annotations

import pytest

WATCHED = """
@pytest.mark.cascade_budget(watch=["shop.*"])
def test_serve(cascade_budget):
    assert cascade_budget(shop.serve, n=1_000) == "done"
"""
BARE = WATCHED.replace('(watch=["shop.*"])', "")
RECORDED = (
    '["test_shop.py::test_serve"]',
    'watch = ["shop.*"]',
    '"shop:handle" = "n"',
    '"shop:price" = "n + 1"',
    '"shop:serve" = "1"',
)


@pytest.fixture
def watched(project):
    project.test(WATCHED)
    project.budget(*RECORDED)
    return project


def shop(project, old, new):
    text = (project.path / "shop.py").read_text()
    assert old in text
    project.write("shop.py", text.replace(old, new))


def test_a_pattern_is_recorded_function_by_function(project):
    project.test(WATCHED)
    project.run("--cascade-budget-update").assert_outcomes(passed=1)
    assert project.recorded() == ["", *RECORDED]
    assert project.section("cascade budget") == [
        "                                           verdict",
        "test_shop.py",
        "  test_serve                               recorded",
        "    3 watched functions recorded",
        "cascade-budget.toml: 1 new; commit it",
    ]
    project.run("--cascade-budget").assert_outcomes(passed=1)


def test_an_extracted_function_is_new_and_green(watched):
    shop(
        watched,
        "def handle(item):\n    return price(item)",
        "def quote(item):\n    return price(item)\n\n\ndef handle(item):\n    return quote(item)",
    )
    watched.run("--cascade-budget").assert_outcomes(passed=1)
    assert watched.section("cascade budget") == [
        "                                           verdict",
        "test_shop.py",
        "  test_serve                               as budgeted",
        "    shop:quote  n calls, new",
        "    3 watched functions as recorded",
    ]


def commit(project):
    """Put the project under version control as it is."""

    def git(*words):
        project.pytester.run("git", "-c", "user.name=A", "-c", "user.email=a@b.c", *words)

    git("init", "--quiet")
    git("add", "--all")
    git("commit", "--quiet", "--message", "As recorded")


def test_a_renamed_function_has_moved_and_is_green(watched):
    commit(watched)
    shop(watched, "handle(item)", "manage(item)")
    watched.run("--cascade-budget").assert_outcomes(passed=1)
    assert watched.section("cascade budget") == [
        "                                           verdict",
        "test_shop.py",
        "  test_serve                               as budgeted",
        "    shop:manage",
        "      n calls, moved from shop:handle: accept with --cascade-budget-update",
        "    2 watched functions as recorded",
    ]


def test_without_the_recorded_code_a_renamed_function_is_new_and_the_old_one_gone(watched):
    shop(watched, "handle(item)", "manage(item)")
    watched.run("--cascade-budget").assert_outcomes(passed=1)
    assert watched.section("cascade budget") == [
        "                                           verdict",
        "test_shop.py",
        "  test_serve                               as budgeted",
        "    shop:handle  gone, was n",
        "    shop:manage  n calls, new",
        "    2 watched functions as recorded",
    ]


CACHED = """
import functools


@functools.lru_cache
def load_rates():
    return (1, 2)


def price(item):
    return item * load_rates()[0]


def serve(n):
    for item in range(n):
        price(item)
    return "done"
"""
GREW = "    n calls, budget 0: was never called, is now called once per transaction"


@pytest.mark.parametrize("whole", [False, True])
def test_a_dropped_cache_is_red_without_version_control(project, whole):
    project.write("shop.py", CACHED)
    project.test(
        '@pytest.mark.cascade_budget(watch=["shop"])\ndef test_serve():\n    shop.serve(3)\n'
        if whole
        else WATCHED
    )
    project.run_apart("--cascade-budget-update").assert_outcomes(passed=1)
    assert '"shop:load_rates" = "0"' in project.recorded()
    kept = project.recorded()
    project.run_apart("--cascade-budget").assert_outcomes(passed=1)
    # A run in which something else has filled the cache already records the same.
    project.write("conftest.py", "import shop\n\nshop.serve(1)\n")
    project.run_apart("--cascade-budget-update").assert_outcomes(passed=1)
    assert project.recorded() == kept
    shop(project, "@functools.lru_cache\n", "")
    project.run_apart("--cascade-budget").assert_outcomes(failed=1)
    told = project.section("test_serve")
    assert told[1] == "  shop:load_rates" or told[1].startswith("  shop:load_rates  3 calls")
    assert GREW in told or "budget 0: was never called, is now called 3 times" in told[1]


def test_the_line_of_a_function_that_is_gone_goes_with_an_update(project):
    project.write("shop.py", CACHED)
    project.test(WATCHED)
    project.run_apart("--cascade-budget-update").assert_outcomes(passed=1)
    project.write("shop.py", CACHED.replace("load_rates", "read_rates"))
    project.run_apart("--cascade-budget-update").assert_outcomes(passed=1)
    assert [line for line in project.recorded() if "_rates" in line] == ['"shop:read_rates" = "0"']


SPECIAL = """
class Item:
    def __init__(self, number):
        self.number = number

    def __eq__(self, other):
        return self.number == other.number

    __hash__ = None

    @property
    def doubled(self):
        return 2 * self.number


def serve(n):
    for number in range(n):
        Item(number)
    return "done"
"""


@pytest.mark.parametrize(
    ("call", "function"),
    [("Item(number) == Item(number)", "Item.__eq__"), ("Item(number).doubled", "Item.doubled")],
)
def test_what_existed_in_the_recorded_code_and_was_not_called_is_held_to_0(project, call, function):
    project.write("shop.py", SPECIAL)
    project.test(WATCHED)
    project.run("--cascade-budget-update").assert_outcomes(passed=1)
    commit(project)
    shop(project, "        Item(number)\n", f"        {call}\n")
    project.run("--cascade-budget").assert_outcomes(failed=1)
    told = project.section("test_serve")
    assert told[told.index(f"  shop:{function}") + 1] == GREW


def test_a_function_extracted_and_committed_after_the_record_stays_new(watched):
    commit(watched)
    shop(
        watched,
        "def handle(item):\n    return price(item)",
        "def quote(item):\n    return price(item)\n\n\ndef handle(item):\n    return quote(item)",
    )
    commit(watched)
    shop(watched, "return item * 2", "return 2 * item")
    watched.run("--cascade-budget").assert_outcomes(passed=1)
    assert "    shop:quote  n calls, new" in watched.section("cascade budget")


def test_a_function_gone_does_not_excuse_one_that_existed(watched):
    text = (watched.path / "shop.py").read_text() + "\n\ndef audit(item):\n    return item\n"
    watched.write("shop.py", text)
    commit(watched)
    shop(watched, "def handle(item):\n    return price(item)\n\n\n", "")
    shop(watched, "        handle(item)", "        price(audit(item))")
    watched.run("--cascade-budget").assert_outcomes(failed=1)
    told = watched.section("test_serve")
    assert told[told.index("  shop:audit") + 1] == GREW


def test_a_function_called_less_often_and_one_gone_are_listed_and_green(watched):
    shop(watched, "        handle(item)", "        pass")
    watched.run("--cascade-budget").assert_outcomes(passed=1)
    assert watched.section("cascade budget") == [
        "                                           verdict",
        "test_shop.py",
        "  test_serve                               as budgeted",
        "    shop:handle  gone, was n",
        "    shop:price",
        "      1 call, budget n + 1: was called once per transaction, is now called once",
        "    1 watched function as recorded",
    ]


def test_an_expression_split_over_lines_is_green(watched):
    shop(watched, "return item * 2", "return (\n        item\n        * 2\n    )")
    watched.run("--cascade-budget").assert_outcomes(passed=1)
    assert watched.section("cascade budget")[-1] == "    3 watched functions as recorded"


def test_a_function_called_more_often_is_red(watched):
    shop(watched, "    return price(item)", "    price(item)\n    return price(item)")
    watched.run("--cascade-budget").assert_outcomes(failed=1)
    assert watched.section("test_serve") == [
        "test_serve: over budget, counted at n = 100, 200, 300, 400",
        "  shop:price",
        "    2*n + 1 calls, budget n + 1: was called once, is now called twice per transaction",
        "    shop.py:10 in handle        400 at n = 400",
        "    shop.py:11 in handle        400 at n = 400",
        "    shop.py:15 in serve           1 at n = 400",
        "  accept with --cascade-budget-update",
    ]


def test_a_bare_marker_watches_the_known_culprits(project, culprit):
    project.test(BARE)
    project.run("--cascade-budget-update").assert_outcomes(passed=1)
    assert project.recorded() == [
        "",
        '["test_shop.py::test_serve"]',
        'watch = ["default"]',
        '"ast:parse" = "0"',
        '"concurrent.futures.process:ProcessPoolExecutor.submit" = "0"',
        '"concurrent.futures.thread:ThreadPoolExecutor.submit" = "0"',
        '"copy:deepcopy" = "0"',
        '"importlib:import_module" = "0"',
        '"inspect:getsource" = "0"',
        '"inspect:signature" = "0"',
        '"re._compiler:compile" = "0"',
        '"threading:Thread.start" = "0"',
        '"uuid:uuid4" = "0"',
    ]
    project.run("--cascade-budget").assert_outcomes(passed=1)
    project.write("shop.py", culprit)
    project.run("--cascade-budget").assert_outcomes(failed=1)
    assert project.section("test_serve") == [
        "test_serve: over budget, counted at n = 100, 200, 300, 400",
        "  inspect:signature",
        "    n calls, budget 0: was never called, is now called once per transaction",
        "    shop.py:10 in handle        400 at n = 400",
        "  accept with --cascade-budget-update",
    ]


def test_the_ini_file_watches_every_budgeted_test_and_a_marker_replaces_it(project):
    project.configure("cascade_budget_watch = shop:price shop:h*")
    project.test(
        """
@pytest.mark.cascade_budget
def test_ini():
    shop.serve(3)

@pytest.mark.cascade_budget(calls={"shop:serve": 1})
def test_both():
    shop.serve(3)

@pytest.mark.cascade_budget(watch=["shop:s*"])
def test_marker():
    shop.serve(3)
"""
    )
    project.run("--cascade-budget-update").assert_outcomes(passed=3)
    assert project.recorded() == [
        "",
        '["test_shop.py::test_both"]',
        'watch = ["shop:price", "shop:h*"]',
        '"shop:handle" = "3"',
        '"shop:price" = "4"',
        "",
        '["test_shop.py::test_ini"]',
        'watch = ["shop:price", "shop:h*"]',
        '"shop:handle" = "3"',
        '"shop:price" = "4"',
        "",
        '["test_shop.py::test_marker"]',
        'watch = ["shop:s*"]',
        '"shop:serve" = "1"',
    ]


def test_a_pattern_added_to_a_recorded_test_is_missing(watched):
    watched.test(WATCHED.replace('["shop.*"]', '["shop.*", "inspect:*"]'))
    watched.run("--cascade-budget").assert_outcomes(failed=1)
    assert watched.section("test_serve") == [
        "test_serve: not recorded, counted at n = 100, 200, 300, 400",
        "  inspect:*  nothing recorded",
        "  record with  pytest --cascade-budget-update test_shop.py::test_serve",
    ]


def test_a_pattern_that_matches_nothing_is_an_error_and_not_recorded(project):
    project.test(
        WATCHED.replace("shop.*", "shopp.*")
        + """
@pytest.mark.cascade_budget(watch=["shop:prices*"])
def test_whole():
    shop.serve(3)

def test_block():
    import cascade_budget
    with cascade_budget.count(watch=["shopp.*"]) as calls:
        shop.serve(3)
    assert not calls.watched
"""
    )
    project.run("--cascade-budget-update").assert_outcomes(failed=3)
    refused = (
        "it matches nothing: there is no module 'shopp'; watch pattern 'shopp.*'. "
        "Did you mean 'shop.*'?"
    )
    name = "cascade_budget.counting.watch.WatchPatternError"
    assert project.errors() == [f"{name}: {refused}"] * 2
    assert project.section("test_whole") == [
        (
            "it matches nothing: no name begins with 'shop:prices'; watch pattern 'shop:prices*'. "
            "Did you mean 'shop:price*'?"
        )
    ]
    assert not project.ledger.exists()


def test_a_watched_package_that_nobody_calls_is_no_error(project):
    project.write("attic/__init__.py", "def unused():\n    pass\n")
    project.test(WATCHED.replace('"shop.*"', '"shop.*", "attic.*"'))
    project.run("--cascade-budget-update").assert_outcomes(passed=1)
