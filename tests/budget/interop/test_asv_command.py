from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from cascade_budget.cli import main
from tests.budget.interop.stored import SKIPPED, timed, tracked

if TYPE_CHECKING:
    from tests.budget.interop.stored import Project

CALLS = "bench.Parse.track_calls"
TIME = "bench.Parse.time_parse"
PEAK = "bench.Parse.peakmem_parse"
RATE = "bench.Parse.track_rate"


def processes(
    number: int, *, seconds: float, spread: float = 0.002, seed: int = 1, each: int = 10
) -> list[float]:
    """Samples of so many processes, each slow or quick as a whole by its spread."""
    chance = random.Random(seed)
    return [
        seconds * scale * (1 + abs(chance.gauss(0, 0.001)))
        for scale in (1 + chance.gauss(0, spread) for _ in range(number))
        for _ in range(each)
    ]


def judge(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str]]:
    code = main(["asv", *(arguments or ("main~1", "main")), "--all"])
    return code, capsys.readouterr().out.splitlines()


def verdicts(lines: list[str]) -> dict[str, str]:
    names = ("REGRESSED", "UNRESOLVED", "NO DATA", "IMPROVED", "UNCHANGED")
    return {
        line[12:]: line[:12].strip()
        for line in lines
        if line.startswith(names) and line[11] == " " and line[12] != " "
    }


def test_one_call_more_is_a_regression(project: Project, capsys) -> None:
    project.describe(CALLS, "track", "calls")
    project.pair(CALLS, tracked(1_000), tracked(1_001))
    code, lines = judge(capsys)
    assert code == 1
    assert lines == [
        f"base main~1 ({project.base[:8]}), measured 2024-05-06 07:08 UTC",
        f"head main ({project.head[:8]}), measured 2024-05-06 07:08 UTC",
        "",
        "box, virtualenv-py3.13",
        "verdict     benchmark",
        "REGRESSED   bench.Parse.track_calls",
        "              1,000 -> 1,001 calls, exact",
        "",
        "1 regressed",
    ]


def test_a_count_that_shrank_or_stayed_is_told_so_and_exits_0(project: Project, capsys) -> None:
    project.describe(CALLS, "track", "calls", params=[["'a'", "'b'"]])
    params = [["'a'", "'b'"]]
    project.pair(CALLS, tracked(7, 7, params=params), tracked(6, 7, params=params))
    code, lines = judge(capsys)
    assert code == 0
    assert lines[5:9] == [
        "IMPROVED    bench.Parse.track_calls('a')",
        "              7 -> 6 calls, exact",
        "UNCHANGED   bench.Parse.track_calls('b')",
        "              7 calls, exact",
    ]


def test_a_count_that_came_from_nothing_is_a_regression(project: Project, capsys) -> None:
    project.describe(CALLS, "track", "calls")
    project.pair(CALLS, tracked(0), tracked(1))
    code, lines = judge(capsys)
    assert (code, verdicts(lines)) == (1, {CALLS: "REGRESSED"})


@pytest.mark.parametrize(
    ("base", "head", "verdict", "code"),
    [
        (1_000.5, 400.0, "REGRESSED", 1),
        (400.0, 1_000.5, "IMPROVED", 0),
        (1_000.5, 900.0, "UNRESOLVED", 0),
        (1_000.5, 1_000.5, "UNCHANGED", 0),
    ],
)
def test_of_a_rate_more_is_better(
    project: Project, capsys, *, base: float, head: float, verdict: str, code: int
) -> None:
    project.describe(RATE, "track", "1/s")
    project.pair(RATE, tracked(base), tracked(head))
    found, lines = judge(capsys)
    assert (found, verdicts(lines)) == (code, {RATE: verdict})


def test_a_rate_that_is_called_exact_regresses_when_it_falls_at_all(project, capsys) -> None:
    project.describe(RATE, "track", "1/s")
    project.pair(RATE, tracked(1_000), tracked(999))
    code, lines = judge(capsys, "main~1", "main", "--exact", "track_rate")
    assert (code, verdicts(lines)) == (1, {RATE: "REGRESSED"})


