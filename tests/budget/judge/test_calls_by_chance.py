"""What counts of the same code say about a budget that one of them breaks."""

from __future__ import annotations

import pytest

from cascade_budget.judge.calls import is_chance


@pytest.mark.parametrize(
    ("allowed", "seen", "chance"),
    [
        (66, [64, 67], True),
        (66, [66, 67], True),
        # As near to them as they are to each other: another run could have counted it.
        (65, [66, 67], True),
        (68, [66, 67], True),
        (64, [66, 67], False),
        (0, [400, 403], False),
        (900, [400, 403], False),
        # The same everywhere is no chance, however near.
        (66, [67, 67], False),
    ],
)
def test_a_budget_near_counts_that_differ_is_broken_by_chance(allowed, seen, chance):
    assert is_chance(allowed, seen) is chance
    assert is_chance(allowed, seen[::-1]) is chance
