"""What the ledger holds of one workload."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cascade_budget.judge.coarse import RecordedCost
    from cascade_budget.judge.laws import Law

VERSION: Final = 1


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The recorded budgets of one workload, or of one test that has the marker alone.

    Attributes:
        laws: calls by `module:qualname`, named and watched alike; None for an unstable count.
        watch: the patterns that were in use, `("default",)` for the built-in list.
        costs: CPU time by implementation and version of Python, such as `cpython-3.13`.
    """

    laws: Mapping[str, Law | None] = field(default_factory=dict)
    watch: tuple[str, ...] = ()
    costs: Mapping[str, RecordedCost] = field(default_factory=dict)

    def with_costs_of(self, older: Entry) -> Entry:
        """This entry with the costs that only the older one has: other Pythons' numbers stay."""
        return replace(self, costs={**older.costs, **self.costs})


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Every entry, by key: the test's id, with the call's name or ordinal where it has several."""

    entries: Mapping[str, Entry] = field(default_factory=dict)