def test_memory_has_a_tolerance_of_5_percent(project: Project, capsys) -> None:
    project.describe(PEAK, "peakmemory", "bytes")
    other = "bench.Parse.peakmem_other"
    project.describe(other, "peakmemory", "bytes")
    project.store(project.base, {PEAK: tracked(50_000_000), other: tracked(50_000_000)})
    project.store(project.head, {PEAK: tracked(52_600_000), other: tracked(52_000_000)})
    code, lines = judge(capsys)
    assert code == 1
    assert lines[5:9] == [
        "REGRESSED   bench.Parse.peakmem_parse",
        "              47.68 MiB -> 50.16 MiB, 5.2 % more; tolerance 5 %",
        "UNCHANGED   bench.Parse.peakmem_other",
        "              47.68 MiB -> 49.59 MiB, 4.0 % more; tolerance 5 %",
    ]
    code, lines = judge(capsys, "main~1", "main", "--memory-tolerance", "6")
    assert (code, set(verdicts(lines).values())) == (0, {"UNCHANGED"})


def test_3_percent_over_12_processes_is_a_regression(project, capsys) -> None:
    project.describe(TIME, "time", "seconds", repeat=10, rounds=2)
    project.pair(
        TIME,
        timed(processes(12, seconds=0.001, seed=1)),
        timed(processes(12, seconds=0.00103, seed=2)),
    )
    code, lines = judge(capsys)
    assert code == 1
    assert lines[5:] == [
        "REGRESSED   bench.Parse.time_parse",
        "              1.00 ms -> 1.03 ms, 3.1 % slower, between 2.7 and 3.5 % slower, 12",
        "              processes a side",
        "",
        "Intervals are of processes; samples within one are not independent.",
        "They hold where rounds were interleaved (asv continuous does that by itself);",
        "a machine that slowed down between base and head looks like a change.",
        "",
        "1 regressed",
    ]
    assert max(map(len, lines)) <= 80


def test_the_same_code_in_12_processes_is_unchanged(project: Project, capsys) -> None:
    project.describe(TIME, "time", "seconds", repeat=10)
    project.pair(
        TIME,
        timed(processes(12, seconds=0.001, seed=1)),
        timed(processes(12, seconds=0.001, seed=2)),
    )
    code, lines = judge(capsys)
    assert (code, verdicts(lines)) == (0, {TIME: "UNCHANGED"})


def test_120_samples_of_2_processes_are_unresolved(project, capsys) -> None:
    project.describe(TIME, "time", "seconds", repeat=60)
    project.pair(
        TIME,
        timed(processes(2, seconds=0.001, seed=1, each=60)),
        timed(processes(2, seconds=0.00115, seed=2, each=60)),
    )
    code, lines = judge(capsys)
    assert code == 0
    assert lines[5:] == [
        "UNRESOLVED  bench.Parse.time_parse",
        "              1.00 ms -> 1.15 ms, 14.9 % slower; 2 processes a side",
        "",
        "With fewer than 5 processes a side, or without samples, only a",
        "doubling can be told. Measure with --record-samples -a rounds=12, and name a",
        "repeat given with -a by --repeat.",
        "",
        "1 unresolved",
    ]
    assert judge(capsys, "main~1", "main", "--strict")[0] == 1


def test_processes_that_differ_by_10_percent_leave_5_percent_unresolved(project, capsys) -> None:
    project.describe(TIME, "time", "seconds", repeat=10)
    project.pair(
        TIME,
        timed(processes(12, seconds=0.001, spread=0.1, seed=1)),
        timed(processes(12, seconds=0.00105, spread=0.1, seed=2)),
    )
    code, lines = judge(capsys)
    assert (code, verdicts(lines)) == (0, {TIME: "UNRESOLVED"})
    outlook = " ".join(line.strip() for line in lines[6:10])
    assert "12 processes a side these could have told" in outlook
    assert "more rounds might decide" in outlook


@pytest.mark.parametrize("keep", [True, False])
def test_a_doubling_without_overlap_is_told_even_by_2_processes(project, capsys, keep) -> None:
    project.describe(TIME, "time", "seconds", repeat=10)
    project.pair(
        TIME,
        timed(processes(2, seconds=0.001, seed=1), keep=keep),
        timed(processes(2, seconds=0.0025, seed=2), keep=keep),
    )
    code, lines = judge(capsys)
    assert (code, verdicts(lines)) == (1, {TIME: "REGRESSED"})


