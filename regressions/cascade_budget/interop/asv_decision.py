"""What `asv compare` and `asv continuous` would say, by asv's own code."""

from __future__ import annotations

import enum
import importlib
import math
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from cascade_budget.model.benchmarks import Measured

__all__ = ["FACTOR", "Decision", "asv_rule", "decide"]

FACTOR: Final = 1.1
"""asv's own."""


class Decision(enum.StrEnum):
    """asv's answer, in words for the marks of its table."""

    WORSE = "worse"
    BETTER = "better"
    SAME = "same"
    NOW_FAILS = "fails"
    NOW_WORKS = "works"
    NOT_COMPARABLE = "differs"
    NOTHING = "n/a"

    @property
    def worsened(self) -> bool:
        """Whether it makes `asv continuous` exit with 1."""
        return self in (Decision.WORSE, Decision.NOW_FAILS)


def asv_rule() -> Callable[..., bool] | None:
    """The rule by which asv compares; None where asv is not installed or has it no more."""
    try:
        compare: Any = importlib.import_module("asv.commands.compare")
    except ImportError:
        return None
    return getattr(compare, "_is_result_better", None)


def decide(
    rule: Callable[..., bool],
    base: Measured | None,
    head: Measured | None,
    *,
    factor: float = FACTOR,
) -> Decision:
    """What asv would say of two results.

    Args:
        rule: From `asv_rule`.
        base: None where base has no result; asv takes that for a skipped benchmark.
        head: The same for head.
        factor: Change that asv lets pass.

    Source: asv 0.6, commands/compare.py, `Compare.print_table`.
    """
    before = math.nan if base is None else base.value
    after = math.nan if head is None else head.value
    versions = (base and base.version, head and head.version)
    if all(versions) and versions[0] != versions[1]:
        return Decision.NOT_COMPARABLE
    if after is None:
        return Decision.NOTHING if before is None else Decision.NOW_FAILS
    if before is None:
        return Decision.NOW_WORKS
    if math.isnan(before) or math.isnan(after):
        return Decision.NOTHING
    one, other = _side(base), _side(head)
    if rule(after, before, other, one, factor):
        return Decision.BETTER
    if rule(before, after, one, other, factor):
        return Decision.WORSE
    return Decision.SAME


def _side(measured: Measured | None) -> tuple[dict[str, float] | None, list[float] | None]:
    """Statistics and samples as asv holds them."""
    if measured is None or measured.statistics is None:
        return None, None
    kept = measured.statistics
    return (
        {
            "ci_99_a": kept.lower,
            "ci_99_b": kept.upper,
            "repeat": kept.repeat,
            "number": kept.number,
        },
        list(measured.samples) or None,
    )
