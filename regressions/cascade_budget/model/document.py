"""The report of a run as values: what every written format is made from.

`Document.to_json` is the versioned interface for other tools; its schema is
`cascade_budget/report/report-1.schema.json`. Adding a field keeps the version, changing or
removing one raises it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, final

from cascade_budget.model.profiles import FunctionKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cascade_budget.model.findings import Site
    from cascade_budget.model.profile_findings import ChangedFunction

FORMAT: Final = "cascade-budget-report"
VERSION: Final = 1


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SessionInfo:
    """What ran, and on what.

    Attributes:
        started: ISO 8601, with the offset.
        base: the base as it was asked for; None for a run without one.
        base_revision: its abbreviated commit; None where it is no commit.
        head_revision: the checkout's abbreviated commit; None outside a checkout.
        ledger: the ledger's path, relative to the project's root.
    """

    tool_version: str
    python: str
    implementation: str
    platform: str
    started: str
    base: str | None = None
    base_revision: str | None = None
    head_revision: str | None = None
    ledger: str = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CountPoint:
    """Calls at one number of transactions; `budget` is what was allowed there, None for nothing."""

    n: int
    calls: int
    again: int | None
    budget: int | None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CallEntry:
    """One function against its budget; laws are in canonical text."""

    target: str
    verdict: str
    fails: bool
    sentence: str
    law: str
    budget: str | None
    origin: str | None
    watched: bool
    counts: tuple[CountPoint, ...]
    sites: tuple[Site, ...]
    sites_at: int | None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PairedEntry:
    """Head's cost a transaction over base's, less one: 0.02 is 2 % slower.

    Attributes:
        lower, upper: one-sided bounds, each held with `confidence`.
        tolerance: the slowdown that is let pass.
        smallest_detectable: the slowdown that these rounds would have found; None if unknown.
        rounds: one slowdown a round, in order.
    """

    outcome: str
    slowdown: float
    lower: float
    upper: float
    confidence: float
    tolerance: float
    smallest_detectable: float | None
    rounds: tuple[float, ...]
    clock: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ThroughputEntry:
    """What a transaction costs, in transactions a second (TPS), and the verdict on it."""

    method: str
    verdict: str
    fails: bool
    sentence: str
    lines: tuple[str, ...]
    cpu_tps: float | None
    wall_tps: float | None
    paired: PairedEntry | None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionEntry:
    """Self time a transaction of one function that differs between base and head, in ns."""

    function: str
    caller: str
    path: str
    line: int
    base_ns: float
    head_ns: float
    error_ns: float

    @property
    def name(self) -> str:
        """`function`, or `caller > function` for foreign code."""
        return str(FunctionKey(self.function, self.caller))

    @property
    def difference_ns(self) -> float:
        """What head takes more than base, in ns."""
        return self.head_ns - self.base_ns


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileEntry:
    """A profile: its files relative to the report, and the difference to base where there is one.

    Attributes:
        problem: why there is no profile, or no difference; empty where all is there.
        hottest: self time in ns a transaction by function, most first.
        difference: None where base was not profiled.
        entry: the function below which most of what head takes more is spent, its times with what
            it calls; None for none.
        changed: what ran on head and was changed since the base, most time first.
    """

    problem: str
    clock: str
    sessions: int
    files: Mapping[str, str]
    hottest: tuple[tuple[str, float], ...]
    difference: tuple[FunctionEntry, ...] | None
    confidence: float | None
    entry: FunctionEntry | None = None
    changed: tuple[ChangedFunction, ...] = ()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadEntry:
    """One judged workload, or one test judged as a whole (then `n` is None)."""

    key: str
    test: str
    title: str
    verdict: str
    fails: bool
    n: int | None
    sizes: tuple[int, ...]
    cold: bool
    backend: str
    watch: tuple[str, ...]
    calls: tuple[CallEntry, ...]
    throughput: ThroughputEntry | None
    profile: ProfileEntry | None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPoint:
    """A stored result: the commit, its date (ISO 8601) and the value in the benchmark's unit."""

    revision: str
    date: str
    value: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """The stored results of one asv benchmark, oldest first. Less is better in every unit."""

    benchmark: str
    parameters: str
    unit: str
    points: tuple[HistoryPoint, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A run of the gate."""

    session: SessionInfo
    tests: tuple[WorkloadEntry, ...]
    history: tuple[HistoryEntry, ...] = ()

    @property
    def failed(self) -> tuple[WorkloadEntry, ...]:
        """The tests that broke a budget."""
        return tuple(test for test in self.tests if test.fails)

    def totals(self) -> dict[str, int]:
        """How many tests have each verdict, most frequent first."""
        return dict(Counter(test.verdict for test in self.tests).most_common())

    def to_json(self) -> dict[str, Any]:
        """The document in JSON's types, as the schema has it."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "passed": not self.failed,
            "totals": self.totals(),
            **asdict(self),
        }
