"""Whatever is wrong with a test, every format calls it by the same word."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from cascade_budget.gate.session import OverBudget
from cascade_budget.model.codec import from_json, to_json
from cascade_budget.model.findings import (
    CallVerdict,
    TargetFinding,
    TimeFinding,
    TimeVerdict,
    Verdict,
    WorkloadFinding,
)
from cascade_budget.model.report import Report
from cascade_budget.model.throughput import Outcome
from cascade_budget.report.github import annotate
from cascade_budget.report.html import render_html
from cascade_budget.report.json import render_json
from cascade_budget.report.markdown import render_markdown
from cascade_budget.report.terminal import failure_text, summary_lines
from tests.budget.report.conftest import (
    SLOWDOWNS,
    as_budgeted,
    exceeded,
    finding,
    paired,
    regressed,
    session_info,
)

OVER = exceeded(target="m:over", sites=())
UNDER = TargetFinding(target="m:under", verdict=CallVerdict.SLACK, sentence="1 call, budget n")
MISSING = TargetFinding(target="m:missing", verdict=CallVerdict.MISSING, sentence="no budget")
UNSTABLE = TargetFinding(target="m:unstable", verdict=CallVerdict.UNSTABLE, sentence="1 and 2")
RECORDED = TargetFinding(target="m:recorded", verdict=CallVerdict.RECORDED, sentence="recorded n")
NEW = TargetFinding(target="m:new", verdict=CallVerdict.NEW, sentence="new", watched=True)
KEPT = as_budgeted("m:kept")

SLOW = regressed()
UNRESOLVED = TimeFinding.of_rounds(paired(Outcome.UNRESOLVED, 0.004), base="main (3f2a1bc)")
GATED = replace(UNRESOLVED, unresolved_fails=True)
DIFFERING = TimeFinding(
    verdict=TimeVerdict.NOT_COMPARED,
    base="main (3f2a1bc)",
    reason="the workload returns something else on base than on head",
)
NEW_HERE = TimeFinding(verdict=TimeVerdict.NEW_HERE, base="main", reason="not compared")
UNTIMED = TimeFinding(verdict=TimeVerdict.NOT_TIMED, reason="a debugger runs")

CASES = [
    ((OVER,), SLOW, "over budget", True),
    ((OVER,), DIFFERING, "over budget", True),
    ((OVER,), GATED, "over budget", True),
    ((OVER, UNDER, MISSING), None, "over budget", True),
    ((UNDER, MISSING), None, "under budget", True),
    ((UNDER,), SLOW, "too slow", True),
    ((MISSING,), DIFFERING, "not compared", True),
    ((UNDER,), UNRESOLVED, "under budget", True),
    ((UNDER,), GATED, "under budget", True),
    ((MISSING,), UNRESOLVED, "not recorded", True),
    ((KEPT,), SLOW, "too slow", True),
    ((KEPT,), DIFFERING, "not compared", True),
    ((KEPT,), GATED, "unresolved", True),
    ((KEPT,), UNRESOLVED, "unresolved", False),
    ((UNSTABLE, RECORDED), UNRESOLVED, "unresolved", False),
    ((UNSTABLE, RECORDED), None, "unstable", False),
    ((RECORDED, KEPT), UNTIMED, "recorded", False),
    ((KEPT, NEW), NEW_HERE, "as budgeted", False),
]


def judged(targets: tuple[TargetFinding, ...], time: TimeFinding | None) -> WorkloadFinding:
    return finding("test_load", targets=targets, time=time, profile=None)


@pytest.mark.parametrize(("targets", "time", "word", "fails"), CASES)
def test_every_format_has_the_same_word(targets, time, word, fails) -> None:
    one = judged(targets, time)
    report = Report(session=session_info(), tests=(one,))
    assert (one.verdict, one.fails) == (word, fails)

    (row,) = (line for line in summary_lines([one]) if line.startswith("  test_load "))
    assert re.split(r"  +", row)[2] == (word.upper() if fails else word)
    (in_json,) = json.loads(render_json(report))["tests"]
    assert (in_json["verdict"], in_json["fails"]) == (word, fails)
    badge = re.search(r'<span class="badge (\w+)">([^<]*)</span>', render_html(report))
    assert badge is not None
    assert badge[2] == word
    assert (badge[1] == "bad") is fails
    key = "`tests/test_gate.py::test_load`"
    shown = f"### {key}: {word}" if fails else f"| {key} | {word} |"
    assert shown in render_markdown(report)
    assert [each.title for each in annotate(report)] == [f"test_load: {word}"] * fails
    if fails:
        failure = OverBudget(failure_text([one], test=one.test), (one,))
        assert failure.word == word.upper()
        assert str(failure.msg).startswith(f"test_load: {word}, counted at n = ")


@pytest.mark.parametrize("time", [SLOW, DIFFERING, GATED])
def test_calls_over_budget_do_not_hide_what_is_wrong_with_the_time(time) -> None:
    one = judged((OVER,), time)
    report = Report(session=session_info(), tests=(one,))
    texts = [
        failure_text([one], test=one.test),
        render_json(report),
        re.sub(r"<[^>]+>", "", render_html(report)),
        render_markdown(report),
        *(each.message for each in annotate(report)),
    ]
    for text in texts:
        assert OVER.sentence in text
        assert time.sentence in text


def test_a_test_is_called_after_the_gravest_of_its_workloads() -> None:
    findings = (judged((UNDER,), None), judged((KEPT,), SLOW), judged((KEPT,), None))
    assert OverBudget("", findings).word == "TOO SLOW"


def test_every_word_has_its_place_in_the_order_and_none_is_there_twice() -> None:
    assert [verdict.value for verdict in Verdict] == [
        "over budget",
        "too slow",
        "not compared",
        "under budget",
        "not recorded",
        "unresolved",
        "unstable",
        "uncountable",
        "recorded",
        "as budgeted",
    ]


@pytest.mark.parametrize("time", [SLOW, GATED, DIFFERING, None])
def test_a_finding_with_rounds_arrives_as_it_left(time) -> None:
    one = finding(time=time)
    assert from_json(WorkloadFinding, json.loads(json.dumps(to_json(one)))) == one


def test_the_rounds_slowdowns_are_those_of_the_clock_that_was_judged() -> None:
    assert paired().slowdowns == pytest.approx(SLOWDOWNS)
