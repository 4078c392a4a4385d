"""Named functions are held exactly; under a pattern only a law that grew fails."""

from __future__ import annotations

import pytest

from cascade_budget.judge.calls import (
    Budget,
    Counted,
    Past,
    accepted,
    compare_laws,
    judge_named,
    judge_watched,
    missing_patterns,
)
from cascade_budget.model.findings import CallVerdict, TargetFinding
from cascade_budget.model.laws import parse_law

SIZES = (100, 200, 300, 400)


def counted(formula, *, blind=""):
    law = parse_law(formula)
    calls = {n: law.at(n) for n in SIZES}
    return Counted(first=calls, second=calls, blind=blind)


def ledger(formula):
    return Budget(law=parse_law(formula), origin="ledger")


def told(finding):
    return (finding.target, str(finding.verdict), finding.sentence)


@pytest.mark.parametrize(
    ("measured", "allowed", "direction"),
    [
        ("n", "n", "same"),
        ("n + 1", "n", "more"),
        ("n", "n + 1", "less"),
        ("2*n", "n + 1000", "more"),
        ("n + 1000", "2*n", "more"),
        ("n*n", "50*n", "more"),
        (
            "irregular 100: 1, 200: 2, 300: 4, 400: 5",
            "irregular 100: 1, 200: 2, 300: 3, 400: 5",
            "more",
        ),
        ("irregular 100: 1, 200: 2, 300: 3, 400: 5", "n", "less"),
        ("irregular 10: 1, 20: 3", "irregular 100: 1, 200: 3", "incomparable"),
        ("irregular 10: 1, 100: 3", "irregular 100: 3, 200: 4", "same"),
    ],
)
def test_laws_are_compared_at_every_size_and_without_bound(measured, allowed, direction):
    assert compare_laws(parse_law(measured), parse_law(allowed), SIZES) == direction


@pytest.mark.parametrize(
    ("measured", "budget", "verdict", "sentence"),
    [
        ("n + 1", "n + 1", "as budgeted", "n + 1, as budgeted"),
        (
            "n + 1",
            "0",
            "over budget",
            "n + 1 calls, budget 0: was never called, is now called once per transaction",
        ),
        (
            "1",
            "n",
            "under budget",
            "1 call, budget n: was called once per transaction, is now called once",
        ),
        ("n/2", "n/2", "as budgeted", "n/2, as budgeted"),
    ],
)
def test_a_named_function_is_held_both_ways(measured, budget, verdict, sentence):
    finding = judge_named("m:f", counted(measured), ledger(budget), SIZES)
    assert told(finding) == ("m:f", verdict, sentence)
    assert (finding.measured, finding.budget, finding.origin) == (measured, budget, "ledger")


def test_a_function_without_a_budget_is_missing():
    finding = judge_named("m:f", counted("n"), None, SIZES)
    assert told(finding) == ("m:f", "not recorded", "n calls, no budget recorded")


def test_an_irregular_budget_of_other_sizes_is_missing():
    irregular = Counted(first={10: 1, 20: 3}, second={10: 1, 20: 3})
    finding = judge_named("m:f", irregular, ledger("irregular 1: 1, 2: 3"), (10, 20))
    assert told(finding) == (
        "m:f",
        "not recorded",
        "1, 3 calls at n = 10, 20, budget recorded at other sizes: irregular 1: 1, 2: 3",
    )


def test_a_count_that_differs_between_two_runs_is_never_gated():
    unstable = Counted(first={100: 3, 200: 5}, second={100: 3, 200: 4})
    finding = judge_named("m:f", unstable, ledger("0"), SIZES)
    assert told(finding) == (
        "m:f",
        "unstable",
        "4 and 5 calls at n = 200 in two runs of the same code: not gated",
    )
    assert finding.measured == "unstable"
    assert not finding.verdict.fails


def test_a_count_recorded_as_unstable_is_not_gated_when_it_happens_to_be_stable():
    finding = judge_named("m:f", counted("n"), Budget(law=None, origin="ledger"), SIZES)
    assert told(finding) == ("m:f", "unstable", "n calls, recorded as unstable: not gated")


