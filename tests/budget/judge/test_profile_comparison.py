from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cascade_budget.judge.profile_comparison import compare_profiles
from cascade_budget.model.profiles import CodeFrame, FunctionKey, ProfileSession


def session(times: dict[str, float], *, plain: float = 0.0, clock: str = "cpu") -> ProfileSession:
    """Self time in ns by function, over 1,000 transactions with samples of 100 µs."""
    frames = tuple(
        CodeFrame(function=name, path="app.py", line=10 + index, own=True, record=name)
        for index, name in enumerate(times)
    )
    stacks = {(index,): ns * 1000 for index, ns in enumerate(times.values())}
    return ProfileSession(
        frames=frames,
        stacks=stacks,
        transactions=1000,
        sample_ns=100_000.0,
        plain_ns_per_transaction=plain or sum(times.values()),
        clock=clock,
    )


def steady(times: dict[str, float], pairs: int = 10) -> list[ProfileSession]:
    """Sessions that alternate by one part in a hundred around `times`."""
    return [
        session({name: ns * (1.01 if index % 2 else 0.99) for name, ns in times.items()})
        for index in range(pairs)
    ]


def test_a_new_function_and_a_grown_one_are_shown_with_their_error_and_an_equal_one_is_not() -> (
    None
):
    base = steady({"app:resolve": 20_000.0, "app:run": 30_000.0})
    head = steady({"app:resolve": 20_000.0, "app:run": 45_000.0, "app:scan": 9_000.0})

    difference = compare_profiles(base, head)

    assert [str(one.key) for one in difference.functions] == ["app:run", "app:scan"]
    run, scan = difference.functions
    assert run.difference_ns == pytest.approx(15_000, rel=0.05)
    assert scan.base_ns == 0.0
    assert scan.head_ns == pytest.approx(9_000, rel=0.05)
    assert 0 < scan.error_ns < 9_000
    assert (run.path, run.line) == ("app.py", 11)
    assert (difference.compared, difference.pairs, difference.clock) == (3, 10, "cpu")


def test_a_function_that_went_is_shown_as_less_time() -> None:
    base = steady({"app:run": 30_000.0, "app:scan": 9_000.0})
    head = steady({"app:run": 30_000.0})
    (gone,) = compare_profiles(base, head).functions
    assert gone.key == FunctionKey("app:scan")
    assert gone.difference_ns == pytest.approx(-9_000, rel=0.05)


def test_one_disturbed_session_in_ten_does_not_hide_a_difference() -> None:
    base = steady({"app:run": 30_000.0, "app:rest": 30_000.0})
    head = steady({"app:run": 40_000.0, "app:rest": 30_000.0})
    head[3] = session({"app:run": 40_000.0, "app:rest": 400_000.0}, plain=70_000.0)
    assert [str(one.key) for one in compare_profiles(base, head).functions] == ["app:run"]


def test_what_the_machine_does_to_both_sides_of_a_pair_is_divided_out() -> None:
    levels = [1.0, 1.6, 1.1, 2.0, 1.0, 1.3, 1.8, 1.0, 1.2, 1.5]
    base, head = (
        [session({name: ns * level for name, ns in times.items()}) for level in levels]
        for times in (
            {"app:run": 30_000.0, "app:rest": 30_000.0},
            {"app:run": 36_000.0, "app:rest": 30_000.0},
        )
    )
    assert [str(one.key) for one in compare_profiles(base, head).functions] == ["app:run"]


def test_the_same_few_samples_in_every_session_are_no_exact_knowledge() -> None:
    base = [session({"app:run": 60_000.0, "app:rare": 100.0}) for _ in range(10)]
    head = [session({"app:run": 60_000.0, "app:rare": 200.0}) for _ in range(10)]
    assert compare_profiles(base, head).functions == ()


def test_four_pairs_are_refused() -> None:
    sides = steady({"app:run": 1.0}, pairs=4)
    with pytest.raises(
        ValueError,
        match=r"^a difference needs 5 pairs of sessions or more, got 4 of base and 4 of head\. "
        r"Record them side by side$",
    ):
        compare_profiles(sides, sides)


def test_two_clocks_are_refused() -> None:
    sides = steady({"app:run": 1.0})
    with pytest.raises(ValueError, match="under different clocks; record both again"):
        compare_profiles(sides, [replace(one, clock="wall") for one in sides])


def simulated(
    rng: np.random.Generator, costs: np.ndarray, machine: np.ndarray, *, scatter: float
) -> list[ProfileSession]:
    """Samples drawn as counts around costs that themselves scatter from session to session."""
    sessions = []
    for weather in machine:
        level = weather * np.exp(rng.normal(0, 0.02))
        wanted = costs * np.exp(rng.normal(0, scatter, costs.size))
        counts = rng.poisson(wanted * 1000 / 100_000.0)
        times = {
            f"app:f{index}": count * 100.0 * level for index, count in enumerate(counts) if count
        }
        sessions.append(session(times, plain=float(costs.sum()) * level))
    return sessions


def test_equal_profiles_show_a_function_at_most_once_in_a_hundred_comparisons() -> None:
    """Seeded: 300 comparisons of 20 functions, counts over-dispersed as in recorded sessions."""
    rng = np.random.default_rng(20240501)
    costs = np.geomspace(200, 60_000, 20)
    alarms = 0
    for _ in range(300):
        machine = np.exp(rng.normal(0, 0.2, 10))
        sides = [simulated(rng, costs, machine, scatter=0.05) for _ in range(2)]
        alarms += bool(compare_profiles(*sides).functions)
    # At a true rate of 1 in 100, 8 or more alarms in 300 would come up once in a hundred runs.
    assert alarms <= 7


def test_a_function_a_fifth_dearer_is_found_nine_times_in_ten() -> None:
    """Seeded: 60 comparisons; the function takes a quarter of a transaction."""
    rng = np.random.default_rng(7)
    costs = np.geomspace(200, 60_000, 20)
    dearer = costs.copy()
    dearer[-1] *= 1.2
    found = 0
    for _ in range(60):
        machine = np.exp(rng.normal(0, 0.2, 10))
        difference = compare_profiles(
            simulated(rng, costs, machine, scatter=0.02),
            simulated(rng, dearer, machine, scatter=0.02),
        )
        found += "app:f19" in {str(one.key) for one in difference.functions[:1]}
    assert found >= 54
