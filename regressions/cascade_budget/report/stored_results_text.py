"""Verdicts on stored benchmarks as a table. Plain at 80 columns."""

from __future__ import annotations

import textwrap
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cascade_budget.judge.stored_results import (
    Judged,
    Verdict,
)
from cascade_budget.model.units import (
    Quantity,
    quantity,
)
from cascade_budget.report.text import (
    counted,
    duration,
    interval,
    percent,
    visible,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cascade_budget.judge.stored_results import Pair

__all__ = ["Row", "amount", "closing", "table"]

WIDTH: Final = 80
_INDENT: Final = " " * 20
_EXACT: Final = "exact"
_KIB: Final = 1024
_WORDS: Final = {
    Verdict.REGRESSED: "regressed",
    Verdict.UNRESOLVED: "unresolved",
    Verdict.NO_DATA: "without data",
    Verdict.IMPROVED: "improved",
    Verdict.UNCHANGED: "unchanged",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table.

    Attributes:
        name: The benchmark with its parameters.
        judged: Our verdict.
        decision: The other tool's; empty where it was not asked.
        pair: What was compared; None for what stands for many benchmarks.
    """

    name: str
    judged: Judged
    decision: str = ""
    pair: Pair | None = None


def table(rows: Sequence[Row], *, full: bool = False) -> Iterator[str]:
    """The rows, gravest first, each with its evidence below its name.

    Args:
        rows: Of one machine and environment.
        full: Whether to list what is unchanged, too.
    """
    order = list(Verdict)
    shown = [row for row in rows if full or row.judged.verdict is not Verdict.UNCHANGED]
    if shown:
        yield f"{'verdict':12}{'asv':8}benchmark"
    for row in sorted(shown, key=lambda row: (order.index(row.judged.verdict), row.name)):
        yield from _wrapped(
            visible(row.name), first=f"{row.judged.verdict:12}{row.decision or '-':8}"
        )
        yield from _wrapped(visible(_evidence(row)), first=_INDENT + "  ")
        if row.judged.throughput is not None and row.judged.verdict is Verdict.UNRESOLVED:
            yield from _wrapped(_outlook(row.judged), first=_INDENT + "  ")
    hidden = len(rows) - len(shown)
    if hidden:
        also = "; --all lists them" if shown else " (--all lists them)"
        yield f"{counted(hidden, 'benchmark')} UNCHANGED{also}"


def closing(rows: Sequence[Row]) -> str:
    """How many there are of each verdict."""
    counts = Counter(row.judged.verdict for row in rows)
    return ", ".join(f"{counts[each]} {_WORDS[each]}" for each in Verdict if counts[each])


def amount(value: float, unit: str) -> str:
    """A number in its unit, as people read it."""
    if unit == "seconds":
        return duration(value * 1e9)
    if unit == "bytes":
        size = float(value)
        for name in ("bytes", "KiB", "MiB"):
            if abs(size) < _KIB:
                return f"{size:,.0f} bytes" if name == "bytes" else f"{size:,.4g} {name}"
            size /= _KIB
        return f"{size:,.4g} GiB"
    told = f"{value:,.0f}" if value == int(value) else f"{value:,.6g}"
    return f"{told} {unit}".rstrip()


def _evidence(row: Row) -> str:
    judged, pair = row.judged, row.pair
    if pair is None or judged.verdict is Verdict.NO_DATA:
        return judged.reason
    assert pair.base is not None
    assert pair.head is not None
    assert pair.base.value is not None
    assert pair.head.value is not None
    base, head = pair.base.value, pair.head.value
    unit = pair.benchmark.unit
    text = f"{amount(base, unit)} -> {amount(head, unit)}"
    found = judged.throughput
    if found is not None:
        bounds = interval(found.interval.lower, found.interval.upper)
        return f"{text}, {percent(found.slowdown)} {bounds}, {judged.reason}"
    if base == head:
        return f"{amount(base, unit)}, {judged.reason}"
    exact = judged.reason == _EXACT or quantity(pair.benchmark.kind, unit, base, head) is (
        Quantity.COUNT
    )
    if exact:
        return f"{amount(base, '')} -> {amount(head, unit)}, {judged.reason}"
    change = "" if judged.change is None else f", {percent(judged.change)}"
    return f"{text}{change}; {judged.reason}"


def _outlook(judged: Judged) -> str:
    found = judged.throughput
    assert found is not None
    text = f"these could have told {percent(found.smallest_detectable).lstrip('+')}"
    if found.rounds_to_decide is None:
        return text
    return f"{text}; about {found.rounds_to_decide} more rounds might decide"


def _wrapped(text: str, *, first: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=" " * max(len(first), len(_INDENT) + 2),
        break_on_hyphens=False,
    ) or [first.rstrip()]
