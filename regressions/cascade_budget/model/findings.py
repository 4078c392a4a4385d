"""What a run of the gate found: the one value that every report is a function of.

`WorkloadFinding.verdict` is the word that terminal, JSON, HTML, Markdown, GitHub and JUnit use.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Final, Literal, final

from cascade_budget.errors import LawSyntaxError
from cascade_budget.model.laws import parse_law
from cascade_budget.model.profiles import ProfileFinding
from cascade_budget.model.throughput import Outcome, PairedTiming, slowdown_text, slowdowns_text


class Verdict(StrEnum):
    """What a workload or a test is, the gravest first: the one order, and the one word of each."""

    OVER_BUDGET = "over budget"
    TOO_SLOW = "too slow"
    NOT_COMPARED = "not compared"
    UNDER_BUDGET = "under budget"
    NOT_RECORDED = "not recorded"
    UNRESOLVED = "unresolved"
    UNSTABLE = "unstable"
    UNCOUNTABLE = "uncountable"
    RECORDED = "recorded"
    AS_BUDGETED = "as budgeted"


class CallVerdict(StrEnum):
    """What the calls of one function are, held against their budget."""

    AS_BUDGETED = "as budgeted"
    EXCEEDED = "over budget"
    SLACK = "under budget"
    MISSING = "not recorded"
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
        return self in (CallVerdict.EXCEEDED, CallVerdict.SLACK, CallVerdict.MISSING)


class TimeVerdict(StrEnum):
    """What the cost of a transaction is, held against a base's or a recorded one.

    UNCHANGED is what rounds beside a base can say, WITHIN that the limit over a record is kept.
    NOT_CREDITED is faster with other results than base's, since running nothing is fast too.
    NOT_COMPARED is a comparison with a base that failed: the workload raised, hung or was killed.
    NEW_HERE is a test that base can't have.
    """

    TOO_SLOW = "too slow"
    NOT_COMPARED = "not compared"
    UNRESOLVED = "unresolved"
    UNCHANGED = "unchanged"
    WITHIN = "within"
    FASTER = "faster"
    NOT_CREDITED = "not credited"
    NEW_HERE = "new here"
    NOT_TIMED = "not timed"
    NO_RECORD = "no record"
    RECORDED = "recorded"


_OF_OUTCOME: Final = {
    Outcome.REGRESSED: TimeVerdict.TOO_SLOW,
    Outcome.UNRESOLVED: TimeVerdict.UNRESOLVED,
    Outcome.UNCHANGED: TimeVerdict.UNCHANGED,
    Outcome.IMPROVED: TimeVerdict.FASTER,
}
_OF_TIME: Final = {
    TimeVerdict.TOO_SLOW: Verdict.TOO_SLOW,
    TimeVerdict.NOT_COMPARED: Verdict.NOT_COMPARED,
    TimeVerdict.UNRESOLVED: Verdict.UNRESOLVED,
}
_OF_CALLS: Final = {
    each: Verdict(each.value) for each in CallVerdict if each.value in list(Verdict)
}

Origin = Literal["marker", "ledger"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A line that calls a target.

    Attributes:
        path: relative to the project's root where it lies in it; "" where the caller is C or
            nothing.
        line: from 1; 0 where the caller is C or nothing.
        function: qualified name of the caller; "" where it is C or nothing.
        calls: how many were made from here.
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

    DERIVED: ClassVar = ("fails",)

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

    @property
    def fails(self) -> bool:
        """Whether the test fails for these calls."""
        return self.verdict.fails

    @property
    def breaks_contract(self) -> bool:
        """Whether it fails a budget of its marker, which no update accepts."""
        return self.fails and self.origin == "marker"

    def allowed(self, n: int) -> int | None:
        """Calls that the budget allows at a size; None where it says nothing of it."""
        try:
            return parse_law(self.budget or "").at(n)
        except (LawSyntaxError, KeyError):
            return None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedTiming:
    """A cost measured in this process, held against a recorded one.

    Attributes:
        against: where the record is: `the ledger`, or a file of pytest-benchmark.
        attempts: how often it was measured; the lowest cost is judged.
        calibrated_cost: CPU time a transaction over that of one turn of the calibration loop, which
            runs between the chunks, so that a slower or busier machine slows both; None where that
            is not what was measured.
        python: implementation and version, such as `cpython-3.13`: the only ones whose calibrated
            costs can be compared.
        machine: the kind of machine: `system-architecture-digest`.
        slowdown: cost over the recorded cost, less one; None without a record to compare with.
        limit: the slowdown from which on the check fails; None without a record.
        elsewhere: whether the record was made on another kind of machine.
    """

    against: str = "the ledger"
    attempts: int = 1
    calibrated_cost: float | None = None
    python: str = ""
    machine: str = ""
    slowdown: float | None = None
    limit: float | None = None
    elsewhere: bool = False


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TimeFinding:
    """Throughput of one workload, whichever way it was judged.

    Attributes:
        verdict: against the base, or against what is recorded.
        unresolved_fails: whether a test fails whose verdict is unresolved.
        base: what the base is called: `main (3f2a1bc)`; empty where there is none.
        commit: the full name of the base's commit; empty where it is none.
        paired: the rounds beside the base; None where there were none.
        recorded: the comparison with a record; None where there was none.
        reason: why there is no comparison; empty where there is one.
        notes: further lines of evidence.
        cpu_ns_per_transaction: CPU time of the process; None where nothing was measured.
        wall_ns_per_transaction: elapsed time; None where nothing was measured.
    """

    DERIVED: ClassVar = ("fails", "sentence", "cpu_tps", "wall_tps")

    verdict: TimeVerdict
    unresolved_fails: bool = False
    base: str = ""
    commit: str = ""
    paired: PairedTiming | None = None
    recorded: RecordedTiming | None = None
    reason: str = ""
    notes: tuple[str, ...] = ()
    cpu_ns_per_transaction: float | None = None
    wall_ns_per_transaction: float | None = None

    @staticmethod
    def of_rounds(
        timing: PairedTiming,
        *,
        base: str,
        commit: str = "",
        unresolved_fails: bool = False,
        notes: tuple[str, ...] = (),
    ) -> TimeFinding:
        """What rounds beside a base found."""
        speeds = timing.transactions_per_second
        verdict = _OF_OUTCOME[timing.verdict.outcome]
        if verdict is TimeVerdict.FASTER and timing.differing_results:
            verdict = TimeVerdict.NOT_CREDITED
        return TimeFinding(
            verdict=verdict,
            unresolved_fails=unresolved_fails,
            base=base,
            commit=commit,
            paired=timing,
            notes=notes,
            cpu_ns_per_transaction=1e9 / speeds["head cpu"],
            wall_ns_per_transaction=1e9 / speeds["head wall"],
        )

    @staticmethod
    def not_compared(reason: str, *, base: str = "") -> TimeFinding:
        """That a comparison failed, for a reason of one line or more."""
        first, *more = reason.splitlines()
        return TimeFinding(
            verdict=TimeVerdict.NOT_COMPARED, base=base, reason=first, notes=tuple(more)
        )

    @property
    def fails(self) -> bool:
        """Whether the test fails for its time, or for want of a comparison."""
        if self.verdict is TimeVerdict.UNRESOLVED:
            return self.unresolved_fails
        return self.verdict in (TimeVerdict.TOO_SLOW, TimeVerdict.NOT_COMPARED)

    @property
    def is_measured(self) -> bool:
        """Whether it was timed, so that a profile can say where the time goes."""
        return self.paired is not None or self.recorded is not None

    @property
    def cpu_tps(self) -> float | None:
        """Transactions a second of CPU time."""
        return _per_second(self.cpu_ns_per_transaction)

    @property
    def wall_tps(self) -> float | None:
        """Transactions a second of elapsed time."""
        return _per_second(self.wall_ns_per_transaction)

    @property
    def sentence(self) -> str:
        """One line that says it."""
        if self.paired is not None:
            return _paired_sentence(self.paired, self.base, self.verdict)
        if self.recorded is not None:
            return _recorded_sentence(self.recorded, self.verdict)
        not_compared = self.verdict is TimeVerdict.NOT_COMPARED
        beside = f" with {self.base}" if not_compared and self.base else ""
        return f"{self.verdict}{beside}: {self.reason}"


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

    DERIVED: ClassVar = ("verdict", "fails")

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
    def verdict(self) -> Verdict:
        """The gravest of the verdicts of its calls and its time."""
        found = {_OF_CALLS.get(target.verdict, Verdict.AS_BUDGETED) for target in self.targets}
        if self.time is not None:
            found.add(_OF_TIME.get(self.time.verdict, Verdict.AS_BUDGETED))
        return gravest(found)

    @property
    def fails(self) -> bool:
        """Whether any budget is broken."""
        return any(target.fails for target in self.targets) or bool(self.time and self.time.fails)


def gravest(verdicts: Iterable[Verdict]) -> Verdict:
    """The first of them in the order of gravity; as budgeted where there are none."""
    order = list(Verdict)
    return min(verdicts, key=order.index, default=Verdict.AS_BUDGETED)


def _per_second(ns_per_transaction: float | None) -> float | None:
    return 1e9 / ns_per_transaction if ns_per_transaction else None


def _paired_sentence(timing: PairedTiming, base: str, found: TimeVerdict) -> str:
    verdict = timing.verdict
    clock = " in wall time" if verdict.clock == "wall" else ""
    qualified = found in (TimeVerdict.UNRESOLVED, TimeVerdict.NOT_CREDITED)
    differ = "; results differ" if timing.differing_results else ""
    return (
        f"{f'{found}: ' if qualified else ''}{slowdown_text(verdict.slowdown)}{clock} than {base}, "
        f"{slowdowns_text(verdict.interval)}{differ}"
    )


def _recorded_sentence(timing: RecordedTiming, verdict: TimeVerdict) -> str:
    if verdict is TimeVerdict.RECORDED:
        return f"recorded a calibrated cost of {timing.calibrated_cost:g}"
    if timing.slowdown is None or timing.limit is None:
        where = " comparable with this machine" if timing.elsewhere else ""
        return f"no cost recorded for {timing.python}{where}: not judged"
    place = " on another kind of machine" if timing.elsewhere else ""
    text = f"{slowdown_text(timing.slowdown, digits=0)} than in {timing.against}{place}"
    if verdict is not TimeVerdict.TOO_SLOW:
        return text
    often = f", in each of {timing.attempts} attempts" if timing.attempts > 1 else ""
    return f"{text}, limit {slowdown_text(timing.limit, digits=0)}{often}"
