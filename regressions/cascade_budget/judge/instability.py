"""Why a count differs between two runs of the same code."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Influence(Enum):
    """What was varied, and what that a count follows it means."""

    CHANCE = "chance"
    RANDOM = "random numbers"
    THREADS = "threads"
    HASH_SEED = "the hash seed"
    COLLECTOR = "the garbage collector"
    ORDER = "the order of tests"
    COLD_START = "a cold start"

    @property
    def unstable(self) -> bool:
        """Whether a gate that counts warm, in fresh processes, would see the count change."""
        return self is not Influence.COLD_START


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """One function whose count follows something.

    Attributes:
        function: `module:qualname`.
        influence: What it follows.
        reference: Its calls in the reference run.
        others: Its calls in the runs where that was varied.
    """

    function: str
    influence: Influence
    reference: int
    others: tuple[int, ...]


def diagnose(
    reference: Mapping[str, int],
    repeated: Sequence[Mapping[str, int]],
    varied: Mapping[Influence, Sequence[Mapping[str, int]]],
    *,
    threaded: bool = False,
) -> tuple[Diagnosis, ...]:
    """Name what each count of one test follows.

    A count that differs between runs in which nothing was varied is chance, and says nothing about
    the rest. It comes from threads where the test starts any.

    Args:
        reference: Calls by function in the reference run.
        repeated: The same in runs in which nothing was varied.
        varied: The same in runs in which one thing was.
        threaded: Whether the test starts threads.
    """
    found = []
    names = {*reference}.union(*repeated, *(run for runs in varied.values() for run in runs))
    for name in sorted(names):
        expected = reference.get(name, 0)
        again = _calls(name, repeated)
        if any(calls != expected for calls in again):
            influence = Influence.THREADS if threaded else Influence.CHANCE
            found.append((name, influence, again))
            continue
        for influence, runs in varied.items():
            others = _calls(name, runs)
            if any(calls != expected for calls in others):
                found.append((name, influence, others))
    return tuple(
        Diagnosis(
            function=name, influence=influence, reference=reference.get(name, 0), others=others
        )
        for name, influence, others in found
    )


def _calls(name: str, runs: Sequence[Mapping[str, int]]) -> tuple[int, ...]:
    return tuple(run.get(name, 0) for run in runs)
