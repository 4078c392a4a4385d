"""Threads that start inside the block, and threads that ran before."""

from __future__ import annotations

import functools
import queue
import threading
from typing import TYPE_CHECKING

from tests.budget.counting.zoo.functions import plain
from tests.budget.counting.zoo.suspending import numbers
from tests.budget.counting.zoo.table import UNREACHED, case

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import ThreadPoolExecutor


HERE = __name__


@case("threads started inside the block", plain=400)
def _() -> None:
    threads = [threading.Thread(target=repeats, args=(100,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def repeats(times: int) -> None:
    for _time in range(times):
        plain()


class Crew:
    """Threads that run, and wait for work, before counting begins."""

    def __init__(self, size: int) -> None:
        self._work: queue.Queue[Callable[[], object] | None] = queue.Queue()
        self._done: queue.Queue[None] = queue.Queue()
        self._threads = [threading.Thread(target=self._serve, daemon=True) for _ in range(size)]
        for thread in self._threads:
            thread.start()

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            work()
            self._done.put(None)

    def all(self, works: list[Callable[[], object]]) -> None:
        for work in works:
            self._work.put(work)
        for _work in works:
            self._done.get()

    def end(self) -> None:
        for _thread in self._threads:
            self._work.put(None)
        for thread in self._threads:
            thread.join()


crews: list[Crew] = []
pools: list[ThreadPoolExecutor] = []


@case(
    "threads that ran before the block",
    beside_threads=True,
    uncounted={"3.11": (0, UNREACHED)},
    plain=600,
)
def _() -> None:
    crews[0].all([functools.partial(repeats, 100)] * 6)


@case(
    "a pool whose threads were warm",
    beside_threads=True,
    uncounted={"3.11": (0, UNREACHED)},
    plain=100,
)
def _() -> None:
    list(pools[0].map(plain, range(100)))


@case(
    "a generator that one thread starts and others resume",
    beside_threads=True,
    uncounted={"3.11": (1, UNREACHED)},
    numbers=1,
)
def _() -> None:
    generator = numbers(10)
    next(generator)
    crews[0].all([functools.partial(next, generator)] * 5)
