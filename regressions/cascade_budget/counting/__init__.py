"""Counting calls: how often the bodies of named functions start.

**A call is one start of a function's body.** A generator or coroutine starts when it is first
resumed, not when it is made; one that never is counts nothing, and resumptions count nothing. This
holds on every Python: 3.12 and newer report starts by `sys.monitoring`, 3.11 by `sys.setprofile`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from cascade_budget.counting.backend import CountingLostError, CountingUnavailableError
from cascade_budget.counting.recorder import Recorder, Session
from cascade_budget.counting.result import CallCounts
from cascade_budget.counting.targets import Target, TargetError, resolve_target
from cascade_budget.counting.watch import DEFAULT_WATCH, parse_watch

if sys.version_info >= (3, 12):
    from cascade_budget.counting.monitoring import MonitoringBackend as _Backend
else:
    from cascade_budget.counting.setprofile import ProfileBackend as _Backend

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import AbstractContextManager

__all__ = [
    "CallCounts",
    "CountingLostError",
    "CountingUnavailableError",
    "count_calls",
]

_RECORDER = Recorder(_Backend)


def count_calls(
    targets: Iterable[Target], *, watch: Sequence[str] = (), attribute: bool = False
) -> AbstractContextManager[CallCounts]:
    """Count calls while a `with` block runs, on every thread of the process.

    Blocks may be nested and may overlap on several threads; each counts what happens between its
    own ends. A block that an exception leaves gives no counts.

    The garbage collector runs as ever in the block: a collection in it may run finalizers that call
    what is counted, at moments that depend on what was allocated before. Who wants the same count
    twice collects before the block and disables the collector inside.

    Args:
        targets: The functions to count.
        watch: Patterns that cover more functions, see `parse_watch`; counted as
            `CallCounts.watched`.
        attribute: Whether to note where each call came from, which makes a counted call several
            times as dear.

    Returns:
        A context manager that gives the counts; they are complete when the block has been left.

    Raises:
        WatchPatternError: A pattern is malformed.
        TargetError: A pattern without a wildcard names no function.
        CountingUnavailableError: On entering, when another tool holds what reports calls.
        CountingLostError: On leaving, when another tool took it meanwhile.
    """
    patterns = parse_watch(watch)
    watched, absent = _resolve(patterns.names)
    return Session(
        recorder=_RECORDER,
        named=tuple(targets),
        watched=watched,
        watch=patterns,
        attribute=attribute,
        counts=CallCounts(backend=_Backend.name, blind=absent),
    )


def _resolve(names: tuple[str, ...]) -> tuple[tuple[Target, ...], dict[str, str]]:
    """Resolve watched names; those built in may be missing on this platform, with the reason."""
    targets: list[Target] = []
    absent: dict[str, str] = {}
    for name in names:
        try:
            targets.append(resolve_target(name))
        except TargetError as error:
            if name not in DEFAULT_WATCH:
                raise
            absent[name] = f"not on this Python: {error.fact}"
    return tuple(targets), absent
