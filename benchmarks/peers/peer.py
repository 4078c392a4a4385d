"""What a peer brings to the comparison: the loops of `benchmarks.workloads` in its own idiom.

Each is written as the library's documentation would have it, with everything that is not the loop
made once and kept: graphs compiled, drivers built, applications reset. Where a library can make
steps at run time, the heavy loop makes its chain of 11 on every bounce as a user would; where its
graphs are declared beforehand, the chain is declared too and nothing is built on a bounce, which is
marked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import CodeType

CHAIN_LENGTH = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """A peer's form of one workload.

    Attributes:
        run: Makes n bounces and returns their result, or a coroutine that does.
        bodies: The user's functions whose executions are checked, by name.
        executions: How often each of `bodies` runs in n bounces, by the same names.
        result: What n bounces return.
        declared: Whether a heavy loop's chain is declared once instead of built on every bounce.
    """

    run: Callable[[int], Any]
    bodies: Mapping[str, CodeType]
    executions: Callable[[int], Mapping[str, int]]
    result: Callable[[int], object]
    declared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A library that a user would pick instead.

    Attributes:
        name: What the report calls it.
        distribution: What its version is looked up by; None for the standard library.
        simple: One step that comes back to itself n times.
        stable: The same with a chain of 11 steps, made once, before each bounce.
        heavy: The same with a chain that each bounce makes anew.
    """

    name: str
    distribution: str | None
    simple: Loop
    stable: Loop
    heavy: Loop


def simple_loop(run: Callable[[int], Any], body: CodeType) -> Loop:
    """Return the loop of one step: "done" after n + 1 executions."""
    return Loop(
        run=run,
        bodies={"countdown": body},
        executions=lambda n: {"countdown": n + 1},
        result=lambda _: "done",
    )


def stable_loop(run: Callable[[int], Any], body: CodeType, noop: CodeType) -> Loop:
    """Return the loop whose every execution of the step comes after 11 noops."""
    return Loop(
        run=run,
        bodies={"countdown": body, "noop": noop},
        executions=lambda n: {"countdown": n + 1, "noop": CHAIN_LENGTH * (n + 1)},
        result=lambda n: CHAIN_LENGTH * (n + 1),
    )


def heavy_loop(
    run: Callable[[int], Any], body: CodeType, noop: CodeType, *, declared: bool = False
) -> Loop:
    """Return the loop whose every bounce makes 11 noops: none before the first execution."""
    return Loop(
        run=run,
        bodies={"countdown": body, "noop": noop},
        executions=lambda n: {"countdown": n + 1, "noop": CHAIN_LENGTH * n},
        result=lambda n: CHAIN_LENGTH * n,
        declared=declared,
    )
