"""How much work one chunk holds: found by trying, in the first round."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from cascade_budget.model.throughput import SIDES, Chunking

if TYPE_CHECKING:
    from cascade_budget.timing.clocks import Cost
    from cascade_budget.timing.pairs import Pair

TARGET_NS: Final = 1_000_000
"""A shared machine changes its pace within milliseconds; pairs of chunks shorter than that see the
same pace. Much shorter ones would time the clock and the wake-up of the process."""

ROUND_NS: Final = 320_000_000
"""Work timed in a round, both sides together: beyond it the spread between processes, which no
longer round can lower, is what remains."""

_LONGEST_CHECK_NS: Final = 250_000_000
_MOST_QUADS: Final = 80
_FEWEST_QUADS: Final = 6
_CLOSE: Final = 0.1
_GROWTH: Final = 4
_THREADED: Final = 1.1
_WAITING: Final = 0.7


def find_chunking(pair: Pair, n: int) -> Chunking:
    """Find a chunk of about `TARGET_NS` in which a transaction costs what it costs at n.

    A run of n transactions is taken whole when it is short (several times over when it is very
    short). A long one is cut down to the smallest size at which a transaction costs within a tenth
    of what it costs at n, so that a fixed part, or a cost that grows with n, keeps its weight.

    Args:
        pair: Both sides; each is warm afterwards.
        n: Transactions that the test wants measured.
    """
    seen: list[Cost] = []

    def length(size: int) -> float:
        """Nanoseconds of a run, the shorter of two after one to warm up, the slower side's."""
        longest = 0.0
        for side in SIDES:
            pair.run(side, size)
            costs = [pair.run(side, size) for _ in range(2)]
            seen.extend(costs)
            longest = max(longest, min(max(c.process_ns, c.busy_wall_ns) for c in costs))
        return longest

    # Once up to n, or as far as time allows, to learn what a transaction costs there.
    size = 1
    taken = length(size)
    while size < n and taken < _LONGEST_CHECK_NS / _GROWTH:
        size = min(n, size * _GROWTH)
        taken = length(size)
    largest, cost = size, taken / size
    size = min(largest, max(1, int(TARGET_NS / cost)))
    if size < largest:
        taken = length(size)
        while size < largest and abs(taken / size / cost - 1) > _CLOSE:
            size = min(largest, size * 2)
            taken = length(size)
    repeat = math.ceil(TARGET_NS / taken) if taken < 0.7 * TARGET_NS else 1
    # Single short runs tell nothing of waiting and threads; the longest ones do.
    longest = sorted(seen, key=lambda cost: cost.wall_ns)[-4:]
    cpu = sum(cost.process_ns for cost in longest)
    return Chunking(
        n=size,
        repeat=repeat,
        quads=min(_MOST_QUADS, max(_FEWEST_QUADS, int(ROUND_NS / (4 * taken * repeat)))),
        threaded=cpu > _THREADED * sum(cost.thread_ns for cost in longest),
        waits=cpu < _WAITING * sum(cost.busy_wall_ns for cost in longest),
    )
