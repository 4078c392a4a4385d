"""Why a count differs between two runs of the same code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cascade_budget.model.comparison import Diagnosis, Influence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


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
    chance = Influence.THREADS if threaded else Influence.CHANCE
    found = []
    names = {*reference}.union(*repeated, *(run for runs in varied.values() for run in runs))
    for name in sorted(names):
        expected = reference.get(name, 0)
        for influence, runs in {chance: repeated, **varied}.items():
            others = tuple(run.get(name, 0) for run in runs)
            if all(calls == expected for calls in others):
                continue
            found.append(
                Diagnosis(function=name, influence=influence, reference=expected, others=others)
            )
            if influence is chance:
                break
    return tuple(found)
