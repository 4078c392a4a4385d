"""Pictures of the HTML page as inline SVG: shapes only, words stand beside them as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cascade_budget.model.document import (
        CountPoint,
        HistoryPoint,
        PairedEntry,
    )

WIDTH: Final = 600
_MARGIN: Final = 8
_ROUND_TOP: Final = 40
_ROUND_STEP: Final = 7
_SMALLEST_REACH: Final = 0.02


@final
@dataclass(frozen=True, slots=True)
class Axis:
    """A scale from `-reach` to `+reach` across the width of a picture, the same for all tests."""

    reach: float

    @classmethod
    def over(cls, entries: Iterable[PairedEntry]) -> Axis:
        """The scale that shows every interval, and of the rounds those not far outside."""
        edges = [_SMALLEST_REACH]
        for entry in entries:
            edges += [abs(entry.lower), abs(entry.upper), abs(entry.slowdown), 2 * entry.tolerance]
        return cls(max(edges) * 1.1)

    def x(self, value: float) -> float:
        """Where a value stands; one beyond the scale stands at its end."""
        clipped = max(-self.reach, min(self.reach, value))
        half = WIDTH / 2 - _MARGIN
        return WIDTH / 2 + half * clipped / self.reach


def interval_picture(entry: PairedEntry, axis: Axis) -> Markup:
    """The interval as a bar over the tolerance, and below it one dot a round, in order."""
    height = _ROUND_TOP + _ROUND_STEP * max(len(entry.rounds), 1) + 4
    zero, left, right = axis.x(0), axis.x(-entry.tolerance), axis.x(entry.tolerance)
    lower, upper, middle = axis.x(entry.lower), axis.x(entry.upper), axis.x(entry.slowdown)
    shapes = [
        _rectangle("tolerance", left, 0, right - left, height),
        _line("zero", zero, 0, zero, height),
        _rectangle(f"interval {_kind(entry.outcome)}", lower, 12, max(upper - lower, 1.5), 12),
        _line("middle", middle, 6, middle, 30),
    ]
    shapes += [
        _dot("round", axis.x(value), _ROUND_TOP + _ROUND_STEP * index, 2.6)
        for index, value in enumerate(entry.rounds)
    ]
    return _picture(WIDTH, height, "interval and rounds", shapes)


def counts_picture(points: Sequence[CountPoint]) -> Markup:
    """Calls over transactions: what was counted as dots, what was allowed as a dashed line."""
    if len(points) < 2:  # noqa: PLR2004  one point is no picture
        return Markup()
    width, height, pad = 160, 64, 6
    allowed = [(point.n, point.budget) for point in points if point.budget is not None]
    highest = max([point.calls for point in points] + [calls for _, calls in allowed] + [1])
    widest = max(point.n for point in points)

    def place(n: int, calls: int) -> tuple[float, float]:
        return (
            pad + (width - 2 * pad) * n / widest,
            height - pad - (height - 2 * pad) * calls / highest,
        )

    shapes = [_line("ground", pad, height - pad, width - pad, height - pad)]
    if len(allowed) > 1:
        shapes.append(_path("allowed", [place(n, calls) for n, calls in allowed]))
    counted = [place(point.n, point.calls) for point in points]
    shapes.append(_path("counted", counted))
    shapes += [_dot("count", x, y, 2.6) for x, y in counted]
    return _picture(width, height, "calls by transactions, and the budget dashed", shapes)


def history_picture(points: Sequence[HistoryPoint]) -> Markup:
    """Values in order of their commits, from zero up."""
    width, height, pad = WIDTH, 80, 6
    highest = max((point.value for point in points), default=0.0) or 1.0
    step = (width - 2 * pad) / max(len(points) - 1, 1)
    placed = [
        (pad + step * index, height - pad - (height - 2 * pad) * point.value / highest)
        for index, point in enumerate(points)
    ]
    shapes = [_line("ground", pad, height - pad, width - pad, height - pad)]
    shapes.append(_path("counted", placed))
    shapes += [_dot("count", x, y, 2.2) for x, y in placed]
    return _picture(width, height, "value by commit", shapes)


def _kind(outcome: str) -> str:
    known = ("regressed", "unchanged", "improved", "unresolved")
    return outcome if outcome in known else "unresolved"


def _picture(width: float, height: float, label: str, shapes: Sequence[Markup]) -> Markup:
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        _number(width), _number(height), label, Markup().join(shapes)
    )


def _rectangle(kind: str, x: float, y: float, width: float, height: float) -> Markup:
    return Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>').format(
        kind, *map(_number, (x, y, width, height))
    )


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
    return Markup('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(
        kind, *map(_number, (x1, y1, x2, y2))
    )


def _dot(kind: str, x: float, y: float, radius: float) -> Markup:
    return Markup('<circle class="{}" cx="{}" cy="{}" r="{}"/>').format(
        kind, *map(_number, (x, y, radius))
    )


def _path(kind: str, points: Sequence[tuple[float, float]]) -> Markup:
    places = " ".join(f"{_number(x)},{_number(y)}" for x, y in points)
    return Markup('<polyline class="{}" points="{}"/>').format(kind, places)


def _number(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")
