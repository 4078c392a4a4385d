from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cascade_budget.cli import main
from tests.budget.interop.stored import tracked

if TYPE_CHECKING:
    from tests.budget.interop.stored import Project

CALLS = "bench.track_calls"


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["asv", *(arguments or ("main~1", "main"))]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


@pytest.fixture
def stored(project: Project) -> Project:
    project.describe(CALLS, "track", "calls")
    project.pair(CALLS, tracked(1), tracked(1))
    return project


def test_no_configuration(project: Project, capsys) -> None:
    (project.root / "asv.conf.json").unlink()
    assert refused(capsys) == (
        f"cascade-budget asv: there is no asv.conf.json; {project.root}. Run where it is, name it "
        "with --config FILE, or make one with asv quickstart\n"
    )


def test_a_configuration_that_is_named_and_not_there(project: Project, capsys) -> None:
    assert refused(capsys, "main~1", "main", "--config", "benchmarks/asv.conf.json") == (
        "cascade-budget asv: asv.conf.json cannot be read: No such file or directory; benchmarks. "
        "Name asv's configuration with --config FILE\n"
    )


def test_a_configuration_that_is_no_json(project: Project, capsys) -> None:
    (project.root / "asv.conf.json").write_text('{\n  // why\n  "repo" "."\n}', encoding="utf-8")
    assert refused(capsys) == (
        "cascade-budget asv: asv.conf.json is not JSON: Expecting ':' delimiter: line 3 column 10 "
        f"(char 14); {project.root}. Correct the file\n"
    )


def test_a_configuration_that_is_no_object(project: Project, capsys) -> None:
    (project.root / "asv.conf.json").write_text("[]", encoding="utf-8")
    assert refused(capsys) == (
        f"cascade-budget asv: asv.conf.json holds no JSON object; {project.root}. Correct the "
        "file, or make one with asv quickstart\n"
    )


def test_a_results_dir_that_is_no_text(project: Project, capsys) -> None:
    (project.root / "asv.conf.json").write_text('{"results_dir": 1}', encoding="utf-8")
    assert refused(capsys) == (
        f"cascade-budget asv: results_dir of asv.conf.json is 1; {project.root}. Give the "
        "folder's path as a string\n"
    )


def test_no_folder_of_results(project: Project, capsys) -> None:
    assert refused(capsys) == (
        f"cascade-budget asv: there is no folder of results; {project.results}. Measure first: "
        "asv continuous --record-samples -a rounds=12 main~1 main\n"
    )


def test_an_unknown_revision(stored: Project, capsys) -> None:
    assert refused(capsys, "mian", "main") == (
        f"cascade-budget asv: there is no revision 'mian'; {stored.root}. Did you mean main?\n"
    )


def test_a_revision_that_was_not_measured(stored: Project, capsys) -> None:
    next(stored.results.glob(f"*/{stored.base[:8]}*")).unlink()
    assert refused(capsys) == (
        f"cascade-budget asv: asv has no results for main~1 ({stored.base[:8]}); "
        f"{stored.results}. Measure it: asv run --record-samples -a rounds=12 'main~1^!'\n"
    )


def test_a_machine_without_results(stored: Project, capsys) -> None:
    assert refused(capsys, "main~1", "main", "--machine", "attic") == (
        f"cascade-budget asv: asv has no results for main~1 ({stored.base[:8]}) on machine "
        f"'attic'; {stored.results}. There are results of box\n"
    )


def test_the_same_commit_twice(stored: Project, capsys) -> None:
    assert refused(capsys, "main", "HEAD") == (
        f"cascade-budget asv: main and HEAD are the same commit, {stored.head[:8]}; "
        f"{stored.results}. Name two revisions\n"
    )


def test_a_bench_that_nothing_matches(stored: Project, capsys) -> None:
    assert refused(capsys, "main~1", "main", "--bench", "time_", "--bench", "mem") == (
        "cascade-budget asv: no benchmark's name has a match for time_ or mem; "
        f"{stored.results}. asv show lists the names\n"
    )


def test_a_bench_that_is_no_regular_expression(stored: Project, capsys) -> None:
    assert refused(capsys, "main~1", "main", "--bench", "time_(") == (
        "cascade-budget asv: 'time_(' is an invalid regular expression: missing ), unterminated "
        "subpattern at position 5; --bench. Escape what is meant literally with a backslash\n"
    )


def test_a_result_file_that_was_cut_off(stored: Project, capsys) -> None:
    path = next(stored.results.glob(f"*/{stored.head[:8]}*"))
    path.write_text('{"version": 2,', encoding="utf-8")
    assert refused(capsys) == (
        "cascade-budget asv: the file is not JSON: Expecting property name enclosed in double "
        f"quotes: line 1 column 15 (char 14); {path}. Remove it and measure again\n"
    )


def test_a_result_file_of_another_version(stored: Project, capsys) -> None:
    path = next(stored.results.glob(f"*/{stored.head[:8]}*"))
    path.write_text('{"version": 1}', encoding="utf-8")
    assert refused(capsys) == (
        f"cascade-budget asv: the results are of version 1; version 2 is known; {path}. Run asv "
        "update, or measure the revision again\n"
    )


def test_a_result_file_without_columns(stored: Project, capsys) -> None:
    path = next(stored.results.glob(f"*/{stored.head[:8]}*"))
    path.write_text('{"version": 2, "results": {}}', encoding="utf-8")
    assert refused(capsys) == (
        "cascade-budget asv: the results lack result_columns, results or commit_hash; "
        f"{path}. Remove the file and measure the revision again\n"
    )


def test_a_commit_that_is_gone_is_found_by_its_digits(stored: Project, capsys) -> None:
    gone = "0123456789abcdef" * 2 + "01234567"
    stored.store(gone, {CALLS: tracked(2)})
    assert main(["asv", "0123456", "main"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == (
        "base 01234567, measured 2024-05-06 07:08 UTC"
    )


def test_a_tolerance_of_nothing_is_wrong_usage(stored: Project, capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["asv", "main~1", "main", "--tolerance", "0"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith(
        "asv: error: argument --tolerance: '0' is not a percentage between 0 and 100\n"
    )


def test_the_configuration_at_the_top_is_found_from_a_folder_below(
    stored: Project, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = stored.root / "src"
    below.mkdir()
    monkeypatch.chdir(below)
    assert main(["asv", "main~1", "main"]) == 0
    (stored.root / "asv.conf.json").unlink()
    capsys.readouterr()
    assert refused(capsys) == (
        f"cascade-budget asv: there is no asv.conf.json; {below} or {stored.root}. Run where it "
        "is, name it with --config FILE, or make one with asv quickstart\n"
    )
