"""What a test uses: the `cascade_budget` fixture, its calls, and `count` for one block."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, TypeVar, final, overload

from cascade_budget.counting import count_calls
from cascade_budget.counting.targets import resolve_target
from cascade_budget.counting.watch import refuse_unmatched
from cascade_budget.errors import UsageError
from cascade_budget.process.workload import Workload, WorkloadCall, quiet_collection

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    import pytest

    from cascade_budget.counting import CallCounts

MIN_SIZES: Final = 4
_STEP: Final = 100
"""Four sizes tell a line and a parabola from chance, equal steps read well in a table, and at 100 a
start-up of a few dozen calls can't pass for a cost per transaction; smaller where n is."""


def run_once(call: WorkloadCall, *, timeout_seconds: float | None) -> Any:
    """What a workload returns for the smallest size: without the gate a budgeted test is cheap.

    Args:
        call: of the fixture.
        timeout_seconds: the longest that the run may take; None for no limit.
    """
    __tracebackhide__ = True
    with Workload(call.function, timeout_seconds=timeout_seconds) as workload:
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


T = TypeVar("T")


@contextlib.contextmanager
def count(
    *targets: str, watch: Sequence[str] = (), attribute: bool = False
) -> Iterator[CallCounts]:
    """Count the calls that a block makes, under the gate or not.

    Args:
        *targets: functions as `module:qualname`.
        watch: patterns of more functions, such as `package.module.*`; their calls are in
            `calls.watched`.
        attribute: whether to note the lines that call, in `calls.sites`.

    Yields:
        Calls by target. They are complete when the block has been left.

    Raises:
        TargetError: a target can't be found or counted.
        WatchPatternError: a pattern is malformed, or matches nothing.
        CountingUnavailableError: another tool holds what reports calls.
    """
    resolved = [resolve_target(name) for name in targets]
    counting = count_calls(resolved, watch=watch, attribute=attribute)
    with quiet_collection(), counting as calls:
        yield calls
    refuse_unmatched(watch, calls.watched)


@final
class CascadeBudget:
    """The fixture's value: call it with a workload.

    Args:
        item: the test that uses it.
        run: carries a call out, once without the gate, many times under it, and returns what one
            run of the workload returned.
    """

    def __init__(self, item: pytest.Item, run: Callable[[WorkloadCall], Any]) -> None:
        self._item = item
        self._run = run
        self._keys: list[str] = []

    @overload
    def __call__(
        self,
        workload: Callable[[int], Awaitable[T]],
        *,
        n: int,
        sizes: Sequence[int] | None = None,
        name: str | None = None,
    ) -> T: ...

    @overload
    def __call__(
        self,
        workload: Callable[[int], T],
        *,
        n: int,
        sizes: Sequence[int] | None = None,
        name: str | None = None,
    ) -> T: ...

    def __call__(
        self,
        workload: Callable[[int], Any],
        *,
        n: int,
        sizes: Sequence[int] | None = None,
        name: str | None = None,
    ) -> Any:
        """Hold a workload to the budgets of this test.

        Without the gate it runs once, at the smallest size. Under it, it runs at every size, warm,
        and twice more with its calls counted, then at n with its CPU time measured; a broken budget
        fails the test when its body has passed.

        Args:
            workload: performs n transactions; may be a coroutine function. What it returns must not
                depend on n.
            n: transactions at which throughput is measured.
            sizes: transactions at which calls are counted, four or more; 100, 200, 300 and 400 by
                default, or less where n is.
            name: tells several calls in one test apart; by default they are numbered.

        Returns:
            What the workload returned, awaited.

        Raises:
            UsageError: an argument is wrong, or a coroutine workload is run from an async test.
            WorkloadTimeoutError: a run took longer than `cascade_budget_timeout`.
            WorkloadThreadsError: each run left threads behind.
            ColdRunError: a fresh process did not report.
        """
        __tracebackhide__ = True
        if not callable(workload):
            raise UsageError(
                f"the workload is {workload!r}",
                place="cascade_budget(workload, n=...)",
                remedy="It is a function of n that performs n transactions",
            )
        transactions = check_n(n)
        suffix = self._suffix(name)
        call = WorkloadCall(
            item=self._item,
            key=f"{self._item.nodeid}{suffix}",
            title=f"{self._item.name}{suffix}",
            ordinal=len(self._keys),
            function=workload,
            n=transactions,
            sizes=check_sizes(sizes, transactions),
        )
        return self._run(call)

    def count(
        self, *targets: str, watch: Sequence[str] = (), attribute: bool = False
    ) -> AbstractContextManager[CallCounts]:
        """Count the calls of one block; see `cascade_budget.count`."""
        return count(*targets, watch=watch, attribute=attribute)

    def _suffix(self, name: str | None) -> str:
        """What tells this call from the others of the test; empty for the first without a name."""
        __tracebackhide__ = True
        if name is not None and (not name or name != name.strip() or not name.isprintable()):
            raise UsageError(
                f"name is {name!r}",
                place="cascade_budget(workload, n=..., name=...)",
                remedy="It is a word or two that tell this call from the others",
            )
        ordinal = len(self._keys) + 1
        given = name or (str(ordinal) if ordinal > 1 else "")
        if given in self._keys:
            raise UsageError(
                f"the test calls cascade_budget twice with name={given!r}",
                place=self._item.nodeid,
                remedy="Give each call a name of its own",
            )
        self._keys.append(given)
        return f" ({given})" if given else ""
