"""How much slower or faster: one noun and one direction, in percent until twofold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade_budget.model.throughput import Interval, slowdown_text, slowdowns_text


@pytest.mark.parametrize(
    ("slowdown", "text"),
    [
        (0.314, "31.4 % slower"),
        (0.0, "0.0 % slower"),
        (-0.0004, "0.0 % slower"),
        (-0.12, "12.0 % faster"),
        (0.999, "99.9 % slower"),
        (1.0, "2.0x slower"),
        (19.0, "20.0x slower"),
        (-0.5, "2.0x faster"),
        (-0.955, "22.2x faster"),
        (-1.0, "100.0 % faster"),
    ],
)
def test_a_slowdown_is_told_in_percent_until_twofold(slowdown, text):
    assert slowdown_text(slowdown) == text


def test_a_wide_limit_needs_no_digits():
    assert [slowdown_text(limit, digits=0) for limit in (0.25, 2.0)] == [
        "25 % slower",
        "3.0x slower",
    ]


@pytest.mark.parametrize(
    ("lower", "upper", "text"),
    [
        (0.309, 0.32, "between 30.9 and 32.0 % slower"),
        (-0.12, -0.1, "between 10.0 and 12.0 % faster"),
        (-0.004, 0.012, "between 0.4 % faster and 1.2 % slower"),
        (0.9, 1.1, "between 90.0 % slower and 2.1x slower"),
        (19.0, 20.5, "between 20.0 and 21.5x slower"),
        (-0.8, -0.75, "between 4.0 and 5.0x faster"),
    ],
)
def test_bounds_share_their_unit_where_they_have_the_same(lower, upper, text):
    assert slowdowns_text(Interval(lower=lower, upper=upper)) == text


@given(st.floats(-0.99, 1e6))
def test_no_slowdown_is_told_in_the_wrong_direction(slowdown):
    told = slowdown_text(slowdown)
    assert told.endswith(" slower" if slowdown > 0 else (" faster", " slower"))
    assert "faster" not in told or slowdown < 0
