from __future__ import annotations

import json
import re
from functools import partial
from itertools import chain, repeat

import pytest

from cascade_budget.cli import main
from cascade_budget.judge.sequential import Plan
from cascade_budget.model.throughput import Interval, Outcome, Throughput
from cascade_budget.timing import chunks
from cascade_budget.timing import trials as room
from cascade_budget.timing.selfcheck_result import (
    SelfCheckResult,
    read_result,
    result_path,
    write_result,
)
from cascade_budget.timing.trials import Trial, rates, result_of


def trials(injected, hits, of, *, missed=Outcome.UNCHANGED):
    outcomes = chain(repeat(Outcome.REGRESSED, hits), repeat(missed, of - hits))
    return [
        Trial(
            injected=injected,
            verdict=Throughput(
                outcome=outcome,
                slowdown=injected + 0.001,
                interval=Interval(lower=-0.01, upper=0.05),
                confidence=0.999,
                rounds=8,
                tolerance=0.01,
                smallest_detectable=0.012,
            ),
            rounds=(),
            seconds=12.0,
        )
        for outcome in outcomes
    ]


@pytest.mark.parametrize(
    ("false_alarms", "found", "holds"),
    [
        ((0, 20), (20, 20), True),
        ((0, 20), (19, 20), True),
        # The exact 95 % interval of 18 in 20 ends at 98.8 %, below the promised 99.
        ((0, 20), (18, 20), False),
        ((1, 20), (20, 20), False),
        ((1, 400), (400, 400), True),
        ((3, 400), (400, 400), False),
    ],
)
def test_the_promise_holds_until_the_trials_rule_it_out(false_alarms, found, holds):
    assert result_of([*trials(0.0, *false_alarms), *trials(0.02, *found)]).holds is holds


def test_a_result_names_the_smallest_slowdown_that_was_always_found():
    result = result_of(
        [
            *trials(0.0, 0, 20),
            *trials(0.01, 3, 5),
            *trials(0.02, 20, 20),
            *trials(0.05, 5, 5),
        ]
    )
    assert result.smallest_detected == 0.02
    assert result.found == {"1%": (3, 5), "2%": (20, 20), "5%": (5, 5)}
    assert (result.false_alarms, result.trials, result.seconds) == (0, 20, 12.0)
    assert result.found_at(0.02) == (20, 20)
    assert result.found_at(0.03) == (0, 0)


def test_rates_are_printed_as_a_table_of_eighty_columns():
    lines = list(
        rates(
            [
                *trials(0.0, 0, 20),
                *trials(0.02, 19, 20, missed=Outcome.UNRESOLVED),
            ]
        )
    )
    assert lines == [
        "slowdown   called regressed   95 % interval     unresolved   seen, median",
        "none       0 of 20            0.0% to 16.8%              0         +0.10%",
        "2%         19 of 20           75.1% to 99.9%             1         +2.10%",
    ]


def test_a_result_is_kept_and_read_again(tmp_path, monkeypatch):
    monkeypatch.setenv("CASCADE_BUDGET_CACHE", str(tmp_path))
    assert read_result() is None
    result = SelfCheckResult(
        holds=True,
        date="2024-05-06",
        false_alarms=0,
        trials=20,
        found={"2%": (20, 20)},
        smallest_detected=0.01,
        seconds=12.5,
    )
    assert write_result(result) == result_path()
    assert read_result() == result
    assert [path.name for path in result_path().parent.iterdir()] == [result_path().name]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 2}', '{"version": 1, "found": 3}'])
def test_a_result_that_cannot_be_read_is_none(tmp_path, monkeypatch, text):
    monkeypatch.setenv("CASCADE_BUDGET_CACHE", str(tmp_path))
    result_path().parent.mkdir(parents=True)
    result_path().write_text(text, encoding="utf-8")
    assert read_result() is None


def test_selfcheck_times_the_built_in_workload_against_itself(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CASCADE_BUDGET_CACHE", str(tmp_path))
    # Five short rounds: what they are taken for is not asked here.
    monkeypatch.setattr(room, "Plan", partial(Plan, looks=(5,)))
    monkeypatch.setattr(chunks, "ROUND_NS", 40_000_000)
    code = main(["selfcheck", "--trials", "1", "--slowdowns", "2"])
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[0].startswith("the built-in workload, Python 3.")
    assert re.fullmatch(r"none       [01] of 1  .*", lines[3])
    assert re.fullmatch(r"2%         [01] of 1  .*", lines[4])
    assert lines[-1] == "Not kept: a result needs 10 trials or more."
    assert printed.err.startswith("trial 1 of 1\n")
    assert code in (0, 1)
    assert not result_path().exists()
    assert list((tmp_path / "trees").iterdir()) == []


def test_selfcheck_refuses_a_test_of_too_few_transactions(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CASCADE_BUDGET_CACHE", str(tmp_path))
    project = tmp_path / "project"
    project.mkdir()
    (project / "test_slow.py").write_text(
        "def work(n):\n    for _ in range(n):\n        sum(range(30_000))\n\n\n"
        "def test_work(cascade_budget):\n    cascade_budget(work, n=20)\n",
        encoding="utf-8",
    )
    monkeypatch.chdir(project)
    assert main(["selfcheck", "test_slow.py::test_work", "--trials", "1"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert re.fullmatch(
        r"cascade-budget selfcheck: a chunk holds \d+ transactions, which can't be made 0\.5% "
        r"more; use a workload of cheaper transactions; test_slow\.py::test_work",
        error.rstrip("."),
    ), error


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--trials", "0"], "argument --trials: '0' is not a whole number above 0\n"),
        (["--slowdowns", "120"], "'120' is not a percentage between 0 and 100\n"),
    ],
)
def test_selfcheck_refuses_numbers_that_make_no_sense(words, message, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["selfcheck", *words])
    assert caught.value.code == 2
    assert capsys.readouterr().err.endswith(message)


def test_the_result_is_json_that_people_can_read(tmp_path, monkeypatch):
    monkeypatch.setenv("CASCADE_BUDGET_CACHE", str(tmp_path))
    result = result_of([*trials(0.0, 0, 10), *trials(0.02, 10, 10)])
    document = json.loads(write_result(result).read_text("utf-8"))
    assert document["version"] == 1
    assert document["found"] == {"2%": [10, 10]}
