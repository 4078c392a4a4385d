"""Sessions as JSON values, to pass them from a worker's process to its parent."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from cascade_budget.model.profiles import (
    CodeFrame,
    ProfileSession,
)


def session_to_json(session: ProfileSession) -> dict[str, Any]:
    """A value that `json.dumps` takes and `session_from_json` reads back."""
    return {
        "frames": [asdict(frame) for frame in session.frames],
        "stacks": [[list(stack), self_ns] for stack, self_ns in session.stacks.items()],
        "transactions": session.transactions,
        "sample_ns": session.sample_ns,
        "plain_ns_per_transaction": session.plain_ns_per_transaction,
        "clock": session.clock,
    }


def session_from_json(value: dict[str, Any]) -> ProfileSession:
    """The session that `session_to_json` wrote.

    Raises:
        KeyError: When a field is missing.
        TypeError: When a field is of another kind.
    """
    return ProfileSession(
        frames=tuple(CodeFrame(**frame) for frame in value["frames"]),
        stacks={tuple(stack): self_ns for stack, self_ns in value["stacks"]},
        transactions=value["transactions"],
        sample_ns=value["sample_ns"],
        plain_ns_per_transaction=value["plain_ns_per_transaction"],
        clock=value["clock"],
    )
