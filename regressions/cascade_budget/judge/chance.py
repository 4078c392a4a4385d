"""Whether a count that breaks its budget does so by chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["is_chance"]


def is_chance(allowed: int, seen: Sequence[int]) -> bool:
    """Whether a budget lies among counts of the same code, or within their spread of them.

    A function called 400, 401 or 403 times, as the hash seed wants, is over a budget of 0 all the
    same. With a budget of 399 nobody can say.

    Args:
        allowed: calls that the budget allows.
        seen: calls in runs of the same code that differ by chance alone; at least two.
    """
    least, most = min(seen), max(seen)
    spread = most - least
    return spread > 0 and least - spread <= allowed <= most + spread
