"""An update replaces the entries it was given, keeps all else, and loses nothing when it fails."""

from __future__ import annotations

import errno
import os
import threading

import filelock
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade_budget.errors import LedgerLockedError, LedgerWriteError
from cascade_budget.judge.coarse import RecordedCost
from cascade_budget.ledger import (
    Entry,
    LedgerChange,
    parse_ledger,
    read_ledger,
    render_ledger,
    update_ledger,
)
from cascade_budget.model.laws import Law, parse_law

NAME = "cascade-budget.toml"
COMMENTED = """\
# ours
version = 1

# the price list
["b::y"]  # slow
# found by Ada
"m:f" = "n"  # see the wiki
"m:g" = "1"

["c::z"]
"m:f" = "0"

# the end
"""


def laws(**formulas):
    return {f"m:{name}": parse_law(formula) for name, formula in formulas.items()}


@pytest.fixture
def path(tmp_path):
    return tmp_path / NAME


def test_a_new_ledger_is_sorted_with_one_line_a_number(path):
    change = update_ledger(
        path,
        NAME,
        {
            "b.py::y": Entry(laws={"m:g": parse_law("n+1"), "m:f": None}, watch=("default",)),
            "a.py::x": Entry(
                laws=laws(f="1"),
                costs={
                    "cpython-3.13": RecordedCost(calibrated_cost=2.5, machine="linux-x86_64-aa"),
                    "cpython-3.11": RecordedCost(calibrated_cost=0.0123, machine="linux-x86_64-aa"),
                },
            ),
        },
    )
    assert change == LedgerChange(added=("a.py::x", "b.py::y"))
    assert path.read_text() == (
        "# Budgets recorded by `pytest --cascade-budget-update`. Commit this file.\n"
        "# A formula is the calls that n transactions make; a calibrated cost is a transaction's CPU\n"
        "# time over that of one turn of a fixed loop: about the same number on a slower machine.\n"
        "version = 1\n"
        "\n"
        '["a.py::x"]\n'
        '"m:f" = "1"\n'
        '"cpython-3.11" = { calibrated_cost = 0.0123, machine = "linux-x86_64-aa" }\n'
        '"cpython-3.13" = { calibrated_cost = 2.5, machine = "linux-x86_64-aa" }\n'
        "\n"
        '["b.py::y"]\n'
        'watch = ["default"]\n'
        '"m:f" = "unstable"\n'
        '"m:g" = "n + 1"\n'
    )


def test_comments_stay_where_they_were(path):
    path.write_text(COMMENTED)
    change = update_ledger(
        path, NAME, {"b::y": Entry(laws=laws(f="n + 1", a="2")), "a::x": Entry(laws=laws(f="1"))}
    )
    assert change == LedgerChange(added=("a::x",), changed=("b::y",))
    assert path.read_text() == (
        "# ours\n"
        "version = 1\n"
        "\n"
        '["a::x"]\n'
        '"m:f" = "1"\n'
        "\n"
        "# the price list\n"
        '["b::y"]  # slow\n'
        '"m:a" = "2"\n'
        "# found by Ada\n"
        '"m:f" = "n + 1"  # see the wiki\n'
        "\n"
        '["c::z"]\n'
        '"m:f" = "0"\n'
        "\n"
        "# the end\n"
    )


def test_an_update_that_changes_nothing_leaves_the_file_alone(path):
    path.write_text(COMMENTED)
    before = path.stat()
    change = update_ledger(path, NAME, {"c::z": Entry(laws=laws(f="0"))})
    assert change == LedgerChange()
    assert path.read_text() == COMMENTED
    assert path.stat().st_ino == before.st_ino


def test_dropped_entries_go_and_the_others_stay(path):
    path.write_text(COMMENTED)
    change = update_ledger(path, NAME, {}, drop=["b::y", "never::was"])
    assert change == LedgerChange(removed=("b::y",))
    assert list(read_ledger(path, NAME)) == ["c::z"]


