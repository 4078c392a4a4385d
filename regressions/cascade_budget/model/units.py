"""What a benchmark's unit says: which kind of number it is, and whether more of it is better."""

from __future__ import annotations

import enum
import re
from typing import Final

__all__ = ["Kind", "Quantity", "more_is_better", "quantity"]


class Kind(enum.StrEnum):
    """How a benchmark came by its number, as asv's `type` has it."""

    TIME = "time"
    MEMORY = "memory"
    PEAK_MEMORY = "peakmemory"
    TRACK = "track"


class Quantity(enum.StrEnum):
    """What a number is, and so how two of them can be told apart."""

    COUNT = "count"
    MEMORY = "memory"
    TIME = "time"
    MEASURED = "measured"


_SECOND: Final = r"(?:[mnuµμ]?s|secs?|seconds?|mins?|minutes?|h|hrs?|hours?)"
_TIME: Final = re.compile(rf"{_SECOND}|(?:milli|micro|nano)seconds?")
_RATE: Final = re.compile(
    rf".*(?:/|\bper\b|\ba\b|\ban\b)\s*{_SECOND}|.*\bs(?:\^|\*\*)?-1"
    r"|[kmg]?hz|hertz|[tqr]ps|fps|i?ops|[kmgt]?flops|[kmg]?bps|throughput"
)
_MEMORY: Final = re.compile(r"b|bytes?|[kmgt]i?b|(?:kilo|mega|giga|kibi|mebi|gibi)bytes?")
_SHARE: Final = re.compile(r"%|percent|ratio|fraction|factor|x")
_COUNT: Final = re.compile(
    r"(?:.*\b)?(?:#|n|no\.|number|counts?|calls?|allocations?|executions?|instructions?|iterations?"
    r"|items?|lines?|lookups?|messages?|misses|nodes?|objects?|operations|queries|requests?"
    r"|round[- ]?trips?|rows?|statements?|steps?|tasks?|times|visits?|writes?|reads?)"
    r"(?:\s*(?:/|\bper\b|\ba\b|\ban\b)\s*\w.*)?"
)


def quantity(kind: Kind, unit: str, *values: float) -> Quantity:
    """What a benchmark's numbers are.

    A tracked number is a count where its unit names one, or where the unit says nothing and every
    value is whole. A rate or a time is measured even where it happens to be whole.

    Args:
        kind: How the benchmark came by them.
        unit: As the benchmark states it.
        values: The numbers to be compared.
    """
    if kind is Kind.TIME:
        return Quantity.TIME
    if kind in (Kind.MEMORY, Kind.PEAK_MEMORY):
        return Quantity.MEMORY
    plain = _plain(unit)
    if _MEMORY.fullmatch(plain):
        return Quantity.MEMORY
    if any(each.fullmatch(plain) for each in (_RATE, _TIME, _SHARE)):
        return Quantity.MEASURED
    if _COUNT.fullmatch(plain) or all(value == int(value) for value in values):
        return Quantity.COUNT
    return Quantity.MEASURED


def more_is_better(unit: str) -> bool:
    """Whether a larger number is the better one: for rates such as `1/s`, `MB/s` or `Hz`.

    For any other unit less is better, as it is for asv whatever the unit.
    """
    return _RATE.fullmatch(_plain(unit)) is not None


def _plain(unit: str) -> str:
    return unit.strip().lower()
