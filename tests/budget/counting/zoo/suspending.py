"""Generators and coroutines, whose resumptions are no calls."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from tests.budget.counting.zoo.functions import plain
from tests.budget.counting.zoo.table import case

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator


HERE = __name__


def numbers(n: int = 1_000) -> Iterator[int]:
    yield from range(n)


def echoes() -> Iterator[Any]:
    received = None
    while True:
        try:
            received = yield received
        except LookupError:
            received = "caught"


def delegates() -> Iterator[int]:
    yield from numbers(5)
    yield from numbers(5)


@case("a generator with a thousand suspensions starts once", numbers=1)
def _() -> None:
    for _number in numbers():
        pass


@case("send and throw resume", echoes=1)
def _() -> None:
    generator: Any = echoes()
    next(generator)
    for _attempt in range(10):
        generator.send(1)
        generator.throw(LookupError)
    generator.close()


@case("yield from starts what it delegates to", delegates=1, numbers=2)
def _() -> None:
    list(delegates())


@case("a generator never iterated never starts", numbers=0)
def _() -> None:
    numbers()
    generator = numbers()
    del generator


@case("a generator closed or thrown into before it starts never starts", numbers=0)
def _() -> None:
    numbers().close()  # type: ignore[attr-defined]
    with contextlib.suppress(LookupError):
        numbers().throw(LookupError)  # type: ignore[attr-defined]


suspended: list[Iterator[int]] = []


def suspend() -> None:
    suspended[:] = [numbers(3)]
    next(suspended[0])


@case("a generator that started before counting began only resumes", numbers=0)
def _() -> None:
    list(suspended[0])


@case("a generator left half way starts once", numbers=1)
def _() -> None:
    generator = numbers()
    next(generator)
    next(generator)
    del generator


async def sleeps(times: int = 0) -> int:
    for _time in range(times):
        await asyncio.sleep(0)
    return times


async def produces(n: int) -> AsyncIterator[int]:
    for number in range(n):
        await asyncio.sleep(0)
        yield number


def running(function: Callable[[], Awaitable[object]]) -> Callable[[], object]:
    async def main() -> object:
        return await function()

    return lambda: asyncio.run(main())


@case("a coroutine with a hundred suspensions starts once", sleeps=1)
@running
async def _() -> None:
    await sleeps(100)


@case("gathered coroutines start once each", sleeps=20)
@running
async def _() -> None:
    await asyncio.gather(*(sleeps(3) for _ in range(20)))


@case("a coroutine never awaited never starts", sleeps=0)
@running
async def _() -> None:
    sleeps().close()


@case("a task cancelled before its first step never starts", sleeps=0)
@running
async def _() -> None:
    task = asyncio.create_task(sleeps())
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@case("a task cancelled while it waits has started once", sleeps=1)
@running
async def _() -> None:
    task = asyncio.create_task(sleeps(100))
    await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@case("an async generator starts once", produces=2)
@running
async def _() -> None:
    async for _number in produces(50):
        pass
    _ = [number async for number in produces(5)]


@case("an async generator never iterated, or closed before, never starts", produces=0)
@running
async def _() -> None:
    produces(1)
    await produces(1).aclose()  # type: ignore[attr-defined]


@contextlib.asynccontextmanager
async def async_managed() -> AsyncIterator[int]:
    await asyncio.sleep(0)
    yield 1


@case("an async context manager starts at its with", async_managed=2)
@running
async def _() -> None:
    for _attempt in range(2):
        async with async_managed():
            await asyncio.sleep(0)


@case("a function run in a thread by a coroutine", plain=5)
@running
async def _() -> None:
    await asyncio.gather(*(asyncio.to_thread(plain) for _ in range(5)))
