from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cascade_budget.judge.growth import Evidence, compare, differing, find_causes, nearest_edits
from cascade_budget.model.comparison import Change, Edit, Growth, Move, Presence, SiteGrowth
from cascade_budget.model.findings import Site


def test_more_calls_of_a_function_that_base_calls_are_growth() -> None:
    found = compare({"t": {"a:f": 2}}, {"t": {"a:f": 500}})
    assert found.grown == (
        Growth(
            function="a:f",
            was="a:f",
            changes=(Change(test="t", base_calls=2, head_calls=500),),
        ),
    )


def test_the_worst_test_and_the_largest_growth_come_first() -> None:
    found = compare(
        {"one": {"a:f": 1, "a:g": 1}, "two": {"a:f": 1}},
        {"one": {"a:f": 2, "a:g": 90}, "two": {"a:f": 9}},
    )
    assert [growth.function for growth in found.grown] == ["a:g", "a:f"]
    assert [change.test for change in found.grown[1].changes] == ["two", "one"]


def test_fewer_calls_fail_nothing() -> None:
    found = compare({"t": {"a:f": 5}}, {"t": {"a:f": 4}})
    assert found.grown == ()
    assert found.fewer == 1


def test_a_helper_extracted_is_new_and_fails_nothing() -> None:
    found = compare({"t": {"a:f": 5}}, {"t": {"a:f": 5, "a:helper": 500}})
    assert found.grown == ()
    assert found.new == (Presence(function="a:helper", calls=500, tests=1),)


def test_the_first_call_of_a_function_that_base_has_is_growth() -> None:
    found = compare({"t": {"a:f": 5}}, {"t": {"a:f": 5, "a:slow": 1}}, existed={"a:slow"})
    assert [growth.function for growth in found.grown] == ["a:slow"]
    assert found.new == ()


def test_a_function_that_head_has_and_no_longer_calls_is_not_gone() -> None:
    found = compare({"t": {"a:f": 5, "a:g": 1}}, {"t": {"a:f": 5}}, remains={"a:g"})
    assert found.gone == ()
    assert compare({"t": {"a:f": 5, "a:g": 1}}, {"t": {"a:f": 5}}).gone == (
        Presence(function="a:g", calls=1, tests=1),
    )


def test_a_rename_with_equal_counts_is_a_move() -> None:
    found = compare({"t": {"a:load": 5, "a:x": 5}}, {"t": {"a:load_all": 5, "b:x": 5}})
    assert found.grown == found.new == found.gone == ()
    assert found.moved == (
        Move(old="a:load", new="a:load_all"),
        Move(old="a:x", new="b:x"),
    )


def test_a_renamed_function_that_runs_twice_as_often_has_grown() -> None:
    found = compare({"t": {"a:f": 5}}, {"t": {"a:g": 10}}, renamed={"a:g": "a:f"})
    assert [(growth.function, growth.was) for growth in found.grown] == [("a:g", "a:f")]
    assert found.moved == (Move(old="a:f", new="a:g"),)


def test_an_unstable_count_fails_nothing_and_is_listed() -> None:
    found = compare({"t": {"a:f": 5}}, {"t": {"a:f": 9}}, unstable={"t": {"a:f"}})
    assert found.grown == ()
    assert found.unstable == (Presence(function="a:f", calls=9, tests=1),)


def test_only_tests_that_both_sides_ran_are_compared() -> None:
    found = compare({"old": {"a:f": 1}}, {"new": {"a:f": 9}})
    assert found.tests == ()
    assert found.grown == found.new == ()


# A machine that does other work draws slowly; that is nothing about these properties.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

COUNTS = st.dictionaries(
    st.sampled_from(["t1", "t2", "t3"]),
    st.dictionaries(st.sampled_from([f"m:f{i}" for i in range(6)]), st.integers(1, 9)),
)


@unhurried
@given(COUNTS)
def test_nothing_differs_from_itself(counts: dict[str, dict[str, int]]) -> None:
    found = compare(counts, counts)
    assert found.grown == found.new == found.gone == found.moved == ()
    assert found.fewer == 0
    assert differing(counts, counts) == {}


@unhurried
@given(COUNTS, COUNTS)
def test_every_growth_has_more_calls_on_head_in_each_of_its_tests(
    base: dict[str, dict[str, int]], head: dict[str, dict[str, int]]
) -> None:
    for growth in compare(base, head).grown:
        for change in growth.changes:
            assert change.head_calls == head[change.test][growth.function]
            assert change.base_calls == base[change.test].get(growth.was, 0)
            assert change.growth > 0


def test_counts_that_differ_between_two_runs_are_named_by_test() -> None:
    one = {"t": {"a:f": 1, "a:g": 2}, "u": {"a:f": 1}}
    other = {"t": {"a:f": 1, "a:g": 3, "a:h": 1}, "u": {"a:f": 1}}
    assert differing(one, other) == {"t": frozenset({"a:g", "a:h"})}


def site(line: int, function: str, calls: int, path: str = "a.py") -> Site:
    return Site(path=path, line=line, function=function, calls=calls)


