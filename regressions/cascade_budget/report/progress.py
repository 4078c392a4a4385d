"""What the gate is doing, while a test takes longer than a person waits without asking."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, final

from cascade_budget.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    import pytest

_PATIENCE_SECONDS: Final = 2.0
_LOG_SECONDS: Final = 30.0
"""A log keeps every line, so it gets few; it must still show that the run is alive."""


@final
class Progress:
    """One line that is rewritten on a terminal, and a line now and then in a log.

    Args:
        config: of the run; without a terminal reporter, as in a worker, nothing is written.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._plugins = config.pluginmanager
        self._reporter: Any = None
        self._capture: Any = None
        self._started = 0.0
        self._logged = 0.0
        self._shown = False

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Show what a block says once it has taken a while, and take the line back after it."""
        __tracebackhide__ = True
        # Asked for late: the reporter is made while plugins are configured, after this perhaps.
        self._reporter = self._plugins.getplugin("terminalreporter")
        self._capture = self._plugins.getplugin("capturemanager")
        self._started = self._logged = Clock.monotonic()
        try:
            yield
        finally:
            if self._shown:
                self._shown = False
                with self._uncaptured():
                    self._reporter.rewrite("", erase=True)

    def say(self, text: str) -> None:
        """Show what is going on, once the work has taken a while."""
        if self._reporter is None or self._reporter.verbosity < 0:
            return
        now = Clock.monotonic()
        if self._reporter.isatty:
            if now - self._started >= _PATIENCE_SECONDS:
                self._write(text)
        elif now - self._logged >= _LOG_SECONDS:
            self._logged = now
            self._write(text)

    def _write(self, text: str) -> None:
        with self._uncaptured():
            if not self._reporter.isatty:
                self._reporter.ensure_newline()
                self._reporter.write_line(f"cascade-budget: {text}")
                return
            if not self._shown:
                self._reporter.ensure_newline()
            self._reporter.rewrite(f"cascade-budget: {text}", erase=True)
            self._shown = True

    def _uncaptured(self) -> AbstractContextManager[object]:
        if self._capture is None:
            return contextlib.nullcontext()
        uncaptured: AbstractContextManager[object] = self._capture.global_and_fixture_disabled()
        return uncaptured
