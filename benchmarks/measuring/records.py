"""The workload that every tool is given: it allocates, and imports nearly nothing.

A file of its own so that each tool can be handed the same code without the engine.
"""

from __future__ import annotations

from typing import Any

TRANSACTIONS = 4_000


def name_of(record: dict[str, Any]) -> str:
    """What records are sorted by."""
    return str(record["name"])


def sort_records(n: int) -> int:
    """Make n records of nested containers and sort them by a key. Returns their number."""
    records: dict[int, dict[str, Any]] = {
        number: {"id": number, "name": f"n{number}", "tags": [str(number), "tag"]}
        for number in range(n)
    }
    return len(sorted(records.values(), key=name_of))
