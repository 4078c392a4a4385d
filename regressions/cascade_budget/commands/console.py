"""The terminal of a command: its result on stdout, what it is doing on stderr.

rich is imported when something is shown, not by who imports a command to ask for its help.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, RenderableType

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
    from rich.console import Console  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(highlight=False)
    for part in parts:
        if not isinstance(part, str):
            with console.capture() as drawn:
                console.print(part)
            # A table's cells are filled up with blanks, which nobody wants in a log.
            part = Text.from_ansi("\n".join(map(str.rstrip, drawn.get().splitlines())))  # noqa: PLW2901
        else:
            part = Text(part)  # noqa: PLW2901
        for pattern, style in _STYLES.items():
            part.highlight_regex(pattern, style)
        console.print(part, soft_wrap=True)


@final
class ProgressLine:
    """A line that is rewritten on a terminal; in a log, a line a step and now and then one more.

    Args:
        console: Where it is written; stderr by default, so that stdout holds the result alone.
    """

    def __init__(self, console: Console | None = None) -> None:
        from rich import console as consoles  # noqa: PLC0415
        from rich.live import Live  # noqa: PLC0415

        self._console = console or consoles.Console(stderr=True, highlight=False)
        # Without a thread that draws: what is timed meanwhile would share the processor with it.
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._logged = time.monotonic()

    def step(self, text: str) -> None:
        """Say what begins."""
        if self._console.is_terminal:
            self._draw(text, 0, 0)
        else:
            self._log(text)

    def count(self, text: str, done: int, total: int) -> None:
        """Say how far a step is; a total of 0 is not known yet."""
        told = f"{text}: {done:,} of {total:,} tests" if total else text
        if self._console.is_terminal:
            self._draw(told, done, total)
        elif total and time.monotonic() - self._logged >= _LOG_SECONDS:
            self._log(told)

    @contextlib.contextmanager
    def shown(self) -> Iterator[ProgressLine]:
        """Take the line back when the block ends, also by Ctrl-C."""
        with self._live if self._console.is_terminal else contextlib.nullcontext():
            yield self

    def _draw(self, text: str, done: int, total: int) -> None:
        from rich.progress_bar import ProgressBar  # noqa: PLC0415
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        line = Table.grid(padding=(0, 1))
        bar = [ProgressBar(total=total, completed=done, width=20)] if total else []
        line.add_row(Text(text, no_wrap=True, overflow="ellipsis"), *bar)
        self._live.update(line, refresh=True)

    def _log(self, text: str) -> None:
        self._logged = time.monotonic()
        self._console.print(text, soft_wrap=True, markup=False, emoji=False)
