"""What the gate keeps of one test while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, final

import pytest

if TYPE_CHECKING:
    from cascade_budget.counting.targets import Target
    from cascade_budget.gate.budgets import Budgets
    from cascade_budget.gate.counts import Snapshot
    from cascade_budget.model.findings import WorkloadFinding
    from cascade_budget.model.profiles import ProfileFinding

Stage = Literal["warm-up", "first", "attributed", "profiled", "second", "judged", "abandoned"]
"""Where a test stands.

One that is budgeted as a whole runs several times: to warm up, to be counted, where it is over
budget once more with the lines that call, and in its turn to be counted again. It is abandoned
where a run before its turn did not pass."""

REHEARSALS: Final[frozenset[Stage]] = frozenset({"warm-up", "first", "attributed", "profiled"})


@final
@dataclass(slots=True)
class Account:
    """What one test owes, and what was found so far.

    Attributes:
        budgets: what its markers ask for.
        targets: the functions that they name, resolved.
        findings: one for each call of the fixture, or one for the whole test.
        stage: where the test stands; "second" from the start where a workload is budgeted.
        snapshots: what was counted of a whole test, by stage.
        profiles: of a whole test, at most one.
    """

    budgets: Budgets
    targets: tuple[Target, ...]
    findings: list[WorkloadFinding] = field(default_factory=list)
    stage: Stage = "second"
    snapshots: dict[Stage, Snapshot] = field(default_factory=dict)
    profiles: list[ProfileFinding] = field(default_factory=list)


ACCOUNT: Final = pytest.StashKey[Account]()


def account_of(item: pytest.Item) -> Account | None:
    """The account of a test; None where it owes nothing."""
    return item.stash.get(ACCOUNT, None)
