"""What differs between two profiles beyond chance."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from cascade_budget.judge.statistics import (
    SMALLEST_SAMPLE,
    TrimmedMean,
    student_quantile,
    trimmed_mean,
)
from cascade_budget.model.profiles import (
    FunctionDifference,
    FunctionKey,
    ProfileDifference,
    function_times,
)

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


def find_entry(
    base: Sequence[ProfileSession], head: Sequence[ProfileSession]
) -> FunctionKey | None:
    """The function below which what head takes more is spent, or the largest part of it.

    The way goes from the workload down, always to the call that grew most, and ends at a function
    that base hardly ran, or where no single call holds more than half of what its caller grew by.

    Args:
        base: Sessions of base.
        head: Sessions of head.

    Returns:
        The function, one's own or foreign, with one's own function that calls it there: none for
        the workload's first. None where head takes no more, or the added time comes in at many
        places.
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
    return FunctionKey(place[-1], place[-2] if len(place) > 1 else "")


def share_below(session: ProfileSession, function: str) -> float:
    """Share of a session's time that was spent in a function and in what it called, 0 to 1."""
    total = session.total_ns
    if not total:
        return 0.0
    inside = sum(
        self_ns
        for stack, self_ns in session.stacks.items()
        if function in _path_of([session.frames[index] for index in stack])
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


CONFIDENCE = 0.99
"""Chance that a comparison of two equal profiles shows no function at all."""

_ENTRY_PART = 0.1
"""Part of the error that the entry has to itself; a low one widens the other intervals little."""


def compare_profiles(
    base: Sequence[ProfileSession],
    head: Sequence[ProfileSession],
    *,
    confidence: float = CONFIDENCE,
) -> ProfileDifference:
    """The functions whose self time a transaction differs by more than its error.

    Each session gives shares; a side's cost a transaction turns them into time. Sessions are pairs
    in order: the i-th of base and of head ran next to each other, so the ratio of the sides' costs
    is taken within pairs, where what the machine did to both (its clock rate, its other load)
    cancels. Both sides are scaled by one factor, the sampler's mean overhead: scaling each by its
    own would let a new, call-heavy function, which the sampler slows most, make the others look
    faster.

    Each function's difference of trimmed means gets a two-sided interval: the spread of its shares
    over the sessions of each side, and that of the ratio of costs. The error rate `1 - confidence`
    is split over all functions compared, so it holds for the whole table. A share's variance is
    never taken to be less than that of counting samples, because a function that happened to get
    the same few samples in each session is not known exactly.

    Args:
        base: At least five sessions of base.
        head: As many sessions of head, each run beside base's, under the same clock.
        confidence: Chance that two equal profiles show no difference, between 0 and 1.

    Raises:
        ValueError: When there are fewer than five pairs, or the clocks differ.

    Source: Yuen, "The two-sample trimmed t for unequal population variances", Biometrika 61
        (1974) 165-170; Dunn, "Multiple comparisons among means", JASA 56 (1961) 52-64, for the
        split (Bonferroni) over functions; the variance of a Poisson count for samples.
    """
    if len(base) != len(head) or len(base) < SMALLEST_SAMPLE:
        raise ValueError(
            f"a difference needs {SMALLEST_SAMPLE} pairs of sessions or more, got {len(base)} of "
            f"base and {len(head)} of head. Record them side by side"
        )
    clocks = {session.clock for session in (*base, *head)}
    if len(clocks) > 1:
        raise ValueError("base and head were profiled under different clocks; record both again")
    overhead = _mean([session.overhead_ratio for session in (*base, *head)])
    base_cost, head_cost, ratio = _side_costs(base, head)
    shares = [[_shares(session) for session in side] for side in (base, head)]
    entry = find_entry(base, head)
    samples = _mean([session.total_ns / max(session.sample_ns, 1.0) for session in (*base, *head)])
    keys = sorted({key for side in shares for times in side for key in times})

    def difference(
        key: FunctionKey,
        base_shares: Sequence[float],
        head_shares: Sequence[float],
        *,
        alpha: float,
    ) -> FunctionDifference:
        base_share, head_share = trimmed_mean(base_shares), trimmed_mean(head_shares)
        base_ns = base_share.center * base_cost / overhead
        head_ns = head_share.center * head_cost / overhead
        counting = (base_share.center + head_share.center) / 2 / samples / len(base)
        parts = [
            (max(share.standard_error**2, counting) * (cost / overhead) ** 2, share)
            for share, cost in ((base_share, base_cost), (head_share, head_cost))
        ]
        parts.append((((base_ns + head_ns) / 2 * ratio.standard_error) ** 2, ratio))
        place = _place_of(key, head) or _place_of(key, base)
        return FunctionDifference(
            key=key,
            path=place.path if place else "",
            line=place.line if place else 0,
            base_ns=base_ns,
            head_ns=head_ns,
            error_ns=_half_width(parts, alpha=alpha),
        )

    alpha = (1 - _ENTRY_PART) * (1 - confidence) / max(len(keys), 1)
    compared = [
        difference(key, *([times.get(key, 0.0) for times in side] for side in shares), alpha=alpha)
        for key in keys
    ]
    shown = [one for one in compared if abs(one.difference_ns) > one.error_ns]
    below = None
    if entry is not None:
        below = difference(
            _key_of_entry(entry, head),
            [share_below(session, entry.function) for session in base],
            [share_below(session, entry.function) for session in head],
            # Any function of either side could have been it.
            alpha=_ENTRY_PART * (1 - confidence) / len(_functions((*base, *head))),
        )
    return ProfileDifference(
        functions=tuple(sorted(shown, key=lambda one: (-abs(one.difference_ns), one.key))),
        entry=below if below and below.difference_ns > below.error_ns else None,
        compared=len(keys),
        base_ns=_mean([session.plain_ns_per_transaction for session in base]),
        head_ns=_mean([session.plain_ns_per_transaction for session in head]),
        overhead_ratio=overhead,
        confidence=confidence,
        pairs=len(base),
        clock=base[0].clock,
    )


def _side_costs(
    base: Sequence[ProfileSession], head: Sequence[ProfileSession]
) -> tuple[float, float, TrimmedMean]:
    """Base's and head's cost of a transaction under the sampler, in ns, and ln(head / base)."""
    logs = [
        tuple(math.log(max(one.total_ns, 1.0) / one.transactions) for one in pair)
        for pair in zip(base, head, strict=True)
    ]
    ratio = trimmed_mean([of_head - of_base for of_base, of_head in logs])
    middle = trimmed_mean([(of_head + of_base) / 2 for of_base, of_head in logs]).center
    return math.exp(middle - ratio.center / 2), math.exp(middle + ratio.center / 2), ratio


def _shares(session: ProfileSession) -> dict[FunctionKey, float]:
    times = function_times(session)
    total = math.fsum(times.values()) or 1.0
    return {key: self_ns / total for key, self_ns in times.items()}


def _half_width(parts: Sequence[tuple[float, TrimmedMean]], *, alpha: float) -> float:
    """Half a two-sided interval from independent squared errors, each with its own freedom."""
    square = math.fsum(part for part, _ in parts)
    if not square:
        return 0.0
    freedom = square**2 / math.fsum(part**2 / own.degrees_of_freedom for part, own in parts)
    return student_quantile(freedom, 1 - alpha / 2) * math.sqrt(square)


def _functions(sessions: Sequence[ProfileSession]) -> set[str]:
    return {frame.function for session in sessions for frame in session.frames}


def _key_of_entry(entry: FunctionKey, sessions: Sequence[ProfileSession]) -> FunctionKey:
    """One's own function by itself, foreign code with one's own function that calls it."""
    frames = (frame for session in sessions for frame in session.frames)
    own = any(frame.own for frame in frames if frame.function == entry.function)
    return FunctionKey(entry.function, "" if own else entry.caller)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _place_of(key: FunctionKey, sessions: Sequence[ProfileSession]) -> CodeFrame | None:
    """Where to look: the function itself or, for foreign code, one's own caller of it."""
    wanted = key.caller or key.function
    frames = (frame for session in sessions for frame in session.frames)
    return next((frame for frame in frames if frame.function == wanted), None)
