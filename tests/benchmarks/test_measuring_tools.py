"""What each tool prints, as it printed it, and the verdict that is read from it."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from benchmarks.executions import ExecutionError
from benchmarks.measuring import others
from benchmarks.measuring.decisions import ToolError, Verdict, with_slowdown
from benchmarks.measuring.programs import run_program
from benchmarks.measuring.tools import asv_continuous, pyperf_timeit, pytest_benchmark

BENCHMARK_SAME = """\
Comparing against benchmarks from: Linux-CPython-3.11-64bit/0001_base.json
.                                                                        [100%]

------------------------------ benchmark: 2 tests ------------------------------
Name (time in ms)               Min                Max              Mean
--------------------------------------------------------------------------------
test_records (NOW)           2.0562 (1.0)      55.0668 (1.56)     7.0372 (1.0)
test_records (0001_base)     2.7950 (1.36)     35.2749 (1.0)      8.4307 (1.20)
--------------------------------------------------------------------------------
1 passed in 1.13s
"""
BENCHMARK_SLOWER = """\
Comparing against benchmarks from: Linux-CPython-3.11-64bit/0001_base.json
.                                                                        [100%]

--------------------------------------------------------------------------------
Performance has regressed:
	test_records (0001_base) - Field 'mean' has failed PercentageRegressionCheck: 31.481308379 > 5.000000000
	test_records (0001_base) - Field 'median' has failed PercentageRegressionCheck: 4.305611082 > 2.000000000
--------------------------------------------------------------------------------
Traceback (most recent call last):
pytest_benchmark.session.PerformanceRegression: Performance has regressed.
"""
BENCHMARK_FAILED = """\
F                                                                        [100%]
=================================== FAILURES ===================================
_________________________________ test_records _________________________________
>       assert benchmark(sort_records, n) == n + 1
E       assert 4800 == (4800 + 1)

test_records.py:5: AssertionError
--------------------------------------------------------------------------------
Performance has regressed:
	test_records (0001_base) - Field 'mean' has failed PercentageRegressionCheck: 31.481308379 > 5.000000000
