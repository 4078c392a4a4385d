"""Two sets of counts of the same tests: what grew, what brought it about, what is only moved."""

from __future__ import annotations

from cascade_budget.judge.growth.causes import (
    Cause,
    Edit,
    Evidence,
    SiteGrowth,
    find_causes,
    nearest_edits,
)
from cascade_budget.judge.growth.compare import (
    Change,
    Comparison,
    Growth,
    Move,
    Presence,
    compare,
    differing,
)
from cascade_budget.judge.growth.definitions import Definition, defines, definitions, renamed
from cascade_budget.judge.growth.instability import Diagnosis, Influence, diagnose
from cascade_budget.judge.growth.lines import align

__all__ = [
    "Cause",
    "Change",
    "Comparison",
    "Definition",
    "Diagnosis",
    "Edit",
    "Evidence",
    "Growth",
    "Influence",
    "Move",
    "Presence",
    "SiteGrowth",
    "align",
    "compare",
    "defines",
    "definitions",
    "diagnose",
    "differing",
    "find_causes",
    "nearest_edits",
    "renamed",
]
