"""The table: a row is something to run, the calls it makes, and where they can't be counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FROM_C = "calls made from C, as by map(f, ...) or sort(key=f), are reported by no Python"
NOT_ON_3_11 = "Python 3.11 reports no calls of a 'itemgetter' object"
UNREACHED = "threads that ran before counting began are not counted by Python 3.11"
EVERY = "every Python"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One row: what runs, the calls it makes by target, and where they can't be counted.

    With `beside_threads` the threads of `zoo.threads` run before the block begins.
    """

    title: str
    run: Callable[[], object]
    calls: Mapping[str, int]
    blind: str | None = None
    uncounted: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    beside_threads: bool = False


CASES: list[Case] = []


def case(
    title: str,
    *,
    blind: str | None = None,
    uncounted: Mapping[str, tuple[int, str]] | None = None,
    beside_threads: bool = False,
    **calls: int,
) -> Callable[[Callable[[], object]], Callable[[], object]]:
    """Add the decorated function as a row; keywords are qualnames here, with `__` for a dot."""

    def add(run: Callable[[], object]) -> Callable[[], object]:
        named = {
            f"{run.__module__}:{name.replace('__', '.')}": number for name, number in calls.items()
        }
        row(title, run, named, blind=blind, uncounted=uncounted, beside_threads=beside_threads)
        return run

    return add


def row(
    title: str,
    run: Callable[[], object],
    calls: Mapping[str, int],
    *,
    blind: str | None = None,
    uncounted: Mapping[str, tuple[int, str]] | None = None,
    beside_threads: bool = False,
) -> None:
    CASES.append(
        Case(
            title=title,
            run=run,
            calls=calls,
            blind=blind,
            uncounted=dict(uncounted or {}),
            beside_threads=beside_threads,
        )
    )


def starts(title: str, name: str, number: int) -> Callable[[Callable[[], object]], object]:
    """As `case`, for a qualname that is no identifier."""
    return lambda run: row(title, run, {f"{run.__module__}:{name}": number})
