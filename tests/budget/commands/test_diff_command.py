from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cascade_budget.cli import main
from cascade_budget.counting import suite
from tests.budget.commands.history import History

if TYPE_CHECKING:
    from pathlib import Path

PYPROJECT = '[tool.pytest.ini_options]\npythonpath = ["."]\n'
SHOP = (
    "def price(n):\n    return n\n\n\ndef total(n):\n    return sum(price(i) for i in range(n))\n"
)
TWICE = SHOP.replace("sum(price(i)", "sum(max(price(i), price(i))")
TEST = "tests/test_shop.py::test_total"
TESTS = "from shop import total\n\n\ndef test_total():\n    assert total(4) == 6\n"
PROJECT = {"pyproject.toml": PYPROJECT, "shop.py": SHOP, "tests/test_shop.py": TESTS}
GREW = [
    "shop:price    4 to 8 calls",
    "  in tests/test_shop.py::test_total",
    "    shop.py:6 in total   4 to 8   changed since {base}",
    "",
    "1 function grew in 1 test: 1 test compared, {base} to {head}.",
]


class Shop:
    """A project of one module, in a repository, and `diff` run in it."""

    def __init__(
        self, history: History, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.history = history
        self.root = history.root
        self._capsys = capsys
        monkeypatch.chdir(self.root)

    def diff(self, *words: str) -> tuple[int, list[str]]:
        self._capsys.readouterr()
        code = main(["diff", *words])
        said = self._capsys.readouterr()
        return code, (said.err.splitlines()[-1:] if code == 2 else said.out.splitlines())

    def short(self, revision: str) -> str:
        return self.history.git("rev-parse", "--short", revision).strip()

    def named(self, revision: str) -> str:
        return f"{revision} ({self.short(revision)})"


@pytest.fixture
def shop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shop:
    history = History.start(tmp_path / "shop")
    history.commit("A shop", PROJECT)
    return Shop(history, monkeypatch, capsys)


def expected(lines: list[str], *, base: str, head: str) -> list[str]:
    told = [line.format(base=base, head=head) for line in lines]
    return [line.replace(f"since {base}", f"since {base.partition(' (')[0]}") for line in told]


def test_uncommitted_changes_are_compared_and_the_checkout_is_left_alone(shop: Shop) -> None:
    shop.history.git("remote", "add", "origin", "/nowhere/at/all.git")
    shop.history.write({"shop.py": TWICE, "untracked.txt": "mine\n"})
    before = shop.history.state()
    code, said = shop.diff("main")
    assert said == expected(
        GREW, base=shop.named("main"), head="the working tree (2 uncommitted changes)"
    )
    assert code == 1
    assert shop.history.state() == before


def test_heads_test_runs_on_both_sides_when_the_test_was_changed(shop: Shop) -> None:
    shop.history.write({"tests/test_shop.py": TESTS.replace("total(4) == 6", "total(9) == 36")})
    code, said = shop.diff("main")
    assert said == [
        (
            f"Nothing grew: 1 test compared, {shop.named('main')} to "
            "the working tree (1 uncommitted change)."
        )
    ]
    assert code == 0


def test_a_test_that_base_cannot_pass_is_not_compared(shop: Shop) -> None:
    shop.history.write(
        {
            "shop.py": SHOP + "\n\ndef tax(n):\n    return n // 5\n",
            "tests/test_tax.py": "from shop import tax\n\n\ndef test_tax():\n    assert tax(5) == 1\n",
        }
    )
    code, said = shop.diff("main")
    assert said == [
        (
            f"Nothing grew: 1 test compared, {shop.named('main')} to "
            "the working tree (2 uncommitted changes)."
        ),
        "Not compared: 1 test that main does not pass",
        "  tests/test_tax.py::test_tax",
    ]
    assert code == 0


def test_an_init_that_a_class_gains_is_new_and_no_growth(shop: Shop) -> None:
    shelf = "\n\nclass Shelf:\n    size = 3\n"
    tests = "from shop import Shelf\n\n\ndef test_shelf():\n    assert Shelf().size == 3\n"
    shop.history.commit("A shelf", {"shop.py": SHOP + shelf, "tests/test_shop.py": tests})
    gained = shelf.replace("size = 3", "def __init__(self):\n        self.size = 3")
    shop.history.write({"shop.py": SHOP + gained})
    code, said = shop.diff("main")
    assert code == 0
    assert "new       shop:Shelf.__init__   1 call in 1 test" in said


def test_a_test_that_hangs_on_head_is_ended(shop: Shop) -> None:
    ini = f"{PYPROJECT}cascade_budget_timeout = 1\n"
    more = f"{TESTS}\n\ndef test_twice():\n    assert total(2) == 1\n"
    shop.history.commit("A limit", {"pyproject.toml": ini, "tests/test_shop.py": more})
    hangs = SHOP.replace("return sum", "while n == 2: pass\n    return sum")
    assert hangs != SHOP
    shop.history.write({"shop.py": hangs})
    _, said = shop.diff("main")
    assert "  tests/test_shop.py::test_twice" in said
    assert said[0].startswith("Nothing grew: 1 test compared, ")


def test_a_suite_whose_import_hangs_is_ended(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "_COLLECTION_SECONDS", 3.0)
    shop.history.write({"tests/test_hang.py": "while True:\n    pass\n"})
    assert shop.diff("main") == (
        2,
        [
            (
                "cascade-budget diff: the tests were not collected within 3 seconds; pytest on the "
                "working tree (1 uncommitted change). Look for an import that does not end"
            )
        ],
    )


def test_a_count_that_differs_between_two_runs_fails_nothing(shop: Shop) -> None:
    shop.history.write(
        {
            "shop.py": SHOP.replace("def total", "import os\n\n\ndef total").replace(
                "range(n))",
                "range(n)) + 0 * sum(price(0) for _ in range(int.from_bytes(os.urandom(2))))",
            )
        }
    )
    code, said = shop.diff("main")
    assert said[-1] == (
        f"Nothing grew: 1 test compared, {shop.named('main')} to "
        "the working tree (1 uncommitted change)."
    )
    assert said[0].startswith("unstable  shop:price   ")
    assert code == 0


@pytest.mark.parametrize("alone", [False, True], ids=["in an earlier test", "in the test itself"])
def test_what_is_drawn_by_chance_is_no_growth(shop: Shop, alone: bool) -> None:
    """Seeded or not, `random` goes on differently once the code has drawn less of it."""
    once = "import random\n\n\ndef pick():\n    return random.random()\n\n\n" + SHOP
    twice = once.replace("    return", "    random.random()\n    return", 1)
    before = "    random.seed(3)\n    pick()\n\n\ndef test_total():\n"
    shop.history.commit(
        "Draw",
        {
            "shop.py": twice,
            "tests/test_shop.py": (
                "import random\nfrom shop import pick, total\n\n\ndef test_pick():\n"
                f"{'    pick()' if alone else before}\n    total(int(10_000 * random.random()))\n"
            ),
        },
    )
    shop.history.write({"shop.py": once})
    code, said = shop.diff("main")
    assert said[-1].startswith("Nothing grew: ")
    assert [line.split()[:2] for line in said[:-2]] == [["unstable", "shop:price"]] * alone
    assert code == 0


def test_options_of_pytest_randomly_are_understood(shop: Shop) -> None:
    shop.history.commit(
        "Seed",
        {
            "pytest.ini": "[pytest]\naddopts = -p pytest_randomly --randomly-seed=3\n",
            "tests/test_shop.py": TESTS + "\n\ndef test_more():\n    total(5)\n",
        },
    )
    shop.history.write({"shop.py": TWICE})
    code, said = shop.diff("HEAD")
    assert said[-1] == (
        f"1 function grew in 2 tests: 2 tests compared, {shop.named('HEAD')} to "
        "the working tree (1 uncommitted change)."
    )
    assert code == 1


def test_what_a_test_that_fails_on_base_leaves_behind_is_no_growth_of_a_later_one(
    shop: Shop,
) -> None:
    cached = SHOP + (
        "\n\nknown = set()\n\n\ndef learn(n):\n    known.add(n)\n\n\n"
        "def look(n):\n    if n not in known:\n        learn(n)\n"
    )
    shop.history.commit(
        "Cache",
        {
            "shop.py": cached,
            "tests/test_shop.py": (
                "import shop\n\n\ndef test_tax():\n    if not hasattr(shop, 'tax'):\n"
                "        shop.look(3)\n    assert shop.tax(5) == 1\n\n\n"
                "def test_look():\n    shop.look(3)\n"
            ),
        },
    )
    shop.history.write({"shop.py": cached + "\n\ndef tax(n):\n    return n // 5\n"})
    code, said = shop.diff("main")
    assert said == [
        "unstable  shop:learn   1 call in 1 test",
        "",
        (
            f"Nothing grew: 1 test compared, {shop.named('main')} to "
            "the working tree (1 uncommitted change)."
        ),
        "Not compared: 1 test that main does not pass",
        "  tests/test_shop.py::test_tax",
    ]
    assert code == 0


def test_head_given_as_a_revision_leaves_uncommitted_changes_out_and_says_so(shop: Shop) -> None:
    shop.history.commit("More", {"NOTES": "more\n"})
    shop.history.write({"shop.py": TWICE})
    code, said = shop.diff("HEAD~1", "main", "tests")
    assert said == [
        f"Nothing grew: 1 test compared, {shop.named('HEAD~1')} to {shop.named('main')}.",
        "1 uncommitted change is no part of main; leave HEAD out to compare them.",
    ]
    assert code == 0


def test_three_dots_compare_with_where_the_branch_left(shop: Shop) -> None:
    shop.history.git("switch", "--quiet", "--create", "feature")
    shop.history.commit("Twice", {"shop.py": TWICE})
    shop.history.git("switch", "--quiet", "main")
    shop.history.commit("Main goes on", {"NOTES": "more\n"})
    code, said = shop.diff("main...feature")
    assert said == expected(GREW, base=f"main ({shop.short('main~1')})", head=shop.named("feature"))
    assert code == 1


def test_a_project_that_moved_to_src_is_compared_with_its_flat_past(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.history.git("rm", "--quiet", "shop.py")
    shop.history.commit(
        "Move to src",
        {"src/shop.py": TWICE, "pyproject.toml": "[tool.pytest.ini_options]\n"},
    )
    monkeypatch.syspath_prepend(shop.root / "src")
    code, said = shop.diff("HEAD~1")
    assert said[0] == "shop:price    4 to 8 calls"
    assert code == 1


def test_lines_of_a_module_that_was_moved_are_no_changed_lines(shop: Shop) -> None:
    rows = SHOP.replace("range(n)", "rows(n)") + "\n\ndef rows(n):\n    return list(range(n))\n"
    shop.history.commit("Rows", {"shop.py": rows})
    shop.history.write(
        {
            "shop.py": "from store import total\n",
            "store.py": rows.replace("list(range(n))", "[*range(n), 0]"),
        }
    )
    code, said = shop.diff("main")
    assert code == 1
    assert said[:-1] == [
        "store:price    4 to 5 calls",
        "  was shop:price",
        "  in tests/test_shop.py::test_total",
        "    store.py:6 in total   4 to 5",
        "  changed since main and run here:",
        "    store.py:10 in rows",
        "",
        "moved     shop:price to store:price",
        "moved     shop:rows to store:rows",
        "moved     shop:total to store:total",
        "",
    ]


def test_two_plain_folders_are_compared_without_git(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in (("old", SHOP), ("new", TWICE)):
        for path, content in {**PROJECT, "shop.py": text}.items():
            file = tmp_path / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, encoding="utf-8")
    monkeypatch.chdir(tmp_path / "new")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert main(["diff", "../old"]) == 1
    assert capsys.readouterr().out.splitlines() == expected(GREW, base="../old", head="./")


def test_an_unknown_revision_names_the_nearest(shop: Shop) -> None:
    assert shop.diff("mian") == (
        2,
        [f"cascade-budget diff: there is no revision 'mian'; {shop.root}. Did you mean main?"],
    )


def test_a_cache_that_cannot_be_written_is_no_growth(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CASCADE_BUDGET_CACHE", str(tmp_path / "file"))
    assert shop.diff("main") == (
        2,
        [
            (
                f"cascade-budget diff: the cache folder can't be used: Not a directory; "
                f"{tmp_path}/file/trees. Set CASCADE_BUDGET_CACHE to a folder that can be written"
            )
        ],
    )


def test_nothing_is_written_through_a_link_out_of_the_copy(shop: Shop, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    shutil.rmtree(shop.root / "tests")
    (shop.root / "tests").symlink_to(outside)
    shop.history.git("add", "--all")
    shop.history.git("commit", "--quiet", "-m", "Tests elsewhere")
    (shop.root / "tests").unlink()
    shop.history.write({"tests/test_shop.py": TESTS})
    assert shop.diff("HEAD") == (
        2,
        [
            (
                "cascade-budget diff: tests is a symbolic link on one side and a folder on the other; "
                "tests/test_shop.py. Compare revisions that agree on it: a copy is not "
                "written through a link"
            )
        ],
    )
    assert list(outside.iterdir()) == []


def test_a_disk_that_is_full_is_no_growth(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **_options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "shop.py")

    monkeypatch.setattr(shutil, "copy2", full)
    assert shop.diff("main") == (
        2,
        ["cascade-budget diff: [Errno 28] No space left on device: 'shop.py'"],
    )


@pytest.mark.parametrize("words", [[""], [" "], ["main", ""]])
def test_an_empty_revision_is_refused(shop: Shop, words: list[str]) -> None:
    assert shop.diff(*words) == (
        2,
        [
            (
                "cascade-budget diff: a revision is empty. Name one: perhaps a variable in the command "
                "is not set"
            )
        ],
    )


@pytest.mark.parametrize(
    "words",
    [["bisect", TEST, "--good", ""], ["bisect", TEST, "--good", "main", "--bad", ""]],
)
def test_an_empty_commit_is_refused_by_other_commands(
    shop: Shop, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert shop.short("main")
    assert main(words) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"cascade-budget {words[0]}: a revision is empty. Name one: perhaps a variable in the "
        "command is not set"
    )


def test_a_word_that_is_neither_revision_nor_file_is_refused(shop: Shop) -> None:
    assert shop.diff("main", "tests/test_shp.py") == (
        2,
        [
            (
                "cascade-budget diff: 'tests/test_shp.py' is neither a revision nor a file; "
                f"{shop.root}. List the names with git branch --all and git tag"
            )
        ],
    )


def test_a_shallow_clone_says_how_to_deepen_it(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.history.commit("More", {"NOTES": "more\n"})
    clone = tmp_path / "clone"
    shop.history.git("clone", "--quiet", "--depth=1", f"file://{shop.root}", str(clone))
    monkeypatch.chdir(clone)
    assert shop.diff("HEAD~1") == (
        2,
        [
            (
                "cascade-budget diff: there is no revision 'HEAD~1': this clone is shallow, its "
                f"history was cut off; {clone}. Run git fetch --unshallow --tags (in GitHub Actions, "
                "fetch-depth: 0 for the checkout)"
            )
        ],
    )


def test_a_folder_without_a_repository_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert main(["diff", "main"]) == 2
    assert capsys.readouterr().err == (
        f"cascade-budget diff: not inside a git repository; {tmp_path}. Run inside a clone, or give "
        "folders to compare in place of revisions\n"
    )


def test_a_repository_of_somebody_elses_is_refused_in_gits_words(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As git's own tests do it: https://github.com/git/git/blob/master/t/t0033-safe-directory.sh
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    assert shop.diff("main") == (
        2,
        [
            (
                "cascade-budget diff: git says: detected dubious ownership in repository at "
                f"'{shop.root}'; {shop.root}. To add an exception for this directory, call: git "
                f"config --global --add safe.directory {shop.root}"
            )
        ],
    )


def test_a_machine_without_git_is_told_so(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert shop.diff("main") == (
        2,
        [
            (
                f"cascade-budget diff: there is no git on the PATH; {shop.root}. Install git, or give "
                "folders to compare in place of revisions"
            )
        ],
    )


def test_no_test_collected_is_an_error(shop: Shop) -> None:
    assert shop.diff("main", "-k", "nothing_is_called_this") == (
        2,
        [
            (
                "cascade-budget diff: no test was collected; pytest on the working tree. Give the "
                "tests' path, or start where `pytest -k nothing_is_called_this` finds them"
            )
        ],
    )


def test_tests_that_do_not_import_are_an_error(shop: Shop) -> None:
    shop.history.write({"shop.py": "import nowhere\n"})
    assert shop.diff("main") == (
        2,
        [
            (
                "cascade-budget diff: no test could be collected: tests/test_shop.py: "
                "ModuleNotFoundError: No module named 'nowhere'; pytest on the working tree "
                "(1 uncommitted change). Make `pytest` run there first"
            )
        ],
    )


def test_an_option_that_pytest_refuses_is_an_error(shop: Shop) -> None:
    code, said = shop.diff("main", "--no-such-option")
    assert code == 2
    assert said == [
        (
            "cascade-budget diff: pytest could not start: unrecognized arguments: "
            "--no-such-option; pytest on the working tree. Make `pytest --no-such-option` run there "
            "first"
        )
    ]


@pytest.fixture
def installed(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shop in the environment, whose source is in a folder that is on no path."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    shutil.copy(shop.root / "shop.py", folder)
    shop.history.git("rm", "--quiet", "shop.py")
    shop.history.commit(
        "src", {"src/shop.py": SHOP, "pyproject.toml": "[tool.pytest.ini_options]\n"}
    )
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder / "shop.py"


def test_a_project_that_is_installed_as_a_copy_is_told_so_before_a_test_runs(
    shop: Shop, installed: Path, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    shop.history.write({"tests/test_shop.py": TESTS + f"    open({str(ran)!r}, 'w')\n"})
    assert shop.diff("HEAD~1") == (
        2,
        [
            (
                "cascade-budget diff: the tests on the working tree (1 uncommitted change) import "
                f"the project as it is installed, not this revision; shop is imported from {installed}. "
                "Install the project in editable mode (pip install -e .), or name its folder in "
                "pytest's pythonpath setting"
            )
        ],
    )
    assert not ran.exists()


def test_an_installed_copy_is_told_of_too_where_other_files_are_the_projects_own(
    shop: Shop, installed: Path
) -> None:
    shop.history.commit(
        "Tools", {"conftest.py": "import tools\n", "tools.py": "", "tests/__init__.py": ""}
    )
    assert shop.diff("HEAD~1") == (
        2,
        [
            (
                "cascade-budget diff: the tests import an installed copy of shop, the same one on both "
                f"sides; shop is imported from {installed}. Install the project in editable "
                "mode (pip install -e .), or put its source folder on PYTHONPATH"
            )
        ],
    )


def test_a_conftest_that_leads_back_to_the_checkout_is_told_before_a_test_runs(
    shop: Shop, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    shop.history.commit(
        "Absolute",
        {
            "tests/conftest.py": f"import sys\n\nsys.path.insert(0, {str(shop.root)!r})\n",
            "tests/test_shop.py": TESTS + f"    open({str(ran)!r}, 'w')\n",
        },
    )
    assert shop.diff("main") == (
        2,
        [
            (
                "cascade-budget diff: the tests on the working tree import the project as it is "
                f"installed, not this revision; shop is imported from {shop.root / 'shop.py'}. "
                "Install the project in editable mode (pip install -e .), or name its folder in "
                "pytest's pythonpath setting"
            )
        ],
    )
    assert not ran.exists()


def test_counts_of_a_base_are_kept_for_the_next_run(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.history.commit("Twice", {"shop.py": TWICE, "NOTES": "kept\n"})
    assert main(["diff", "HEAD~1"]) == 1
    capsys.readouterr()
    shop.history.write({"shop.py": SHOP + "# as it was\n"})
    assert main(["diff", "HEAD~1"]) == 0
    steps = [line for line in capsys.readouterr().err.splitlines() if not line.endswith("tests")]
    assert steps == [
        f"copying the working tree (1 uncommitted change) and {shop.named('HEAD~1')}",
        "counting on the working tree (1 uncommitted change)",
        f"counting on {shop.named('HEAD~1')}: kept from an earlier run",
    ]


@pytest.mark.timeout(120)
@pytest.mark.skipif(os.name != "posix", reason="there is no such signal to send on Windows")
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_an_interrupted_run_leaves_no_copy_and_no_process(
    number: signal.Signals, code: int, shop: Shop, tmp_path: Path
) -> None:
    reached, cache = tmp_path / "reached", tmp_path / "interrupted"
    os.mkfifo(reached)  # reading waits until the test writes
    shop.history.write(
        {
            "tests/test_shop.py": "import os, pathlib, threading\n\n\ndef test_waits():\n"
            f"    pathlib.Path({str(reached)!r}).write_text(str(os.getpid()))\n"
            "    threading.Event().wait(60)\n"
        }
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "cascade_budget", "diff", "main"],
        cwd=shop.root,
        env={**os.environ, "CASCADE_BUDGET_CACHE": str(cache)},
        stderr=subprocess.PIPE,
    )
    counting = int(reached.read_text(encoding="utf-8"))
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == code
    assert list((cache / "trees").iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.kill(counting, 0)
