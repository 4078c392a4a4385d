"""Hamilton: functions whose parameters name what they need, one execution a bounce."""

from __future__ import annotations

from typing import Any

from hamilton import ad_hoc_utils, driver
from hamilton.function_modifiers import parameterize, source

from benchmarks.peers.peer import CHAIN_LENGTH, Peer, heavy_loop, simple_loop, stable_loop


def countdown(n: int) -> int:
    """Return what is left after this bounce."""
    return n - 1


@parameterize(
    noop_1={"depth": source("start")},
    **{f"noop_{k}": {"depth": source(f"noop_{k - 1}")} for k in range(2, CHAIN_LENGTH + 1)},
)
def noop(depth: int) -> int:
    """Return the depth of this link."""
    return depth + 1


def total(checksum: int, noop_11: int) -> int:
    """Add the chain's depth to the checksum."""
    return checksum + noop_11


def _driver(*functions: Any, name: str) -> driver.Driver:
    module = ad_hoc_utils.create_temporary_module(*functions, module_name=name)
    return driver.Builder().with_modules(module).build()


SIMPLE = _driver(countdown, name="simple_countdown")
CHAINED = _driver(noop, total, name="chained_countdown")


def simple(n: int) -> Any:
    """Make n bounces of one function."""
    while n >= 0:
        n = SIMPLE.execute(["countdown"], inputs={"n": n})["countdown"]
    return "done"


def stable(n: int) -> Any:
    """Execute the chain and the sum n + 1 times."""
    checksum = 0
    for _ in range(n + 1):
        inputs = {"start": 0, "checksum": checksum}
        checksum = CHAINED.execute(["total"], inputs=inputs)["total"]
    return checksum


def heavy(n: int) -> Any:
    """Execute the sum once without the chain, then both n times."""
    first = {"start": 0, "checksum": 0}
    checksum = CHAINED.execute(["total"], inputs=first, overrides={"noop_11": 0})["total"]
    for _ in range(n):
        inputs = {"start": 0, "checksum": checksum}
        checksum = CHAINED.execute(["total"], inputs=inputs)["total"]
    return checksum


PEER = Peer(
    name="hamilton",
    distribution="apache-hamilton",
    simple=simple_loop(simple, countdown.__code__),
    stable=stable_loop(stable, total.__code__, noop.__code__),
    heavy=heavy_loop(heavy, total.__code__, noop.__code__, declared=True),
)