def test_a_python_that_misses_calls_proves_too_many_and_never_too_few():
    few = judge_named("m:f", counted("0", blind="some calls are not reported"), ledger("n"), SIZES)
    many = judge_named(
        "m:f", counted("2*n", blind="some calls are not reported"), ledger("n"), SIZES
    )
    assert told(few) == (
        "m:f",
        "uncountable",
        "0 calls seen, budget n: not gated, some calls are not reported",
    )
    assert many.verdict is CallVerdict.EXCEEDED


def test_under_a_pattern_only_growth_fails():
    findings = judge_watched(
        {
            "m:grew": counted("n"),
            "m:kept": counted("1"),
            "m:shrank": counted("1"),
            "m:new": counted("3"),
        },
        {
            "m:grew": parse_law("1"),
            "m:kept": parse_law("1"),
            "m:shrank": parse_law("n"),
            "m:gone": parse_law("2"),
            "m:never": parse_law("0"),
        },
        SIZES,
        Past(),
    )
    assert [told(finding) for finding in findings] == [
        ("m:gone", "gone", "gone, was 2"),
        (
            "m:grew",
            "over budget",
            "n calls, budget 1: was called once, is now called once per transaction",
        ),
        ("m:kept", "as budgeted", "1, as budgeted"),
        ("m:new", "new", "3 calls, new"),
        (
            "m:shrank",
            "shrank",
            "1 call, budget n: was called once per transaction, is now called once",
        ),
    ]
    assert [finding.target for finding in findings if finding.verdict.fails] == ["m:grew"]
    assert all(finding.watched for finding in findings)


def test_a_function_renamed_under_a_pattern_has_moved():
    findings = judge_watched(
        {"m:price": counted("n")},
        {"m:cost": parse_law("n")},
        SIZES,
        Past(renamed={"m:price": "m:cost"}),
    )
    assert [told(finding) for finding in findings] == [
        ("m:price", "moved", "n calls, moved from m:cost: accept with --cascade-budget-update")
    ]


@pytest.mark.parametrize("renamed", [{}, {"m:a": "m:other"}], ids=["no body", "another body"])
def test_equal_laws_are_no_identity(renamed):
    findings = judge_watched(
        {"m:a": counted("n")}, {"m:old": parse_law("n")}, SIZES, Past(renamed=renamed)
    )
    assert [told(finding)[:2] for finding in findings] == [("m:a", "new"), ("m:old", "gone")]


def test_a_function_that_existed_uncalled_has_a_budget_of_0():
    findings = judge_watched(
        {"m:a": counted("n"), "m:b": counted("n")},
        {"m:old": parse_law("n")},
        SIZES,
        Past(existed=frozenset({"m:a"})),
    )
    assert [told(finding) for finding in findings] == [
        (
            "m:a",
            "over budget",
            "n calls, budget 0: was never called, is now called once per transaction",
        ),
        ("m:b", "new", "n calls, new"),
        ("m:old", "gone", "gone, was n"),
    ]


def test_an_unstable_function_under_a_pattern_is_not_gated():
    unstable = Counted(first={100: 3}, second={100: 4})
    findings = judge_watched(
        {"m:a": unstable, "m:b": unstable}, {"m:a": parse_law("1")}, SIZES, Past()
    )
    assert [str(finding.verdict) for finding in findings] == ["unstable", "unstable"]


def test_a_pattern_without_a_record_is_missing():
    assert [told(finding) for finding in missing_patterns(["m.*"])] == [
        ("m.*", "not recorded", "nothing recorded")
    ]


@pytest.mark.parametrize(
    ("verdict", "budget", "origin", "after", "sentence"),
    [
        ("over budget", "0", "ledger", "recorded", "recorded n, was 0"),
        ("under budget", "2*n", "ledger", "recorded", "recorded n, was 2*n"),
        ("not recorded", None, None, "recorded", "recorded n"),
        ("gone", "2", "ledger", "recorded", "removed, was 2"),
        ("over budget", "0", "marker", "over budget", "as it was"),
        ("unstable", "0", "ledger", "unstable", "as it was"),
    ],
)
def test_an_update_accepts_all_but_contracts(verdict, budget, origin, after, sentence):
    finding = TargetFinding(
        target="m:f",
        verdict=CallVerdict(verdict),
        sentence="as it was",
        measured="n",
        budget=budget,
        origin=origin,
    )
    assert told(accepted(finding)) == ("m:f", after, sentence)
