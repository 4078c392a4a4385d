"""What is said beside the table: progress, and sentences that fit the screen."""

from __future__ import annotations

import textwrap
import time
from typing import TextIO

WIDTH = 79
QUIET_SECONDS = 5.0


def wrapped(sentence: str) -> str:
    """Return the sentence in lines that fit, those after the first indented."""
    return textwrap.fill(sentence, WIDTH, subsequent_indent="  ", break_on_hyphens=False)


class Progress:
    """Says what is going on.

    Args:
        stream: Where to; a terminal gets one line that is rewritten, anything else a new line, and
            none within `QUIET_SECONDS` of the one before.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._rewrites = stream.isatty()
        self._last = float("-inf")

    def __call__(self, message: str) -> None:
        """Show the message."""
        if self._rewrites:
            self._stream.write(f"\r{message[:WIDTH]:<{WIDTH}}")
        elif time.monotonic() - self._last < QUIET_SECONDS:
            return
        else:
            self._stream.write(f"{message}\n")
        self._last = time.monotonic()
        self._stream.flush()

    def close(self) -> None:
        """Clear the line, so that what follows starts on an empty one."""
        if self._rewrites:
            self._stream.write("\r" + " " * WIDTH + "\r")
            self._stream.flush()

    def refuse(self, error: Exception) -> int:
        """Show what stands in the way in place of the line. Returns the exit status for it."""
        self.close()
        self._stream.write(wrapped(f"error: {error}") + "\n")
        self._stream.flush()
        return 2