--------------------------------------------------------------------------------
"""

ASV_CONTINUOUS = """\
[75.00%] ··· records.Records.time_records                              18.1±6ms
[75.00%] · For records commit fea90809 <main~2> (round 2/2):
[75.00%] ·· Building for virtualenv-py3.11
[75.00%] ·· Benchmarking virtualenv-py3.11
[100.00%] ··· records.Records.time_records                            7.89±0.7ms
"""
ASV_SLOWER = """\
| Change   | Before [fea90809] <main~2>   | After [1c3c1793] <main>   |   Ratio | Benchmark (Parameter)        |
|----------|------------------------------|---------------------------|---------|------------------------------|
| +        | 7.89±0.7ms                   | 18.1±6ms                  |    2.29 | records.Records.time_records |
"""
ASV_FASTER = """\
| Change   | Before [1c3c1793] <main>   | After [fea90809] <main~2>   |   Ratio | Benchmark (Parameter)        |
|----------|----------------------------|-----------------------------|---------|------------------------------|
| -        | 18.1±6ms                   | 7.89±0.7ms                  |    0.44 | records.Records.time_records |
"""
ASV_SAME = """\
| Change   | Before [fea90809] <main~1>   | After [e1235fe8] <main>   | Ratio   | Benchmark (Parameter)        |
|----------|------------------------------|---------------------------|---------|------------------------------|
|          | 3.34±1ms                     | 4.24±1ms                  | ~1.27   | records.Records.time_records |
"""
ASV_FAILED = """\
| Change   | Before [fea90809] <main~1>   | After [e1235fe8] <main>   | Ratio   | Benchmark (Parameter)        |
|----------|------------------------------|---------------------------|---------|------------------------------|
| !        | 3.34±1ms                     | failed                    | n/a     | records.Records.time_records |
"""

PYPERF_MEANS = "Mean +- std dev: [base] 6.25 ms +- 1.90 ms -> [head] 7.74 ms +- 2.44 ms: "


@pytest.mark.parametrize(
    ("output", "mean", "least", "median"),
    [
        (BENCHMARK_SAME, "same", "same", "same"),
        (BENCHMARK_SLOWER, "slower", "same", "slower"),
    ],
)
def test_each_rule_of_pytest_benchmark_has_its_verdict(output, mean, least, median):
    assert pytest_benchmark.read_verdicts(output) == {
        "mean:5%": mean,
        "min:5%": least,
        "median:2%": median,
    }


@pytest.mark.parametrize("output", [BENCHMARK_FAILED, "", "ERROR: usage: pytest"])
def test_a_test_that_did_not_pass_is_no_regression(output):
    with pytest.raises(ToolError, match=r"^pytest-benchmark did not pass its test; its last words"):
        pytest_benchmark.read_verdicts(output)


@pytest.mark.parametrize(
    ("conclusion", "verdict"),
    [
        ("SOME BENCHMARKS HAVE CHANGED SIGNIFICANTLY.\nPERFORMANCE DECREASED.\n", Verdict.SLOWER),
        ("SOME BENCHMARKS HAVE CHANGED SIGNIFICANTLY.\nPERFORMANCE INCREASED.\n", Verdict.FASTER),
        ("\nBENCHMARKS NOT SIGNIFICANTLY CHANGED.\n", Verdict.SAME),
    ],
)
def test_the_conclusion_of_asv_continuous_is_its_verdict(conclusion, verdict):
    assert asv_continuous.read_conclusion(ASV_CONTINUOUS + conclusion) is verdict


@pytest.mark.parametrize(
    ("output", "verdict"),
    [(ASV_SLOWER, Verdict.SLOWER), (ASV_FASTER, Verdict.FASTER), (ASV_SAME, Verdict.SAME)],
)
def test_the_mark_of_asv_compare_is_its_verdict(output, verdict):
    assert asv_continuous.read_row("\nAll benchmarks:\n\n" + output) is verdict


def test_asv_without_a_conclusion_is_an_error():
    with pytest.raises(ToolError, match=r"^asv came to no conclusion; its last words were"):
        asv_continuous.read_conclusion(ASV_CONTINUOUS)


@pytest.mark.parametrize("output", [ASV_FAILED, "", ASV_SLOWER.replace("Records.", "Other.")])
def test_asv_without_two_values_is_an_error(output):
    with pytest.raises(ToolError, match=r"^asv compared nothing; its last words were"):
        asv_continuous.read_row(output)


@pytest.mark.parametrize(
    ("output", "verdict"),
    [
        (PYPERF_MEANS + "1.24x slower\n", Verdict.SLOWER),
        (PYPERF_MEANS + "1.24x slower\nSignificant (t=-3.75)\n", Verdict.SLOWER),
        (PYPERF_MEANS + "1.24x faster\n", Verdict.FASTER),
        ("Benchmark hidden because not significant (1): records\n", Verdict.SAME),
    ],
)
def test_what_pyperf_compare_to_prints_is_its_verdict(output, verdict):
    assert pyperf_timeit.read_verdict(output) is verdict


def test_pyperf_without_a_comparison_is_an_error():
    with pytest.raises(ToolError) as caught:
        pyperf_timeit.read_verdict("ERROR: base.json and head.json have no benchmark in common\n")
    assert str(caught.value) == (
        "pyperf compared nothing; its last words were\n"
        "ERROR: base.json and head.json have no benchmark in common"
    )
    assert caught.value.tool == "pyperf"
    assert caught.value.output == "ERROR: base.json and head.json have no benchmark in common"


def test_a_slowdown_is_more_transactions():
    assert [with_slowdown(one) for one in others.SLOWDOWNS] == [4000, 4080, 4200]


def test_the_workload_handles_each_record_once():
    others.check_executions()


def test_a_workload_that_leaves_records_out_is_told(monkeypatch):
    monkeypatch.setattr(others, "sort_records", lambda n: n)
    with pytest.raises(ExecutionError) as caught:
        others.check_executions()
    assert (caught.value.n, caught.value.expected, caught.value.actual) == (1, (1, 1), (1, 0))


def test_a_program_gives_its_exit_code_and_both_streams(tmp_path):
    code = "import os, sys; print(os.environ['WORD'], flush=True); sys.exit('said last')"
    finished = run_program("tool", [sys.executable, "-c", code], tmp_path, {"WORD": "first"})
    assert (finished.code, finished.output) == (1, "first\nsaid last\n")


def test_a_program_that_hangs_is_ended_and_told(tmp_path):
    code = "import signal; print('up', flush=True); signal.pause()"
    with pytest.raises(ToolError) as caught:
        run_program("tool", [sys.executable, "-c", code], tmp_path, limit_seconds=0.0)
    assert str(caught.value) == (
        "tool was not done after 0 s and was ended; its last words were\n(none)"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the child in /proc")
def test_an_interruption_ends_the_program_with_its_children(tmp_path):
    child = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); signal.pause()"
    parent = (
        "import pathlib, subprocess, sys\n"
        f"one = subprocess.Popen([sys.executable, '-c', {child!r}], stdout=-3, stderr=-3)\n"
        "part = pathlib.Path('part')\n"
        "part.write_text(str(one.pid))\n"
        "part.rename('pid')\n"
        "one.wait()\n"
    )

    def interrupt_when_up() -> None:
        while not (tmp_path / "pid").is_file():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    waiting = threading.Thread(target=interrupt_when_up)
    waiting.start()
    with pytest.raises(KeyboardInterrupt):
        run_program("tool", [sys.executable, "-c", parent], tmp_path)
    waiting.join()
    pid = int((tmp_path / "pid").read_text())
    while is_running(pid):
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    """Whether the process is there, and is not merely waiting to be reaped."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
