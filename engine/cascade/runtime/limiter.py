"""Constraints: capacities that tasks hold; limits, rates and pauses set from outside by pattern.

Whoever changes something admits those that may now go on, in the order in which they came. Nobody
polls, and nobody has to be woken to find out, so no wake-up can be lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import threading
import weakref
from collections import deque
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import TYPE_CHECKING, Any, final

from cascade.errors import ConstraintError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cascade.spec.constraint import Rate

_FOREVER = float("inf")


@final
@dataclass(slots=True, eq=False)
class Rule:
    """What is set for one pattern. Each part has an end of its own.

    Attributes:
        pattern: a glob on task names.
        limit: bodies at once, None for no limit.
        rate: starts per time, None for no limit.
        paused: whether no task may start.
        running: bodies that count against the limit now.
    """

    pattern: str
    limit: int | None = None
    rate: Rate | None = None
    paused: bool = False
    running: int = 0
    starts: deque[float] = field(default_factory=deque)
    _ends: dict[str, float] = field(default_factory=dict)

    def end(self, part: str, at: float | None) -> None:
        """Set when a part ends, as a clock reading in seconds, or never."""
        if at is None:
            self._ends.pop(part, None)
        else:
            self._ends[part] = at

    def expire(self, now: float) -> None:
        """Drop the parts whose end has come."""
        for part, at in list(self._ends.items()):
            if now >= at:
                del self._ends[part]
                setattr(self, part, False if part == "paused" else None)

    @property
    def next_end(self) -> float:
        """Clock reading at which the next part ends; infinite when none does."""
        return min(self._ends.values(), default=_FOREVER)

    @property
    def empty(self) -> bool:
        """Whether nothing is set any more."""
        return self.limit is None and self.rate is None and not self.paused

    def denial(self, now: float) -> tuple[str, float] | None:
        """Return why a start is denied and when to look again, or None when it is not."""
        if self.paused:
            return f"'{self.pattern}' is paused", _FOREVER
        if self.limit is not None and self.running >= self.limit:
            return f"'{self.pattern}' is limited to {self.limit} at once", _FOREVER
        if self.rate is not None:
            # Compared as the timer is set, because rounding may make the difference too small.
            while self.starts and now >= self.starts[0] + self.rate.seconds:
                self.starts.popleft()
            if len(self.starts) >= self.rate.starts:
                again = self.starts[0] + self.rate.seconds
                return f"'{self.pattern}' is limited to {self.rate}", again
        return None


@final
@dataclass(slots=True, eq=False)
class Admission:
    """What one body holds while it runs, and before that its place in the queue."""

    serial: int
    task: str
    amounts: Mapping[str, Fraction]
    rules: tuple[Rule, ...] = ()
    granted: bool = False
    denied: str = ""
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    turn: asyncio.Future[None] | None = None

    @property
    def queue(self) -> tuple[str, frozenset[str]]:
        """Those of one task that want the same things wait in one queue."""
        return self.task, frozenset(self.amounts)


@final
class Limiter:
    """Admits task bodies against capacities and rules.

    Args:
        capacity: total of each capacity.
        clock: seconds, monotonic.
        on_change: called whenever a rule comes or goes.
    """

    def __init__(
        self,
        capacity: Mapping[str, Fraction | float],
        clock: Callable[[], float],
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._capacity = dict(capacity)
        self._used = dict.fromkeys(capacity, Fraction(0))
        self._clock = clock
        self._on_change = on_change
        self._queues: dict[tuple[str, frozenset[str]], deque[Admission]] = {}
        self._serial = itertools.count()
        # Runs may be on event loops of several threads, and rules be set from any.
        self._lock = threading.RLock()
        self._waiting_on: dict[asyncio.AbstractEventLoop, int] = {}
        # When a timer lets a loop admit again; a loop that is gone takes its timer along.
        self._looks: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, float] = (
            weakref.WeakKeyDictionary()
        )
        self.rules: dict[str, Rule] = {}

    @property
    def waiting(self) -> int:
        """Number of bodies that wait for a start."""
        return sum(map(len, self._queues.values()))

    def affects(self, names: Iterable[str]) -> bool:
        """Tell whether any rule is about one of these tasks."""
        return any(fnmatchcase(name, pattern) for name in names for pattern in self.rules)

    def set_rule(self, pattern: str, part: str, value: object, expires_in: float | None) -> None:
        """Set one part of a pattern's rule: its `limit` or `rate`, None for none, or `paused`."""
        with self._lock:
            rule = self.rules.setdefault(pattern, Rule(pattern))
            setattr(rule, part, value)
            rule.end(part, None if expires_in is None else self._clock() + expires_in)
            if rule.empty and not rule.running:
                del self.rules[pattern]
        self._on_change()
        with self._lock:
            self._admit()

    def enter(self, task: str, amounts: Mapping[str, Fraction]) -> Admission:
        """Ask for a start. Either it is granted at once, or `wait` waits for it.

        Raises:
            ConstraintError: an amount is of an unknown capacity, or above its total.
        """
        for name, amount in amounts.items():
            self._check(task, name, amount)
        with self._lock:
            admission = Admission(next(self._serial), task, amounts)
            self._queues.setdefault(admission.queue, deque()).append(admission)
            self._waiting_on[admission.loop] = self._waiting_on.get(admission.loop, 0) + 1
            self._admit()
        return admission

    def _check(self, task: str, name: str, amount: Fraction) -> None:
        if name not in self._capacity:
            raise ConstraintError(
                name,
                f"task '{task}' asks for capacity '{name}', which the engine does not have. "
                f"Give it with Engine(capacity={{'{name}': ...}}).",
            )
        if amount > self._capacity[name]:
            raise ConstraintError(
                name,
                f"task '{task}' asks for {float(amount):g} of capacity '{name}', and the engine "
                f"has {float(self._capacity[name]):g} in all, so it would wait for ever. "
                "Ask for less, or raise Engine(capacity=...).",
            )

    async def wait(self, admission: Admission) -> None:
        """Wait until a start that was denied is granted."""
        # The turn is there before the question, so that a grant in between is not lost.
        admission.turn = admission.loop.create_future()
        if admission.granted:
            return
        try:
            await admission.turn
        except BaseException:
            self._abandon(admission)
            raise

    def leave(self, admission: Admission) -> None:
        """Give back what a body held, and admit those who waited for it."""
        with self._lock:
            for name, amount in admission.amounts.items():
                self._used[name] -= amount
            for rule in admission.rules:
                rule.running -= 1
            self._admit()

    def _admit(self) -> None:
        """Grant what can be granted, first come first served where two want the same thing.

        Those who wait for the same things stand in one queue, so that the first who is denied
        answers for all behind it, and a pass costs as much as there are queues.
        """
        now = self._clock()
        for loop in [each for each in self._waiting_on if each.is_closed()]:
            self._forget(loop)
        for rule in list(self.rules.values()):
            rule.expire(now)
            if rule.empty and not rule.running:
                del self.rules[rule.pattern]
                self._on_change()
        held: set[str] = set()
        again = min((rule.next_end for rule in self.rules.values()), default=_FOREVER)
        heads = [(queue[0].serial, key) for key, queue in self._queues.items()]
        heapq.heapify(heads)
        while heads:
            _, key = heapq.heappop(heads)
            queue = self._queues[key]
            denial = self._denial_by_rule(queue[0], now)
            if denial is None:
                # Who may start but for a capacity keeps it from those who came later.
                denial = self._denial_by_capacity(queue[0], held)
            if denial is None:
                self._grant(queue.popleft(), now)
                if queue:
                    heapq.heappush(heads, (queue[0].serial, key))
                else:
                    del self._queues[key]
            else:
                reason, look_again = denial
                # The newest is the one whose caller asks why; the others have been told.
                queue[0].denied = queue[-1].denied = reason
                again = min(again, look_again)
        if self._queues and again < _FOREVER:
            self._look_again(again)

    def _denial_by_rule(self, admission: Admission, now: float) -> tuple[str, float] | None:
        for pattern, rule in self.rules.items():
            if fnmatchcase(admission.task, pattern):
                denial = rule.denial(now)
                if denial is not None:
                    return denial
        return None

    def _denial_by_capacity(self, admission: Admission, held: set[str]) -> tuple[str, float] | None:
        for name, amount in admission.amounts.items():
            if name in held or self._used[name] + amount > self._capacity[name]:
                held.update(admission.amounts)
                return f"capacity '{name}' is used up", _FOREVER
        return None

    def _abandon(self, admission: Admission) -> None:
        """Give back what was granted meanwhile, or leave the queue."""
        with self._lock:
            if admission.granted:
                self.leave(admission)
            elif admission in self._queues.get(admission.queue, ()):
                self._queues[admission.queue].remove(admission)
                if not self._queues[admission.queue]:
                    del self._queues[admission.queue]
                self._no_longer_waits(admission)
                self._admit()

    def _forget(self, loop: asyncio.AbstractEventLoop) -> None:
        """Drop those who waited on an event loop that is closed: nobody can be told there."""
        del self._waiting_on[loop]
        for key, queue in list(self._queues.items()):
            self._queues[key] = deque(each for each in queue if each.loop is not loop)
            if not self._queues[key]:
                del self._queues[key]

    def _no_longer_waits(self, admission: Admission) -> None:
        self._waiting_on[admission.loop] -= 1
        if not self._waiting_on[admission.loop]:
            del self._waiting_on[admission.loop]

    def _grant(self, admission: Admission, now: float) -> None:
        self._no_longer_waits(admission)
        for name, amount in admission.amounts.items():
            self._used[name] += amount
        admission.rules = tuple(
            rule for pattern, rule in self.rules.items() if fnmatchcase(admission.task, pattern)
        )
        for rule in admission.rules:
            rule.running += 1
            if rule.rate is not None:
                rule.starts.append(now)
        admission.granted = True
        turn = admission.turn
        if turn is not None and not turn.done():
            if admission.loop is _running_loop():
                turn.set_result(None)
            else:
                _tell(admission.loop, _wake, turn)

    def _look_again(self, at: float) -> None:
        """Let each event loop with a waiter admit again at a clock reading.

        The loop that this runs on may be over by then, so none may count on another's timer.
        """
        here = _running_loop()
        for loop in self._waiting_on:
            if at < self._looks.get(loop, _FOREVER):
                self._looks[loop] = at
                if loop is here:
                    self._set_timer(loop, at)
                else:
                    _tell(loop, self._set_timer, loop, at)

    def _set_timer(self, loop: asyncio.AbstractEventLoop, at: float) -> None:
        loop.call_later(max(0.0, at - self._clock()), self._timer_rang, loop, at)

    def _timer_rang(self, loop: asyncio.AbstractEventLoop, at: float) -> None:
        with self._lock:
            # An earlier look has taken the place of one that is not in the table any more.
            if self._looks.get(loop) == at:
                del self._looks[loop]
                self._admit()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _tell(loop: asyncio.AbstractEventLoop, callback: Callable[..., None], *arguments: Any) -> None:
    """Call on another event loop, unless it was closed just now; the next pass forgets that one."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(callback, *arguments)


def _wake(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_result(None)