def grown(base: dict[str, int], head: dict[str, int]) -> tuple[Growth, ...]:
    return compare({"t": base}, {"t": head}).grown


def evidence(calls: dict[str, int], sites: dict[str, list[Site]]) -> dict[str, Evidence]:
    return {"t": Evidence(calls=calls, sites=sites, modules={"a.py": "a"})}


def unmoved(path: str, line: int) -> tuple[str, int]:
    return path, line


def test_what_grew_in_step_with_its_caller_is_listed_below_it() -> None:
    base, head = {"a:top": 1, "a:mid": 5, "a:leaf": 10}, {"a:top": 1, "a:mid": 10, "a:leaf": 20}
    causes = find_causes(
        grown(base, head),
        evidence(base, {"a:mid": [site(3, "top", 5)], "a:leaf": [site(7, "mid", 10)]}),
        evidence(head, {"a:mid": [site(3, "top", 10)], "a:leaf": [site(7, "mid", 20)]}),
        unmoved,
    )
    assert [(cause.growth.function, [b.function for b in cause.below]) for cause in causes] == [
        ("a:mid", ["a:leaf"])
    ]


def test_what_grew_faster_than_its_caller_is_a_cause_of_its_own() -> None:
    base, head = {"a:mid": 5, "a:leaf": 10}, {"a:mid": 10, "a:leaf": 90}
    causes = find_causes(
        grown(base, head),
        evidence(base, {"a:mid": [site(3, "top", 5)], "a:leaf": [site(7, "mid", 10)]}),
        evidence(head, {"a:mid": [site(3, "top", 10)], "a:leaf": [site(7, "mid", 90)]}),
        unmoved,
    )
    assert [cause.growth.function for cause in causes] == ["a:leaf", "a:mid"]


def test_functions_that_call_each_other_in_a_circle_have_one_cause() -> None:
    base, head = {"a:even": 5, "a:odd": 5}, {"a:even": 50, "a:odd": 50}
    causes = find_causes(
        grown(base, head),
        evidence(base, {"a:even": [site(3, "odd", 5)], "a:odd": [site(7, "even", 5)]}),
        evidence(head, {"a:even": [site(3, "odd", 50)], "a:odd": [site(7, "even", 50)]}),
        unmoved,
    )
    assert [(cause.growth.function, len(cause.below)) for cause in causes] == [("a:even", 1)]


def test_a_line_that_only_moved_is_not_marked_as_changed() -> None:
    base, head = {"a:f": 2}, {"a:f": 9}
    (cause,) = find_causes(
        grown(base, head),
        evidence(base, {"a:f": [site(3, "g", 2)]}),
        evidence(head, {"a:f": [site(5, "g", 9)]}),
        lambda path, line: (path, {5: 3}.get(line)),
    )
    assert cause.sites == (
        SiteGrowth(path="a.py", line=5, caller="g", base_calls=2, head_calls=9, changed=False),
    )


def test_a_changed_line_answers_for_the_calls_of_the_line_it_replaced() -> None:
    base, head = {"a:f": 2}, {"a:f": 9}
    (cause,) = find_causes(
        grown(base, head),
        evidence(base, {"a:f": [site(3, "g", 2)]}),
        evidence(head, {"a:f": [site(3, "g.<locals>.<genexpr>", 9)]}),
        lambda path, line: (path, {1: 1, 2: 2}.get(line)),
    )
    assert cause.sites == (
        SiteGrowth(path="a.py", line=3, caller="g", base_calls=2, head_calls=9, changed=True),
    )


def test_a_line_of_a_moved_file_is_held_against_the_line_it_was() -> None:
    base, head = {"a:f": 2}, {"a:f": 9}
    (cause,) = find_causes(
        grown(base, head),
        evidence(base, {"a:f": [site(3, "g", 1), site(4, "h", 1)]}),
        evidence(head, {"a:f": [site(3, "g", 5, "b.py"), site(4, "h", 4, "b.py")]}),
        lambda _path, line: ("a.py", 3 if line == 3 else None),
    )
    assert cause.sites == (
        SiteGrowth(path="b.py", line=3, caller="g", base_calls=1, head_calls=5, changed=False),
        SiteGrowth(path="b.py", line=4, caller="h", base_calls=1, head_calls=4, changed=True),
    )


def test_changed_functions_next_to_the_calls_come_first() -> None:
    base, head = {"a:f": 2, "a:key": 3, "a:far": 1}, {"a:f": 9, "a:key": 3, "a:far": 1}
    sites = {
        "a:f": [site(3, "g", 9)],
        "a:key": [site(2, "g", 3)],
        "a:far": [site(1, "test_x", 1, "tests/test_x.py")],
    }
    on_head = evidence(head, sites)
    (cause,) = find_causes(grown(base, head), evidence(base, {}), on_head, unmoved)
    edits = {
        name: Edit(path="a.py", line=1, function=name.partition(":")[2])
        for name in ("a:far", "a:key", "a:unused")
    }
    assert [edit.function for edit in nearest_edits(cause, on_head["t"], edits)] == ["key", "far"]
