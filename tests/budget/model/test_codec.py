"""A value becomes JSON by its annotations, and comes back as it was."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping  # noqa: TC003 - the codec reads annotations at run time
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade_budget.model.codec import from_json, to_json


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    share: Fraction = Fraction(1, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    DERIVED: ClassVar = ("names",)

    colour: Colour
    parts: tuple[Part, ...] = ()
    pair: tuple[str, float] = ("", 0.0)
    by_size: Mapping[int, int] = field(default_factory=dict)
    by_stack: Mapping[tuple[int, ...], float] = field(default_factory=dict)
    by_name: Mapping[str, Part] = field(default_factory=dict)
    maybe: Part | None = None
    clock: Literal["cpu", "wall"] = "cpu"
    anything: Any = None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(part.name for part in self.parts)


WHOLE = Whole(
    colour=Colour.BLUE,
    parts=(Part("a"), Part("b", Fraction(5))),
    pair=("x", 2.5),
    by_size={100: 101, 200: 201},
    by_stack={(1, 2): 0.5, (): 0.25},
    by_name={"a": Part("a")},
    maybe=Part("c"),
    clock="wall",
    anything=["as", "it", "is"],
)


def test_each_kind_of_field_has_its_json() -> None:
    part = {"name": "a", "share": "1/3"}
    assert to_json(WHOLE) == {
        "colour": "blue",
        "parts": [part, {"name": "b", "share": "5"}],
        "pair": ["x", 2.5],
        "by_size": {"100": 101, "200": 201},
        "by_stack": [[[1, 2], 0.5], [[], 0.25]],
        "by_name": {"a": part},
        "maybe": {"name": "c", "share": "1/3"},
        "clock": "wall",
        "anything": ["as", "it", "is"],
        "names": ["a", "b"],
    }


@pytest.mark.parametrize("value", [WHOLE, Whole(colour=Colour.RED)])
def test_a_value_comes_back_as_it_was(value) -> None:
    again = from_json(Whole, json.loads(json.dumps(to_json(value))))
    assert again == value
    assert type(again.colour) is Colour


@given(st.dictionaries(st.integers(), st.integers()), st.fractions(), st.none() | st.text())
def test_any_counts_and_fractions_come_back(by_size, share, name) -> None:
    maybe = None if name is None else Part(name, share)
    value = Whole(colour=Colour.RED, by_size=by_size, maybe=maybe)
    assert from_json(Whole, json.loads(json.dumps(to_json(value)))) == value


def test_an_empty_mapping_comes_back_whichever_way_it_was_written() -> None:
    assert from_json(Whole, {**to_json(WHOLE), "by_stack": {}}).by_stack == {}


def test_what_no_field_is_named_after_is_left_alone() -> None:
    assert from_json(Part, {"name": "a", "share": "1/3", "since": 2}) == Part("a")


def test_a_field_that_is_missing_and_one_of_another_kind_are_refused() -> None:
    with pytest.raises(KeyError):
        from_json(Part, {"name": "a"})
    with pytest.raises(ValueError, match="'green' is not a valid Colour"):
        from_json(Whole, {**to_json(WHOLE), "colour": "green"})
