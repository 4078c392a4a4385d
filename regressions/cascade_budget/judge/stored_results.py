"""The rules: exact for counts, by interval for samples, coarse for a single measured number."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from cascade_budget.judge.paired_rounds import DEFAULT_TOLERANCE, judge_throughput
from cascade_budget.judge.sequential import Plan
from cascade_budget.model.benchmarks import (
    FEWEST_PROCESSES,
    Judged,
    Quantity,
    Verdict,
    more_is_better,
    process_values,
    quantity,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cascade_budget.model.benchmarks import Measured, Pair


#: What a number of unknown spread has to do to be called changed: the figures of one machine
#: minutes apart differ by 10 to 40 %, and that must not raise an alarm.
DOUBLED: Final = 2.0

#: A peak of memory moves by some tenths of a percent from process to process: pages are allotted
#: whole, and hash seeds move the growth of tables.
MEMORY_TOLERANCE: Final = 0.05


def judge_pairs(
    pairs: Sequence[Pair],
    *,
    tolerance: float = DEFAULT_TOLERANCE,
    memory_tolerance: float = MEMORY_TOLERANCE,
) -> list[Judged]:
    """Judge every pair.

    Counts are exact: one call more is a regression. Samples are judged as the gate judges paired
    rounds: the logarithm of the ratio of head's process to base's of the same place in the order,
    a 20 % trimmed mean of these and Yuen's bounds, the error of a false alarm split over all pairs
    judged so. Memory is compared with a tolerance. A single measured number, or samples of too few
    processes, can tell no more than that the cost has doubled or halved.

    Args:
        pairs: Results to compare.
        tolerance: Slowdown that is no regression; 0.01 is 1 %.
        memory_tolerance: The same for memory.

    Returns:
        One verdict a pair, in their order.

    Raises:
        ValueError: A tolerance that is not positive.

    Source: `judge.throughput` for the interval; Yuen, Biometrika 61 (1974) 165-170.
    """
    if tolerance <= 0 or memory_tolerance <= 0:
        raise ValueError(
            f"tolerances are {tolerance} and {memory_tolerance}; both must be positive"
        )
    ratios = [_process_ratios(pair) for pair in pairs]
    tests = max(1, sum(len(each) >= FEWEST_PROCESSES for each in ratios))
    return [
        replace(
            _judge(pair, each, tests=tests, tolerance=tolerance, memory_tolerance=memory_tolerance),
            name=pair.name,
            pair=pair,
        )
        for pair, each in zip(pairs, ratios, strict=True)
    ]


def _judge(
    pair: Pair,
    ratios: Sequence[float],
    *,
    tests: int,
    tolerance: float,
    memory_tolerance: float,
) -> Judged:
    lacking = _why_no_data(pair)
    if lacking:
        return Judged(verdict=Verdict.NO_DATA, reason=lacking)
    base, head = pair.values
    benchmark = pair.benchmark
    kind = quantity(benchmark.kind, benchmark.unit, base, head)
    more = more_is_better(benchmark.unit)
    change = head / base - 1 if base else None
    if benchmark.exact or kind is Quantity.COUNT:
        return Judged(verdict=_exact(base, head, more=more), reason="exact", change=change)
    if kind is Quantity.MEMORY:
        verdict = _beyond(base, head, 1 + memory_tolerance, otherwise=Verdict.UNCHANGED, more=more)
        return Judged(
            verdict=verdict, reason=f"tolerance {memory_tolerance * 100:g} %", change=change
        )
    if kind is Quantity.TIME:
        if len(ratios) >= FEWEST_PROCESSES:
            return _by_interval(pair, ratios, tests=tests, tolerance=tolerance)
        return _few_processes(pair, change)
    if base == head:
        return Judged(verdict=Verdict.UNCHANGED, reason="equal to the last digit", change=change)
    verdict = _beyond(base, head, DOUBLED, otherwise=Verdict.UNRESOLVED, more=more)
    reason = "one measured number a side: its spread is unknown"
    return Judged(verdict=verdict, reason=reason, change=change)


def _why_no_data(pair: Pair) -> str:
    base, head = pair.base, pair.head
    if base is None or head is None:
        return f"no result for {'base' if base is None else 'head'}"
    sides = [(side, m.missing) for side, m in (("base", base), ("head", head)) if m.missing]
    if sides:
        return ", ".join(f"{why} on {side}" for side, why in sides)
    if base.version and head.version and base.version != head.version:
        return "the benchmark's own code differs"
    timed = pair.benchmark.kind == "time"
    if timed and base.processor and head.processor and base.processor != head.processor:
        return f"other processors: {base.processor} on base, {head.processor} on head"
    if timed and min(pair.values) <= 0:
        return "a time is not positive"
    return ""


def _process_ratios(pair: Pair) -> list[float]:
    """ln(head / base) of processes of the same place in the order, the latest of each side."""
    if _why_no_data(pair) or pair.base is None or pair.head is None:
        return []
    base = process_values(pair.base, pair.benchmark)
    head = process_values(pair.head, pair.benchmark)
    number = min(len(base), len(head))
    if not number or min(*base, *head) <= 0:
        return []
    # Results that were appended to stand at the end: those are nearest to each other in time.
    return [
        math.log(after / before)
        for before, after in zip(base[-number:], head[-number:], strict=True)
    ]


def _by_interval(pair: Pair, ratios: Sequence[float], *, tests: int, tolerance: float) -> Judged:
    number = len(ratios)
    base, head = pair.values
    found = judge_throughput(ratios, plan=Plan(looks=(number,), tests=tests), tolerance=tolerance)
    return Judged(
        verdict=Verdict[found.outcome.name],
        reason=f"{number} processes a side",
        change=head / base - 1,
        throughput=found,
    )


def _few_processes(pair: Pair, change: float | None) -> Judged:
    """Samples of which too few are independent: only a doubling without any overlap is told."""
    base, head = pair.base, pair.head
    assert base is not None
    assert head is not None
    verdict = Verdict.UNRESOLVED
    if _overlap(base, head) is False:
        verdict = _beyond(*pair.values, DOUBLED, otherwise=Verdict.UNRESOLVED, more=False)
    return Judged(verdict=verdict, reason=_why_few(pair, base, head), change=change)


def _overlap(base: Measured, head: Measured) -> bool | None:
    """Whether the samples, or what is kept of them, overlap; None where nothing tells."""
    spans = []
    for side in (base, head):
        if len(side.samples) > 1:
            spans.append((min(side.samples), max(side.samples)))
        elif side.interval is not None:
            spans.append((side.interval.lower, side.interval.upper))
        else:
            return None
    (base_low, base_high), (head_low, head_high) = spans
    return head_low <= base_high and base_low <= head_high


def _why_few(pair: Pair, base: Measured, head: Measured) -> str:
    bare = [side for side, m in (("base", base), ("head", head)) if not m.samples]
    if bare:
        return f"no samples kept for {' and '.join(bare)}, only statistics of them"
    counts = [len(process_values(side, pair.benchmark)) for side in (base, head)]
    if not all(counts):
        return "which process took which sample is unknown"
    number = min(counts)
    if number >= FEWEST_PROCESSES:
        return "a sample is not positive"
    return f"{number} process{'' if number == 1 else 'es'} a side"


def _exact(base: float, head: float, *, more: bool) -> Verdict:
    if head == base:
        return Verdict.UNCHANGED
    return Verdict.REGRESSED if (head < base) is more else Verdict.IMPROVED


def _beyond(base: float, head: float, factor: float, *, otherwise: Verdict, more: bool) -> Verdict:
    """The verdict on a cost that grew by a factor, shrank by it, or did neither."""
    before, after = (head, base) if more else (base, head)
    if before == after:
        return Verdict.UNCHANGED
    if before <= 0 or after <= 0:
        # No ratio says anything of a number that is or was nothing.
        return otherwise
    if after >= before * factor:
        return Verdict.REGRESSED
    return Verdict.IMPROVED if before >= after * factor else otherwise
