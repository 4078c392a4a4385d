"""Where a slowdown comes in: the function below which what was added is spent.

A function that is called once too often shows in a table of self time as ten functions that it
calls. Going down the calls from the workload, along what grew most, finds the one itself.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cascade_budget.model.profiles import CodeFrame, ProfileSession

MOST_OF_IT: Final = 0.5
"""Share of what its caller grew by that a call must hold for the search to go on below it."""

ENOUGH_OF_ALL: Final = 0.25
"""Share of all that was added that it must hold, too: half of a half of a half explains nothing."""

NEW_SHARE: Final = 0.05
"""A function whose part of base's time is less than this share of its part of head's is new to the
workload, or nearly: what it calls is its doing. Parts are compared, because on a head that is fifty
times slower every function is nearly new by its time."""

_Path = tuple[str, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A function that a slowdown comes in by.

    Attributes:
        function: What it is; one's own, or foreign code that one's own function calls.
        caller: One's own function that calls it there; empty for the workload's first.
    """

    function: str
    caller: str


def find_entry(base: Sequence[ProfileSession], head: Sequence[ProfileSession]) -> Entry | None:
    """The function below which what head takes more is spent, or the largest part of it.

    The way goes from the workload down, always to the call that grew most, and ends at a function
    that base hardly ran, or where no single call holds more than half of what its caller grew by.

    Args:
        base: Sessions of base.
        head: Sessions of head.

    Returns:
        None where head takes no more, or the added time comes in at many places.
    """
    before, after = _inclusive(base), _inclusive(head)
    added = after.get((), 0.0) - before.get((), 0.0)
    if added <= 0:
        return None
    once, now = _parts(before), _parts(after)
    children: defaultdict[_Path, list[_Path]] = defaultdict(list)
    for path in after:
        if path:
            children[path[:-1]].append(path)
    place: _Path = ()
    growth = added
    while children[place]:
        grown = max(children[place], key=lambda path: after[path] - before.get(path, 0.0))
        below = after[grown] - before.get(grown, 0.0)
        if below <= max(MOST_OF_IT * growth, ENOUGH_OF_ALL * added):
            break
        place, growth = grown, below
        if once.get(place[-1], 0.0) < NEW_SHARE * now[place[-1]]:
            break
    if not place:
        return None
    return Entry(function=place[-1], caller=place[-2] if len(place) > 1 else "")


def share_below(session: ProfileSession, entry: Entry) -> float:
    """Share of a session's time that was spent in a function and in what it called, 0 to 1."""
    total = session.total_ns
    if not total:
        return 0.0
    inside = sum(
        self_ns
        for stack, self_ns in session.stacks.items()
        if entry.function in _path_of([session.frames[index] for index in stack])
    )
    return inside / total


def _path_of(stack: Sequence[CodeFrame]) -> _Path:
    """One's own functions from the workload down, each once, and the foreign one that ends it."""
    last = max((at for at, frame in enumerate(stack) if frame.own), default=-1)
    names = (frame.function for at, frame in enumerate(stack[: last + 2]) if frame.own or at > last)
    return tuple(dict.fromkeys(names))


def _inclusive(sessions: Sequence[ProfileSession]) -> dict[_Path, float]:
    """Time in ns a transaction of each path of calls with all below it, the mean over sessions."""
    found: defaultdict[_Path, float] = defaultdict(float)
    for session in sessions:
        scale = 1 / session.transactions / len(sessions)
        for stack, self_ns in session.stacks.items():
            path = _path_of([session.frames[index] for index in stack])
            for depth in range(len(path) + 1):
                found[path[:depth]] += self_ns * scale
    return found


def _parts(inclusive: Mapping[_Path, float]) -> dict[str, float]:
    """Part of the time by function, with what it calls."""
    found: defaultdict[str, float] = defaultdict(float)
    for path, ns in inclusive.items():
        if path:
            found[path[-1]] += ns / (inclusive[()] or 1.0)
    return found
