"""The loops that the engine is measured by: what a user would write, and what must come out.

Only public names of `cascade` are used and the file only ever grows, because today's suites run
against old revisions of the engine: a workload that changed its meaning would make its own history
worthless.

A body holds no counter. One increment costs some 40 ns, a tenth of a bounce of `simple_countdown`
or more, on the engine and on the hand-written limits alike, and would draw every ratio towards 1.
The number of times that a body runs is checked all the same, in a run of the same task objects on
the same warm engine that is not timed (`benchmarks.executions`): an engine can be fast by running a
body too seldom and still return the right result.
"""

from __future__ import annotations

from dataclasses import dataclass
from inspect import unwrap
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

import cascade as cs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CHAIN_LENGTH = 11
"""Noops in the chain that the complex countdowns carry."""


@cs.task
def noop(depth: int) -> int:
    """Return the depth of this link: one more than that of the link it depends on."""
    return depth + 1


def noop_chain() -> Any:
    """Build the lazy chain of `CHAIN_LENGTH` dependent noops; its value is `CHAIN_LENGTH`."""
    link = noop(0)
    for _ in range(CHAIN_LENGTH - 1):
        link = noop(link)
    return link


@cs.task
def simple_countdown(n: int) -> Any:
    """Tail-call itself `n` times."""
    if n == 0:
        return "done"
    return simple_countdown(n - 1)


@cs.task
def stable_received_countdown(n: int, depth: int, checksum: int) -> Any:
    """Pass the chain on as it was received, a value from the first bounce on: 11 noops in all."""
    checksum += depth
    if n == 0:
        return checksum
    return stable_received_countdown(n - 1, depth, checksum)


CAPTURED_CHAIN = noop_chain()
"""The chain that `stable_captured_countdown` passes again on every bounce, built once."""


@cs.task
def stable_captured_countdown(n: int, depth: int, checksum: int) -> Any:
    """Pass the captured chain again, a lazy on every bounce: 11 noops for each run of the root."""
    checksum += depth
    if n == 0:
        return checksum
    return stable_captured_countdown(n - 1, CAPTURED_CHAIN, checksum)


@cs.task
def heavy_complex_countdown(n: int, depth: int, checksum: int) -> Any:
    """Build a new chain of 11 noops on every bounce and pass it on: 11 noops a bounce."""
    checksum += depth
    if n == 0:
        return checksum
    return heavy_complex_countdown(n - 1, noop_chain(), checksum)


@cs.task
async def async_countdown(n: int) -> Any:
    """Tail-call itself `n` times from an async body that has nothing to wait for."""
    if n == 0:
        return "done"
    return async_countdown(n - 1)


@cs.task
def is_even(n: int) -> Any:
    """Tell by mutual recursion whether `n` is even: every bounce changes the task."""
    if n == 0:
        return True
    return is_odd(n - 1)


@cs.task
def is_odd(n: int) -> Any:
    """Tell by mutual recursion whether `n` is odd."""
    if n == 0:
        return False
    return is_even(n - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A loop of n bounces with all that a right engine makes of it.

    Attributes:
        name: What reports call it.
        target: The lazy call that makes n bounces.
        result: What n bounces return.
        bodies: The functions whose executions are checked, by name.
        executions: How often each of `bodies` runs in n bounces, by the same names.
        fresh_templates: Distinct structures in one run, hence graphs built and plans solved by an
            engine that has not seen the workload before.
    """

    name: str
    target: Callable[[int], Any]
    result: Callable[[int], object]
    bodies: Mapping[str, CodeType]
    executions: Callable[[int], Mapping[str, int]]
    fresh_templates: int


def _bodies(*tasks: Callable[..., Any]) -> dict[str, CodeType]:
    functions = [unwrap(task) for task in tasks]
    return {f.__name__: f.__code__ for f in functions if isinstance(f, FunctionType)}


SIMPLE = Workload(
    name="simple",
    target=simple_countdown,
    result=lambda _: "done",
    bodies=_bodies(simple_countdown),
    executions=lambda n: {"simple_countdown": n + 1},
    fresh_templates=1,
)
STABLE_RECEIVED = Workload(
    name="stable, received",
    target=lambda n: stable_received_countdown(n, noop_chain(), 0),
    result=lambda n: 11 * (n + 1),
    bodies=_bodies(stable_received_countdown, noop),
    executions=lambda n: {"stable_received_countdown": n + 1, "noop": 11},
    fresh_templates=2,
)
STABLE_CAPTURED = Workload(
    name="stable, captured",
    target=lambda n: stable_captured_countdown(n, CAPTURED_CHAIN, 0),
    result=lambda n: 11 * (n + 1),
    bodies=_bodies(stable_captured_countdown, noop),
    executions=lambda n: {"stable_captured_countdown": n + 1, "noop": 11 * (n + 1)},
    fresh_templates=1,
)
HEAVY = Workload(
    name="heavy",
    target=lambda n: heavy_complex_countdown(n, 0, 0),
    result=lambda n: 11 * n,
    bodies=_bodies(heavy_complex_countdown, noop),
    executions=lambda n: {"heavy_complex_countdown": n + 1, "noop": 11 * n},
    fresh_templates=2,
)
ASYNC = Workload(
    name="async bodies",
    target=async_countdown,
    result=lambda _: "done",
    bodies=_bodies(async_countdown),
    executions=lambda n: {"async_countdown": n + 1},
    fresh_templates=1,
)
MUTUAL = Workload(
    name="mutual recursion",
    target=is_even,
    result=lambda n: n % 2 == 0,
    bodies=_bodies(is_even, is_odd),
    executions=lambda n: {"is_even": n // 2 + 1, "is_odd": (n + 1) // 2},
    fresh_templates=2,
)

COUNTDOWNS = (SIMPLE, STABLE_RECEIVED, STABLE_CAPTURED, HEAVY)
"""The three countdowns, the stable one in both its variants."""

WORKLOADS = (*COUNTDOWNS, ASYNC, MUTUAL)
"""Every loop in this file."""
