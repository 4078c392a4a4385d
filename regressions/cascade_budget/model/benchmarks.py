"""Stored results of one benchmark, and what one process contributed to them."""

from __future__ import annotations

import enum
import math
import re
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cascade_budget.model.throughput import Interval, Throughput


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """What is known of a benchmark, whatever the revision.

    Attributes:
        name: Its full name, without parameters.
        kind: How it comes by its number.
        unit: Of its number; "seconds" for times, "bytes" for memory.
        samples_per_process: How many samples each process takes; None where that is not settled.
        exact: Whether its numbers are exact though its unit does not say so.
    """

    name: str
    kind: Kind
    unit: str
    samples_per_process: int | None = None
    exact: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One benchmark's result for one revision.

    Attributes:
        value: In the benchmark's unit; None when it failed, not a number when it was skipped.
        samples: In the same unit, in the order they were taken; empty where they were not kept.
        interval: 99 % interval of the median of several samples, kept or not, as if independent.
        version: Changes when the benchmark's own code does.
        processor: What it ran on; empty where that is unknown.
    """

    value: float | None
    samples: tuple[float, ...] = ()
    interval: Interval | None = None
    version: str | None = None
    processor: str = ""

    @property
    def missing(self) -> str:
        """Why there is no number: "failed", "skipped", or empty where there is one."""
        if self.value is None:
            return "failed"
        return "" if math.isfinite(self.value) else "skipped"


FEWEST_PROCESSES: Final = 5
"""With fewer pairs of processes the spread between them is not known well enough for bounds."""


class Verdict(enum.StrEnum):
    """What can be said of head's result beside base's, gravest first."""

    REGRESSED = "REGRESSED"
    UNRESOLVED = "UNRESOLVED"
    NO_DATA = "NO DATA"
    IMPROVED = "IMPROVED"
    UNCHANGED = "UNCHANGED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A benchmark's results on both sides.

    Attributes:
        benchmark: Which one.
        base: None where base has no such result.
        head: The same for head.
        parameters: A combination of the benchmark's, "(1000, 'a')" or empty.
    """

    benchmark: Benchmark
    base: Measured | None
    head: Measured | None
    parameters: str = ""

    @property
    def name(self) -> str:
        """The benchmark's with its parameters."""
        return self.benchmark.name + self.parameters

    @property
    def values(self) -> tuple[float, float]:
        """Base's number and head's. Raises ValueError where a side has none."""
        base, head = (side.value if side else None for side in (self.base, self.head))
        if base is None or head is None:
            raise ValueError(f"{self.name} has no number on a side")
        return base, head


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A verdict with what it rests on.

    Attributes:
        verdict: The verdict.
        reason: Why, as a clause; empty where the numbers say it all.
        change: Head's value over base's, less one; None where there is no such ratio.
        throughput: Of samples judged by interval.
        name: The benchmark with its parameters.
        pair: What was compared; None for what stands for many benchmarks.
    """

    verdict: Verdict
    reason: str = ""
    change: float | None = None
    throughput: Throughput | None = None
    name: str = ""
    pair: Pair | None = None


def process_values(measured: Measured, benchmark: Benchmark) -> tuple[float, ...]:
    """The median of each process's samples, in the order the processes ran.

    Samples taken within one process share its hash seed, its memory layout and the minute it ran
    in; so it is processes that are independent of each other, and each has one value.

    Returns:
        No values where the samples can't be divided among processes.
    """
    each, samples = benchmark.samples_per_process, measured.samples
    if each is None or not samples or len(samples) % each:
        return ()
    return tuple(
        statistics.median(samples[start : start + each]) for start in range(0, len(samples), each)
    )
