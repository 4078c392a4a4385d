"""The ledger across runs: recorded, judged, updated for what ran and only that."""

from __future__ import annotations

import pytest

SERVE = """
@pytest.mark.cascade_budget(calls=["shop:price"])
def test_serve(cascade_budget):
    assert cascade_budget(shop.serve, n=1_000) == "done"
"""
TWO = """
@pytest.mark.cascade_budget(calls=["shop:price"])
def test_one():
    shop.serve(1)

@pytest.mark.cascade_budget(calls=["shop:price"])
def test_two():
    shop.serve(2)
"""


def test_a_missing_entry_fails_with_the_command_that_records_it(project):
    project.test(SERVE)
    project.run("--cascade-budget").assert_outcomes(failed=1)
    assert project.section("test_serve") == [
        "test_serve: not recorded, counted at n = 100, 200, 300, 400",
        "  shop:price  n + 1 calls, no budget recorded",
        "  record with  pytest --cascade-budget-update test_shop.py::test_serve",
    ]
    assert not project.ledger.exists()


def test_an_entry_is_recorded_and_then_held(project):
    project.test(SERVE)
    project.run("--cascade-budget-update", "test_shop.py::test_serve").assert_outcomes(passed=1)
    assert project.section("cascade budget") == [
        "                                           verdict",
        "test_shop.py",
        "  test_serve                               recorded",
        "    shop:price  recorded n + 1",
        "cascade-budget.toml: 1 new; commit it",
    ]
    assert project.recorded() == ["", '["test_shop.py::test_serve"]', '"shop:price" = "n + 1"']
    project.run("--cascade-budget").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("recorded", "heading", "sentence"),
    [
        (
            "1",
            "over budget",
            "n + 1 calls, budget 1: was called once, is now called once per transaction",
        ),
        (
            "2*n",
            "under budget",
            "n + 1 calls, budget 2*n: was called twice, is now called once per transaction",
        ),
    ],
)
def test_the_ledger_is_exact_both_ways_until_it_is_updated(project, recorded, heading, sentence):
    project.test(SERVE)
    project.budget('["test_shop.py::test_serve"]', f'"shop:price" = "{recorded}"')
    project.run("--cascade-budget").assert_outcomes(failed=1)
    lines = project.section("test_serve")
    assert lines[0] == f"test_serve: {heading}, counted at n = 100, 200, 300, 400"
    assert sentence in " ".join(line.strip() for line in lines)
    assert lines[-1] == "  accept with --cascade-budget-update"
    project.run("--cascade-budget-update").assert_outcomes(passed=1)
    assert "    shop:price  recorded n + 1, was " + recorded in project.section("cascade budget")
    assert project.section("cascade budget")[-1] == "cascade-budget.toml: 1 changed; commit it"


def test_a_marker_s_number_beats_the_ledger_and_no_update_changes_it(project):
    project.test(SERVE.replace('["shop:price"]', '{"shop:price": "n"}'))
    project.budget('["test_shop.py::test_serve"]', '"shop:price" = "n + 1"')
    project.run("--cascade-budget-update").assert_outcomes(failed=1)
    assert project.section("test_serve") == [
        "test_serve: over budget, counted at n = 100, 200, 300, 400",
        "  shop:price  n + 1 calls, budget n: was n, is now n + 1",
        "    shop.py:10 in handle        400 at n = 400",
        "    shop.py:14 in serve           1 at n = 400",
        "  the budget is fixed in the test's marker: fix the code or edit the marker",
    ]


def test_an_update_of_some_tests_leaves_the_others_alone(project):
    project.test(TWO)
    project.budget(
        '["test_shop.py::test_gone"]',
        '"shop:price" = "7"',
        '["test_shop.py::test_one"]',
        '"shop:price" = "1"  # since spring',
        '["test_shop.py::test_two"]',
        '"shop:price" = "1"',
    )
    project.run("--cascade-budget-update", "-k", "two").assert_outcomes(passed=1, deselected=1)
    assert project.ledger.read_text().splitlines() == [
        "version = 1",
        "",
        '["test_shop.py::test_gone"]',
        '"shop:price" = "7"',
        "",
        '["test_shop.py::test_one"]',
        '"shop:price" = "1"  # since spring',
        "",
        '["test_shop.py::test_two"]',
        '"shop:price" = "3"',
    ]


