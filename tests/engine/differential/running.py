"""Runs a program's source on one engine and writes down all that can be seen from outside."""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import threading
import zlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple, final

import cascade as cs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cascade.runtime.core import Tier
    from tests.engine.differential.program import Program

PATIENCE_S: Final = 30.0
"""Real seconds after which a round counts as hung."""

LONGEST_LIST: Final = 6


class Boom(Exception):
    """What a body raises on purpose."""


class Pair(NamedTuple):
    """A named tuple to put lazies into."""

    left: Any
    right: Any


@final
@dataclass(frozen=True, slots=True)
class Variant:
    """One way to run the same program.

    Attributes:
        name: for failures.
        tier: of the engine.
        hurried: whether every body ends a slice, so that a run yields wherever it may.
    """

    name: str
    tier: Tier
    hurried: bool = False

    def clock(self) -> Callable[[], float]:
        """A virtual clock: it stands still, or every reading is a slice later than the last."""
        if not self.hurried:
            return lambda: 0.0
        now = iter(range(10**9))
        return lambda: float(next(now))


@final
@dataclass(frozen=True, slots=True)
class Sighting:
    """What one run did.

    Attributes:
        failed: whether it raised or was cancelled.
        outcome: its value, or its error's type and message.
        bodies: each body that began, with what it was given, and what became of resources.
        events: what it said, without durations.
    """

    failed: bool
    outcome: str
    bodies: tuple[str, ...]
    events: tuple[str, ...]

    @property
    def executions(self) -> Counter[str]:
        """How often each body began, with what."""
        return Counter(self.bodies)


@final
@dataclass(frozen=True, slots=True)
class Observation:
    """What a program did on one engine: a sighting per run and round, and what stayed behind."""

    sightings: tuple[Sighting, ...]
    left_behind: tuple[str, ...]


@final
@dataclass(slots=True)
class _Track:
    """One run while it runs."""

    bodies: list[str] = field(default_factory=list)
    failures: Counter[tuple[str, int]] = field(default_factory=Counter)
    open: list[str] = field(default_factory=list)
    task: asyncio.Task[Any] | None = None


