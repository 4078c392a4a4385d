"""Call budgets and throughput for pytest: `pytest --cascade-budget`.

A test states how often named functions may be called, as a formula in the number of transactions;
the gate counts exactly and fails the build when a formula changes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from cascade_budget.counting.result import CallCounts
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
    from cascade_budget.gate.fixture import CascadeBudget, count

    __version__: str

__all__ = [
    "BudgetError",
    "CallCounts",
    "CascadeBudget",
    "ColdRunError",
    "LawSyntaxError",
    "LedgerError",
    "UsageError",
    "WorkloadError",
    "WorkloadThreadsError",
    "WorkloadTimeoutError",
    "__version__",
    "count",
]

_DISTRIBUTION: Final = "pytest-cascade-budget"
_ROOMS: Final = {
    "CallCounts": "counting.result",
    "CascadeBudget": "gate.fixture",
    "count": "gate.fixture",
}
"""Where a name is that isn't an error."""


def __getattr__(name: str) -> Any:
    """Import what is asked for: every pytest run imports this package, few count calls."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "__version__":
        return import_module("importlib.metadata").version(_DISTRIBUTION)
    return getattr(import_module(f"{__name__}.{_ROOMS.get(name, 'errors')}"), name)
