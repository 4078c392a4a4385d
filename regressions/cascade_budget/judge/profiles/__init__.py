"""Profiles as values: recorded stacks, self time a function, and what differs beyond chance.

A profile is several *sessions* of the same workload. Each session says how much self time a
transaction each function took; the spread between sessions is the uncertainty that a difference
has to exceed before it is shown.
"""

from __future__ import annotations

from cascade_budget.judge.profiles.finding import ChangedFunction, ProfileFinding
from cascade_budget.judge.profiles.values import (
    Clock,
    CodeFrame,
    FunctionDifference,
    FunctionKey,
    ProfileDifference,
    ProfileSession,
    function_times,
    key_of,
)

__all__ = [
    "ChangedFunction",
    "Clock",
    "CodeFrame",
    "FunctionDifference",
    "FunctionKey",
    "ProfileDifference",
    "ProfileFinding",
    "ProfileSession",
    "function_times",
    "key_of",
]
