from __future__ import annotations

from typing import TYPE_CHECKING

from cascade_budget.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

APP = """\
import random
import weakref

KEPT = {}


def leaf(x):
    return x


def drawn():
    return [leaf(i) for i in range(random.randrange(1_000_000) % 1000)]


def first_with_b(words):
    for word in {*words}:
        visited(word)
        if word.startswith("b"):
            return word


def visited(word):
    pass


def kept(x):
    if x not in KEPT:
        KEPT[x] = computed(x)
    return KEPT[x]


def computed(x):
    return x


def closed():
    pass


class Node:
    def __init__(self):
        self.me = self


def nodes():
    for _ in range(500):
        weakref.finalize(Node(), closed)


def forget():
    KEPT.clear()
"""

TESTS = """\
import app


def test_chance():
    app.drawn()


def test_hashes():
    app.first_with_b(["a", "c", "d", "e", "f", "g", "h", "i", "b"])


def test_kept():
    app.kept(3)


def test_finalizers():
    app.nodes()


def test_steady():
    app.leaf(1)
"""


def test_a_test_that_hangs_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / "pytest.ini").write_text("[pytest]\ncascade_budget_timeout = 1\n")
    (tmp_path / "test_app.py").write_text(
        "import threading\n\nimport pytest\n\n\n@pytest.fixture\ndef never():\n"
        "    threading.Event().wait()\n\n\ndef test_it(never):\n    pass\n"
    )
    monkeypatch.chdir(tmp_path)
    assert main(["doctor", "test_app.py"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "cascade-budget doctor: test_app.py does not pass: "
        "cascade_budget.errors.WorkloadTimeoutError: the fixture never did not end within 1 "
        "seconds. "
        "Make it smaller, or raise cascade_budget_timeout in the ini file; "
        f"{tmp_path}. Make it pass first"
    )


def test_each_count_is_told_what_it_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / "app.py").write_text(APP, encoding="utf-8")
    (tmp_path / "test_app.py").write_text(TESTS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    code = main(["doctor", "test_app.py"])
    counted = ("calls; ", "call; ")
    said = [
        line
        for line in capsys.readouterr().out.splitlines()
        if not any(word in line for word in counted)
    ]
    assert said == [
        "test_app.py::test_chance: 1 count is unstable",
        "  random numbers",
        "    app:leaf",
        "    The gate seeds a test before it is set up, not between two runs of a",
        "    workload: draw what is worked on before, or seed it there.",
        "",
        "test_app.py::test_hashes: 1 count is unstable",
        "  the hash seed",
        "    app:visited",
        "    A set or a dict of strings is gone through in the order of their hashes:",
        "    sort it first.",
        "",
        "test_app.py::test_kept: every count is stable",
        "  for information",
        "    app:computed",
        "    A cache is filled in the first run. The gate counts warm; cold=True counts",
        "    the first run.",
        "",
        "test_app.py::test_finalizers: 1 count is unstable",
        "  the garbage collector",
        "    app:closed",
        "    A finalizer or a weak reference's callback calls it: close or delete in the",
        "    test what it opens.",
        "",
        "test_app.py::test_steady: every count is stable",
    ]
    assert code == 1


def test_a_test_that_fails_is_not_examined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / "test_app.py").write_text("def test_no():\n    assert 1 == 2\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["doctor", "test_app.py::test_no"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "cascade-budget doctor: test_app.py::test_no does not pass: assert 1 == 2; "
        f"{tmp_path}. Make it pass first"
    )
