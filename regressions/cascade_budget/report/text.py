"""Text from anywhere, made safe to show, and numbers as people read them."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final

from cascade_budget.model.throughput import Outcome, slowdown_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cascade_budget.model.findings import TimeFinding
    from cascade_budget.model.profiles import FunctionDifference
    from cascade_budget.model.throughput import PairedTiming

_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that draw nothing or change how the rest is drawn: control characters, marks
of direction, surrogates, line separators."""

_NS: Final = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns"))


WIDTH: Final = 80
"""Columns of the plain text that a terminal or a log gets."""


def fitted(line: str, *otherwise: str) -> Iterator[str]:
    """A line where it fits, else the lines that say the same one below the other."""
    yield from (line,) if len(line) <= WIDTH else otherwise


def visible(text: str) -> str:
    """One line of text in which everything can be seen.

    A newline, an escape sequence, a mark that turns the direction of writing, half of a surrogate
    pair: each is written as its escape in a Python string. What comes out can be encoded as UTF-8.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character.encode("unicode_escape", "surrogatepass").decode("ascii")
        if unicodedata.category(character) in _UNSEEN
        else character
        for character in text
    )


def tps(value: float | None) -> str:
    """Transactions a second with three significant digits; empty for None."""
    if value is None:
        return ""
    return f"{float(f'{value:.3g}'):,.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits


def duration(ns: float) -> str:
    """A time in ns with three significant digits and the unit that suits it: `3.10 µs`."""
    size = abs(ns)
    if not size:
        return "0 ns"
    factor, unit = next(((each, name) for each, name in _NS if size >= each), (1.0, "ns"))
    value = ns / factor
    digits = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0  # noqa: PLR2004 - three digits
    return f"{value:.{digits}f} {unit}"


def signed_duration(ns: float) -> str:
    """The same with its sign: `+3.10 µs`."""
    return f"{'-' if ns < 0 else '+'}{duration(abs(ns))}"


def difference_text(one: FunctionDifference) -> str:
    """What head takes more than base, with its error: `+3.10 µs a transaction ± 120 ns`."""
    return f"{signed_duration(one.difference_ns)} a transaction ± {duration(one.error_ns)}"


def counted(number: int, noun: str, plural: str = "") -> str:
    """`1 test`, `2 tests`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def evidence_lines(time: TimeFinding) -> Iterator[str]:
    """What a verdict on time rests on, beside its sentence."""
    if time.paired is not None:
        yield from _paired_lines(time.paired)
    yield from map(visible, time.notes)


def _paired_lines(timing: PairedTiming) -> Iterator[str]:
    verdict, chunking, speeds = timing.verdict, timing.chunking, timing.transactions_per_second
    if verdict.outcome is Outcome.UNRESOLVED:
        more = verdict.rounds_to_decide
        would = f"; about {counted(more, 'more round')} would decide" if more else ""
        limit = ", where the time limit came" if timing.timed_out else ""
        yield (
            f"{slowdown_text(verdict.smallest_detectable)} would have been found in "
            f"{verdict.rounds} rounds{limit}{would}"
        )
    yield f"bounds with a confidence of {100 * verdict.confidence:g} %, {verdict.rounds} rounds"
    yield (
        f"{speeds['base cpu']:,.0f} to {speeds['head cpu']:,.0f} transactions a second of CPU time"
    )
    if chunking.waits:
        yield (
            f"the workload waits, so wall time is judged as well: {speeds['base wall']:,.0f} to "
            f"{speeds['head wall']:,.0f} transactions a second"
        )
    yield (
        f"{timing.processes} processes, {chunking.quads} x 4 chunks of "
        f"{chunking.n * chunking.repeat:,} transactions a round, {timing.seconds:.0f} s"
    )
    if timing.differing_results:
        base, head = map(visible, timing.differing_results)
        yield f"results differ: for n = {chunking.n:,} base returns {base} and head returns {head}"
    elif not timing.results_compared:
        yield "results were not compared: they differ from run to run of the same code"
