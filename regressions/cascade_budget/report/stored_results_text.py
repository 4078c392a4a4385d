"""Verdicts on stored benchmarks as tables."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from cascade_budget.model.benchmarks import FEWEST_PROCESSES, Kind, Verdict
from cascade_budget.model.throughput import slowdown_text, slowdowns_text
from cascade_budget.report.text import counted, duration, visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cascade_budget.model.benchmarks import Judged
    from cascade_budget.model.throughput import Throughput


_EXACT: Final = "exact"
_KIB: Final = 1024
_WORDS: Final = {
    Verdict.REGRESSED: "regressed",
    Verdict.UNRESOLVED: "unresolved",
    Verdict.NO_DATA: "without data",
    Verdict.IMPROVED: "improved",
    Verdict.UNCHANGED: "unchanged",
}


def results(
    by_place: Mapping[str, Sequence[Judged]], *, base: str, head: str, full: bool
) -> Iterator[str | Table]:
    """Everything, as text and tables.

    Args:
        by_place: Verdicts under "machine, environment".
        base: What to call base.
        head: What to call head.
        full: Whether to list what is unchanged, too.
    """
    yield f"base {base}\nhead {head}\n"
    for place, found in by_place.items():
        yield place
        shown = [one for one in found if full or one.verdict is not Verdict.UNCHANGED]
        if shown:
            yield _table(shown)
        hidden = len(found) - len(shown)
        if hidden:
            also = "; --all lists them" if shown else " (--all lists them)"
            yield f"{counted(hidden, 'benchmark')} UNCHANGED{also}"
        yield ""
    everything = [one for found in by_place.values() for one in found]
    notes = list(_notes(everything))
    if notes:
        yield "\n".join([*notes, ""])
    yield closing(everything)


def _table(found: Sequence[Judged]) -> Table:
    """The verdicts, gravest first, each with its evidence below its name."""
    table = Table(
        Column("verdict", width=max(map(len, Verdict))),
        Column("benchmark", overflow="fold"),
        box=None,
        header_style="",
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    order = list(Verdict)
    for one in sorted(found, key=lambda one: (order.index(one.verdict), one.name)):
        evidence = [_evidence(one)]
        if one.throughput is not None and one.verdict is Verdict.UNRESOLVED:
            evidence.append(_outlook(one.throughput))
        lines = (Padding(Text(visible(line)), (0, 0, 0, 2)) for line in evidence)
        table.add_row(Text(one.verdict), Group(Text(visible(one.name)), *lines))
    return table


def _notes(found: Sequence[Judged]) -> Iterator[str]:
    timed = [one for one in found if one.pair is not None and one.pair.benchmark.kind == "time"]
    if any(one.throughput is not None for one in timed):
        yield "Intervals are of processes; samples within one are not independent."
        yield "They hold where rounds were interleaved (asv continuous does that by itself);"
        yield "a machine that slowed down between base and head looks like a change."
    if any(one.throughput is None and one.verdict is not Verdict.NO_DATA for one in timed):
        yield f"With fewer than {FEWEST_PROCESSES} processes a side, or without samples, only a"
        yield "doubling can be told. Measure with --record-samples -a rounds=12, and name a"
        yield "repeat given with -a by --repeat."


def closing(found: Sequence[Judged]) -> str:
    """How many there are of each verdict."""
    counts = Counter(one.verdict for one in found)
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


def _evidence(judged: Judged) -> str:
    pair = judged.pair
    if pair is None or judged.verdict is Verdict.NO_DATA:
        return judged.reason
    base, head = pair.values
    unit = pair.benchmark.unit
    text = f"{amount(base, unit)} -> {amount(head, unit)}"
    found = judged.throughput
    if found is not None:
        change = f"{slowdown_text(found.slowdown)}, {slowdowns_text(found.interval)}"
        return f"{text}, {change}, {judged.reason}"
    if base == head:
        return f"{amount(base, unit)}, {judged.reason}"
    if judged.reason == _EXACT:
        return f"{amount(base, '')} -> {amount(head, unit)}, {judged.reason}"
    change = "" if judged.change is None else f", {_change(judged.change, pair.benchmark.kind)}"
    return f"{text}{change}; {judged.reason}"


def _change(change: float, kind: Kind) -> str:
    """Head's value over base's, less one, in words: `5.2 % slower`, or `5.2 % more` of bytes."""
    if kind is Kind.TIME:
        return slowdown_text(change)
    return f"{100 * abs(change):.1f} % {'less' if change < 0 else 'more'}"


def _outlook(found: Throughput) -> str:
    text = f"these could have told {slowdown_text(found.smallest_detectable)}"
    if found.rounds_to_decide is None:
        return text
    return f"{text}; about {found.rounds_to_decide} more rounds might decide"
