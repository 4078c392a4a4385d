"""Counting what a test owes: twice at each size, in this process or in fresh ones."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - the codec reads annotations at run time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, final

from cascade_budget.judge.calls import Counted
from cascade_budget.model.findings import Site

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cascade_budget.counting import CallCounts
    from cascade_budget.gate.budgets import Budgets


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The counts of one run, in JSON's types: it may come from another process."""

    backend: str
    named: Mapping[str, int]
    watched: Mapping[str, int]
    blind: Mapping[str, str] = field(default_factory=dict)
    sites: Mapping[str, tuple[Site, ...]] = field(default_factory=dict)

    @staticmethod
    def of(counts: CallCounts, root: Path) -> Snapshot:
        """The counts of a block that has been left, paths in the root relative to it."""
        return Snapshot(
            backend=counts.backend,
            named=dict(counts),
            watched=dict(counts.watched),
            blind=dict(counts.blind),
            sites={
                target: tuple(
                    Site(
                        path=_shown(each.path, root),
                        line=each.line,
                        function=each.function,
                        calls=each.calls,
                    )
                    for each in sites
                )
                for target, sites in counts.sites.items()
            },
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CountedCalls:
    """Two runs at each size, by function."""

    backend: str
    named: Mapping[str, Counted]
    watched: Mapping[str, Counted]


def count_twice(
    run: Callable[[int], Snapshot], sizes: Sequence[int], budgets: Budgets
) -> CountedCalls:
    """Count every size in one run of the code and then in another.

    Args:
        run: counts one run at a size; a whole test has the size 0.
        sizes: at least one.
        budgets: what is counted.
    """
    __tracebackhide__ = True
    first = {n: run(n) for n in sizes}
    second = {n: run(n) for n in sizes}
    return merge(first, second, budgets)


def merge(
    first: Mapping[int, Snapshot], second: Mapping[int, Snapshot], budgets: Budgets
) -> CountedCalls:
    """The calls of each function over both runs. One never called in a run has 0 calls there."""
    snapshots = [*first.values(), *second.values()]
    blind = {name: why for snapshot in snapshots for name, why in snapshot.blind.items()}
    seen = {name for snapshot in snapshots for name in snapshot.watched}
    watched = (seen | set(budgets.watch.names)) - set(budgets.named)
    return CountedCalls(
        backend=snapshots[0].backend,
        named={
            name: Counted(
                first={n: each.named[name] for n, each in first.items()},
                second={n: each.named[name] for n, each in second.items()},
                blind=blind.get(name, ""),
            )
            for name in budgets.named
        },
        watched={
            name: Counted(
                first={n: each.watched.get(name, 0) for n, each in first.items()},
                second={n: each.watched.get(name, 0) for n, each in second.items()},
                blind=blind.get(name, ""),
            )
            for name in sorted(watched)
        },
    )


def _shown(path: str, root: Path) -> str:
    try:
        return Path(path).relative_to(root).as_posix()
    except ValueError:
        return path
