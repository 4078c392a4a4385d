"""What commands show: a line that is rewritten on a terminal, lines in a log, and results."""

from __future__ import annotations

import io
import re
import subprocess
import sys

import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cascade_budget.commands import console as console_module
from cascade_budget.commands.console import ProgressLine, show


def written(*, terminal: bool) -> str:
    sink = io.StringIO()
    console = Console(file=sink, width=48, force_terminal=terminal, color_system=None)
    with ProgressLine(console).shown() as progress:
        progress.step("counting on main [red]:smile: under a long name")
        progress.count("counting", 3, 1_200)
    return sink.getvalue()


def test_on_a_terminal_one_line_is_rewritten_and_taken_back() -> None:
    drawn = [
        line.strip() for line in re.split("\x1b\\[[^A-Za-z]*[A-Za-z]|\r", written(terminal=True))
    ]
    assert list(filter(None, drawn)) == [
        "counting on main [red]:smile: under a long n…",
        "counting 3 of 1,200 tests",
        "counting 3 of 1,200 tests",
    ]


def test_a_log_has_a_line_a_step_as_it_is() -> None:
    assert written(terminal=False) == "counting on main [red]:smile: under a long name\n"


def test_a_log_has_a_line_at_times_while_a_step_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console_module, "_LOG_SECONDS", 0.0)
    assert written(terminal=False).splitlines()[1:] == ["counting: 3 of 1,200 tests"]


def test_the_line_is_taken_back_by_ctrl_c() -> None:
    sink = io.StringIO()
    progress = ProgressLine(Console(file=sink, width=40, force_terminal=True, color_system=None))
    with pytest.raises(KeyboardInterrupt), progress.shown():
        progress.step("counting")
        raise KeyboardInterrupt
    assert sink.getvalue().endswith("\x1b[?25h\r\x1b[1A\x1b[2K")


def results() -> None:
    table = Table("verdict", "benchmark", box=None, pad_edge=False)
    table.add_row("REGRESSED", Text("[b]x[/b] :smile:"))
    show("first", table, "changed since main")


def test_results_are_plain_text_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    results()
    assert capsys.readouterr().out.splitlines() == [
        "first",
        "verdict    benchmark",
        "REGRESSED  [b]x[/b] :smile:",
        "changed since main",
    ]


def test_results_have_colours_on_a_terminal_unless_no_color_is_set(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    results()
    assert "\x1b[33mchanged since main\x1b[0m" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    results()
    assert "\x1b[33m" not in capsys.readouterr().out


def test_help_and_version_import_neither_rich_nor_scipy() -> None:
    program = (
        "import sys; from cascade_budget.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print({'rich', 'scipy'} & sys.modules.keys())"
    )
    for option in ("--help", "--version"):
        finished = subprocess.run(
            [sys.executable, "-c", program, option], capture_output=True, text=True, check=True
        )
        assert finished.stdout.splitlines()[-1] == "set()"
