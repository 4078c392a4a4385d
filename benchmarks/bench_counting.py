"""What counting calls costs: `python -m benchmarks.bench_counting`.

Each line is CPU time with counting on over CPU time with it off, of the same block of work. Blocks
of a few milliseconds are taken in pairs, on and off in an order that alternates (ABBA), and a line
is the median of its pairs' ratios: on a shared machine only blocks next to each other can be
compared. Every block checks its result, and every counted block its count.
"""

from __future__ import annotations

import argparse
import gc
import platform
import statistics
import sys
import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cascade_budget.counting import CallCounts, count_calls
from cascade_budget.counting.targets import resolve_target

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

HERE = __name__
BLOCK_SECONDS = 0.004
"""CPU time that an uncounted block is sized for."""


def step(x: int) -> int:
    """The smallest function there is, called once a turn: the worst case for counting."""
    return x + 1


def absent(x: int) -> int:
    """Named as a target and never called."""
    return x - 1


def call_heavy(n: int) -> int:
    """Call a body of one addition n times."""
    x = 0
    for _ in range(n):
        x = step(x)
    return x


def native_heavy(n: int) -> int:
    """Call a C function n times."""
    x = 0
    for _ in range(n):
        x += len("a")
    return x


def workaday(n: int) -> int:
    """Per turn some dictionary, string and list work, and one call."""
    x = 0
    record = {"total": 0}
    for turn in range(n):
        words = f"{turn} of {n}".split()
        record["total"] += sum(len(word) for word in words) - len("".join(words))
        x = step(x + record["total"])
    return x


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One comparison: a block, and how it is counted.

    Attributes:
        title: What the table calls it.
        block: Does n turns and returns n.
        targets: Names counted.
        watch: Patterns watched.
        attribute: Whether call sites are noted.
        counted: Calls a turn that the first target or pattern must show.
        per_call: Whether the difference is told by the call as well.
    """

    title: str
    block: Callable[[int], int]
    targets: tuple[str, ...] = ()
    watch: tuple[str, ...] = ()
    attribute: bool = False
    counted: int = 0
    per_call: bool = True


LINES = (
    Line(title="off against off", block=call_heavy, per_call=False),
    Line(
        title="target not called, call-heavy",
        block=call_heavy,
        targets=(f"{HERE}:absent",),
        per_call=False,
    ),
    Line(
        title="target not called, workaday",
        block=workaday,
        targets=(f"{HERE}:absent",),
        per_call=False,
    ),
    Line(
        title="pattern that covers nothing called, call-heavy",
        block=call_heavy,
        watch=("nothing.*",),
        per_call=False,
    ),
    Line(title="target called, workaday", block=workaday, targets=(f"{HERE}:step",), counted=1),
    Line(title="target called, call-heavy", block=call_heavy, targets=(f"{HERE}:step",), counted=1),
    Line(title="pattern, call-heavy", block=call_heavy, watch=(f"{HERE}:step*",), counted=1),
    Line(
        title="call sites, call-heavy",
        block=call_heavy,
        targets=(f"{HERE}:step",),
        attribute=True,
        counted=1,
    ),
    Line(title="C function called", block=native_heavy, targets=("builtins:len",), counted=1),
    Line(
        title="C function not called, call-heavy",
        block=call_heavy,
        targets=("builtins:divmod",),
        per_call=False,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a line was measured to cost.

    Attributes:
        ratio: Median of on over off.
        low: First quartile of the pairs' ratios.
        high: Third quartile.
        ns_per_call: Median of the difference over the counted calls, in nanoseconds.
    """

    ratio: float
    low: float
    high: float
    ns_per_call: float


def measure(line: Line, *, pairs: int) -> Cost:
    """Time one line.

    Raises:
        AssertionError: A block's result or count is wrong.
    """
    turns = sized(line.block)
    ratios: list[float] = []
    differences: list[float] = []
    for pair in range(pairs):
        cost = {on: block_ns(line, turns, on=on) for on in ((True, False), (False, True))[pair % 2]}
        ratios.append(cost[True] / cost[False])
        differences.append((cost[True] - cost[False]) / turns)
    low, ratio, high = statistics.quantiles(ratios, n=4)
    return Cost(ratio=ratio, low=low, high=high, ns_per_call=statistics.median(differences))


def sized(block: Callable[[int], int]) -> int:
    """Turns that take about `BLOCK_SECONDS` of CPU time."""
    turns = 100
    while True:
        start = time.thread_time_ns()
        block(turns)
        spent = (time.thread_time_ns() - start) / 1e9
        if spent >= BLOCK_SECONDS / 4:
            return max(1, round(turns * BLOCK_SECONDS / spent))
        turns *= 2


def block_ns(line: Line, turns: int, *, on: bool) -> int:
    """CPU time of one block in nanoseconds, without that of opening and closing."""
    counting: AbstractContextManager[CallCounts | None] = count_calls(
        [resolve_target(name) for name in line.targets],
        watch=line.watch,
        attribute=line.attribute,
    )
    if not on or not (line.targets or line.watch):
        # Opened all the same, so that both kinds of block find the caches in the same state.
        with counting:
            pass
        counting = nullcontext(None)
    with counting as counts:
        # What is patched at the first turn is patched outside the block that is timed.
        warm = line.block(1)
        start = time.thread_time_ns()
        result = line.block(turns)
        spent = time.thread_time_ns() - start
    expect(line, warm + result, turns + 1, counts)
    return spent


def expect(line: Line, result: int, turns: int, counts: CallCounts | None) -> None:
    """Check a block's result, and its count if it was counted."""
    if result != turns:
        raise AssertionError(f"{line.title}: {turns} turns gave {result}")
    if counts is None:
        return
    found = sum(counts.watched.values()) if line.watch else counts[line.targets[0]]
    if found != line.counted * turns:
        raise AssertionError(f"{line.title}: {turns} turns were counted as {found} calls")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pairs", type=int, default=200, help="pairs of blocks a line (200)")
    pairs = parser.parse_args(arguments).pairs
    with count_calls([]) as counts:
        backend = counts.backend
    print(f"Python {platform.python_version()}, {backend}, {pairs} pairs of blocks a line")
    print(f"{'':48} {'on/off':>7}  {'quartiles':>13}  {'ns a call':>9}")
    gc.collect()
    gc.disable()
    for line in LINES:
        cost = measure(line, pairs=pairs)
        a_call = f"{cost.ns_per_call:9.0f}" if line.per_call else ""
        row = f"{line.title:48} {cost.ratio:7.3f}  {cost.low:6.3f} {cost.high:6.3f}  {a_call}"
        print(row.rstrip())
        sys.stdout.flush()


if __name__ == "__main__":
    main()
