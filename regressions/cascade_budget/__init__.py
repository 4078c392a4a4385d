"""Call budgets and throughput for pytest: `pytest --cascade-budget`.

A test states how often named functions may be called, as a formula in the number of transactions;
the gate counts exactly and fails the build when a formula changes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cascade_budget.errors import (
        BudgetError,
        ColdRunError,
        LawSyntaxError,
        LedgerError,
        UsageError,
        WorkloadError,
        WorkloadThreadsError,
        WorkloadTimeoutError,
    )
    from cascade_budget.gate.fixture import (
        CascadeBudget,
        count,
    )

__all__ = [
    "BudgetError",
    "CascadeBudget",
    "ColdRunError",
    "LawSyntaxError",
    "LedgerError",
    "UsageError",
    "WorkloadError",
    "WorkloadThreadsError",
    "WorkloadTimeoutError",
    "count",
]

_IN_FIXTURE = frozenset({"CascadeBudget", "count"})


def __getattr__(name: str) -> Any:
    """Import what is asked for: every pytest run imports this package, few count calls."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    room = "gate.fixture" if name in _IN_FIXTURE else "errors"
    return getattr(import_module(f"{__name__}.{room}"), name)
