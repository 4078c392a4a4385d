from __future__ import annotations

import json
from dataclasses import replace

import pytest

from cascade_budget.judge.profile_comparison import compare_profiles, find_entry, share_below
from cascade_budget.model.codec import from_json, to_json
from cascade_budget.model.profiles import CodeFrame, FunctionKey, ProfileFinding, ProfileSession

FOREIGN = ("json:", "asyncio:")


def session(stacks: dict[str, float]) -> ProfileSession:
    """Time in ns a transaction by call stack, `run > step` for step called by run."""
    names = list(dict.fromkeys(name for stack in stacks for name in stack.split(" > ")))
    return ProfileSession(
        frames=tuple(
            CodeFrame(
                function=name,
                path=f"{name.partition(':')[0]}.py",
                line=10 + at,
                own=not name.startswith(FOREIGN),
                record=name,
            )
            for at, name in enumerate(names)
        ),
        stacks={
            tuple(names.index(name) for name in stack.split(" > ")): ns * 1000
            for stack, ns in stacks.items()
        },
        transactions=1000,
        sample_ns=100_000.0,
        plain_ns_per_transaction=sum(stacks.values()),
        clock="cpu",
    )


def steady(stacks: dict[str, float], pairs: int = 10) -> list[ProfileSession]:
    return [
        session({stack: ns * (1.01 if index % 2 else 0.99) for stack, ns in stacks.items()})
        for index in range(pairs)
    ]


NOISE = (0.9, 1.1, 0.95, 1.05, 1.0, 0.92, 1.08, 0.97, 1.03, 1.0)
BASE = {"app:run": 10_000.0, "app:run > app:bounce": 20_000.0}


@pytest.mark.parametrize(
    ("head", "entry"),
    [
        # a function new to the loop: what it calls is its doing, however it is spread
        (
            {
                "app:run > app:bounce > app:check": 1_000.0,
                "app:run > app:bounce > app:check > app:build": 6_000.0,
                "app:run > app:bounce > app:check > app:build > app:visit": 7_000.0,
                "app:run > app:bounce > app:check > app:build > app:visit > app:add": 5_000.0,
            },
            FunctionKey("app:check", "app:bounce"),
        ),
        # a function that was there takes longer
        ({"app:run > app:bounce": 26_000.0}, FunctionKey("app:bounce", "app:run")),
        # it calls foreign code that it did not call
        (
            {"app:run > app:bounce > json:dumps > json:encode": 9_000.0},
            FunctionKey("json:dumps", "app:bounce"),
        ),
        # a task is started by the event loop, which stands between
        (
            {"app:run > asyncio:_run > app:task > app:poll": 9_000.0},
            FunctionKey("app:task", "app:run"),
        ),
        # what it does to the event loop shows elsewhere; the larger part is found all the same
        (
            {
                "app:run > app:bounce > app:check": 5_500.0,
                "app:run > asyncio:_run": 5_000.0,
            },
            FunctionKey("app:check", "app:bounce"),
        ),
        # half of a half of a half explains nothing
        (
            {
                "app:run > app:one > app:deep > app:deeper": 2_100.0,
                "app:run > app:one > app:deep > app:wide": 1_900.0,
                "app:run > app:one > app:other": 2_900.0,
                "app:run > app:two": 6_000.0,
            },
            FunctionKey("app:one", "app:run"),
        ),
        # it comes in at two places of which neither has most of it
        (
            {"app:run > app:one": 5_000.0, "app:run > app:two": 5_000.0},
            FunctionKey("app:run"),
        ),
    ],
)
def test_a_slowdown_comes_in_by_the_function_below_which_most_of_it_is_spent(head, entry) -> None:
    assert find_entry([session(BASE)], [session({**BASE, **head})]) == entry


def test_on_a_head_fifty_times_slower_the_workload_itself_is_not_new() -> None:
    head = {
        **BASE,
        "app:run > app:bounce > app:check": 900_000.0,
        "app:run > app:bounce > app:check > app:build": 600_000.0,
    }
    assert find_entry([session(BASE)], [session(head)]) == FunctionKey("app:check", "app:bounce")


def test_a_recursive_function_is_one_place() -> None:
    head = {**BASE, "app:run > app:walk > app:walk > app:walk": 9_000.0}
    assert find_entry([session(BASE)], [session(head)]) == FunctionKey("app:walk", "app:run")


def test_what_is_not_slower_has_no_entry() -> None:
    assert find_entry([session(BASE)], [session({**BASE, "app:run": 9_000.0})]) is None


def test_two_roots_that_grow_alike_have_no_entry() -> None:
    assert find_entry([session({"a:x": 1, "b:y": 1})], [session({"a:x": 2, "b:y": 2})]) is None


def test_a_share_holds_what_a_function_calls() -> None:
    one = session({"app:run": 1_000.0, "app:run > app:step": 2_000.0, "app:step > json:x": 1_000.0})
    assert share_below(one, "app:step") == 0.75
    assert share_below(replace(one, stacks={}), "app:step") == 0.0


def test_a_comparison_has_the_entry_with_all_that_it_calls_and_its_error() -> None:
    added = {"app:run > app:check": 1_000.0, "app:run > app:check > app:build": 8_000.0}
    difference = compare_profiles(steady(BASE), steady({**BASE, **added}))
    entry = difference.entry
    assert entry is not None
    assert (str(entry.key), entry.path) == ("app:check", "app.py")
    assert entry.difference_ns == pytest.approx(9_000, rel=0.05)
    assert 0 < entry.error_ns < 2_000
    assert str(difference.functions[0].key) == "app:build"


def test_foreign_code_is_named_with_its_caller_and_found_at_it() -> None:
    added = {"app:bounce > json:dumps": 9_000.0}
    entry = compare_profiles(steady(BASE), steady({**BASE, **added})).entry
    assert entry is not None
    assert entry.key == FunctionKey("json:dumps", "app:bounce")
    assert entry.path == "app.py"


def test_an_entry_within_its_error_is_none() -> None:
    base = [session({"app:run": 10_000.0, "app:run > app:step": 9_000.0 * one}) for one in NOISE]
    head = [session({"app:run": 10_000.0, "app:run > app:step": 9_050.0 * one}) for one in NOISE]
    assert find_entry(base, head) == FunctionKey("app:step", "app:run")
    assert compare_profiles(base, head).entry is None


def test_a_finding_crosses_a_process_border_with_its_entry() -> None:
    added = {"app:run > app:check": 9_000.0}
    difference = compare_profiles(steady(BASE), steady({**BASE, **added}))
    finding = ProfileFinding(clock="cpu", difference=difference)
    assert from_json(ProfileFinding, json.loads(json.dumps(to_json(finding)))) == finding
