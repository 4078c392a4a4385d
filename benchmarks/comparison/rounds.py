"""Interleaved rounds: every contender once a round, judged by ratios inside the round.

On a shared machine a stored number is wrong by 10 to 40 % minutes later, and two numbers taken one
after the other differ by the weather between them. Blocks of a few milliseconds of CPU time, all
contenders in one round, and the order rotated and turned round from one round to the next leave
ratios that repeat to about a percent.
"""

from __future__ import annotations

import gc
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.executions import ExecutionError, count_executions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import CodeType

BLOCK_SECONDS = 0.006
"""CPU time that a contender's block is sized for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One loop that takes part.

    Attributes:
        name: What the report calls it, unique in a run.
        block: Makes n transactions and returns their result.
        result: What n transactions return.
        bodies: The functions whose executions are checked, by name.
        executions: How often each of `bodies` runs in n transactions, by the same names.
        sizes: The n at which result and executions are checked.
        fixed_n: Transactions of a timed block; None sizes the block by `BLOCK_SECONDS`.
    """

    name: str
    block: Callable[[int], Any]
    result: Callable[[int], object]
    bodies: Mapping[str, CodeType]
    executions: Callable[[int], Mapping[str, int]]
    sizes: Sequence[int] = (0, 1, 2, 7, 300)
    fixed_n: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """Cost of one contender over that of another, of the same rounds.

    Attributes:
        median: Median of the rounds' ratios; above 1 costs more than the other.
        low: First quartile of the rounds' ratios.
        high: Third quartile.
    """

    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What the rounds measured.

    Attributes:
        block_n: Transactions of a block, by contender.
        cpu_seconds: CPU time of a transaction in seconds, by contender, one entry a round.
    """

    block_n: Mapping[str, int]
    cpu_seconds: Mapping[str, Sequence[float]]

    def median_cpu_us(self, name: str) -> float:
        """Return the median CPU time of a transaction in microseconds."""
        return statistics.median(self.cpu_seconds[name]) * 1e6

    def ratio(self, name: str, reference: str) -> Ratio:
        """Return the cost of `name` over that of `reference`, paired by round."""
        pairs = zip(self.cpu_seconds[name], self.cpu_seconds[reference], strict=True)
        ratios = [mine / theirs for mine, theirs in pairs]
        if len(ratios) == 1:
            return Ratio(median=ratios[0], low=ratios[0], high=ratios[0])
        low, median, high = statistics.quantiles(ratios, n=4, method="inclusive")
        return Ratio(median=median, low=low, high=high)


def check(contender: Contender) -> None:
    """Run a contender at its sizes and compare result and executions with what is right.

    Raises:
        ExecutionError: One of them differs.
    """
    for n in contender.sizes:
        with count_executions(contender.bodies) as counts:
            result = contender.block(n)
        _compare(contender, n, contender.result(n), result)
        _compare(contender, n, dict(contender.executions(n)), dict(counts))


def block_size(contender: Contender, seconds: float = BLOCK_SECONDS) -> int:
    """Return the transactions that take about `seconds` of CPU time, and warm the contender up.

    Raises:
        ExecutionError: A result differs from what is right.
    """
    if contender.fixed_n is not None:
        return contender.fixed_n
    n = 1
    while (spent := _time_block(contender, n)) < seconds / 2:
        n *= 2
    # The last doubling may have paid for a warm-up; what is timed now has not.
    spent = min(spent, _time_block(contender, n))
    return max(1, round(n * seconds / spent))


def interleave(
    contenders: Sequence[Contender],
    *,
    rounds: int,
    block_seconds: float = BLOCK_SECONDS,
    on_round: Callable[[int], None] = lambda _: None,
) -> Costs:
    """Time the contenders in interleaved rounds.

    Args:
        contenders: At least one, each already checked.
        rounds: How many blocks each contender gets.
        block_seconds: CPU time that a block is sized for.
        on_round: Called with the number of rounds done, outside of what is timed.

    Raises:
        ExecutionError: A block's result differs from what is right.
    """
    sizes = {contender.name: block_size(contender, block_seconds) for contender in contenders}
    seconds: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    gc.collect()
    # What is alive now is no contender's garbage: without this a full collection would charge the
    # modules of one library to whoever allocates at that moment.
    gc.freeze()
    try:
        for number in range(rounds):
            for contender in _order(contenders, number):
                n = sizes[contender.name]
                seconds[contender.name].append(_time_block(contender, n) / n)
            on_round(number + 1)
    finally:
        gc.unfreeze()
    return Costs(block_n=sizes, cpu_seconds=seconds)


def measure(
    contenders: Sequence[Contender],
    *,
    rounds: int,
    say: Callable[[str], None],
    block_seconds: float = BLOCK_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> Costs:
    """Check every contender cold, time them, and check them again as the timing left them.

    Args:
        contenders: At least one.
        rounds: How many blocks each contender gets.
        say: Told what is going on.
        block_seconds: CPU time that a block is sized for.
        clock: Seconds, for the time to go. Tests may pass a virtual one.

    Raises:
        ExecutionError: A result, or a number of executions, differs from what is right.
    """
    for one in contenders:
        say(f"checking result and executions of {one.name}")
        check(one)
    say("sizing the blocks")
    started = clock()

    def on_round(done: int) -> None:
        left = (clock() - started) / done * (rounds - done)
        say(f"round {done} of {rounds}, {left:.0f} s left")

    costs = interleave(contenders, rounds=rounds, block_seconds=block_seconds, on_round=on_round)
    for one in contenders:
        say(f"checking {one.name} again, warm")
        check(one)
    return costs


def _order(contenders: Sequence[Contender], number: int) -> Iterator[Contender]:
    start = number // 2 % len(contenders)
    rotated = [*contenders[start:], *contenders[:start]]
    return reversed(rotated) if number % 2 else iter(rotated)


def _time_block(contender: Contender, n: int) -> float:
    before = time.process_time()
    result = contender.block(n)
    spent = time.process_time() - before
    _compare(contender, n, contender.result(n), result)
    return spent


def _compare(contender: Contender, n: int, expected: object, actual: object) -> None:
    if actual != expected or type(actual) is not type(expected):
        raise ExecutionError(contender.name, n, expected, actual)
