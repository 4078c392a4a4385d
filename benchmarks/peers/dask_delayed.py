"""dask: delayed calls on the synchronous scheduler, the driver going on with what comes back."""

from __future__ import annotations

from typing import Any

import dask
from dask.delayed import Delayed

from benchmarks.peers.peer import CHAIN_LENGTH, Peer, heavy_loop, simple_loop, stable_loop


def run(target: Any) -> Any:
    """Compute until what comes back is no delayed call."""
    while isinstance(target, Delayed):
        target = target.compute(scheduler="synchronous", optimize_graph=False)
    return target


def countdown(n: int) -> Any:
    """Go on with one less."""
    return "done" if n == 0 else lazy_countdown(n - 1)


def noop(depth: int) -> int:
    """Return the depth of this link."""
    return depth + 1


def stable_countdown(n: int, depth: int, checksum: int) -> Any:
    """Go on with the chain that was made once."""
    checksum += depth
    return checksum if n == 0 else lazy_stable(n - 1, CAPTURED, checksum)


def heavy_countdown(n: int, depth: int, checksum: int) -> Any:
    """Go on with a new chain."""
    checksum += depth
    return checksum if n == 0 else lazy_heavy(n - 1, chain(), checksum)


lazy_countdown = dask.delayed(countdown, traverse=False)
lazy_noop = dask.delayed(noop, traverse=False)
lazy_stable = dask.delayed(stable_countdown, traverse=False)
lazy_heavy = dask.delayed(heavy_countdown, traverse=False)


def chain() -> Any:
    """Return a chain of 11 dependent delayed calls."""
    link = lazy_noop(0)
    for _ in range(CHAIN_LENGTH - 1):
        link = lazy_noop(link)
    return link


CAPTURED = chain()

PEER = Peer(
    name="dask",
    distribution="dask",
    simple=simple_loop(lambda n: run(lazy_countdown(n)), countdown.__code__),
    stable=stable_loop(
        lambda n: run(lazy_stable(n, CAPTURED, 0)), stable_countdown.__code__, noop.__code__
    ),
    heavy=heavy_loop(lambda n: run(lazy_heavy(n, 0, 0)), heavy_countdown.__code__, noop.__code__),
)
