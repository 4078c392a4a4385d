from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

SHOP = """
    import inspect

    def price(x):
        return x

    def total(n):
        return sum(price(i) for i in range(n))

    def slow_total(n):
        inspect.signature(price)
        return total(n)
"""

FAST = ("--benchmark-min-rounds=3", "--benchmark-max-time=0.001")
PLUGINS = ("-p", "pytest_benchmark.plugin", "-p", "no:cacheprovider")


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    # In a worker of xdist it would measure nothing; the run in here is none.
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    pytester.makeini("[pytest]\ncascade_profile = off\n")
    pytester.makepyfile(shop=SHOP)
    return pytester


def run(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return project.runpytest_subprocess(*PLUGINS, *FAST, *arguments)


def failure(result: pytest.RunResult, title: str) -> list[str]:
    start = result.outlines.index(title)
    return result.outlines[start : start + 5]


def test_the_marker_budgets_the_benchmarked_call_and_not_its_many_rounds(project) -> None:
    project.makepyfile(
        """
        import pytest, shop

        @pytest.mark.cascade_budget(calls={"shop:price": "10", "inspect:signature": "0"})
        def test_total(benchmark):
            assert benchmark(shop.total, 10) == 45

        @pytest.mark.cascade_budget(calls={"shop:price": "10", "inspect:signature": "0"})
        def test_slow(benchmark):
            assert benchmark(shop.slow_total, n=10) == 45
        """
    )
    result = run(project, "--cascade-budget")
    result.assert_outcomes(passed=1, failed=1)
    assert failure(result, "test_slow: over budget") == [
        "test_slow: over budget",
        "  inspect:signature  1 call, budget 0: was never called, is now called once",
        "    shop.py:10 in slow_total          1",
        "  shop:price         10, as budgeted",
        "  the budget is fixed in the test's marker: fix the code or edit the marker",
    ]


def test_setup_and_teardown_of_a_pedantic_benchmark_run_and_are_not_counted(project) -> None:
    project.makepyfile(
        """
        import pytest, shop

        ended = []

        @pytest.mark.cascade_budget(calls={"shop:price": "3"})
        def test_total(benchmark):
            def setup():
                shop.price(0)
                return (3,), {}

            def teardown(n):
                shop.price(0)
                ended.append(n)

            assert benchmark.pedantic(shop.total, setup=setup, teardown=teardown, rounds=2) == 3
            assert ended == [3, 3, 3, 3]
        """
    )
    run(project, "--cascade-budget").assert_outcomes(passed=1)


def test_counts_are_the_same_where_benchmarks_are_disabled(project) -> None:
    project.makepyfile(
        """
        import pytest, shop

        @pytest.mark.cascade_budget(calls={"shop:price": "10"})
        def test_total(benchmark):
            assert benchmark(shop.total, 10) == 45
        """
    )
    run(project, "--cascade-budget", "--benchmark-disable").assert_outcomes(passed=1)


def test_an_unmarked_benchmark_is_left_alone(project) -> None:
    project.makepyfile(
        """
        import shop

        def test_total(benchmark):
            assert benchmark(shop.slow_total, 10) == 45
            assert type(benchmark).__qualname__ == "BenchmarkFixture"
            assert type(benchmark).__module__ == "pytest_benchmark.fixture"
        """
    )
    result = run(project, "--cascade-budget")
    result.assert_outcomes(passed=1)
    assert "cascade budget" not in result.stdout.str()


def test_the_table_of_benchmarks_has_the_same_rows_and_rounds_under_the_gate(project) -> None:
    project.makepyfile(
        """
        import pytest, shop

        @pytest.mark.cascade_budget(calls={"shop:price": "10"})
        def test_total(benchmark):
            benchmark.pedantic(shop.total, args=(10,), rounds=7)
        """
    )
    rows = []
    # The unit is fixed: pytest-benchmark's own follows the fastest round.
    for gate in ((), ("--cascade-budget",)):
        result = run(
            project, "--benchmark-columns=rounds,iterations", "--benchmark-time-unit=us", *gate
        )
        lines = result.outlines
        start = next(at for at, line in enumerate(lines) if "benchmark: 1 tests" in line)
        rows.append(lines[start : start + 5])
    assert rows[0] == rows[1]
    assert rows[0][3].split() == ["test_total", "7", "1"]


def test_first_runs_of_a_benchmark_are_refused(project) -> None:
    project.makepyfile(
        """
        import pytest, shop

        @pytest.mark.cascade_budget(calls={"shop:price": "10"}, cold=True)
        def test_total(benchmark):
            benchmark(shop.total, 10)
        """
    )
    result = run(project, "--cascade-budget")
    result.stdout.fnmatch_lines(
        "cold=True asks for first runs, and pytest-benchmark repeats the call; *::test_total. "
        "Leave cold out, or run the workload through the cascade_budget fixture"
    )
    assert result.ret != 0


MARKED = """
    import pytest, shop

    @pytest.mark.cascade_budget(calls={"shop:price": "10"})
    def test_total(benchmark):
        benchmark(shop.total, 10)
"""


@pytest.fixture(scope="module")
def autosaved() -> dict[str, str]:
    """The file that the first test to ask for one has stored, by its path in the project."""
    return {}


@pytest.fixture
def stored(project: pytest.Pytester, autosaved: dict[str, str]) -> Path:
    """A stored result of the call, in the project that it is of."""
    project.makepyfile(test_shop=MARKED)
    if not autosaved:
        run(project, "--benchmark-autosave").assert_outcomes(passed=1)
        (path,) = (project.path / ".benchmarks").glob("*/*.json")
        autosaved[str(path.relative_to(project.path))] = path.read_text(encoding="utf-8")
    ((name, text),) = autosaved.items()
    path = project.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def scale(path: Path, factor: float, **machine: str) -> None:
    """Rewrite a stored result as if the call had taken `factor` times as long."""
    saved = json.loads(path.read_text(encoding="utf-8"))
    saved["benchmarks"][0]["stats"]["min"] *= factor
    saved["machine_info"].update(machine)
    path.write_text(json.dumps(saved), encoding="utf-8")


def test_a_call_far_slower_than_stored_fails_and_names_the_file(project, stored) -> None:
    scale(stored, 1e-3)
    result = run(project, "--cascade-budget")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(f"*x slower than in {stored.name}, limit 25 % slower")


def test_a_call_faster_than_stored_passes(project, stored) -> None:
    scale(stored, 1e3)
    run(project, "--cascade-budget").assert_outcomes(passed=1)


def test_a_result_from_another_machine_has_the_wider_limit(project, stored) -> None:
    scale(stored, 1e-3, node="elsewhere")
    result = run(project, "--cascade-budget")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines("* on another kind of machine, limit 3.0x slower")


def test_a_stored_file_that_is_no_result_is_passed_over(project, stored) -> None:
    stored.write_text("{]", encoding="utf-8")
    run(project, "--cascade-budget").assert_outcomes(passed=1)


OVER = """
    import pytest, shop

    made = []

    @pytest.mark.cascade_budget(calls={"inspect:signature": "0"})
    def test_total(benchmark):
        def setup():
            made.append(10)
            return (10,), {}

        benchmark.pedantic(shop.slow_total, setup=setup, rounds=3)

    def test_how_often_it_was_called():
        print("calls made:", len(made))
"""
PROFILED = ("--cascade-budget", "-o", "cascade_profile=")


def test_a_benchmarked_call_over_budget_is_profiled_and_its_files_are_kept(project) -> None:
    project.makepyfile(
        """
        import pytest, shop

        @pytest.mark.cascade_budget(calls={"inspect:signature": "0"})
        def test_total(benchmark):
            assert benchmark(shop.slow_total, 10) == 45
        """
    )
    # A benchmark of a length that a profile can say something of.
    long = "--benchmark-max-time=0.1"
    result = run(project, *PROFILED, long, "--cascade-budget-report=out")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "test_total: over budget",
            "*- Captured cascade budget profile call -*",
            ".  *::test_total",
            ".  * slow_total  shop.py:9",
            ".  * signature  inspect.py:*",
            "(cpu time in seconds over * transactions; sampling slowed them * times)",
        ],
        consecutive=False,
    )
    report = json.loads((project.path / "out/cascade-budget.json").read_text(encoding="utf-8"))
    profile = report["tests"][0]["profile"]
    assert profile["problem"] == ""
    assert "shop:slow_total > inspect:signature" in [name for name, _ in profile["hottest"]]
    for path in profile["files"].values():
        assert (project.path / "out" / path).is_file()


