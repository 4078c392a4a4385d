"""What a run of the gate found: values that cross processes as JSON and that reports read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Literal, final

from cascade_budget.model.profile_findings import ProfileFinding

if TYPE_CHECKING:
    from collections.abc import Mapping


class CallVerdict(StrEnum):
    """What a count is, held against its budget."""

    AS_BUDGETED = "as budgeted"
    EXCEEDED = "exceeded"
    SLACK = "slack"
    MISSING = "missing"
    RECORDED = "recorded"
    UNSTABLE = "unstable"
    UNCOUNTABLE = "uncountable"
    SHRANK = "shrank"
    NEW = "new"
    GONE = "gone"
    MOVED = "moved"

    @property
    def fails(self) -> bool:
        """Whether a test with this verdict is over its budget."""
        return self in _FAILING


_FAILING: Final = frozenset({CallVerdict.EXCEEDED, CallVerdict.SLACK, CallVerdict.MISSING})

Origin = Literal["marker", "ledger"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A line that calls a target.

    Attributes:
        path: relative to the project's root where it lies in it.
        changed_since: the revision since which the function around the line was changed; empty
            where it was not, or where there is nothing to compare with.
    """

    path: str
    line: int
    function: str
    calls: int
    changed_since: str = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFinding:
    """One function: its calls, its budget, and what follows.

    Attributes:
        target: `module:qualname`; the watch pattern where a whole pattern has no record.
        verdict: what the count is against the budget.
        measured: the law that was counted, in `str` form; empty where there is none.
        budget: the law that was allowed, in `str` form; None where there is none.
        origin: where the budget comes from; a ledger's can be accepted by an update.
        watched: whether a pattern matched it, rather than the marker naming it.
        sentence: one line that says it, without the target.
        first, second: calls by number of transactions in two runs of the same code; a whole test
            has the one size 0.
        sites: the lines that call it, most calls first; only where it was exceeded.
        sites_at: number of transactions at which the sites were counted; None for a whole test.
    """

    target: str
    verdict: CallVerdict
    sentence: str
    measured: str = ""
    budget: str | None = None
    origin: Origin | None = None
    watched: bool = False
    first: Mapping[int, int] = field(default_factory=dict)
    second: Mapping[int, int] = field(default_factory=dict)
    sites: tuple[Site, ...] = ()
    sites_at: int | None = None

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> TargetFinding:
        """The finding that `to_json` of a report wrote. JSON's keys are text, sizes are not."""
        return TargetFinding(
            **{
                **data,
                "verdict": CallVerdict(data["verdict"]),
                "first": {int(n): calls for n, calls in data["first"].items()},
                "second": {int(n): calls for n, calls in data["second"].items()},
                "sites": tuple(Site(**site) for site in data["sites"]),
            }
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TimeFinding:
    """Throughput of one workload, whichever way it was judged.

    Attributes:
        method: `coarse` (against the ledger) or `paired` (against a base revision).
        verdict: one or two words.
        fails: whether the test is too slow.
        sentence: one line that says it.
        lines: further lines of evidence.
        cpu_ns_per_transaction: CPU time of the process; None where nothing was measured.
        wall_ns_per_transaction: elapsed time; None where nothing was measured.
        details: what reports may want beside it, in JSON's types.
        record: what an update writes to the ledger: the key, and laps with the kind of machine.
    """

    method: str
    verdict: str
    fails: bool
    sentence: str
    lines: tuple[str, ...] = ()
    cpu_ns_per_transaction: float | None = None
    wall_ns_per_transaction: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    record: tuple[str, float, str] | None = None

    @property
    def cpu_tps(self) -> float | None:
        """Transactions a second of CPU time."""
        return _per_second(self.cpu_ns_per_transaction)

    @property
    def wall_tps(self) -> float | None:
        """Transactions a second of elapsed time."""
        return _per_second(self.wall_ns_per_transaction)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> TimeFinding:
        """The finding that `to_json` of a report wrote."""
        record = data["record"]
        return TimeFinding(
            **{**data, "lines": tuple(data["lines"]), "record": tuple(record) if record else None}
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadFinding:
    """One call of the fixture, or the body of one test that has the marker alone.

    Attributes:
        key: the ledger's key: the test's id, with the call's name or ordinal where it has several.
        test: the test's id.
        title: the test's name, with the call's name or ordinal, as the failure shows it.
        n: transactions at which throughput is measured; None for a whole test.
        sizes: transactions at which calls were counted; empty for a whole test.
        cold: whether first runs in fresh processes were counted.
        backend: what counted: `sys.monitoring` or `sys.setprofile`.
        watch: the patterns in use, or `("default",)` for the built-in list.
        targets: named functions first, then watched ones.
        time: throughput; None for a whole test.
        profile: where the time goes; None where nobody asked.
    """

    key: str
    test: str
    title: str
    n: int | None
    sizes: tuple[int, ...]
    cold: bool = False
    backend: str = ""
    watch: tuple[str, ...] = ()
    targets: tuple[TargetFinding, ...] = ()
    time: TimeFinding | None = None
    profile: ProfileFinding | None = None

    @property
    def fails(self) -> bool:
        """Whether any budget is broken."""
        return any(target.verdict.fails for target in self.targets) or bool(
            self.time and self.time.fails
        )

    def to_json(self) -> dict[str, Any]:
        """The finding in JSON's types and no others: it crosses process borders as it is."""
        data: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return data

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> WorkloadFinding:
        """The finding that `to_json` wrote, on this side of a process border."""
        return WorkloadFinding(
            **{
                **data,
                "sizes": tuple(data["sizes"]),
                "watch": tuple(data["watch"]),
                "targets": tuple(TargetFinding.from_json(each) for each in data["targets"]),
                "time": TimeFinding.from_json(data["time"]) if data["time"] else None,
                "profile": ProfileFinding.from_json(data["profile"]) if data["profile"] else None,
            }
        )


def _per_second(ns_per_transaction: float | None) -> float | None:
    return 1e9 / ns_per_transaction if ns_per_transaction else None
