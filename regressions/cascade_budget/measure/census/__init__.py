"""The calls of a project's own functions in each test of a run of its suite, in a process apart."""

from __future__ import annotations

from cascade_budget.measure.census.record import PASSED, Census, TestRecord
from cascade_budget.measure.census.running import (
    CensusError,
    CensusRequest,
    NoTestsError,
    take_census,
)
from cascade_budget.measure.census.store import CensusStore, census_key

__all__ = [
    "PASSED",
    "Census",
    "CensusError",
    "CensusRequest",
    "CensusStore",
    "NoTestsError",
    "TestRecord",
    "census_key",
    "take_census",
]