def test_a_profile_makes_no_more_calls_a_session_than_the_benchmark_did(project) -> None:
    project.makepyfile(OVER)
    result = run(project, *PROFILED, "-rP")
    result.assert_outcomes(passed=1, failed=1)
    # 3 rounds, 2 counted, 1 with the lines that call; to plan 1, 1 and 3; two sessions of 3 + 3.
    result.stdout.fnmatch_lines("calls made: 23")


def test_a_call_that_cannot_be_made_again_is_over_budget_without_a_profile(project) -> None:
    project.makepyfile(
        OVER.replace("made.append(10)", "made.append(10)\n            assert len(made) < 7")
    )
    result = run(project, *PROFILED)
    result.assert_outcomes(passed=1, failed=1)
    assert failure(result, "test_total: over budget")[1:] == [
        "  inspect:signature  1 call, budget 0: was never called, is now called once",
        "    shop.py:10 in slow_total          1",
        "  no profile: AssertionError: assert 7 < 7",
        "  the budget is fixed in the test's marker: fix the code or edit the marker",
    ]


def test_each_benchmark_is_profiled_where_that_is_asked_for(project) -> None:
    project.makepyfile(MARKED)
    result = run(project, "--cascade-budget", "--cascade-profile=kept")
    result.assert_outcomes(passed=1)
    kept = sorted(path.name for path in (project.path / "kept").iterdir())
    assert [name.rpartition("-")[2].partition(".")[2] for name in kept] == [
        "html",
        "speedscope.json",
        "txt",
    ]


