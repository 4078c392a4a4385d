"""Base and head timed side by side: what was measured, what can be said of it, and in which words.

A slowdown is head's cost a transaction over base's, less one: 0.02 is 2 % slower, -0.02 2 % faster.
"""

from __future__ import annotations

import enum
import math
import re
import statistics
from dataclasses import dataclass
from typing import ClassVar, Final, Literal, final

Side = Literal["base", "head"]
SIDES: Final[tuple[Side, Side]] = ("base", "head")

_TWICE = 2.0


class Outcome(enum.StrEnum):
    """What can be said of head's throughput against base's."""

    REGRESSED = "regressed"
    UNCHANGED = "unchanged"
    IMPROVED = "improved"
    UNRESOLVED = "unresolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Two one-sided bounds, in the unit of the values they bound."""

    lower: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """A verdict with everything that it rests on.

    Costs are CPU time a transaction (or wall time less run delay, see `clock`).

    Attributes:
        outcome: The verdict.
        slowdown: Trimmed mean over the rounds.
        interval: One-sided bounds of the slowdown, each erring with probability 1 - `confidence` at
            most, over all looks of all tests judged together.
        confidence: Of each bound.
        rounds: Rounds judged; each is one fresh process or pair of processes.
        tolerance: Slowdown that is let pass.
        smallest_detectable: The slowdown that these rounds would have found 99 times in 100.
        rounds_to_decide: Further rounds that would probably decide an unresolved verdict; None
            where decided or where no number of rounds would.
        clock: What was judged, "cpu" or "wall".
    """

    outcome: Outcome
    slowdown: float
    interval: Interval
    confidence: float
    rounds: int
    tolerance: float
    smallest_detectable: float
    rounds_to_decide: int | None = None
    clock: str = "cpu"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one pair of processes showed.

    Attributes:
        cpu: ln(head / base) of processor time a transaction, the median over pairs of chunks.
        wall: The same of wall time less run delay.
        base_cpu_ns: Processor time a transaction, nanoseconds, the median over chunks.
        head_cpu_ns: The same on head.
        base_wall_ns: Wall time a transaction, nanoseconds, the median over chunks.
        head_wall_ns: The same on head.
    """

    cpu: float
    wall: float
    base_cpu_ns: float
    head_cpu_ns: float
    base_wall_ns: float
    head_wall_ns: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Chunking:
    """The shape of a round.

    Attributes:
        n: Transactions in one run of the workload.
        repeat: Runs in a chunk.
        quads: Groups of four chunks, two a side.
        threaded: Whether other threads or child processes do a part of the work; then the processor
            time of all of them is judged.
        waits: Whether it waits for a good part of its time; then wall time is judged as well.
    """

    n: int
    repeat: int
    quads: int
    threaded: bool
    waits: bool


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PairedTiming:
    """A verdict and what it came from.

    Attributes:
        verdict: What can be said.
        rounds: In the order in which they were run.
        chunking: The shape of each.
        processes: "forked" siblings, or "spawned" ones where a process can't be forked.
        results_compared: Whether both sides' results were held against each other; not where they
            are chance.
        differing_results: What base and head returned, for people; empty where it is not known to
            differ.
        seconds: What it took on the wall.
        timed_out: Whether the time ran out before a verdict fell.
    """

    DERIVED: ClassVar = ("slowdowns",)

    verdict: Throughput
    rounds: tuple[Round, ...]
    chunking: Chunking
    processes: Literal["forked", "spawned"]
    results_compared: bool
    seconds: float
    timed_out: bool
    differing_results: tuple[str, ...] = ()

    @property
    def slowdowns(self) -> tuple[float, ...]:
        """One a round, in order, by the clock that was judged."""
        return tuple(math.expm1(getattr(one, self.verdict.clock)) for one in self.rounds)

    @property
    def transactions_per_second(self) -> dict[str, float]:
        """By "base cpu", "base wall", "head cpu" and "head wall": the median over the rounds."""
        return {
            f"{side} {clock}": 1e9
            / statistics.median(getattr(one, f"{side}_{clock}_ns") for one in self.rounds)
            for side in ("base", "head")
            for clock in ("cpu", "wall")
        }


def slowdown_text(slowdown: float, *, digits: int = 1) -> str:
    """A slowdown in words: `31.4 % slower`, `12.0 % faster`, `20.0x slower` from twofold on.

    Args:
        slowdown: Cost over the cost that it is held against, less one.
        digits: Behind the point of a percentage.
    """
    ratio = 1 + slowdown
    word, factor = ("faster", 1 / ratio if ratio > 0 else 1.0) if ratio < 1 else ("slower", ratio)
    if factor >= _TWICE:
        return f"{factor:.1f}x {word}"
    share = f"{100 * abs(slowdown):.{digits}f}"
    return f"{share} % {word if float(share) else 'slower'}"


def slowdowns_text(interval: Interval) -> str:
    """Bounds in words: `between 30.9 and 32.0 % slower`, `between 0.4 % faster and 2.1x slower`."""
    bounds = [slowdown_text(bound) for bound in (interval.lower, interval.upper)]
    (low, low_unit), (high, high_unit) = (_parted(bound) for bound in bounds)
    if low_unit != high_unit:
        return f"between {bounds[0]} and {bounds[1]}"
    first, last = sorted((low, high), key=float)
    return f"between {first} and {last}{low_unit}"


def _parted(text: str) -> tuple[str, str]:
    number = re.match(r"[0-9.]+", text)
    assert number is not None
    return number[0], text[number.end() :]