def test_costs_of_other_pythons_outlive_an_update(path):
    old = RecordedCost(calibrated_cost=1.0, machine="linux-x86_64-aa")
    new = RecordedCost(calibrated_cost=2.0, machine="linux-x86_64-aa")
    update_ledger(path, NAME, {"a::x": Entry(costs={"cpython-3.11": old, "cpython-3.12": old})})
    update_ledger(path, NAME, {"a::x": Entry(costs={"cpython-3.12": new})})
    assert read_ledger(path, NAME)["a::x"].costs == {
        "cpython-3.11": old,
        "cpython-3.12": new,
    }


def test_a_new_ledger_can_be_read_by_whom_the_folder_allows(path):
    mask = os.umask(0o022)
    try:
        update_ledger(path, NAME, {"a::x": Entry(laws=laws(f="1"))})
    finally:
        os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o644
    path.chmod(0o600)
    update_ledger(path, NAME, {"a::x": Entry(laws=laws(f="2"))})
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_ledger_that_is_a_link_stays_one(path):
    real = path.with_name("kept-elsewhere.toml")
    path.symlink_to(real.name)
    update_ledger(path, path.name, {"a.py::x": Entry(laws={"m:f": parse_law("1")})})
    assert path.is_symlink()
    assert '"m:f" = "1"' in real.read_text(encoding="utf-8").splitlines()


def test_a_full_disk_leaves_the_old_ledger_and_no_litter(path, monkeypatch):
    path.write_text(COMMENTED)

    def full(_descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LedgerWriteError) as caught:
        update_ledger(path, NAME, {"c::z": Entry(laws=laws(f="5"))})
    assert str(caught.value) == (
        "cascade-budget.toml: it can't be written: No space left on device. "
        "The file is as it was. Free space or grant access, then update again"
    )
    assert path.read_text() == COMMENTED
    assert sorted(each.name for each in path.parent.iterdir()) == [".cascade-budget", NAME]


def test_a_run_that_holds_the_lock_is_waited_for_and_then_named(path):
    (path.parent / ".cascade-budget").mkdir()
    with (
        filelock.FileLock(path.parent / ".cascade-budget" / "ledger.lock"),
        pytest.raises(LedgerLockedError) as caught,
    ):
        update_ledger(path, NAME, {"a::x": Entry(laws=laws(f="1"))}, lock_seconds=0)
    assert str(caught.value) == (
        "cascade-budget.toml: another run has been writing it for 0 seconds. "
        "Let that run end, then update again"
    )
    assert not path.exists()


def test_runs_at_once_on_one_checkout_all_land(path):
    def update(number):
        update_ledger(path, NAME, {f"t::{number}": Entry(laws=laws(f=str(number)))})

    threads = [threading.Thread(target=update, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(read_ledger(path, NAME)) == [f"t::{number}" for number in range(8)]


def test_what_is_not_committed_ignores_itself(path):
    update_ledger(path, NAME, {"a::x": Entry(laws=laws(f="1"))})
    assert (path.parent / ".cascade-budget" / ".gitignore").read_text() == "*\n"


keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
targets = keys.map(lambda text: f"m:{text}")
entries = st.builds(
    Entry,
    laws=st.dictionaries(
        targets,
        st.none()
        | st.integers(0, 99).map(Law.polynomial)
        | st.just(parse_law("irregular 1: 2, 2: 5")),
        max_size=4,
    ),
    watch=st.lists(keys, max_size=2).map(tuple),
    costs=st.dictionaries(
        st.sampled_from(["cpython-3.11", "pypy-3.11"]),
        st.builds(RecordedCost, calibrated_cost=st.floats(1e-6, 1e9), machine=keys),
    ),
)


@given(st.dictionaries(keys.filter(lambda key: key != "version"), entries, max_size=4))
def test_any_ledger_is_read_back_as_it_was_written(wanted):
    text = render_ledger("", wanted)
    assert parse_ledger(text, NAME) == wanted
    assert render_ledger(text, wanted) == text