@pytest.mark.parametrize("gate", [(), ("--cascade-budget",)], ids=["plain", "gate"])
def test_a_benchmark_without_a_budget_is_timed_first_and_profiled_then(project, gate) -> None:
    project.makepyfile(
        "import shop\n\ndef test_total(benchmark):\n    benchmark(shop.total, 900)\n"
    )
    result = run(project, *gate, "--cascade-profile=kept")
    result.assert_outcomes(passed=1)
    (text,) = (project.path / "kept").glob("*.txt")
    assert "total  shop.py:6" in text.read_text(encoding="utf-8")


def test_a_benchmarked_call_that_hangs_on_the_hash_seed_fails_no_test(project, monkeypatch) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "random")
    project.makepyfile(
        hashed="""
        import shop

        WORDS = {"w%d" % number for number in range(40)}

        def serve():
            for word in WORDS:
                shop.price(1)
                if word == "w7":
                    break
        """
    )
    project.makepyfile(
        """
        import hashed, pytest

        @pytest.mark.cascade_budget(calls=["shop:price"])
        def test_hashed(benchmark):
            benchmark(hashed.serve)
        """
    )
    run(project, "--cascade-budget-update").assert_outcomes(passed=1)
    # One process in 40 happens to count what the ledger's did.
    for _ in range(5):
        result = run(project, "--cascade-budget")
        result.assert_outcomes(passed=1)
        if "in two runs of the same code: not gated" in result.stdout.str():
            break
    else:
        pytest.fail("no process counted otherwise")


def test_a_benchmark_that_is_never_called_fails_its_marker(project) -> None:
    project.makepyfile(
        test_shop="""
        import pytest, shop

        @pytest.mark.cascade_budget(calls={"shop:price": 0})
        def test_total(benchmark):
            shop.total(10)
        """
    )
    result = run(project, "--cascade-budget")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            (
                "the test has the marker and the fixture benchmark, and never calls the fixture; "
                "test_shop.py::test_total. Call benchmark(function), or leave the fixture out to "
                "budget the whole test"
            )
        ]
    )
