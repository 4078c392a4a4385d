"""What can stand in the way of a paired measurement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cascade_budget.errors import BudgetError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cascade_budget.model.throughput import Side
    from cascade_budget.process.failures import Failure

_SIGNAL_EXIT = 128


class PairingError(BudgetError):
    """Base and head could not be timed side by side."""


class TooLittleTimeError(PairingError):
    """The time limit came before the rounds of a first verdict."""


class NothingUnderTestError(UsageError):
    """No code of the project was imported, so both sides would be the same."""


class SideFailedError(PairingError):
    """A side has no workload, or its workload raised.

    Args:
        failures: By side, "base" or "head".
        node: The test.

    Attributes:
        failures: As given.
        new_here: Whether base alone failed, for lack of a name that the test uses: then the test is
            new and there is nothing to compare with.
    """

    def __init__(self, failures: Mapping[Side, Failure], node: str) -> None:
        self.failures = dict(failures)
        self.new_here = set(failures) == {"base"} and failures["base"].missing
        side = next(iter(failures))
        if len(failures) > 1:
            fact = f"the workload fails in a fresh process on both sides: {failures['head']}"
            remedy = "Make the test pass when it runs alone"
        elif side == "base":
            fact = f"the workload raises on base and not on head: {failures['base']}"
            remedy = "There is nothing to compare with: name a base on which it runs"
        else:
            fact = f"the workload raises on head and not on base: {failures['head']}"
            remedy = "Mend it, or make it independent of the hash seed and of other tests"
        super().__init__(fact, place=node, remedy=remedy)


class KilledWorkerError(PairingError):
    """The process of a side ended in the middle of its work.

    Args:
        side: "base" or "head".
        node: The test.
        exit_code: Of the process, 128 and more for a signal; None where it is not known.
        printed: The last lines that it printed.
    """

    def __init__(self, side: str, node: str, *, exit_code: int | None, printed: str) -> None:
        self.side = side
        self.exit_code = exit_code
        self.printed = printed
        if exit_code is None or exit_code == 0:
            how = "died"
        elif exit_code > _SIGNAL_EXIT:
            how = f"was ended by signal {exit_code - _SIGNAL_EXIT}"
        else:
            how = f"ended with exit code {exit_code}"
        remedy = "Run the test alone to see why; a kill from outside is often a lack of memory"
        if printed:
            remedy += f". It printed:\n{printed}"
        super().__init__(f"the process of {side} {how}", place=node, remedy=remedy)


class HangingWorkloadError(PairingError):
    """A side did not answer in time.

    Args:
        side: "base" or "head".
        node: The test.
        seconds: How long it was waited for.
    """

    def __init__(self, side: str, node: str, seconds: float) -> None:
        self.side = side
        self.seconds = seconds
        super().__init__(
            f"the workload did not end within {seconds:g} seconds on {side}",
            place=node,
            remedy="Make it smaller, or raise cascade_budget_timeout in the ini file",
        )


class ObstructedTimingError(PairingError):
    """Something in the worker would distort every timing.

    Args:
        obstacle: What it is, as a clause.
        node: The test.
    """

    def __init__(self, obstacle: str, node: str) -> None:
        self.obstacle = obstacle
        super().__init__(
            f"throughput is not timed: {obstacle}",
            place=node,
            remedy="Run the gate with a base apart from coverage, tracers and debuggers",
        )
