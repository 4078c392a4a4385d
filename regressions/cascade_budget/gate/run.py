"""What a run of pytest with the gate consists of, by the part that this process plays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, final

from cascade_budget.extras import require_throughput
from cascade_budget.gate.roll import Roll
from cascade_budget.gate.session import Gate
from cascade_budget.gate.workload_call import Driver
from cascade_budget.process.probe import ProbeOrder
from cascade_budget.process.prober import Prober
from cascade_budget.report.progress import Progress

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Any

    import pytest

    from cascade_budget.gate.throughput import Gauge
    from cascade_budget.settings import Settings


class Conductor(Driver, Protocol):
    """Takes part in the running of tests."""

    def prepare(self, item: pytest.Item) -> None:
        """Read what a collected test owes. Raises UsageError where its marker is wrong."""

    def counts(self, item: pytest.Item) -> bool:
        """Whether a collected test owes anything."""

    def rehearse(self, item: pytest.Item) -> None:
        """Run a test before its turn, where that is called for."""

    def around_body(self, item: pytest.Item) -> AbstractContextManager[None]:
        """Surround the body of a test."""

    def conclude(self, item: pytest.Item) -> None:
        """Fail a test whose body has passed, where that is called for."""

    def facts(self, item: pytest.Item) -> list[dict[str, Any]]:
        """What was found of a test, in JSON's types."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The parts of a run.

    Attributes:
        settings: what it asks for.
        conductor: counts and judges; the same in a worker as in an ordinary run.
        roll: collects; None in a worker of xdist and in a probe.
    """

    settings: Settings
    conductor: Conductor
    roll: Roll | None


def start_run(config: pytest.Config, settings: Settings) -> Run:
    """The run of this process.

    Raises:
        LedgerFormatError: the ledger can't be read.
        MissingExtraError: there is a base, and scipy is not installed.
        UsageError: the base is no revision, or cannot be installed.
    """
    order = ProbeOrder.take()
    if order is not None:
        return Run(settings=settings, conductor=Prober(order, settings), roll=None)
    gauge: Gauge | None = None
    if settings.base is not None:
        require_throughput("--cascade-budget-base")
        from cascade_budget.gate.paired import PairedGauge  # noqa: PLC0415 - only a base needs it

        gauge = PairedGauge(config, settings, Progress(config))
    is_worker = hasattr(config, "workerinput")
    return Run(
        settings=settings,
        conductor=Gate(config, settings, gauge),
        roll=None if is_worker else Roll(config, settings),
    )
