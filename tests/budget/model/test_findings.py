"""A finding crosses process borders as plain JSON and arrives as it left."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from cascade_budget.model.codec import from_json, to_json
from cascade_budget.model.findings import (
    CallVerdict,
    RecordedTiming,
    Site,
    TargetFinding,
    TimeFinding,
    TimeVerdict,
    WorkloadFinding,
)

FINDING = WorkloadFinding(
    key="a.py::test_x (2)",
    test="a.py::test_x",
    title="test_x (2)",
    n=1_000,
    sizes=(100, 200, 300, 400),
    backend="sys.monitoring",
    watch=("default",),
    targets=(
        TargetFinding(
            target="m:f",
            verdict=CallVerdict.EXCEEDED,
            sentence="n calls, budget 0",
            measured="n",
            budget="0",
            origin="marker",
            first={100: 100},
            second={100: 100},
            sites=(Site(path="m.py", line=3, function="g", calls=100),),
            sites_at=100,
        ),
    ),
    time=TimeFinding(
        verdict=TimeVerdict.WITHIN,
        recorded=RecordedTiming(
            calibrated_cost=2.5, python="cpython-3.11", machine="linux-x86_64-aa"
        ),
        notes=("why",),
        cpu_ns_per_transaction=2_000.0,
        wall_ns_per_transaction=4_000.0,
    ),
)


def types_in(value):
    if isinstance(value, dict):
        return {type(value), *(kind for each in value.items() for kind in types_in(list(each)))}
    if isinstance(value, list):
        return {type(value), *(kind for each in value for kind in types_in(each))}
    return {type(value)}


def test_a_finding_arrives_as_it_left():
    sent = to_json(FINDING)
    assert types_in(sent) <= {dict, list, str, int, float, bool, type(None)}
    assert from_json(WorkloadFinding, json.loads(json.dumps(sent))) == FINDING


def test_transactions_a_second_are_told_from_time_a_transaction():
    assert FINDING.time is not None
    assert (FINDING.time.cpu_tps, FINDING.time.wall_tps) == (500_000.0, 250_000.0)


def test_a_finding_fails_when_a_count_or_the_time_does():
    within = TargetFinding(target="m:f", verdict=CallVerdict.AS_BUDGETED, sentence="")
    slow = TimeFinding(verdict=TimeVerdict.TOO_SLOW)

    def finding(*targets, time=None):
        return WorkloadFinding(
            key="k", test="t", title="t", n=None, sizes=(), targets=targets, time=time
        )

    assert FINDING.fails
    assert not finding(within).fails
    assert finding(within, time=slow).fails
    assert [verdict.value for verdict in CallVerdict if verdict.fails] == [
        "over budget",
        "under budget",
        "not recorded",
    ]


COST = RecordedTiming(calibrated_cost=6.205, python="cpython-3.11", machine="linux-x86_64-aa")
SLOWER = replace(COST, slowdown=0.4, limit=0.25)
COMPARED = [
    (TimeVerdict.NO_RECORD, COST, "no cost recorded for cpython-3.11: not judged"),
    (TimeVerdict.RECORDED, SLOWER, "recorded a calibrated cost of 6.205"),
    (TimeVerdict.WITHIN, replace(SLOWER, slowdown=-0.1), "10 % faster than in the ledger"),
    (
        TimeVerdict.TOO_SLOW,
        replace(SLOWER, attempts=3),
        "40 % slower than in the ledger, limit 25 % slower, in each of 3 attempts",
    ),
    (
        TimeVerdict.TOO_SLOW,
        replace(SLOWER, slowdown=3.0, limit=2.0, elsewhere=True, against="0001_base.json"),
        "4.0x slower than in 0001_base.json on another kind of machine, limit 3.0x slower",
    ),
]


@pytest.mark.parametrize(("verdict", "timing", "sentence"), COMPARED)
def test_a_cost_and_its_record_are_told_in_one_line(verdict, timing, sentence):
    assert TimeFinding(verdict=verdict, recorded=timing).sentence == sentence


def test_what_was_not_compared_says_with_what_and_why():
    failed = TimeFinding.not_compared("it hangs; test_x. It printed:\nno memory", base="main")
    assert failed.sentence == "not compared with main: it hangs; test_x. It printed:"
    assert (failed.notes, failed.fails) == (("no memory",), True)