@final
class Stage:
    """The names that a program's source uses, and what they write down.

    Args:
        program: what to run.
        variant: how to run it.
        language: what the source calls `cs`.
    """

    def __init__(self, program: Program, variant: Variant, language: Any = cs) -> None:
        self.program = program
        self.shelf: list[Any] = []
        self.bag: list[Any] = []
        self.events: dict[int, list[str]] = {}
        self._track: contextvars.ContextVar[_Track] = contextvars.ContextVar("track")
        self._lock = threading.Lock()
        self._stop_listening: Callable[[], None] | None = None
        self.names: dict[str, Any] = {
            "asyncio": asyncio,
            "cs": language,
            "Pair": Pair,
            "SHELF": self.shelf,
            "BAG": self.bag,
            "CACHE": _Cache(),
            "GIVEN": language.Param("given", 7, int),
            "WORD": language.Env("CASCADE_DIFFERENTIAL_WORD", "word"),
            "saw": self.saw,
            "append": self.append,
            "mix": self.mix,
            "same": lambda value: value,
            "fail": self.fail,
            "listen": self.listen,
            "stop_listening": self.stop_listening,
            "cancel": self.cancel,
            "opened": self.opened,
            "closed": self.closed,
            "broken": self.broken,
        }
        exec(compile(program.code(), "<program>", "exec", dont_inherit=True), self.names)
        self.engine = language.Engine(
            tier=variant.tier,
            resources=self.names["RESOURCES"],
            capacity={"slot": 2},
            clock=variant.clock(),
            slice_s=0.5,
        )
        if program.observed:
            self.engine.subscribe(self._hear)

    # what bodies call

    def saw(self, name: str, *values: Any) -> None:
        """A body began and was given this."""
        self._note(f"{name}({', '.join(map(self.show, values))})")

    def append(self, n: int, *values: Any) -> None:
        """Change the lists among the values."""
        for value in values:
            if isinstance(value, list) and len(value) < LONGEST_LIST:
                value.append(n)

    def mix(self, *parts: Any) -> int:
        """A number from 0 to 999 that depends on all parts."""
        return zlib.crc32("|".join(map(self.show, parts)).encode()) % 1000

    def fail(self, name: str, n: int, times: int) -> None:
        """Raise, the first so many times in a run."""
        track = self._track.get()
        track.failures[name, n] += 1
        if track.failures[name, n] <= times:
            raise Boom(f"{name} at {n}")

    def listen(self) -> None:
        """A subscriber comes."""
        if self._stop_listening is None:
            self._stop_listening = self.engine.subscribe(lambda event: self._hear(event, "late "))

    def stop_listening(self) -> None:
        """The subscriber goes."""
        if self._stop_listening is not None:
            self._stop_listening()
            self._stop_listening = None

    def cancel(self) -> None:
        """Cancel the run that the body belongs to."""
        task = self._track.get().task
        assert task is not None
        task.cancel()

    def opened(self, resource: str, *needs: Any) -> None:
        """A resource was set up with these others."""
        self._track.get().open.append(resource)
        self._note(f"open {resource}({', '.join(map(self.show, needs))})")

    def closed(self, resource: str) -> None:
        """A resource was torn down."""
        self._track.get().open.remove(resource)
        self._note(f"close {resource}")

    def broken(self, resource: str, where: str) -> None:
        """A resource fails."""
        raise Boom(f"{resource} at {where}")

    # what is written down

    def show(self, value: Any) -> str:
        """The value as text, without addresses; the two shared lists are recognised."""
        if value is self.bag or value is self.shelf:
            name = "BAG" if value is self.bag else "SHELF"
            return f"{name}[{', '.join(map(self.show, value))}]"
        if isinstance(value, Pair):
            return f"Pair({self.show(value.left)}, {self.show(value.right)})"
        if isinstance(value, (list, tuple)):
            left, right = "[]" if isinstance(value, list) else "()"
            return f"{left}{', '.join(map(self.show, value))}{right}"
        if isinstance(value, dict):
            pairs = (f"{key!r}: {self.show(item)}" for key, item in value.items())
            return "{" + ", ".join(pairs) + "}"
        return repr(value)

    def _note(self, line: str) -> None:
        with self._lock:
            self._track.get().bodies.append(line)

    def _hear(self, event: cs.Event, prefix: str = "") -> None:
        with self._lock:
            said = prefix + _said(event, self.show)
            self.events.setdefault(event.run_id, []).append(said)

    # the run

    def play(self) -> Observation:
        """Run all rounds and return what was seen."""
        tracks: list[_Track] = []
        outcomes: list[tuple[bool, str]] = []
        left_behind: list[str] = []
        with self.engine:
            for _ in range(self.program.rounds):
                now, ended, left = asyncio.run(self._round())
                tracks += now
                outcomes += ended
                left_behind += left
            left_behind += _left_in(self.engine.statistics())
        sightings = tuple(
            Sighting(*outcome, tuple(track.bodies), tuple(self.events.get(run_id, ())))
            for run_id, (outcome, track) in enumerate(zip(outcomes, tracks, strict=True), 1)
        )
        return Observation(sightings, tuple(left_behind))

    async def _round(self) -> tuple[list[_Track], list[tuple[bool, str]], list[str]]:
        targets = self.names["TARGETS"]()
        tracks = [_Track() for _ in targets]
        tasks = [
            asyncio.create_task(self._run(target, track, position))
            for position, (target, track) in enumerate(zip(targets, tracks, strict=True))
        ]
        _, hung = await asyncio.wait(tasks, timeout=PATIENCE_S)
        outcomes = [_outcome(task, self.show) for task in tasks]
        left = [f"task {task.get_name()}" for task in hung]
        if not hung:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            left += [f"{len(others)} tasks still running"] if others else []
        left += [f"open resource {name}" for track in tracks for name in track.open]
        return tracks, outcomes, left

    async def _run(self, target: Any, track: _Track, position: int) -> Any:
        self._track.set(track)
        track.task = asyncio.current_task()
        params = {"given": "3"} if position == 1 else {}
        return await self.engine.run(target, params)


def _left_in(statistics: cs.Statistics) -> list[str]:
    counts = {
        "runs": statistics.active_runs,
        "waiting bodies": statistics.waiting,
        "recorded results": statistics.recorded,
    }
    return [f"{count} {what}" for what, count in counts.items() if count]


@final
class _Cache:
    """A dict with the protocol of a cache policy; what can't be hashed is never stored."""

    def __init__(self) -> None:
        self._known: dict[Any, Any] = {}

    async def get(self, key: cs.CacheKey) -> object:
        try:
            return self._known.get(key, cs.MISS)
        except TypeError:
            return cs.MISS

    async def put(self, key: cs.CacheKey, value: object) -> None:
        try:
            self._known[key] = value
        except TypeError:
            return


def _outcome(task: asyncio.Task[Any], show: Callable[[Any], str]) -> tuple[bool, str]:
    if not task.done():
        return True, "hung"
    if task.cancelled():
        return True, "cancelled"
    error = task.exception()
    return (False, show(task.result())) if error is None else (True, _raised(error))


def _raised(error: BaseException) -> str:
    notes = "".join(f" [{note}]" for note in getattr(error, "__notes__", ()))
    return f"{type(error).__name__}: {error}{notes}"


def _said(event: cs.Event, show: Callable[[Any], str]) -> str:
    return f"{type(event).__name__}({', '.join(_fields(event, show))})"


def _fields(event: cs.Event, show: Callable[[Any], str]) -> Iterator[str]:
    for each in dataclasses.fields(event):
        if each.name in ("run_id", "duration_s"):
            continue
        value = getattr(event, each.name)
        if isinstance(value, BaseException):
            yield _raised(value)
        elif value is not None:
            yield str(value) if isinstance(value, str) else show(value)
