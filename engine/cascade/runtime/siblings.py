"""Coroutines that run side by side and end together, and what waits for them whatever happens."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence

    Work = Coroutine[Any, Any, Any]


async def side_by_side(
    coroutines: Sequence[Work], meanwhile: Callable[[], Awaitable[Sequence[Work]]] | None = None
) -> list[Any]:
    """Run coroutines at once and return their results in order.

    When one fails or is cancelled, the others are cancelled and awaited before its error is raised,
    so that what they use may be released then. Of several that failed at once the first in order
    is raised.

    Args:
        coroutines: what to run.
        meanwhile: what to await in this task once they have all begun; it returns more to run.
    """
    if len(coroutines) == 1 and meanwhile is None:
        return [await coroutines[0]]
    return await _end_together(map(asyncio.ensure_future, coroutines), meanwhile)


async def apart(coroutine: Work) -> Any:
    """Await a coroutine on a stack of its own, even where tasks begin eagerly.

    Cancelling what waits for it does not recurse through all that wait for each other.
    """
    (result,) = await _end_together([asyncio.Task(coroutine)], None)
    return result


async def until_ended(futures: Iterable[asyncio.Future[Any]]) -> None:
    """Wait for all futures however often this task is cancelled, and then say that it was."""
    cancelled: asyncio.CancelledError | None = None
    while pending := [each for each in futures if not each.done()]:
        try:
            await asyncio.wait(pending)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


async def _end_together(
    begun: Iterable[asyncio.Future[Any]], meanwhile: Callable[[], Awaitable[Sequence[Work]]] | None
) -> list[Any]:
    siblings = _Siblings()
    siblings.add(begun)
    here = asyncio.current_task()
    _awaited[here] = siblings
    failed: asyncio.Future[Any] | None = None
    try:
        if meanwhile is not None:
            await asyncio.sleep(0)
            siblings.add(map(asyncio.ensure_future, await meanwhile()))
        await siblings.first_failure()
        failed = next((each for each in siblings.tasks if each.done() and _raised(each)), None)
    finally:
        del _awaited[here]
        siblings.stop()
        await until_ended(siblings.tasks)
    if failed is not None:
        failed.result()
    return [task.result() for task in siblings.tasks]


@final
class _Siblings:
    """Tasks whose first failure matters; asyncio.wait overlooks those that were cancelled."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Future[Any]] = []
        self._running = 0
        self._failed = False
        self.stopped = False
        self._turn: asyncio.Future[None] | None = None

    def add(self, tasks: Iterable[asyncio.Future[Any]]) -> None:
        for task in tasks:
            self.tasks.append(task)
            self._running += 1
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Future[Any]) -> None:
        self._running -= 1
        self._failed = _raised(task) or self._failed
        turn = self._turn
        if turn is not None and not turn.done() and (self._failed or not self._running):
            turn.set_result(None)

    def stop(self) -> None:
        """Cancel all, and what they wait for: a recursion must not go on faster than this comes."""
        pending = [self]
        while pending:
            siblings = pending.pop()
            if not siblings.stopped:
                siblings.stopped = True
                for task in siblings.tasks:
                    task.cancel()
                pending += [_awaited[task] for task in siblings.tasks if task in _awaited]

    async def first_failure(self) -> None:
        """Wait until one has failed, or all have ended."""
        if self._running and not self._failed:
            self._turn = asyncio.get_running_loop().create_future()
            await self._turn


_awaited: dict[asyncio.Future[Any] | None, _Siblings] = {}
"""What each task waits for now."""


def _raised(task: asyncio.Future[Any]) -> bool:
    return task.cancelled() or task.exception() is not None
