"""Profiles of base and head, in turns in the same pairs of fresh processes that time them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from cascade_budget.clock import Clock
from cascade_budget.model.codec import from_json
from cascade_budget.model.profiles import ProfileSession
from cascade_budget.model.throughput import SIDES
from cascade_budget.timing.fresh_pairs import FreshPairs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cascade_budget.model.throughput import Side
    from cascade_budget.process.channel import Message
    from cascade_budget.process.job import Job
    from cascade_budget.timing.pairs import Pair

PROCESSES: Final = 4
"""Pairs of processes: what is chance in how one of them lies in memory should not look like a
difference."""

TOTAL_SECONDS: Final = 60.0
"""When to stop on a machine that is too busy; what was recorded by then is compared."""

SESSIONS: Final = 4
"""Sessions a side in each pair: sixteen in all."""


def profile_sides(
    base: Job,
    head: Job,
    *,
    n: int | None = None,
    timeout_seconds: float,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[tuple[ProfileSession, ...], tuple[ProfileSession, ...]]:
    """Sessions of base and of head, the i-th of each recorded next to each other.

    Args:
        base: The one side.
        head: The other.
        n: Transactions at which a session is begun to be planned, where a run of the test's own n
            is long: a size at which a transaction costs the same. The test's own by default.
        timeout_seconds: The longest that one answer may take.
        progress: Told what goes on.

    Returns:
        Sessions of base and of head: `PROCESSES` times `SESSIONS` each, fewer where time ran out or
        nothing was sampled.

    Raises:
        PairingError: A side has no workload, dies or hangs.
    """
    started = Clock.monotonic()
    recorded: dict[Side, list[ProfileSession]] = {"base": [], "head": []}
    plan: Message = {}
    done = 0
    # Seeds decide the order of sets, which nobody needs to guess.
    chance = random.Random()  # noqa: S311
    with FreshPairs(base, head, chance=chance, timeout_seconds=timeout_seconds) as fresh:
        while done < PROCESSES and Clock.monotonic() - started <= TOTAL_SECONDS:
            progress(f"profiling base and head, {done} of {PROCESSES} pairs of processes done")
            with fresh.together(PROCESSES - done) as pairs:
                for side, answer in _sessions(pairs, n, plan):
                    plan = answer["plan"]
                    recorded[side].append(from_json(ProfileSession, answer["session"]))
            done += len(pairs)
    sampled = [
        both
        for both in zip(recorded["base"], recorded["head"], strict=True)
        if all(session.stacks for session in both)
    ]
    return tuple(one for one, _ in sampled), tuple(one for _, one in sampled)


def _sessions(
    pairs: Sequence[Pair], n: int | None, plan: Message
) -> Iterator[tuple[Side, Message]]:
    """The sessions of both sides by turns, in all pairs at the same time."""
    for session in range(SESSIONS):
        for side in SIDES if session % 2 else SIDES[::-1]:
            # The very first session finds the size of all.
            for group in [pairs] if plan else [pairs[:1], pairs[1:]]:
                known = {**plan, "warm": session > 0} if plan else plan
                for answer in _record(group, side, n, known):
                    plan = answer["plan"]
                    yield side, answer


def _record(pairs: Sequence[Pair], side: Side, n: int | None, plan: Message) -> list[Message]:
    """A session of one side in each pair, at the same time: each has a processor of its own."""
    for pair in pairs:
        pair.begin_profile(side, n or pair.ready[side].n, plan)
    return [pair.end_profile(side) for pair in pairs]
