"""What a way of hearing about calls must offer, and the errors of those that can't."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, final

from cascade_budget.errors import BudgetError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cascade_budget.counting.tallies import Body


@final
class CountingUnavailableError(BudgetError):
    """Calls can't be counted now: another tool holds what reports them.

    Attributes:
        holders: Names of the tools that hold it.
    """

    def __init__(self, fact: str, *, holders: tuple[str, ...], remedy: str) -> None:
        super().__init__(fact, place="counting calls", remedy=remedy)
        self.holders = holders


@final
class CountingLostError(BudgetError):
    """Counting ended before its block did, so the counts are too low to be used.

    Attributes:
        holder: Name of what took over, or None where nothing did.
    """

    def __init__(self, fact: str, *, holder: str | None, remedy: str) -> None:
        super().__init__(fact, place="counting calls", remedy=remedy)
        self.holder = holder


class Backend(Protocol):
    """A source of call events. One lock is held around every method."""

    name: str

    def claim(self) -> None:
        """Take hold of the source for the calling thread; harmless when held already.

        Raises:
            CountingUnavailableError: Another tool holds it.
        """

    def observe(
        self, bodies: Iterable[Body], *, everything: bool, natives: bool, attribute: bool
    ) -> None:
        """Report starts from now on.

        Args:
            bodies: Bodies to report, beside those observed before.
            everything: Whether to ask about every other function that starts, once.
            natives: Whether calls of C functions are wanted.
            attribute: Whether callers are wanted.
        """

    def check(self) -> None:
        """Raise if events may have been missed.

        Raises:
            CountingLostError: They may.
        """

    def release(self) -> None:
        """Give the source up and leave it as it was found."""

    def blind(self) -> str | None:
        """Why starts of any body may be missed, or None."""

    def blind_native(self, function: object) -> str:
        """Why calls of this C function may be missed."""


INLINED = "any(genexpr) and all(genexpr) are compiled without a call from Python 3.14 on"
CALLED_FROM_C = "calls made from C, as by map(f, ...) or sort(key=f), are reported by no Python"
