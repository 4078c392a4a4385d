"""The terminal of a command: its result on stdout, what it is doing on stderr."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final, final

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from cascade_budget.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

_LOG_SECONDS: Final = 10.0
"""A log keeps every line, so it gets few; it must still show that the command is alive."""

_STYLES: Final = {
    r"\b(REGRESSED|grew|unstable)\b": "red",
    r"\b(UNRESOLVED|NO DATA)\b|changed since \S+": "yellow",
    r"\b(IMPROVED)\b|every count is stable|^Nothing grew": "green",
    r"^first bad commit: .*": "bold",
}


def show(*parts: str | RenderableType) -> None:
    """Print a result: text and tables, coloured where stdout is a terminal."""
    console = Console(highlight=False)
    for part in parts:
        if isinstance(part, str):
            text = Text(part)
        else:
            with console.capture() as drawn:
                console.print(part)
            # A table's cells are filled up with blanks, which nobody wants in a log.
            text = Text.from_ansi("\n".join(map(str.rstrip, drawn.get().splitlines())))
        for pattern, style in _STYLES.items():
            text.highlight_regex(pattern, style)
        console.print(text, soft_wrap=True)


@final
class ProgressLine:
    """A line that is rewritten on a terminal; in a log, a line a step and now and then one more.

    Args:
        console: Where it is written; stderr by default, so that stdout holds the result alone.
    """

    def __init__(self, console: Console | None = None) -> None:

        self._console = console or Console(stderr=True, highlight=False)
        # Without a thread that draws: what is timed meanwhile would share the processor with it.
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._logged = Clock.monotonic()

    def step(self, text: str) -> None:
        """Say what begins."""
        if self._console.is_terminal:
            self._draw(text)
        else:
            self._log(text)

    def count(self, text: str, done: int, total: int) -> None:
        """Say how far a step is; a total of 0 is not known yet."""
        told = f"{done:,} of {total:,} tests" if total else ""
        if self._console.is_terminal:
            self._draw(text, told, done, total)
        elif told and Clock.monotonic() - self._logged >= _LOG_SECONDS:
            self._log(f"{text}: {told}")

    @contextlib.contextmanager
    def shown(self) -> Iterator[ProgressLine]:
        """Take the line back when the block ends, also by Ctrl-C."""
        with self._live if self._console.is_terminal else contextlib.nullcontext():
            yield self

    def _draw(self, text: str, told: str = "", done: int = 0, total: int = 0) -> None:
        # Where the line is too narrow it is the text that is cut, not how far it is.
        line = Table.grid("", Column(no_wrap=True), Column(no_wrap=True), padding=(0, 1))
        bar = ProgressBar(total=total, completed=done, width=20) if total else ""
        line.add_row(Text(text, no_wrap=True, overflow="ellipsis"), told, bar)
        self._live.update(line, refresh=True)

    def _log(self, text: str) -> None:
        self._logged = Clock.monotonic()
        self._console.print(text, soft_wrap=True, markup=False, emoji=False)
