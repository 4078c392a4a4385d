"""What a verdict says that does not know: what could have been found, and what would decide."""

from __future__ import annotations

from dataclasses import replace

from cascade_budget.judge.sequential import Plan
from cascade_budget.model.findings import TimeFinding
from cascade_budget.model.throughput import Chunking, Outcome, PairedTiming, Round
from cascade_budget.report.text import evidence_lines
from cascade_budget.timing.rounds import judge_rounds

CHUNKING = Chunking(n=1000, repeat=1, quads=40, threaded=False, waits=False)
NOISE = [0.001, -0.002, 0.003, 0.0, -0.001, 0.002, -0.003, 0.001, 0.002, -0.001, 0.0, 0.001]


def timing_of(values, *, timed_out=False):
    rounds = tuple(
        Round(
            cpu=value,
            wall=value,
            base_cpu_ns=1000,
            head_cpu_ns=1010,
            base_wall_ns=1000,
            head_wall_ns=1010,
        )
        for value in values
    )
    return PairedTiming(
        verdict=judge_rounds(rounds, CHUNKING, Plan(), 0.01),
        rounds=rounds,
        chunking=CHUNKING,
        processes="forked",
        results_compared=True,
        seconds=30.2,
        timed_out=timed_out,
    )


def lines_of(timing):
    return list(evidence_lines(TimeFinding.of_rounds(timing, base="main (3f2a1bc)")))


NOISY = timing_of([0.02 + 30 * value for value in NOISE])


def test_an_unresolved_verdict_says_what_it_would_have_found_and_what_would_decide():
    assert NOISY.verdict.outcome is Outcome.UNRESOLVED
    found = TimeFinding.of_rounds(NOISY, base="main (3f2a1bc)", notes=("not checked",))
    assert found.sentence == (
        "unresolved: 3.2 % slower than main (3f2a1bc), between 7.7 % faster and 15.4 % slower"
    )
    assert list(evidence_lines(found)) == [
        "16.2 % slower would have been found in 12 rounds; about 150 more rounds would decide",
        "bounds with a confidence of 99.9 %, 12 rounds",
        "1,000,000 to 990,099 transactions a second of CPU time",
        "forked processes, 40 x 4 chunks of 1,000 transactions a round, 30 s",
        "not checked",
    ]


def test_a_verdict_that_time_cut_short_says_so():
    line, *_ = lines_of(replace(NOISY, timed_out=True))
    assert line == (
        "16.2 % slower would have been found in 12 rounds, where the time limit came; "
        "about 150 more rounds would decide"
    )


def test_one_round_that_would_decide_is_one_round():
    verdict = replace(NOISY.verdict, rounds_to_decide=1)
    line, *_ = lines_of(replace(NOISY, verdict=verdict))
    assert line.endswith("; about 1 more round would decide")


def test_where_no_number_of_rounds_would_decide_none_is_named():
    verdict = replace(NOISY.verdict, rounds_to_decide=None)
    line, *_ = lines_of(replace(NOISY, verdict=verdict))
    assert line == "16.2 % slower would have been found in 12 rounds"


def test_a_verdict_that_fell_says_nothing_of_more_rounds():
    lines = lines_of(timing_of([0.05 + value for value in NOISE]))
    assert not [line for line in lines if "decide" in line or "would have been" in line]
