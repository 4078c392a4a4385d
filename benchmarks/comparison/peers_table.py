"""The peers' costs as text of at most 80 columns, as Markdown, and as JSON."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.comparison.rounds import Contender, Costs, Ratio

AHEAD = 5.0
"""How many times a peer's bounce must cost at least what the engine's does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One library's loops.

    Attributes:
        name: What the report calls it, with its version.
        simple: The contender of the simple loop.
        stable: That of the stable loop with the captured chain; None where it takes no part.
        heavy: That of the heavy loop.
        declared: Whether the heavy loop builds nothing on a bounce.
        peer: Whether it is a library, and not a loop written by hand or the engine itself.
    """

    name: str
    simple: Contender | None
    stable: Contender | None
    heavy: Contender | None
    declared: bool = False
    peer: bool = False

    @property
    def cells(self) -> tuple[Contender | None, ...]:
        """The contenders in the order of the table's columns."""
        return (self.simple, self.stable, self.heavy)


def _rate(costs: Costs, contender: Contender) -> str:
    per_second = 1e6 / costs.median_cpu_us(contender.name)
    return f"{per_second:,.0f}" if per_second < 1e4 else f"{per_second / 1e3:,.0f}k"


def _ratios(table: Sequence[Row], costs: Costs, row: Row) -> list[Ratio | None]:
    return [
        costs.ratio(mine.name, reference.name) if mine and reference else None
        for mine, reference in zip(row.cells, table[0].cells, strict=True)
    ]


class _Cell(NamedTuple):
    rate: str
    times: str
    mark: str


_EMPTY = _Cell("", "", "")


def _cells(table: Sequence[Row], costs: Costs) -> Iterator[tuple[str, list[_Cell]]]:
    for row in table:
        cells = []
        for contender, ratio in zip(row.cells, _ratios(table, costs, row), strict=True):
            if contender is None or ratio is None:
                cells.append(_EMPTY)
                continue
            mark = "*" if row.declared and contender is row.heavy else ""
            times = f"{ratio.median:.1f}" if ratio.median < 100 else f"{ratio.median:,.0f}"
            cells.append(_Cell(_rate(costs, contender), times, mark))
        yield row.name, cells


_STAR = "\\*"
NOTE = (
    "Bounces a second of CPU time; x: how many times the engine's cost a bounce is.",
    "Medians of one interleaved run. *: declared once, nothing is built on a bounce.",
)


def as_text(table: Sequence[Row], costs: Costs) -> Iterator[str]:
    """Yield the table's lines, at most 80 columns wide."""
    yield f"{'':<23}{'simple':>17}{'stable, captured':>19}{'heavy':>19}"
    for name, cells in _cells(table, costs):
        line = f"{name:<23}"
        for rate, times, mark in cells:
            # The mark hangs to the right of its column, so that the numbers stay in line.
            line += f"{rate:>9}{f'{times} x' if times else '':>9}{mark or ' '}"
        yield line.rstrip()
    yield ""
    yield from NOTE


def as_markdown(table: Sequence[Row], costs: Costs) -> Iterator[str]:
    """Yield the lines of a Markdown table with its note."""
    yield "| | simple | x | stable, captured | x | heavy | x |"
    yield "|---|--:|--:|--:|--:|--:|--:|"
    for name, cells in _cells(table, costs):
        columns = (f"{rate} | {times}{mark.replace('*', _STAR)}" for rate, times, mark in cells)
        yield f"| {name} | {' | '.join(columns)} |"
    yield ""
    yield " ".join(NOTE).replace("*", _STAR) + f" CPython {platform.python_version()}."


def as_json(table: Sequence[Row], costs: Costs, *, rounds: int) -> dict[str, Any]:
    """Return the table as plain values: CPU time in microseconds a bounce, ratios to the engine."""
    columns = ("simple", "stable", "heavy")
    return {
        "schema_version": 1,
        "python": platform.python_version(),
        "rounds": rounds,
        "rows": [
            {
                "name": row.name,
                "declared": row.declared,
                "loops": {
                    column: {
                        "cpu_us": costs.median_cpu_us(contender.name),
                        "ratio": {
                            "median": ratio.median,
                            "first_quartile": ratio.low,
                            "third_quartile": ratio.high,
                        },
                    }
                    for column, contender, ratio in zip(
                        columns, row.cells, _ratios(table, costs, row), strict=True
                    )
                    if contender is not None and ratio is not None
                },
            }
            for row in table
        ],
    }


def behind(table: Sequence[Row], costs: Costs) -> list[str]:
    """Return the peers' loops that the engine is less than `AHEAD` times ahead of."""
    return [
        contender.name
        for row in table
        if row.peer
        for contender, ratio in zip(row.cells, _ratios(table, costs, row), strict=True)
        if contender is not None and ratio is not None and ratio.median < AHEAD
    ]
