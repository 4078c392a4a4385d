"""Two revisions' stored results, paired, judged and told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cascade_budget.interop.asv_decision import (
    Decision,
    asv_rule,
    decide,
)
from cascade_budget.judge.stored_results import (
    FEWEST_PROCESSES,
    Judged,
    Pair,
    Verdict,
    judge_pairs,
)
from cascade_budget.report.stored_results_text import (
    Row,
    closing,
    table,
)

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Mapping, Sequence

    from cascade_budget.interop.asv_results import Results
    from cascade_budget.model.benchmarks import Benchmark

__all__ = ["Groups", "compare", "told"]

_UNCOMPARED = (Verdict.NO_DATA,)
_OPEN = (Verdict.NO_DATA, Verdict.UNRESOLVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """Every verdict, by machine and environment.

    Attributes:
        by_place: The rows under "machine, environment".
        factor: Change that asv lets pass.
        decisions: asv's answers; None where asv could not be asked.
    """

    by_place: Mapping[str, Sequence[Row]]
    factor: float
    decisions: Sequence[Decision] | None

    @property
    def rows(self) -> list[Row]:
        """All rows."""
        return [row for rows in self.by_place.values() for row in rows]

    @property
    def regressed(self) -> bool:
        """Whether anything did."""
        return any(row.judged.verdict is Verdict.REGRESSED for row in self.rows)

    @property
    def open(self) -> bool:
        """Whether anything is unresolved or has no data."""
        return any(row.judged.verdict in _OPEN for row in self.rows)

    @property
    def compared(self) -> bool:
        """Whether anything has data on both sides."""
        return any(row.judged.verdict not in _UNCOMPARED for row in self.rows)


def compare(
    base: Sequence[Results],
    head: Sequence[Results],
    described: Mapping[str, Benchmark],
    *,
    chosen: Sequence[re.Pattern[str]],
    tolerance: float,
    memory_tolerance: float,
    factor: float,
) -> Groups:
    """Judge what is stored of two revisions, machine by machine and environment by environment.

    Args:
        base: Of one revision, one a machine and environment.
        head: Of the other.
        described: What is known of each benchmark.
        chosen: What names must match, any of them; everything when empty.
        tolerance: Slowdown that is no regression.
        memory_tolerance: The same for memory.
        factor: Change that asv lets pass.
    """
    sides = [{(one.machine, one.environment): one for one in side} for side in (base, head)]
    paired: list[tuple[str, str, Pair]] = []
    by_place: dict[str, list[Row]] = {}
    for place in sorted({*sides[0], *sides[1]}):
        name = ", ".join(place)
        left, right = (side.get(place) for side in sides)
        one = left or right
        assert one is not None
        if left is None or right is None:
            number = sum(_matches("".join(key), chosen) for key in one.measured)
            if number:
                by_place[name] = [_absent(number, lacking="base" if left is None else "head")]
            continue
        for key in sorted({*left.measured, *right.measured}):
            title = "".join(key)
            if _matches(title, chosen):
                pair = Pair(
                    benchmark=described[key[0]],
                    base=left.measured.get(key),
                    head=right.measured.get(key),
                )
                paired.append((name, title, pair))
    judged = judge_pairs(
        [pair for _, _, pair in paired], tolerance=tolerance, memory_tolerance=memory_tolerance
    )
    rule = asv_rule()
    decisions = []
    for (name, title, pair), verdict in zip(paired, judged, strict=True):
        decision = decide(rule, pair.base, pair.head, factor=factor) if rule else ""
        if isinstance(decision, Decision):
            decisions.append(decision)
        row = Row(name=title, judged=verdict, decision=decision, pair=pair)
        by_place.setdefault(name, []).append(row)
    return Groups(
        by_place=dict(sorted(by_place.items())),
        factor=factor,
        decisions=decisions if rule else None,
    )


def told(groups: Groups, *, base: str, head: str, full: bool) -> str:
    """Everything as text.

    Args:
        groups: The verdicts.
        base: What to call base.
        head: What to call head.
        full: Whether to list what is unchanged, too.
    """
    blocks = [[f"base {base}", f"head {head}"]]
    blocks += [[place, *table(rows, full=full)] for place, rows in groups.by_place.items()]
    notes = list(_notes(groups))
    if notes:
        blocks.append(notes)
    blocks.append([closing(groups.rows), _asv_says(groups)])
    return "\n\n".join("\n".join(block) for block in blocks)


def _matches(title: str, chosen: Sequence[re.Pattern[str]]) -> bool:
    return not chosen or any(pattern.search(title) for pattern in chosen)


def _absent(number: int, *, lacking: str) -> Row:
    reason = f"{lacking} has no results of this machine and environment"
    name = "1 benchmark" if number == 1 else f"all {number} benchmarks"
    return Row(name=name, judged=Judged(verdict=Verdict.NO_DATA, reason=reason))


def _notes(groups: Groups) -> Iterator[str]:
    timed = [
        row for row in groups.rows if row.pair is not None and row.pair.benchmark.kind == "time"
    ]
    if any(row.judged.throughput is not None for row in timed):
        yield "Intervals are of processes; samples within one are not independent."
        yield "They hold where rounds were interleaved (asv continuous does that by itself);"
        yield "a machine that slowed down between base and head looks like a change."
    few = [
        row
        for row in timed
        if row.judged.throughput is None and row.judged.verdict is not Verdict.NO_DATA
    ]
    if few:
        yield f"With fewer than {FEWEST_PROCESSES} processes a side, or without samples, only a"
        yield "doubling can be told. Measure with --record-samples -a rounds=12, and name a"
        yield "repeat given with -a by --repeat."


def _asv_says(groups: Groups) -> str:
    if groups.decisions is None:
        return 'asv was not asked: it is not installed. pip install "pytest-cascade-budget[asv]"'
    worse = sum(each.worsened for each in groups.decisions)
    better = sum(each in (Decision.BETTER, Decision.NOW_WORKS) for each in groups.decisions)
    said = f"{worse} worse, {better} better" if worse or better else "nothing changed"
    return f"asv continuous, factor {groups.factor:g}: {said}; exit {int(worse > 0)}"
