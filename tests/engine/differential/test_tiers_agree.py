"""Random programs give the same on every tier: results, errors, executions, events, resources."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.engine.differential import naive
from tests.engine.differential.profiles import HALF, LONGEST_S, PROFILE
from tests.engine.differential.program import Call, Const, Mixed, Name, Program, Resource, Task
from tests.engine.differential.running import Observation, Stage, Variant
from tests.engine.differential.strategies import programs

pytestmark = pytest.mark.timeout(LONGEST_S)

REFERENCE = Variant("reference", "reference")
OTHERS = (
    Variant("blueprint", "blueprint"),
    Variant("hot", "hot"),
    Variant("auto", "auto"),
)
HURRIED_REFERENCE = Variant("reference, yielding after each body", "reference", hurried=True)
HURRIED = (Variant("hot, yielding after each body", "hot", hurried=True),)


def assert_agrees(program: Program, expected: Observation, seen: Observation, name: str) -> None:
    """Say which run of which round differs, in what, where first."""
    for number, (one, other) in enumerate(zip(expected.sightings, seen.sightings, strict=True)):
        place = f"run {number} on {name}"
        if program.orderly:
            assert other.outcome == one.outcome, place
            assert first_difference(one.bodies, other.bodies) is None, place
            assert first_difference(one.events, other.events) is None, place
        elif one.failed or other.failed:
            # Of two threads that fail, either may be the first.
            assert one.failed == other.failed, place
        else:
            assert other.outcome == one.outcome, place
            assert other.executions == one.executions, place
    assert seen.left_behind == (), name


def first_difference(
    one: tuple[str, ...], other: tuple[str, ...]
) -> tuple[int, tuple[str, ...], tuple[str, ...]] | None:
    """Where two logs part, with what stands there in each."""
    if one == other:
        return None
    place = next(
        (index for index, pair in enumerate(zip(one, other, strict=False)) if len({*pair}) > 1),
        min(len(one), len(other)),
    )
    return place, one[place : place + 3], other[place : place + 3]


@given(program=programs())
@PROFILE
def test_every_tier_gives_what_the_reference_gives(program):
    expected = Stage(program, REFERENCE).play()
    assert expected.left_behind == ()
    for variant in OTHERS:
        assert_agrees(program, expected, Stage(program, variant).play(), variant.name)


@given(program=programs().filter(lambda program: len(program.runs) == 1))
@HALF
def test_every_tier_gives_the_same_where_every_body_ends_a_slice(program):
    expected = Stage(program, HURRIED_REFERENCE).play()
    assert expected.left_behind == ()
    for variant in HURRIED:
        assert_agrees(program, expected, Stage(program, variant).play(), variant.name)


@given(program=programs().filter(lambda program: program.plain))
@HALF
def test_the_reference_gives_what_an_evaluator_without_an_engine_gives(program):
    expected = Stage(program, REFERENCE, naive).play()
    seen = Stage(program, REFERENCE).play()
    for one, other in zip(expected.sightings, seen.sightings, strict=True):
        assert other.failed == one.failed, (one.outcome, other.outcome)
        if not one.failed:
            assert other.outcome == one.outcome
            assert other.executions == one.executions


def test_a_program_prints_as_the_code_that_runs():
    leaf = Task("leaf", 0, base=Mixed((Name("n"),)), step=Name("n"))
    loop = Task(
        "loop",
        2,
        parameters=("a",),
        injected=("r0",),
        base=Name("a"),
        step=Call("loop", Name("n - 1"), (("a", Call("leaf", Const(1))),)),
        form="assigned",
    )
    program = Program(
        (Resource("r0", "run"),),
        (leaf, loop),
        (Call("leaf", Const(2)),),
        (Call("loop", Const(3), (("a", Name("K0")),)),),
    )
    assert program.code() == (
        '@cs.resource(scope="run")\n'
        "def r0():\n"
        '    opened("r0")\n'
        "    try:\n"
        '        yield "<r0>"\n'
        "    finally:\n"
        '        closed("r0")\n'
        "\n"
        "@cs.task\n"
        "def leaf(n):\n"
        '    saw("leaf", n)\n'
        "    if n <= 0:\n"
        "        return mix(n)\n"
        "    return n\n"
        "\n"
        "@cs.task\n"
        'def loop(n, a=0, r0=cs.Inject("r0")):\n'
        '    saw("loop", n, a, r0)\n'
        "    if n <= 0:\n"
        "        return a\n"
        "    going_on = loop(n - 1, a=leaf(1))\n"
        "    return going_on\n"
        "\n"
        "K0 = leaf(2)\n"
        "\n"
        "RESOURCES = [r0]\n"
        "\n"
        "TARGETS = lambda: [\n"
        "    loop(3, a=K0),\n"
        "]\n"
    )
    seen = Stage(program, Variant("auto", "auto")).play()
    assert [sighting.bodies for sighting in seen.sightings[:1]] == [
        (
            "open r0()",
            "leaf(2)",
            "loop(3, 2, '<r0>')",
            "leaf(1)",
            "loop(2, 1, '<r0>')",
            "leaf(1)",
            "loop(1, 1, '<r0>')",
            "leaf(1)",
            "loop(0, 1, '<r0>')",
            "close r0",
        )
    ]


def test_a_difference_is_shown_where_the_logs_part():
    assert first_difference(("a", "b", "c"), ("a", "x")) == (1, ("b", "c"), ("x",))
    assert first_difference(("a",), ("a", "b")) == (1, (), ("b",))
    assert first_difference(("a",), ("a",)) is None
