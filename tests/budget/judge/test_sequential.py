from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade_budget.judge.sequential import LookLevel, Plan, pocock_spent

plans = st.builds(
    Plan,
    looks=st.sets(st.integers(5, 200), min_size=1, max_size=12).map(lambda s: tuple(sorted(s))),
    alpha=st.floats(1e-6, 0.4),
    beta=st.floats(1e-6, 0.4),
    tests=st.integers(1, 500),
)


def test_spending_starts_at_nothing_and_ends_at_everything() -> None:
    assert pocock_spent(0.001, 0.0) == 0.0
    assert pocock_spent(0.001, 1.0) == pytest.approx(0.001)
    assert pocock_spent(0.001, 0.5) == pytest.approx(0.000620, abs=1e-6)
    assert pocock_spent(0.001, 7.0) == pocock_spent(0.001, 1.0)


@given(plans)
def test_the_looks_of_all_tests_together_spend_exactly_what_is_allowed(plan: Plan) -> None:
    levels = [plan.level(look) for look in plan.looks]
    assert math.fsum(level.alpha for level in levels) * plan.tests == pytest.approx(plan.alpha)
    assert math.fsum(level.beta for level in levels) == pytest.approx(plan.beta)
    assert all(level.alpha > 0 and level.beta > 0 for level in levels)


@given(plans, st.integers(1, 200))
def test_a_look_outside_the_plan_never_spends_more_than_the_planned_one_after_it(
    plan: Plan, rounds: int
) -> None:
    following = plan.next_look(rounds - 1)
    if following is not None:
        assert plan.level(rounds).alpha <= plan.level(following).alpha * (1 + 1e-12)


def test_the_default_plan_looks_first_after_eight_and_last_after_thirty_six_rounds() -> None:
    plan = Plan()
    assert plan.looks == (8, 12, 16, 20, 24, 30, 36)
    assert (plan.looks[0], plan.most) == (8, 36)
    assert [plan.next_look(rounds) for rounds in (0, 8, 13, 30, 36)] == [8, 12, 16, 36, None]
    assert [plan.until_look(rounds) for rounds in (0, 8, 13, 30, 36)] == [8, 4, 3, 6, 0]
    assert plan.level(8) == LookLevel(
        alpha=pytest.approx(0.000323, abs=1e-6), beta=pytest.approx(0.00323, abs=1e-5)
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"looks": ()}, r"looks are \(\); they must be positive and ascend"),
        ({"looks": (12, 12)}, r"looks are \(12, 12\); they must be positive and ascend"),
        ({"looks": (24, 12)}, r"looks are \(24, 12\); they must be positive and ascend"),
        ({"alpha": 0.0}, r"alpha is 0.0; it must be between 0 and 0.5"),
        ({"beta": 0.5}, r"beta is 0.5; it must be between 0 and 0.5"),
        ({"tests": 0}, r"tests is 0; at least one test is judged"),
    ],
)
def test_what_is_no_plan_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        Plan(**arguments)  # type: ignore[arg-type]
