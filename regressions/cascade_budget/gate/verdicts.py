"""From counts, markers and ledger to findings, and from findings to what an update records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from cascade_budget.counting.watch import Watch, parse_watch
from cascade_budget.gate.budgets import DEFAULT_WATCH_NAME
from cascade_budget.judge.calls import (
    UNSTABLE_TEXT,
    Budget,
    Counted,
    Past,
    accepted,
    judge_named,
    judge_watched,
    missing_patterns,
)
from cascade_budget.judge.coarse import RecordedCost
from cascade_budget.ledger import Entry
from cascade_budget.model.findings import CallVerdict, TargetFinding, WorkloadFinding
from cascade_budget.model.laws import parse_law

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from cascade_budget.gate.budgets import Budgets

    LookUp = Callable[[AbstractSet[str], Collection[str]], Past]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CountedCalls:
    """Two runs at each size, by function."""

    backend: str
    named: Mapping[str, Counted]
    watched: Mapping[str, Counted]


def judge_calls(
    counted: CountedCalls,
    budgets: Budgets,
    entry: Entry | None,
    sizes: Sequence[int],
    *,
    update: bool,
    past: LookUp,
) -> tuple[TargetFinding, ...]:
    """A finding for each function, named ones first.

    Args:
        counted: what was counted.
        budgets: what the marker asks for; its numbers beat the ledger's.
        entry: what the ledger holds of this workload; None for nothing.
        sizes: numbers of transactions at which laws are compared.
        update: whether the ledger takes what was counted.
        past: looks up functions that are called and not recorded, and those that are gone.
    """
    known = entry or Entry()
    findings = [
        judge_named(name, calls, _budget_of(name, budgets, known), sizes)
        for name, calls in counted.named.items()
    ]
    findings += _judge_watched(counted, budgets, known, sizes, update=update, past=past)
    if update and not any(finding.breaks_contract for finding in findings):
        findings = [accepted(finding) for finding in findings]
    return tuple(findings)


def exceeded(findings: Sequence[TargetFinding]) -> bool:
    """Whether any function is called too often, so that who calls it is worth a run to find out."""
    return any(finding.verdict is CallVerdict.EXCEEDED for finding in findings)


def entry_of(finding: WorkloadFinding, old: Entry | None) -> Entry | None:
    """What an update records of a workload; None where the ledger needs none.

    A cost that hardly moved on the same kind of machine keeps its recorded number, so that an
    update changes only what changed.
    """
    laws = {
        target.target: None if text == UNSTABLE_TEXT else parse_law(text)
        for target in finding.targets
        if (text := _recorded_text(target)) is not None
    }
    costs = {}
    timing = finding.time.recorded if finding.time is not None else None
    if timing is not None and timing.calibrated_cost is not None:
        cost = RecordedCost(calibrated_cost=timing.calibrated_cost, machine=timing.machine)
        before = old.costs.get(timing.python, cost) if old else cost
        costs[timing.python] = before if _hardly_moved(before, cost) else cost
    if not (laws or finding.watch or costs):
        return None
    return Entry(laws=laws, watch=finding.watch, costs=costs)


_HARDLY = 0.05
"""Five times the spread of the cost on one machine."""


def _hardly_moved(before: RecordedCost, now: RecordedCost) -> bool:
    return (
        before.machine == now.machine
        and abs(now.calibrated_cost / before.calibrated_cost - 1) <= _HARDLY
    )


def _recorded_text(target: TargetFinding) -> str | None:
    if target.origin == "marker" or not target.measured:
        return None
    if target.verdict is CallVerdict.UNCOUNTABLE:
        return target.budget
    return target.measured


def _budget_of(name: str, budgets: Budgets, entry: Entry) -> Budget | None:
    contract = budgets.named[name]
    if contract is not None:
        return Budget(law=contract, origin="marker")
    if name in entry.laws:
        return Budget(law=entry.laws[name], origin="ledger")
    return None


def _judge_watched(
    counted: CountedCalls,
    budgets: Budgets,
    entry: Entry,
    sizes: Sequence[int],
    *,
    update: bool,
    past: LookUp,
) -> list[TargetFinding]:
    if not budgets.patterns:
        return []
    recorded = {
        name: law
        for name, law in entry.laws.items()
        if name not in budgets.named and covers(budgets.watch, name)
    }
    unrecorded = [label for label in budgets.watch_label if label not in entry.watch]
    if update:
        return judge_watched(counted.watched, recorded, sizes, Past())
    then = past(counted.watched.keys() - recorded.keys(), recorded.keys() - counted.watched.keys())
    if not unrecorded:
        return judge_watched(counted.watched, recorded, sizes, then)
    # The built-in list stands alone: where it is recorded, nothing is unrecorded.
    of_recorded = parse_watch([label for label in budgets.watch_label if label in entry.watch])
    judged = {
        name: calls
        for name, calls in counted.watched.items()
        if name in recorded or covers(of_recorded, name)
    }
    shown = [
        "the built-in watch list" if label == DEFAULT_WATCH_NAME else label for label in unrecorded
    ]
    return [*judge_watched(judged, recorded, sizes, then), *missing_patterns(shown)]


def covers(watch: Watch, name: str) -> bool:
    """Whether patterns match a function, "module:qualname"."""
    module, _, qualname = name.partition(":")
    return name in watch.names or watch.matches(module, qualname)