def test_stale_entries_are_listed_and_an_update_of_the_whole_suite_removes_them(project):
    project.test(TWO)
    project.budget(
        '["test_old.py::test_gone"]',
        '"shop:price" = "7"',
        '["test_shop.py::test_one"]',
        '"shop:price" = "2"',
        '["test_shop.py::test_one (2)"]',
        '"shop:price" = "2"',
        '["test_shop.py::test_two"]',
        '"shop:price" = "3"',
    )
    stale = [
        "stale in cascade-budget.toml; an update of the whole suite removes them:",
        "  test_old.py::test_gone",
        "  test_shop.py::test_one (2)",
    ]
    project.run("--cascade-budget").assert_outcomes(passed=2)
    assert project.section("cascade budget")[-3:] == stale
    project.run("--cascade-budget", "-k", "one").assert_outcomes(passed=1, deselected=1)
    assert project.section("cascade budget")[-1] == "    shop:price  2"
    project.run("--cascade-budget-update", "test_shop.py").assert_outcomes(passed=2)
    assert "test_gone" in project.ledger.read_text()
    project.run("--cascade-budget-update").assert_outcomes(passed=2)
    assert project.section("cascade budget")[-1] == "cascade-budget.toml: 2 removed; commit it"
    assert project.ledger.read_text().count("[") == 2


def test_an_interrupted_update_records_what_ran_and_removes_nothing(project):
    project.test(TWO + "\n\ndef test_stop():\n    raise KeyboardInterrupt\n")
    project.budget('["test_old.py::test_gone"]', '"shop:price" = "7"')
    project.run_apart("--cascade-budget-update")
    assert project.result.ret == pytest.ExitCode.INTERRUPTED
    assert project.ledger.read_text().splitlines() == [
        "version = 1",
        "",
        '["test_old.py::test_gone"]',
        '"shop:price" = "7"',
        "",
        '["test_shop.py::test_one"]',
        '"shop:price" = "2"',
        "",
        '["test_shop.py::test_two"]',
        '"shop:price" = "3"',
    ]


def test_a_test_that_fails_by_itself_is_not_recorded(project):
    project.test(SERVE.replace('"done"', '"lost"'))
    project.run("--cascade-budget-update").assert_outcomes(failed=1)
    assert not project.ledger.exists()
    assert project.section("cascade budget")[-1] == "cascade-budget.toml: nothing to change"


def test_an_update_twice_changes_nothing(project):
    project.test(TWO)
    project.run("--cascade-budget-update").assert_outcomes(passed=2)
    before = project.ledger.read_bytes()
    project.run("--cascade-budget-update").assert_outcomes(passed=2)
    assert project.section("cascade budget")[-1] == "cascade-budget.toml: nothing to change"
    assert project.ledger.read_bytes() == before


def test_an_unstable_count_is_recorded_as_such(project):
    project.test(
        """
RUNS = []

@pytest.mark.cascade_budget(calls=["shop:price"])
def test_unstable():
    RUNS.append(1)
    for _ in RUNS:
        shop.price(1)
"""
    )
    project.run("--cascade-budget-update").assert_outcomes(passed=1)
    assert project.recorded() == [
        "",
        '["test_shop.py::test_unstable"]',
        '"shop:price" = "unstable"',
    ]
    project.run("--cascade-budget").assert_outcomes(passed=1)


def test_an_irregular_count_is_kept_size_by_size(project):
    project.test(
        """
@pytest.mark.cascade_budget(calls=["shop:price"])
def test_bits(cascade_budget):
    cascade_budget(lambda n: [shop.price(i) for i in range(n.bit_length())], n=1_000)
"""
    )
    project.run("--cascade-budget-update").assert_outcomes(passed=1)
    assert project.recorded() == [
        "",
        '["test_shop.py::test_bits"]',
        '"shop:price" = "irregular 100: 7, 200: 8, 300: 9, 400: 9"',
    ]
    project.run("--cascade-budget").assert_outcomes(passed=1)
    project.test(
        (project.path / "test_shop.py")
        .read_text()
        .partition("import shop\n")[2]
        .replace("range(n.bit_length())", "range(n.bit_length() + 1)")
    )
    project.run("--cascade-budget").assert_outcomes(failed=1)
    assert project.section("test_bits")[1:3] == [
        "  shop:price",
        (
            "    8, 9, 10, 10 calls at n = 100, 200, 300, 400, budget irregular 100: 7, 200: 8, "
            "300: 9, 400: 9: was irregular 100: 7, 200: 8, 300: 9, 400: 9, is now irregular 100: "
            "8, 200: 9, 300: 10, 400: 10"
        ),
    ]


