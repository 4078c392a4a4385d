"""The ledger: `cascade-budget.toml`, committed, one line a number."""

from __future__ import annotations

from cascade_budget.ledger.entry import Entry, Ledger
from cascade_budget.ledger.reading import read_ledger
from cascade_budget.ledger.rendering import render_ledger
from cascade_budget.ledger.writing import LedgerChange, update_ledger

__all__ = [
    "Entry",
    "Ledger",
    "LedgerChange",
    "read_ledger",
    "render_ledger",
    "update_ledger",
]
