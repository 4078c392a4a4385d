from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = json.loads(files("cascade_budget.report").joinpath("report-1.schema.json").read_bytes())
SETTINGS = "[pytest]\ncascade_budget_coarse = off\n"
SHOP = """
    import inspect

    def price(x):
        return x

    def total(n):
        for i in range(n):
            price(i)
        return "sold"

    def slow_total(n):
        for i in range(n):
            inspect.signature(price)
        return "sold"

    # A signature that is there already is read at a tenth of the calls.
    price.__signature__ = inspect.signature(price)
"""
TESTS = """
    import pytest, shop

    @pytest.mark.cascade_budget(calls={"shop:price": "n"})
    def test_total(cascade_budget):
        assert cascade_budget(shop.total, n=400) == "sold"

    @pytest.mark.cascade_budget(calls={"inspect:signature": "0"})
    def test_slow(cascade_budget):
        assert cascade_budget(shop.slow_total, n=400) == "sold"

    def test_plain():
        assert shop.total(20_000) == "sold"
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch) -> pytest.Pytester:
    for name in list(os.environ):
        if name.startswith("GITHUB_"):
            monkeypatch.delenv(name)
    pytester.makeini(SETTINGS)
    pytester.makepyfile(shop=SHOP, test_shop=TESTS)
    return pytester


def run(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return project.runpytest_subprocess("-p", "no:cacheprovider", *arguments)


def written(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


@dataclass(frozen=True)
class Reported:
    """A run with a report, on GitHub, of a project that has results of asv."""

    root: Path
    lines: list[str]

    @property
    def document(self) -> dict[str, Any]:
        """The report as JSON, valid under its schema."""
        value = json.loads((self.root / "out/cascade-budget.json").read_text(encoding="utf-8"))
        jsonschema.validate(value, SCHEMA)
        return value


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Reported:
    root = tmp_path_factory.mktemp("reported")
    for name, text in {
        "pytest.ini": SETTINGS,
        "shop.py": textwrap.dedent(SHOP).strip(),
        "test_shop.py": textwrap.dedent(TESTS).strip(),
    }.items():
        (root / name).write_text(text, encoding="utf-8")
    write_asv_results(root / ".asv/results/box")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider"),
            *("--cascade-budget", "--cascade-budget-report=out"),
        ],
        cwd=root,
        env={
            **{name: text for name, text in os.environ.items() if not name.startswith("GITHUB_")},
            "GITHUB_ACTIONS": "true",
            "GITHUB_STEP_SUMMARY": str(root / "summary.md"),
            "GITHUB_WORKSPACE": str(root.parent),
        },
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return Reported(root, done.stdout.splitlines())


def write_asv_results(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder.parent / "benchmarks.json").write_text(
        json.dumps({"bench.time_total": {"unit": "seconds"}, "version": 2}), encoding="utf-8"
    )
    for index, value in enumerate((0.001, 0.002)):
        result = {
            "commit_hash": f"{index}" * 40,
            "date": 1_700_000_000_000 + index,
            "version": 2,
            "result_columns": ["result", "params"],
            "results": {
                "bench.time_total": [[value, None], [["10", "20"]]],
                "bench.broken": [None],
            },
        }
        (folder / f"{index}-env.json").write_text(json.dumps(result), encoding="utf-8")


def test_a_run_with_a_report_writes_every_format_and_the_profile_of_what_failed(reported) -> None:
    outcomes = pytest.RunResult.parse_summary_nouns(reported.lines)
    assert outcomes == {"passed": 2, "failed": 1}
    pytest.LineMatcher(reported.lines).fnmatch_lines(
        [
            "test_slow: over budget, counted at n = 100, 200, 300, 400",
            "  profile: out/profiles/test_shop.py-test_slow-*.html",
            "*Captured cascade budget profile call*",
            ".  test_shop.py::test_slow",
            "report: out/cascade-budget.html",
        ]
    )
    names = written(reported.root / "out")
    assert [name for name in names if not name.startswith("profiles/")] == [
        "cascade-budget.html",
        "cascade-budget.json",
        "cascade-budget.md",
    ]
    assert [name.rpartition("-")[0] for name in names[3:]] == [
        "profiles/test_shop.py-test_slow"
    ] * 3
    value = reported.document
    assert value["totals"] == {"as budgeted": 1, "over budget": 1}
    (slow,) = (test for test in value["tests"] if test["fails"])
    assert slow["targets"][0]["sites"][0]["line"] == 13
    assert slow["profile"]["difference"] is None
    assert slow["profile"]["hottest"][0][0].startswith("shop:slow_total > inspect:signature")
    assert sorted(slow["profile"]["files"].values()) == names[3:]


def test_workers_of_xdist_report_and_the_controller_writes(project) -> None:
    options = ("--cascade-budget-report=out", "--cascade-profile=off", "-p", "xdist.plugin", "-n2")
    result = run(project, "--cascade-budget", *options)
    result.assert_outcomes(passed=2, failed=1)
    value = json.loads((project.path / "out/cascade-budget.json").read_text(encoding="utf-8"))
    assert [test["key"] for test in value["tests"]] == [
        "test_shop.py::test_total",
        "test_shop.py::test_slow",
    ]


def test_profile_off_profiles_not_even_what_failed(project) -> None:
    result = run(project, "--cascade-budget", "--cascade-profile=off")
    result.assert_outcomes(passed=2, failed=1)
    assert "cascade budget profile" not in result.stdout.str()


def test_each_test_is_profiled_without_the_gate(project) -> None:
    result = run(project, "--cascade-profile=kept")
    result.assert_outcomes(passed=3)
    assert {name.rpartition("-")[0] for name in written(project.path / "kept")} == {
        "test_shop.py-test_plain",
        "test_shop.py-test_slow",
        "test_shop.py-test_total",
    }
    kept = (project.path / "kept").glob("test_shop.py-test_plain-*.txt")
    assert "test_plain  test_shop.py:11" in next(kept).read_text(encoding="utf-8")


def test_a_folder_behind_a_space_is_refused_before_it_swallows_a_test_file(project) -> None:
    result = run(project, "--cascade-profile", "test_shop.py")
    result.stderr.fnmatch_lines(
        "ERROR: --cascade-profile took 'test_shop.py' for its folder. Write "
        "--cascade-profile=test_shop.py if it is, or put --cascade-profile last"
    )
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_a_profile_that_cannot_be_taken_changes_no_verdict(project) -> None:
    project.makeconftest(
        """
        import pytest
        from cascade_budget.profiling import passes

        def broken(*args, **kwargs):
            raise ZeroDivisionError("no sampler today")

        passes.profile_workload = broken
        """
    )
    result = run(project, "--cascade-budget")
    result.assert_outcomes(passed=2, failed=1)
    assert "  no profile: ZeroDivisionError: no sampler today" in result.outlines


def test_a_folder_that_cannot_be_written_fails_the_run_and_keeps_the_verdicts(project) -> None:
    project.path.joinpath("taken").write_text("a file", encoding="utf-8")
    result = run(
        project, "--cascade-budget", "--cascade-budget-report=taken/out", "-k", "test_total"
    )
    result.assert_outcomes(passed=1, deselected=2)
    result.stdout.fnmatch_lines(
        "ERROR: the report can't be written: Not a directory; taken/out. "
        "Give --cascade-budget-report a folder that can be written"
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_on_github_the_line_is_annotated_and_the_summary_written(reported) -> None:
    folder = reported.root.name
    assert (
        f"::error file={folder}/shop.py,line=13,title=test_slow%3A over budget::"
        "inspect:signature: n calls, budget 0: was never called, is now called once per transaction%0A"
        "  shop.py:13 in slow_total: 400 calls"
    ) in reported.lines
    summary = reported.root / "summary.md"
    assert summary.read_text(encoding="utf-8").splitlines()[0] == (
        "## Budgets broken in 1 of 2 workloads"
    )


def test_asvs_results_become_history(reported) -> None:
    (entry,) = reported.document["history"]
    assert (entry["benchmark"], entry["parameters"], entry["unit"]) == (
        "bench.time_total",
        "(10)",
        "seconds",
    )
    assert [point["value"] for point in entry["points"]] == [0.001, 0.002]
    assert [point["revision"] for point in entry["points"]] == ["00000000", "11111111"]


def test_junit_holds_the_facts_escaped(project) -> None:
    project.makepyfile(
        test_odd="""
        import pytest, shop

        @pytest.mark.cascade_budget(calls={"inspect:signature": "0"})
        @pytest.mark.parametrize("x", ["<script>]]>&"])
        def test_odd(cascade_budget, x):
            cascade_budget(shop.slow_total, n=400, name="a ]]> <b>")
        """
    )
    run(project, "--cascade-budget", "--cascade-profile=off", "--junitxml=junit.xml", "test_odd.py")
    tree = ET.parse(project.path / "junit.xml")
    properties = {one.get("name"): one.get("value") for one in tree.iter("property")}
    assert properties["cascade_budget (a ]]> <b>) inspect:signature"] == "n: over budget"
