"""Text from anywhere, made safe to show, and numbers as people read them."""

from __future__ import annotations

import unicodedata
from typing import Final

_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that draw nothing or change how the rest is drawn: control characters, marks
of direction, surrogates, line separators."""

_NS: Final = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns"))


def visible(text: str) -> str:
    """One line of text in which everything can be seen.

    A newline, an escape sequence, a mark that turns the direction of writing, half of a surrogate
    pair: each is written as its escape in a Python string. What comes out can be encoded as UTF-8.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(character) for character in text)


def _visible(character: str) -> str:
    if unicodedata.category(character) in _UNSEEN:
        return character.encode("unicode_escape", "surrogatepass").decode("ascii")
    return character


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


def percent(ratio: float) -> str:
    """A signed ratio as a percentage: 0.021 gives `+2.1 %`."""
    return f"{ratio * 100:+.1f} %"


def interval(lower: float, upper: float) -> str:
    """Bounds as percentages: `[-1.0 %, +2.1 %]`."""
    return f"[{percent(lower)}, {percent(upper)}]"


def counted(number: int, noun: str, plural: str = "") -> str:
    """`1 test`, `2 tests`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
