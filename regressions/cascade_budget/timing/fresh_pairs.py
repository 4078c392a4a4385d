"""Fresh pairs of processes, two of them started side by side."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Final, Self, final

from cascade_budget.timing.pairs import Pair

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Sequence

    from cascade_budget.process.job import Job

AT_ONCE: Final = 2
"""Pairs that are started together: each is two processes with all that the test loads, and more of
them would ask for more memory than people expect of a test run."""


@final
class FreshPairs:
    """Pairs of one comparison, each to be used once.

    Starting Python, pytest and its plugins takes most of a round, on one processor. So pairs are
    started together, as many as there are processors up to `AT_ONCE`, and wait with their workload
    in hand: none starts while another is timed.

    Leaving ends those that were not taken.

    Args:
        base: The one side.
        head: The other.
        chance: Where seeds and processors come from.
        timeout_seconds: The longest that one answer may take.
    """

    def __init__(
        self, base: Job, head: Job, *, chance: random.Random, timeout_seconds: float
    ) -> None:
        self._base = base
        self._head = head
        self._chance = chance
        self._timeout_seconds = timeout_seconds
        self._waiting: list[Pair] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._end_waiting(at_once=kind is not None)

    def take(self, wanted: int) -> Pair:
        """A pair whose sides both hold their workload; who takes it leaves it.

        Args:
            wanted: How many are going to be taken for certain, this one included.

        Raises:
            SideFailedError: A side has no workload.
            KilledWorkerError: A process died.
            HangingWorkloadError: A process did not answer in time.
        """
        if not self._waiting:
            self._start(wanted)
        return self._waiting.pop(0)

    @contextlib.contextmanager
    def together(self, wanted: int) -> Iterator[Sequence[Pair]]:
        """All pairs that are started at once, for as long as the block lasts.

        Args:
            wanted: The most that are of use.

        Raises:
            PairingError: As `take`.
        """
        if not self._waiting:
            self._start(wanted)
        with contextlib.ExitStack() as entered:
            pairs = [entered.enter_context(pair) for pair in self._waiting]
            self._waiting = []
            yield pairs

    def _start(self, wanted: int) -> None:
        self._waiting = [
            Pair(
                self._base,
                self._head,
                seed=self._chance.getrandbits(64),
                processor=processor,
                timeout_seconds=self._timeout_seconds,
            )
            for processor in choose_processors(self._chance, min(wanted, AT_ONCE))
        ]
        try:
            for pair in self._waiting:
                pair.start()
            for pair in self._waiting:
                pair.wait()
        except BaseException:
            self._end_waiting(at_once=True)
            raise

    def _end_waiting(self, *, at_once: bool) -> None:
        while self._waiting:
            self._waiting.pop().end(at_once=at_once)


def choose_processors(chance: random.Random, most: int) -> Sequence[int | None]:
    """At most so many different processors, in the order of chance; None where none can be chosen.

    On a shared machine two processors can differ by a third in speed at the same moment; siblings
    that run by turns on one differ by tenths of a percent.
    """
    if sys.platform != "linux":
        return [None] * min(most, os.cpu_count() or 1)
    usable = sorted(os.sched_getaffinity(0))
    return chance.sample(usable, min(most, len(usable)))
