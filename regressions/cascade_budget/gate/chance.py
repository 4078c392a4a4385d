"""Before a test is failed for its calls: would other hash seeds have called as often?"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from cascade_budget.errors import ColdRunError
from cascade_budget.judge.chance import is_chance
from cascade_budget.model.findings import CallVerdict
from cascade_budget.model.laws import parse_law
from cascade_budget.process.probe import count_in_fresh_process

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pytest

    from cascade_budget.gate.counts import (
        CountedCalls,
        Snapshot,
    )
    from cascade_budget.judge.calls import Counted
    from cascade_budget.model.findings import TargetFinding

_HASH_SEEDS: Final = (1, 2)
_HELD: Final = (CallVerdict.EXCEEDED, CallVerdict.SLACK)


def doubted(
    counted: CountedCalls,
    targets: Sequence[TargetFinding],
    item: pytest.Item,
    *,
    ordinal: int,
    size: int,
    timeout_seconds: float | None,
    say: Callable[[str], None],
) -> CountedCalls:
    """The counts, with those of two fresh processes in place of what is red by chance alone.

    The order of a set is another in each process, and so is what is called on the way through it. A
    ledger that was written in one process would then fail the next, on the same code. That is so
    only where two fresh processes differ from each other: options and earlier tests, which they
    lack, make both differ from this one.

    Args:
        counted: Two runs in this process.
        targets: What was found of them.
        item: The test.
        ordinal: The call of the fixture; 0 for the whole test.
        size: Transactions; 0 for the whole test.
        timeout_seconds: The longest that a run may take; None for no limit.
        say: Told what goes on, where anything does.

    Returns:
        The same counts where nothing is red, where PYTHONHASHSEED is set and every process has the
        same seed, or where the test can't be counted alone.
    """
    red = {one.target: one.budget for one in targets if one.verdict in _HELD and one.budget}
    if not red or os.environ.get("PYTHONHASHSEED", "random") != "random":
        return counted

    def count(seed: int) -> Snapshot:
        counting = count_in_fresh_process(
            item, ordinal=ordinal, timeout_seconds=timeout_seconds, warm=True, hash_seed=seed
        )
        return counting(size)

    say("counting what is red under other hash seeds")
    try:
        with ThreadPoolExecutor(len(_HASH_SEEDS)) as pool:
            snapshots = list(pool.map(count, _HASH_SEEDS))
    except ColdRunError:
        return counted
    return replace(
        counted,
        named=_replaced(counted.named, red, [each.named for each in snapshots], size),
        watched=_replaced(counted.watched, red, [each.watched for each in snapshots], size),
    )


def _replaced(
    counted: Mapping[str, Counted],
    red: Mapping[str, str],
    fresh: Sequence[Mapping[str, int]],
    size: int,
) -> dict[str, Counted]:
    found = dict(counted)
    for name in red.keys() & counted.keys():
        here = counted[name].first[size]
        calls = [each.get(name, 0) for each in fresh]
        law = parse_law(red[name])
        differ = len(set(calls)) > 1
        if differ and law.knows(size) and is_chance(law.at(size), [here, *calls]):
            first, second = ({**counted[name].first, size: each} for each in calls)
            found[name] = replace(counted[name], first=first, second=second)
    return found