def test_the_ledger_can_be_moved(project):
    project.configure("cascade_budget_ledger = ci/budget.toml")
    (project.path / "ci").mkdir()
    project.test(TWO)
    project.run("--cascade-budget-update").assert_outcomes(passed=2)
    assert project.section("cascade budget")[-1] == "ci/budget.toml: 2 new; commit it"
    assert (project.path / "ci" / "budget.toml").exists()


@pytest.mark.parametrize(
    ("ledger", "message"),
    [
        (
            "version = 9\n",
            (
                "ERROR: cascade-budget.toml: its version is 9, this release reads version 1. Upgrade "
                "pytest-cascade-budget, or restore the file from version control"
            ),
        ),
        (
            'version = 1\n["a::x"]\n"m:f" = "2n"\n',
            (
                "ERROR: cascade-budget.toml: 'm:f' of 'a::x': formula '2n' does not parse: a product "
                "is written with *, as in '2*n'. Correct it, or delete the line and run pytest "
                "--cascade-budget-update"
            ),
        ),
    ],
)
def test_a_ledger_that_can_t_be_read_is_a_usage_error(project, ledger, message):
    project.test(TWO)
    project.write("cascade-budget.toml", ledger)
    project.run("--cascade-budget")
    assert project.result.ret == pytest.ExitCode.USAGE_ERROR
    assert [line for line in project.result.errlines if line] == [message]
    assert project.ledger.read_text() == ledger


def test_a_read_only_tree_keeps_its_ledger_and_shows_what_it_would_hold(project):
    project.test(TWO)
    project.budget('["test_shop.py::test_one"]', '"shop:price" = "1"')
    before = project.ledger.read_text()
    # A file where the folder of the lock belongs: access rights don't stop who runs as root.
    (project.path / ".cascade-budget").write_text("in the way")
    project.run("--cascade-budget-update").assert_outcomes(passed=2)
    assert project.result.ret == pytest.ExitCode.TESTS_FAILED
    assert project.section("cascade budget")[6:] == [
        "ERROR: cascade-budget.toml: it can't be written: File exists. The file is as it was. Free space or grant access, then update again",
        "What cascade-budget.toml would hold:",
        "# Budgets recorded by `pytest --cascade-budget-update`. Commit this file.",
        "# A formula is the calls that n transactions make; a calibrated cost is a transaction's CPU",
        "# time over that of one turn of a fixed loop: about the same number on a slower machine.",
        "version = 1",
        "",
        '["test_shop.py::test_one"]',
        '"shop:price" = "2"',
        "",
        '["test_shop.py::test_two"]',
        '"shop:price" = "3"',
    ]
    assert project.ledger.read_text() == before


@pytest.mark.parametrize("arguments", [(), (".",), ("tests", "more")])
def test_testpaths_are_the_whole_suite(project, arguments):
    project.configure("testpaths = tests more")
    project.test(TWO, "tests/test_shop.py")
    project.test("def test_it(): pass", "more/test_more.py")
    project.write("conftest.py", "")
    project.budget('["tests/test_old.py::test_gone"]', '"shop:price" = "7"')
    project.run("--cascade-budget", *arguments, "-o", "pythonpath=.")
    assert project.section("cascade budget")[-1] == "  tests/test_old.py::test_gone"


def test_a_test_that_breaks_its_contract_is_not_recorded_and_told_one_remedy(project):
    project.test(
        """
@pytest.mark.cascade_budget(calls={"shop:price": "n", "shop:handle": None})
def test_serve(cascade_budget):
    cascade_budget(shop.serve, n=1_000)
"""
    )
    for option in ("--cascade-budget", "--cascade-budget-update"):
        project.run(option).assert_outcomes(failed=1)
        assert not project.ledger.exists()
        assert [
            line for line in project.result.outlines if line.startswith("  ") and "with" in line
        ] == []
        assert project.section("test_serve")[-1] == (
            "  the budget is fixed in the test's marker: fix the code or edit the marker"
        )
