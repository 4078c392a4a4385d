"""Profiles by sampling, in a pass of their own: nothing here takes part in a verdict."""

from __future__ import annotations

from cascade_budget.profiling.passes import choose_clock, profile_workload
from cascade_budget.profiling.recording import ProfileUnavailableError, record_block, record_session
from cascade_budget.profiling.sampling_clocks import SamplingClock, wall_clock
from cascade_budget.profiling.stacks import RawFrame
from cascade_budget.profiling.transfer import session_from_json, session_to_json

__all__ = [
    "ProfileUnavailableError",
    "RawFrame",
    "SamplingClock",
    "choose_clock",
    "profile_workload",
    "record_block",
    "record_session",
    "session_from_json",
    "session_to_json",
    "wall_clock",
]
