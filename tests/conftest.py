"""Tests of the plugin run small projects through pytest itself."""

from __future__ import annotations

import gc
import signal
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ["pytester"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what goes to the background like this, and what tests start would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _quick_starts() -> Iterator[None]:
    """Let pytest start in a third of the time, in this process and in those that tests start.

    Other plugins than the gate come where a test names them, compiled modules are kept, and red
    counts need not be counted again, for every process has the same hash seed.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        patch.setenv("PYTEST_PLUGINS", "cascade_budget.plugin")
        patch.setenv("PYTHONHASHSEED", "0")
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        patch.setattr(sys, "dont_write_bytecode", False)
        yield


@pytest.fixture(scope="module", autouse=True)
def _frozen_heap() -> None:
    """Keep what was imported and collected so far out of every garbage collection.

    The gate collects before each count, and half a million objects take it a tenth of a second.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _not_on_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pytest cut its summary lines as it does for people; on CI it prints them whole."""
    for name in ("CI", "BUILD_NUMBER"):
        monkeypatch.delenv(name, raising=False)
