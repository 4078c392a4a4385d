"""The workloads that the paired timer is proved with: run by path, as tests with the fixture.

Three of the engine, two that have nothing to do with it: one that allocates, one that waits for its
turn in an event loop. A transaction is some microseconds in each.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import cascade as cs
from benchmarks.measuring.records import TRANSACTIONS, sort_records
from benchmarks.workloads import HEAVY, SIMPLE, STABLE_CAPTURED

if TYPE_CHECKING:
    from cascade_budget.gate.fixture import CascadeBudget

ENGINE = cs.Engine()
"""One engine for all runs: starting one costs as much as a thousand bounces."""


async def run_simple(n: int) -> object:
    """Bounce between a body and the engine."""
    return await ENGINE.run(SIMPLE.target(n))


def test_simple(cascade_budget: CascadeBudget) -> None:
    """The cheapest bounce."""
    cascade_budget(run_simple, n=TRANSACTIONS)


async def run_stable(n: int) -> object:
    """Bounce with a chain that was built once."""
    return await ENGINE.run(STABLE_CAPTURED.target(n))


def test_stable(cascade_budget: CascadeBudget) -> None:
    """The bounce that a cache serves."""
    cascade_budget(run_stable, n=TRANSACTIONS)


async def run_heavy(n: int) -> object:
    """Bounce with a chain that is built each time."""
    return await ENGINE.run(HEAVY.target(n))


def test_heavy(cascade_budget: CascadeBudget) -> None:
    """The dearest bounce."""
    cascade_budget(run_heavy, n=TRANSACTIONS)


def test_allocating(cascade_budget: CascadeBudget) -> None:
    """Fill memory."""
    cascade_budget(sort_records, n=TRANSACTIONS)


async def pass_through_queue(n: int) -> int:
    """Send n numbers from one task to another and sum them there."""
    queue: asyncio.Queue[int] = asyncio.Queue(maxsize=8)

    async def produce() -> None:
        for number in range(n):
            await queue.put(number)

    async def consume() -> int:
        return sum([await queue.get() for _ in range(n)])

    _, total = await asyncio.gather(produce(), consume())
    return total


def test_async(cascade_budget: CascadeBudget) -> None:
    """Take turns in an event loop."""
    cascade_budget(pass_through_queue, n=TRANSACTIONS)
