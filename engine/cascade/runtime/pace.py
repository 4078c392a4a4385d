"""Fairness: when a run must let others on the event loop have their turn."""

from __future__ import annotations

import asyncio
import types
from collections import deque
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


@final
class Pace:
    """The slice that all runs of an engine on one event loop share.

    After every task body a run compares the clock with `deadline`. When it is past, the run queues
    for its turn, and each turn of the event loop grants one run one slice. So however many runs
    there are, another coroutine waits for one slice and the body that was running.

    The same comparison is how a run learns that something changed that a fused loop must not
    overlook: `interrupt` puts the deadline into the past and rings the alarm. Who was waiting while
    another run put the deadline right again still has the alarm that rang.

    Attributes:
        deadline: clock reading at which the slice is over, seconds.
        alarm: an empty list until something changes. Then it is not empty any more, and those who
            come later get another.
        runs: number of runs that share this pace.
    """

    def __init__(self, slice_s: float, clock: Callable[[], float]) -> None:
        self._slice_s = slice_s
        self._clock = clock
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._granting = False
        self._passing = False
        self._due = self.deadline = clock() + slice_s
        self.alarm: list[None] = []
        self.runs = 0

    def interrupt(self) -> None:
        """Make every run on this loop look up before its next task body."""
        self.alarm.append(None)
        self.alarm = []
        self.deadline = float("-inf")

    def since_slice_began(self) -> float:
        """Return the seconds since the slice of now began."""
        return self._clock() - self._due + self._slice_s

    async def rest(self) -> bool:
        """Wait for a turn if the slice is really over.

        Returns:
            Whether the slice was overrun by more than an eighth of it.
        """
        over_s = self._clock() - self._due
        if over_s < 0:
            self.deadline = self._due
        else:
            await yield_to_loop(self)
        return over_s * 8 > self._slice_s

    async def enter(self) -> None:
        """Join as a run: wait for a turn where the running slice is used up."""
        self.runs += 1
        if self.runs == 1:
            self._start_slice()
        elif self._clock() >= self._due:
            await yield_to_loop(self)

    def leave(self) -> None:
        """Leave as a run."""
        self.runs -= 1

    @property
    def contended(self) -> bool:
        """Whether somebody else is between two slices, so that turns must be taken."""
        return self._passing or self._granting

    async def pass_by(self) -> None:
        """Let the event loop turn once; cheaper than a turn in the queue, for one run at a time."""
        self._passing = True
        try:
            await _turn()
        finally:
            self._passing = False
        self._start_slice()

    def queue(self) -> asyncio.Future[None]:
        """Return a future that is done when it is the caller's turn."""
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        self._waiting.append(turn)
        if not self._granting:
            self._granting = True
            loop.call_soon(self._grant)
        return turn

    def _grant(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                self._start_slice()
                turn.set_result(None)
                break
        self._granting = bool(self._waiting)
        if self._granting:
            asyncio.get_running_loop().call_soon(self._grant)

    def _start_slice(self) -> None:
        self._due = self.deadline = self._clock() + self._slice_s


@types.coroutine
def _turn() -> Generator[None, None, None]:
    yield


async def yield_to_loop(pace: Pace) -> None:
    """Give the event loop to others until it is this run's turn."""
    if pace.contended:
        await pace.queue()
    else:
        await pace.pass_by()
