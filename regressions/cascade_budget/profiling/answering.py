"""What a worker answers when it is asked for a session of a profile."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cascade_budget.model.codec import to_json
from cascade_budget.profiling.passes import SessionPlan, plan_sessions, record_planned
from cascade_budget.profiling.recording import CLOCKS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cascade_budget.process.workload import Workload

SESSION_NS: Final = 30_000_000
"""Plain time of a session, in ns. The spread between sessions is what a difference is held against,
so many short ones tell more than a few long ones of the same length in all."""


def answer_profile(
    workload: Workload,
    n: int,
    *,
    own_roots: Sequence[str],
    packages: Sequence[str],
    plan: Mapping[str, Any],
) -> dict[str, Any]:
    """Record one session.

    Args:
        workload: The side's, warm or not.
        n: Transactions of which a session has a multiple.
        own_roots: Folders of the side's code.
        packages: Import names whose folders hold code under test too, wherever they are installed.
        plan: As an earlier answer gave it, so that all sessions are alike; empty for none yet. With
            `warm`, the side has run the workload in this process already.

    Returns:
        `plan` and `session`, in JSON's types.
    """

    def call(function: Callable[[int], Any], size: int) -> object:
        return workload.variant(function).run(size)

    if plan:
        made = SessionPlan(n=plan["n"], clock=CLOCKS[plan["clock"]])
        if not plan.get("warm"):
            workload.run(made.n)
    else:
        made = plan_sessions(workload.function, n, call=call, session_ns=SESSION_NS)
    roots = [Path(root) for root in own_roots] + [
        folder for package in packages for folder in _folders(package)
    ]
    session = record_planned(workload.function, made, own_roots=roots, call=call)
    return {
        "plan": {"n": made.n, "clock": made.clock.name},
        "session": to_json(session),
    }


def _folders(package: str) -> list[Path]:
    return [Path(folder) for folder in getattr(sys.modules.get(package), "__path__", ())]
