"""A whole run of the gate: the root of what every report shows.

In JSON it is the versioned interface for other tools; the schema is
`cascade_budget/report/report-1.schema.json`. Adding a field keeps the version, changing or removing
one raises it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

from cascade_budget.model.findings import WorkloadFinding


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SessionInfo:
    """What ran, and on what.

    Attributes:
        started: ISO 8601, with the offset.
        base: the base as it was asked for; None for a run without one.
        base_revision: its abbreviated commit; None where it is no commit.
        head_revision: the checkout's abbreviated commit; None outside a checkout.
        ledger: the ledger's path, relative to the project's root.
    """

    tool_version: str
    python: str
    implementation: str
    platform: str
    started: str
    base: str | None = None
    base_revision: str | None = None
    head_revision: str | None = None
    ledger: str = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPoint:
    """A stored result: the commit, its date (ISO 8601) and the value in the benchmark's unit."""

    revision: str
    date: str
    value: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """The stored results of one asv benchmark, oldest first. Less is better in every unit."""

    benchmark: str
    parameters: str
    unit: str
    points: tuple[HistoryPoint, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A run of the gate."""

    DERIVED: ClassVar = ("passed", "totals")

    session: SessionInfo
    tests: tuple[WorkloadFinding, ...]
    history: tuple[HistoryEntry, ...] = ()

    @property
    def failed(self) -> tuple[WorkloadFinding, ...]:
        """The tests that broke a budget."""
        return tuple(test for test in self.tests if test.fails)

    @property
    def passed(self) -> bool:
        """Whether none did."""
        return not self.failed

    @property
    def totals(self) -> Mapping[str, int]:
        """How many tests have each verdict, most frequent first."""
        return dict(Counter(test.verdict.value for test in self.tests).most_common())