def test_one_sample_a_side_tells_nothing(project: Project, capsys) -> None:
    project.describe(TIME, "time", "seconds", repeat=1)
    project.pair(TIME, timed([0.001]), timed([0.0025]))
    code, lines = judge(capsys)
    assert code == 0
    assert lines[5:7] == [
        "UNRESOLVED  bench.Parse.time_parse",
        "              1.00 ms -> 2.50 ms, 2.5x slower; 1 process a side",
    ]


def test_without_samples_the_statistics_serve_and_it_is_said(project: Project, capsys) -> None:
    project.describe(TIME, "time", "seconds", repeat=10)
    project.pair(
        TIME,
        timed(processes(12, seconds=0.001, seed=1)),
        timed(processes(12, seconds=0.0012, seed=2), keep=False),
    )
    code, lines = judge(capsys)
    assert code == 0
    assert lines[5:8] == [
        "UNRESOLVED  bench.Parse.time_parse",
        "              1.00 ms -> 1.20 ms, 20.1 % slower; no samples kept for head, only",
        "              statistics of them",
    ]


def test_a_repeat_given_on_asvs_command_line_is_given_again(project: Project, capsys) -> None:
    project.describe(TIME, "time", "seconds", repeat=10)
    base = [0.001, 0.00101, 0.00102, 0.00099, 0.00103, 0.00101, 0.001, 0.00102]
    project.pair(TIME, timed(base), timed([2 * value for value in base]))
    _, lines = judge(capsys)
    assert lines[6:8] == [
        "              1.01 ms -> 2.02 ms, 2.0x slower; which process took which sample",
        "              is unknown",
    ]
    code, lines = judge(capsys, "main~1", "main", "--repeat", "1")
    assert code == 1
    assert lines[6:8] == [
        "              1.01 ms -> 2.02 ms, 2.0x slower, between 2.0 and 2.0x slower, 8",
        "              processes a side",
    ]


def test_no_data_is_told_apart_from_a_regression(project: Project, capsys) -> None:
    names = [
        f"bench.Parse.track_{name}" for name in ("changed", "failed", "gone", "new", "skipped")
    ]
    for name in names:
        project.describe(name, "track", "calls")
    changed, failed, gone, new, skipped = names
    project.store(
        project.base,
        {changed: tracked(1), failed: tracked(1), gone: tracked(1), skipped: tracked(1)},
    )
    project.store(
        project.head,
        {
            changed: tracked(9, version="2"),
            failed: tracked(None),
            new: tracked(1),
            skipped: tracked(SKIPPED),
        },
    )
    code, lines = judge(capsys)
    assert code == 2
    assert lines[5:-2] == [
        "NO DATA     bench.Parse.track_changed",
        "              the benchmark's own code differs",
        "NO DATA     bench.Parse.track_failed",
        "              failed on head",
        "NO DATA     bench.Parse.track_gone",
        "              no result for head",
        "NO DATA     bench.Parse.track_new",
        "              no result for base",
        "NO DATA     bench.Parse.track_skipped",
        "              skipped on head",
    ]
    assert lines[-1] == "5 without data"


def test_what_has_no_data_fails_only_when_strict(project: Project, capsys) -> None:
    other = "bench.Parse.track_other"
    project.describe(CALLS, "track", "calls")
    project.describe(other, "track", "calls")
    project.store(project.base, {CALLS: tracked(1), other: tracked(1)})
    project.store(project.head, {CALLS: tracked(1)})
    assert judge(capsys)[0] == 0
    assert judge(capsys, "main~1", "main", "--strict")[0] == 1


def test_other_parameters_have_no_data_on_the_other_side(project: Project, capsys) -> None:
    project.describe(CALLS, "track", "calls", params=[["1", "2"]])
    project.pair(CALLS, tracked(1, 2, params=[["1", "2"]]), tracked(2, 3, params=[["2", "3"]]))
    code, lines = judge(capsys)
    assert code == 0
    assert verdicts(lines) == {
        f"{CALLS}(1)": "NO DATA",
        f"{CALLS}(2)": "UNCHANGED",
        f"{CALLS}(3)": "NO DATA",
    }


