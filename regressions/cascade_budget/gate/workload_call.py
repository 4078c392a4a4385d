"""One call of the fixture, and the ways to carry it out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, final

from cascade_budget.errors import UsageError
from cascade_budget.process.workload import Workload

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pytest

MIN_SIZES: Final = 4
_STEP: Final = 100
"""Four sizes tell a line and a parabola from chance, equal steps read well in a table, and at 100 a
start-up of a few dozen calls can't pass for a cost per transaction; smaller where n is."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadCall:
    """A workload, and what it is to be counted and timed at.

    Attributes:
        item: the test that made the call.
        key: the ledger's key.
        title: how the failure names it.
        ordinal: 1 for the first call in the test.
        function: performs n transactions; may be a coroutine function.
        n: transactions at which throughput is measured.
        sizes: transactions at which calls are counted, rising.
    """

    item: pytest.Item
    key: str
    title: str
    ordinal: int
    function: Callable[[int], Any]
    n: int
    sizes: tuple[int, ...]


class Driver(Protocol):
    """A way to carry out a call of the fixture."""

    def drive(self, call: WorkloadCall) -> Any:
        """Run the workload as often as this way asks for. Returns what one run of it returned."""


@final
class PlainDriver:
    """Without the gate: once, at the smallest size, so that a budgeted test is a cheap test.

    Args:
        timeout_seconds: the longest that the run may take; None for no limit.
    """

    def __init__(self, timeout_seconds: float | None) -> None:
        self._timeout_seconds = timeout_seconds

    def drive(self, call: WorkloadCall) -> Any:
        """What the workload returned for the smallest size."""
        __tracebackhide__ = True
        with Workload(call.function, timeout_seconds=self._timeout_seconds) as workload:
            return workload.run(call.sizes[0])


def check_n(n: Any) -> int:
    """The number of transactions. Raises UsageError unless it is a positive integer."""
    __tracebackhide__ = True
    if isinstance(n, int) and not isinstance(n, bool) and n > 0:
        return n
    raise UsageError(
        f"n is {n!r}",
        place="cascade_budget(workload, n=...)",
        remedy="It is a number of transactions, 1 or more",
    )


def check_sizes(sizes: Sequence[int] | None, n: int) -> tuple[int, ...]:
    """The sizes to count at, rising; equally spaced ones by default.

    Raises:
        UsageError: they are fewer than `MIN_SIZES` distinct positive integers.
    """
    __tracebackhide__ = True
    if sizes is None:
        step = max(1, min(_STEP, n // MIN_SIZES))
        return tuple(step * factor for factor in range(1, MIN_SIZES + 1))
    place = "cascade_budget(workload, n=..., sizes=...)"
    try:
        rising = tuple(sorted({check_n(size) for size in sizes}))
    except (TypeError, UsageError) as error:
        raise UsageError(
            f"sizes is {sizes!r}", place=place, remedy="It is a list of numbers of transactions"
        ) from error
    if len(rising) < MIN_SIZES:
        raise UsageError(
            f"sizes holds {len(rising)} different numbers of transactions, {rising}",
            place=place,
            remedy=f"Give {MIN_SIZES} or more: fewer can't tell a law from chance",
        )
    return rising
