from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cascade_budget.cli import main
from cascade_budget.commands.bisect import search
from cascade_budget.source.repository import Repository
from tests.budget.commands.dispatch_project import COMMITS, PROJECT
from tests.budget.commands.history import History

if TYPE_CHECKING:
    from pathlib import Path

TEST = "tests/test_sending.py::test_every_order_is_sent"


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASCADE_BUDGET_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("PYTHONPATH", raising=False)


@pytest.fixture(scope="session")
def sixty_four(tmp_path_factory: pytest.TempPathFactory) -> tuple[History, list[str]]:
    """64 commits, of which the 41st goes past the cache."""
    history = History.start(tmp_path_factory.mktemp("sixty-four"))
    names = [history.commit("commit 1", PROJECT)]
    for number in range(2, 65):
        changed = COMMITS["V1"] if number == 41 else {}
        names.append(history.commit(f"commit {number}", {"NOTES": f"{number}\n", **changed}))
    return history, names


@pytest.mark.parametrize("planted", [2, 3, 17, 32, 33, 34, 62, 63, 64])
def test_the_first_of_64_commits_is_found_in_at_most_7_runs(
    planted: int, sixty_four: tuple[History, list[str]]
) -> None:
    history, names = sixty_four

    def is_bad(sha: str, left: int) -> bool | None:
        return names.index(sha) + 1 >= planted

    first, asked = search(Repository.at(history.root), names[0], names[-1], is_bad)
    assert first == (names[planted - 1],)
    assert 1 + asked <= 7


def test_commits_that_cannot_be_tested_are_gone_around(
    sixty_four: tuple[History, list[str]],
) -> None:
    history, names = sixty_four
    broken = {names[number - 1] for number in (16, 17, 31, 32, 33)}

    def is_bad(sha: str, left: int) -> bool | None:
        if sha in broken:
            return None
        return names.index(sha) + 1 >= 20

    first, _asked = search(Repository.at(history.root), names[0], names[-1], is_bad)
    assert first == (names[19],)


def test_skipped_commits_before_the_first_bad_one_share_the_blame(
    sixty_four: tuple[History, list[str]],
) -> None:
    history, names = sixty_four
    broken = {names[18], names[17]}

    def is_bad(sha: str, left: int) -> bool | None:
        if sha in broken:
            return None
        return names.index(sha) + 1 >= 20

    first, _asked = search(Repository.at(history.root), names[0], names[-1], is_bad)
    assert first[0] == names[19]
    assert set(first) == {names[19], *broken}


def test_nothing_is_found_where_the_last_commit_is_good(
    sixty_four: tuple[History, list[str]],
) -> None:
    history, names = sixty_four
    first, _asked = search(
        Repository.at(history.root), names[0], names[-1], lambda sha, left: False
    )
    assert first == ()


def test_bisect_prints_the_commit_its_author_and_the_changed_line(
    sixty_four: tuple[History, list[str]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    history, names = sixty_four
    (history.root / "uncommitted.txt").write_text("mine\n", encoding="utf-8")
    before = history.state()
    monkeypatch.chdir(history.root)
    code = main(["bisect", TEST, "--good", names[0]])
    assert capsys.readouterr().out.splitlines() == [
        f"first bad commit: {names[40]}",
        "  commit 41",
        "  Ada Lovelace <ada@example.org>",
        "  2024-05-06T07:08:09+00:00",
        "",
        "inspect:signature    2 to 500 calls",
        f"  in {TEST}",
        "    src/dispatch/sending.py:20 in send   0 to 500   changed since "
        + history.git("rev-parse", "--short", names[39]).strip(),
        "",
        "7 runs.",
    ]
    assert code == 0
    assert history.state() == before


@pytest.fixture(scope="session")
def broken_middle(tmp_path_factory: pytest.TempPathFactory) -> tuple[History, list[str]]:
    """Four commits: right, one that does not import, one past the cache, one more."""
    history = History.start(tmp_path_factory.mktemp("broken"))
    names = [history.commit("right", PROJECT)]
    names.append(history.commit("broken", {"src/dispatch/registry.py": "def signature_of(:\n"}))
    names.append(
        history.commit(
            "past the cache",
            {"src/dispatch/registry.py": PROJECT["src/dispatch/registry.py"], **COMMITS["V1"]},
        )
    )
    names.append(history.commit("more", {"NOTES": "more\n"}))
    return history, names


def test_a_commit_that_does_not_import_is_skipped_and_named(
    broken_middle: tuple[History, list[str]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    history, names = broken_middle
    monkeypatch.chdir(history.root)
    code = main(["bisect", TEST, "--good", names[0]])
    short = [history.git("rev-parse", "--short", name).strip() for name in names]
    assert capsys.readouterr().out.splitlines() == [
        "The first bad commit is one of these; those marked were skipped:",
        f"  {short[2]} past the cache",
        f"  {short[1]} broken",
        "    skipped: no test could be collected: tests/test_sending.py: SyntaxError: invalid syntax",
        "",
        "3 runs, 1 of them skipped.",
    ]
    assert code == 2


def test_a_range_in_which_nothing_grows_is_an_error(
    broken_middle: tuple[History, list[str]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    history, names = broken_middle
    monkeypatch.chdir(history.root)
    assert main(["bisect", TEST, "--good", names[2]]) == 2
    short = history.git("rev-parse", "--short", names[3]).strip()
    good = history.git("rev-parse", "--short", names[2]).strip()
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"cascade-budget bisect: no function is called more often on {short} than on the good "
        f"commit {good}; {TEST}. Name another test or other commits"
    )


def test_a_good_commit_that_is_no_ancestor_is_refused(
    broken_middle: tuple[History, list[str]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    history, names = broken_middle
    monkeypatch.chdir(history.root)
    assert main(["bisect", TEST, "--good", "HEAD", "--bad", "HEAD~1"]) == 2
    short = [history.git("rev-parse", "--short", name).strip() for name in names]
    assert capsys.readouterr().err == (
        f"cascade-budget bisect: HEAD ({short[3]}) is not in the history of HEAD~1 ({short[2]}); "
        f"{history.root}. Name as --good an ancestor of --bad\n"
    )


def test_a_good_commit_on_which_the_test_fails_is_refused(
    broken_middle: tuple[History, list[str]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    history, names = broken_middle
    monkeypatch.chdir(history.root)
    assert main(["bisect", TEST, "--good", names[1]]) == 2
    short = history.git("rev-parse", "--short", names[1]).strip()
    assert capsys.readouterr().err.splitlines()[-1] == (
        "cascade-budget bisect: no test could be collected: tests/test_sending.py: "
        f"SyntaxError: invalid syntax; pytest on {short}. Make `pytest {TEST}` run there first"
    )


def test_timing_and_one_function_are_two_questions(
    broken_middle: tuple[History, list[str]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    history, names = broken_middle
    monkeypatch.chdir(history.root)
    code = main(["bisect", TEST, "--good", names[0], "--timing", "--function", "inspect:signature"])
    assert code == 2
    assert capsys.readouterr().err == (
        "cascade-budget bisect: --timing and --function are two questions; cascade-budget bisect. "
        "Leave one of them out\n"
    )
