"""Recorded verdicts come out as rates with intervals, and their rounds as noise to resample."""

from __future__ import annotations

import json

from benchmarks.measuring.rates import as_markdown, read_lines, write_noise


def verdict(injected, outcome, cpu, *, workload="simple", load=2.0, seconds=20.0):
    return {
        "workload": workload,
        "load_average": load,
        "python": "3.11",
        "injected": injected,
        "outcome": outcome,
        "slowdown": sum(cpu) / len(cpu),
        "seconds": seconds,
        "cpu": cpu,
    }


LINES = [
    verdict(0.0, "unchanged", [0.0, 0.002], seconds=18.0),
    verdict(0.0, "regressed", [0.02, 0.024], seconds=22.0),
    verdict(0.02, "regressed", [0.02, 0.02]),
    verdict(0.0, "unresolved", [0.0, 0.0], workload="heavy", load=9.0),
]


def test_rates_stand_by_slowdown_and_costs_by_workload_and_load():
    assert as_markdown(LINES) == [
        "| Slowdown put there | Verdicts | REGRESSED | 95 % interval | UNRESOLVED | Seen, median |",
        "|---|---|---|---|---|---|",
        "| none | 3 | 1 | 0.8% to 90.6% | 1 | +0.10% |",
        "| 2% | 1 | 1 | 2.5% to 100.0% | 0 | +2.00% |",
        "",
        (
            "| Workload | Verdicts | Spread of a round | Rounds, median | Load average "
            "| Seconds, median / p90 |"
        ),
        "|---|---|---|---|---|---|",
        "| heavy | 1 | 0.00% | 2 | 9 to 9 | 20 / 20 |",
        "| simple | 3 | 0.21% | 2 | 2 to 2 | 20 / 22 |",
    ]


def test_noise_holds_the_rounds_of_equal_code_only(tmp_path):
    kept = tmp_path / "noise.json"
    write_noise(LINES, kept)
    assert json.loads(kept.read_text("utf-8")) == {
        "what": "ln(head / base) of the rounds of 3 verdicts in which both sides were the same "
        "code; Python 3.11, load average 2 to 9 on two shared processors",
        "rounds": {"heavy": [0.0, 0.0], "simple": [0.0, 0.002, 0.02, 0.024]},
    }


def test_verdicts_of_several_files_are_read_as_one_list(tmp_path):
    files = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    for file, line in zip(files, LINES, strict=False):
        file.write_text(json.dumps(line) + "\n", encoding="utf-8")
    assert read_lines(files) == LINES[:2]
