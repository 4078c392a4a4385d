"""A scratch folder lives as long as the run that made it, and no longer than the next run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cascade_budget.errors import UsageError
from cascade_budget.source.cache import scratch_folder

HOLD = """
import os, sys
from cascade_budget.source.cache import scratch_folder

# Another container has a process of another number, or none.
os.getpid = lambda: 2**22 + 1
with scratch_folder() as folder:
    (folder / "copy.py").write_text("")
    print(folder, flush=True)
    sys.stdin.readline()
    print((folder / "copy.py").exists(), flush=True)
    if "killed" in sys.argv:
        os._exit(1)
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("CASCADE_BUDGET_CACHE", str(tmp_path))
    return tmp_path / "trees"


def other_run(*arguments):
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_it_is_gone_after_the_block_and_after_an_error(place):
    with scratch_folder() as folder:
        assert folder.parent == place
        assert folder.is_dir()
    with pytest.raises(KeyboardInterrupt), scratch_folder():
        raise KeyboardInterrupt
    assert list(place.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_wrong_usage(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CASCADE_BUDGET_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(UsageError) as caught, scratch_folder():
        pass
    assert str(caught.value) == (
        f"the cache folder can't be used: Not a directory; {tmp_path}/file/cache/trees. "
        "Set CASCADE_BUDGET_CACHE to a folder that can be written"
    )


def test_a_cache_that_is_read_only_is_wrong_usage(place, monkeypatch):
    # The superuser may write everywhere: what the system says to everyone else.
    monkeypatch.setattr(os, "access", lambda path, mode: (path, mode) != (place, os.W_OK))
    with pytest.raises(UsageError) as caught, scratch_folder():
        pass
    assert str(caught.value) == (
        f"the cache folder can't be used: Permission denied; {place}. "
        "Set CASCADE_BUDGET_CACHE to a folder that can be written"
    )


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch):
    for name in ("CASCADE_BUDGET_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)

    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(UsageError) as caught, scratch_folder():
        pass
    assert str(caught.value) == (
        "the cache folder can't be used: Could not determine home directory. "
        "Set CASCADE_BUDGET_CACHE to a folder that can be written"
    )


def test_a_folder_that_another_run_uses_is_left_alone(place):
    with other_run() as other:
        theirs = other.stdout.readline().strip()
        with scratch_folder() as mine:
            assert str(mine) != theirs
        assert other.communicate("\n")[0] == "True\n"
    assert list(place.iterdir()) == []


def test_what_a_killed_run_and_its_processes_left_goes_with_the_next(place, tmp_path, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    code = (
        "import os, signal\n"
        "from cascade_budget.process.launch import FreshInterpreter\n"
        "from cascade_budget.source.cache import scratch_folder\n"
        "with scratch_folder(), FreshInterpreter([]):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert list((tmp_path / "temporary").iterdir()) == []
    assert len(list(place.glob("*.lock"))) == 2
    with scratch_folder() as mine:
        assert sorted(path.name for path in place.iterdir()) == [mine.name, f"{mine.name}.lock"]


def test_a_folder_that_a_killed_run_left_goes_with_the_next(place):
    with other_run("killed") as other:
        other.communicate("\n")
    assert [path.suffix for path in sorted(place.iterdir())] == ["", ".lock"]
    with scratch_folder() as mine:
        assert sorted(path.name for path in place.iterdir()) == [mine.name, f"{mine.name}.lock"]
    assert list(place.iterdir()) == []
