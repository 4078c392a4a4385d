"""What a command is doing, on stderr: one line that is rewritten, or in a log a line at times."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOG_SECONDS: Final = 10.0
_WIDTH: Final = 79


class ProgressLine:
    """Progress of steps that each do a number of things.

    Args:
        stream: Where it is written; stderr by default, so that stdout holds the result alone.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._live = self._stream.isatty()
        self._logged = time.monotonic()
        self._shown = 0

    def step(self, text: str) -> None:
        """Say what begins."""
        if self._live:
            self._rewrite(text)
        else:
            self._line(text)

    def count(self, text: str, done: int, total: int) -> None:
        """Say how far a step is."""
        told = f"{text}: {done:,} of {total:,} tests" if total else text
        if self._live:
            self._rewrite(told)
        elif total and time.monotonic() - self._logged >= _LOG_SECONDS:
            self._line(told)

    @contextlib.contextmanager
    def shown(self) -> Iterator[ProgressLine]:
        """Take the line back when the block ends."""
        try:
            yield self
        finally:
            if self._live:
                self._rewrite("")
                self._stream.write("\r")
                self._stream.flush()

    def _line(self, text: str) -> None:
        self._logged = time.monotonic()
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def _rewrite(self, text: str) -> None:
        text = text[:_WIDTH]
        self._stream.write("\r" + text.ljust(self._shown))
        self._shown = len(text)
        self._stream.flush()
