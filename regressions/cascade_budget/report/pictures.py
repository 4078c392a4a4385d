"""Pictures of the HTML page as inline SVG: shapes only, words stand beside them as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cascade_budget.model.findings import TargetFinding
    from cascade_budget.model.report import HistoryPoint
    from cascade_budget.model.throughput import PairedTiming, Throughput

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
    def over(cls, verdicts: Iterable[Throughput]) -> Axis:
        """The scale that shows every interval, and of the rounds those not far outside."""
        edges = [_SMALLEST_REACH]
        for each in verdicts:
            edges += map(abs, (each.interval.lower, each.interval.upper, each.slowdown))
            edges.append(2 * each.tolerance)
        return cls(max(edges) * 1.1)

    def x(self, value: float) -> float:
        """Where a value stands; one beyond the scale stands at its end."""
        clipped = max(-self.reach, min(self.reach, value))
        half = WIDTH / 2 - _MARGIN
        return WIDTH / 2 + half * clipped / self.reach


def interval_picture(timing: PairedTiming, axis: Axis) -> Markup:
    """The interval as a bar over the tolerance, and below it one dot a round, in order."""
    verdict, interval = timing.verdict, timing.verdict.interval
    height = _ROUND_TOP + _ROUND_STEP * max(len(timing.rounds), 1) + 4
    zero, left, right = axis.x(0), axis.x(-verdict.tolerance), axis.x(verdict.tolerance)
    lower, upper, middle = axis.x(interval.lower), axis.x(interval.upper), axis.x(verdict.slowdown)
    shapes = [
        _rectangle("tolerance", left, 0, right - left, height),
        _line("zero", zero, 0, zero, height),
        _rectangle(f"interval {verdict.outcome}", lower, 12, max(upper - lower, 1.5), 12),
        _line("middle", middle, 6, middle, 30),
    ]
    shapes += [
        _dot("round", axis.x(value), _ROUND_TOP + _ROUND_STEP * index, 2.6)
        for index, value in enumerate(timing.slowdowns)
    ]
    return _picture(WIDTH, height, "interval and rounds", shapes)


def counts_picture(target: TargetFinding) -> Markup:
    """Calls over transactions: what was counted as dots, what was allowed as a dashed line."""
    points = sorted(target.first.items())
    if len(points) < 2:  # noqa: PLR2004  one point is no picture
        return Markup()
    width, height, pad = 160, 64, 6
    allowed = [(n, most) for n, _ in points if (most := target.allowed(n)) is not None]
    highest = max([calls for _, calls in [*points, *allowed]] + [1])
    widest = points[-1][0]

    def place(n: int, calls: int) -> tuple[float, float]:
        return (
            pad + (width - 2 * pad) * n / widest,
            height - pad - (height - 2 * pad) * calls / highest,
        )

    shapes = [_line("ground", pad, height - pad, width - pad, height - pad)]
    if len(allowed) > 1:
        shapes.append(_path("allowed", [place(n, calls) for n, calls in allowed]))
    counted = [place(n, calls) for n, calls in points]
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


def _picture(width: float, height: float, label: str, shapes: Sequence[Markup]) -> Markup:
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        _number(width), _number(height), label, Markup().join(shapes)
    )


def _shape(tag: str, kind: str, **measures: float) -> Markup:
    one = Markup(' {}="{}"')
    told = Markup().join(one.format(name, _number(value)) for name, value in measures.items())
    return Markup('<{} class="{}"{}/>').format(tag, kind, told)


def _rectangle(kind: str, x: float, y: float, width: float, height: float) -> Markup:
    return _shape("rect", kind, x=x, y=y, width=width, height=height)


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
    return _shape("line", kind, x1=x1, y1=y1, x2=x2, y2=y2)


def _dot(kind: str, x: float, y: float, radius: float) -> Markup:
    return _shape("circle", kind, cx=x, cy=y, r=radius)


def _path(kind: str, points: Sequence[tuple[float, float]]) -> Markup:
    places = " ".join(f"{_number(x)},{_number(y)}" for x, y in points)
    return Markup('<polyline class="{}" points="{}"/>').format(kind, places)


def _number(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")
