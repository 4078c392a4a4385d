"""Planted regressions: mistakes that engines of this kind have made, a few lines each.

`python -m tests.mutants` lists them; `pytest -p tests.mutants.plant --plant SLUG ...` runs tests with one.
"""

from __future__ import annotations

from .mutant import Check, Gate, Mutant, Timed, UnknownMutantError
from .registry import MUTANTS, find_mutant

__all__ = ["MUTANTS", "Check", "Gate", "Mutant", "Timed", "UnknownMutantError", "find_mutant"]
