"""Values of the model as JSON and back, driven by their annotations: no class writes its own."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from fractions import Fraction
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")

_UNIONS = (Union, types.UnionType)
_DERIVED = "DERIVED"
"""A class may name properties here that are written as well, for readers that are not this program;
they are not read back."""


def to_json(value: object) -> Any:
    """A value in JSON's types and no others.

    A dataclass becomes an object, a mapping by text or number an object whose keys are text, any
    other mapping a list of pairs, an enumeration its value, a fraction its text.
    """
    if is_dataclass(value):
        names = [each.name for each in fields(value)]
        return {
            name: to_json(getattr(value, name)) for name in (*names, *getattr(value, _DERIVED, ()))
        }
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, Mapping):
        if all(isinstance(key, str | int) for key in value):
            return {str(key): to_json(each) for key, each in value.items()}
        return [[to_json(key), to_json(each)] for key, each in value.items()]
    if isinstance(value, tuple | list):
        return [to_json(each) for each in value]
    return value


def from_json(kind: type[T], data: Any) -> T:
    """The value that `to_json` wrote.

    Args:
        kind: of the value: a class whose annotations can be read at run time.
        data: in JSON's types; what no field has the name of is left alone.

    Raises:
        KeyError: a field is missing.
        TypeError, ValueError: one has a value of another kind.
    """
    return cast("T", _read(kind, data))


def _read(kind: Any, data: Any) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in _UNIONS:
        (one,) = (each for each in arguments if each is not type(None))
        return None if data is None else _read(one, data)
    if origin is tuple:
        if arguments[1:] == (...,):
            return tuple(_read(arguments[0], each) for each in data)
        return tuple(_read(one, each) for one, each in zip(arguments, data, strict=True))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        pairs = data.items() if isinstance(data, Mapping) else data
        return {_read(arguments[0], key): _read(arguments[1], each) for key, each in pairs}
    if isinstance(kind, type) and is_dataclass(kind):
        return kind(**{name: _read(one, data[name]) for name, one in _hints(kind).items()})
    if kind is int or kind is Fraction or (isinstance(kind, type) and issubclass(kind, Enum)):
        return kind(data)
    return data


@cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {each.name: hints[each.name] for each in fields(kind)}
