"""One rule of when two values are the same, for pure calls and for caches."""

from __future__ import annotations

from dataclasses import fields
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import PosixPath, PurePosixPath, PureWindowsPath, WindowsPath
from types import NoneType
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Callable

_BY_EQUALITY = frozenset(
    {
        *(NoneType, bool, int, str, bytes, Fraction, UUID, date, timedelta),
        *(PosixPath, PurePosixPath, WindowsPath, PureWindowsPath),
    }
)
_BY_DIGITS: dict[type, Callable[[Any], object]] = {
    float: float.hex,
    complex: lambda value: (value.real.hex(), value.imag.hex()),
    Decimal: Decimal.as_tuple,
    range: lambda value: (value.start, value.stop, value.step),
    timezone: lambda value: (value.utcoffset(None), value.tzname(None)),
}


def identity_of(value: object) -> tuple[object, ...]:
    """Return a hashable that is equal exactly for values that are the same.

    The same are values of exactly one type whose parts are the same: numbers digit by digit, times
    with their zone, containers item by item, named tuples and frozen dataclasses field by field.
    Anything else is the same as itself alone, for as long as it lives; no type's own `==` or `hash`
    is asked. A list, dict or set that occurs twice is not the same as two equal ones.
    """
    tokens: list[object] = []
    seen: dict[int, int] = {}
    pending = [value]
    while pending:
        item: Any = pending.pop()
        kind = type(item)
        tokens.append(kind)
        if kind in _BY_EQUALITY:
            tokens.append(item)
        elif kind in _BY_DIGITS:
            tokens.append(_BY_DIGITS[kind](item))
        elif kind in (datetime, time):
            tokens += (item.replace(tzinfo=None, fold=0), item.fold)
            pending.append(item.tzinfo)
        elif id(item) in seen:
            tokens.append(seen[id(item)])
        elif kind in (set, frozenset):
            tokens.append(frozenset(map(identity_of, item)))
        else:
            parts = _parts(kind, item)
            if parts is None:
                tokens.append(id(item))
                continue
            tokens.append(len(parts))
            pending += reversed(parts)
            if kind in (list, dict):
                seen[id(item)] = ~len(seen)
    return tuple(tokens)


def _parts(kind: type, item: Any) -> list[object] | None:
    if kind in (list, tuple) or (kind.__bases__ == (tuple,) and hasattr(kind, "_make")):
        return list(item)
    if kind is dict:
        return [part for pair in item.items() for part in pair]
    parameters = vars(kind).get("__dataclass_params__")
    if parameters is not None and parameters.frozen and kind.__bases__ == (object,):
        return [getattr(item, each.name) for each in fields(kind)]
    return None
