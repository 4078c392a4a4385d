"""What a count follows."""

from __future__ import annotations

from cascade_budget.judge.instability import diagnose
from cascade_budget.model.comparison import Influence


def test_a_count_that_differs_with_nothing_varied_is_chance_alone() -> None:
    (found,) = diagnose(
        {"a:f": 3}, [{"a:f": 4}], {Influence.HASH_SEED: [{"a:f": 9}]}, threaded=False
    )
    assert (found.influence, found.reference, found.others) == (Influence.CHANCE, 3, (4,))


def test_chance_in_a_test_with_threads_is_theirs() -> None:
    (found,) = diagnose({"a:f": 3}, [{"a:f": 4}], {}, threaded=True)
    assert found.influence is Influence.THREADS


def test_a_steady_count_is_diagnosed_by_what_was_varied() -> None:
    found = diagnose(
        {"a:f": 3},
        [{"a:f": 3}],
        {Influence.HASH_SEED: [{"a:f": 3}, {}], Influence.COLLECTOR: [{"a:f": 3}]},
    )
    assert [(one.influence, one.others) for one in found] == [(Influence.HASH_SEED, (3, 0))]