def test_machines_and_environments_are_judged_each_for_itself(project: Project, capsys) -> None:
    project.describe(CALLS, "track", "calls")
    for commit, calls in ((project.base, 1), (project.head, 2)):
        project.store(commit, {CALLS: tracked(calls)}, machine="attic")
        project.store(commit, {CALLS: tracked(3)}, machine="box")
    project.store(project.base, {CALLS: tracked(5)}, environment="virtualenv-py3.12")
    code, lines = judge(capsys)
    assert code == 1
    assert lines[3:-2] == [
        "attic, virtualenv-py3.13",
        "verdict     benchmark",
        "REGRESSED   bench.Parse.track_calls",
        "              1 -> 2 calls, exact",
        "",
        "box, virtualenv-py3.12",
        "verdict     benchmark",
        "NO DATA     1 benchmark",
        "              head has no results of this machine and environment",
        "",
        "box, virtualenv-py3.13",
        "verdict     benchmark",
        "UNCHANGED   bench.Parse.track_calls",
        "              3 calls, exact",
    ]
    code, lines = judge(capsys, "main~1", "main", "--machine", "box")
    assert (code, lines[-1]) == (0, "1 without data, 1 unchanged")


def test_times_of_other_processors_are_not_compared_but_counts_are(project, capsys) -> None:
    project.describe(CALLS, "track", "calls")
    project.describe(TIME, "time", "seconds", repeat=1)
    rows = {CALLS: tracked(1), TIME: timed([0.001] * 12)}
    project.store(project.base, rows, cpu="Z80")
    project.store(project.head, rows, cpu="6502")
    code, lines = judge(capsys)
    assert code == 0
    assert lines[5:9] == [
        "NO DATA     bench.Parse.time_parse",
        "              other processors: Z80 on base, 6502 on head",
        "UNCHANGED   bench.Parse.track_calls",
        "              1 calls, exact",
    ]


def test_bench_chooses_by_name_with_parameters(project: Project, capsys) -> None:
    params = [["'a'", "'b'"]]
    project.describe(CALLS, "track", "calls", params=params)
    project.describe(PEAK, "peakmemory", "bytes")
    rows = {CALLS: tracked(1, 2, params=params), PEAK: tracked(5)}
    project.store(project.base, rows)
    project.store(project.head, rows)
    _, lines = judge(capsys, "main~1", "main", "--bench", r"track_calls\('b'\)", "--bench", "peak")
    assert sorted(verdicts(lines)) == [PEAK, f"{CALLS}('b')"]


def test_what_is_unchanged_is_counted_and_listed_with_all(project: Project, capsys) -> None:
    project.describe(CALLS, "track", "calls")
    project.pair(CALLS, tracked(1), tracked(1))
    assert main(["asv", "main~1", "main"]) == 0
    assert capsys.readouterr().out.splitlines()[3:5] == [
        "box, virtualenv-py3.13",
        "1 benchmark UNCHANGED (--all lists them)",
    ]


def test_names_longer_than_a_line_are_wrapped_at_80_columns(project: Project, capsys) -> None:
    name = f"bench.{'Long' * 20}.track_calls"
    project.describe(name, "track", "calls")
    project.pair(name, tracked(1), tracked(2))
    _, lines = judge(capsys)
    assert max(map(len, lines)) == 80
    assert "".join(line.strip() for line in lines[5:8]).startswith(
        f"REGRESSED   {name}1 -> 2 calls"
    )


def test_a_benchmark_that_is_not_described_is_known_by_its_name(project: Project, capsys) -> None:
    project.store(project.base, {TIME: timed([0.001] * 10), PEAK: tracked(50_000_000)})
    project.store(project.head, {TIME: timed([0.001] * 10), PEAK: tracked(50_000_000)})
    _, lines = judge(capsys)
    assert lines[5:9] == [
        "UNRESOLVED  bench.Parse.time_parse",
        "              1.00 ms, which process took which sample is unknown",
        "UNCHANGED   bench.Parse.peakmem_parse",
        "              47.68 MiB, tolerance 5 %",
    ]
