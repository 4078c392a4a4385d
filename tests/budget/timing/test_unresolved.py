"""What a verdict says that does not know: what could have been found, and what would decide."""

from __future__ import annotations

from dataclasses import replace

from cascade_budget.gate import paired
from cascade_budget.judge.sequential import Plan
from cascade_budget.model.throughput import Chunking, Outcome, PairedTiming, Round
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


NOISY = timing_of([0.02 + 30 * value for value in NOISE])


def test_an_unresolved_verdict_says_what_it_would_have_found_and_what_would_decide():
    assert NOISY.verdict.outcome is Outcome.UNRESOLVED
    assert paired._sentence(NOISY.verdict, "main (3f2a1bc)") == (
        "unresolved: -3.1 % against main (3f2a1bc), 99.9 % bounds [-13.3, +8.4], 12 rounds"
    )
    assert paired._evidence(NOISY, None) == [
        "a slowdown of 16.2 % would have been found in 12 rounds; about 150 more rounds would decide",
        "1,000,000 to 990,099 transactions a second of CPU time",
        "forked processes, 40 x 4 chunks of 1,000 transactions a round, 30 s",
        "this machine has not been checked: cascade-budget selfcheck does",
    ]


def test_a_verdict_that_time_cut_short_says_so():
    line, *_ = paired._evidence(replace(NOISY, timed_out=True), None)
    assert line == (
        "a slowdown of 16.2 % would have been found in 12 rounds, where the time limit came; "
        "about 150 more rounds would decide"
    )


def test_one_round_that_would_decide_is_one_round():
    verdict = replace(NOISY.verdict, rounds_to_decide=1)
    line, *_ = paired._evidence(replace(NOISY, verdict=verdict), None)
    assert line.endswith("; about 1 more round would decide")


def test_where_no_number_of_rounds_would_decide_none_is_named():
    verdict = replace(NOISY.verdict, rounds_to_decide=None)
    line, *_ = paired._evidence(replace(NOISY, verdict=verdict), None)
    assert line == "a slowdown of 16.2 % would have been found in 12 rounds"


def test_a_verdict_that_fell_says_nothing_of_more_rounds():
    lines = paired._evidence(timing_of([0.05 + value for value in NOISE]), None)
    assert not [line for line in lines if "decide" in line or "would have been" in line]
