"""Every way to start a function's body that differs to the interpreter, as a table.

Each case runs something and says how many calls that makes, which holds on every Python. Where a
Python can't count them all, `uncounted` says what it counts instead and why, in the words of
`CallCounts.blind`.
"""

from __future__ import annotations

from tests.budget.counting.zoo import classes, functions, layers, natives, suspending, threads
from tests.budget.counting.zoo.suspending import suspend
from tests.budget.counting.zoo.table import CASES, EVERY, FROM_C, Case
from tests.budget.counting.zoo.threads import Crew, crews, pools

__all__ = [
    "CASES",
    "EVERY",
    "FROM_C",
    "Case",
    "Crew",
    "classes",
    "crews",
    "functions",
    "layers",
    "natives",
    "pools",
    "suspend",
    "suspending",
    "threads",
]
