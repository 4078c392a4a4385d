"""Whom the event loop works for, while no task is at work itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, final

from pyinstrument.low_level.stat_profile import get_frame_info

from cascade_budget.profiling.stacks import AWAIT

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST: Final = 1_000
"""Awaits followed at most: a recursion of coroutines is one function many times over."""


@final
class Waiting:
    """Finds the one task that an event loop has, where it has only one, and the line it waits at.

    What the loop does between a task's steps (its rounds, callbacks of a thread's result, waiting
    for it) is done for that task, and belongs to who awaits. Where there are several tasks nobody
    can say for which of them the loop works.
    """

    __slots__ = ("_unasked",)

    def __init__(self) -> None:
        self._unasked = 0

    def stack(self) -> tuple[str, ...] | None:
        """Frames from the only task's coroutine down to what it awaits, as the sampler writes them.

        Returns:
            None outside of an event loop and within a step of a task, empty beside several tasks.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return None
        if asyncio.current_task(loop) is not None:
            return None
        if self._unasked:
            self._unasked -= 1
            return ()
        tasks = asyncio.all_tasks(loop)
        if len(tasks) != 1:
            # To ask takes time for each task, so many are not asked at each sample.
            self._unasked = len(tasks)
            return ()
        frames = tuple(_awaits(tasks.pop().get_coro()))
        return (*frames, AWAIT) if frames else ()


def _awaits(awaitable: Any) -> Iterator[str]:
    """The frames of a suspended coroutine, outermost first, as far as they are Python's."""
    for _ in range(_LONGEST):
        for kind in ("cr", "gi", "ag"):
            frame = getattr(awaitable, f"{kind}_frame", None)
            if frame is not None:
                yield get_frame_info(frame)
                awaitable = getattr(awaitable, _NEXT[kind])
                break
        else:
            return


_NEXT: Final = {"cr": "cr_await", "gi": "gi_yieldfrom", "ag": "ag_await"}
