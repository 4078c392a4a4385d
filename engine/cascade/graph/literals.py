"""What counts as a value: anything that holds no lazy result and no marker, however deep."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from gc import get_referents, is_tracked
from pathlib import PurePath
from types import BuiltinFunctionType, FunctionType, ModuleType, NoneType
from typing import Any

from cascade.spec.lazy import LazyResult
from cascade.spec.param import Env, Param
from cascade.spec.resource import Inject
from cascade.spec.routing import Router

ATOMIC = frozenset(
    {
        *(int, float, complex, bool, str, bytes, bytearray, NoneType, range, slice, type),
        *(date, datetime, time, timedelta, Decimal, Fraction, PurePath),
        *(FunctionType, BuiltinFunctionType, ModuleType, memoryview),
    }
)
MARKERS = (LazyResult, Inject, Param, Env, Router)
CONTAINERS = (list, tuple, dict, set, frozenset)
_EXACT = frozenset(CONTAINERS)
_ITERATED = _EXACT - {dict}


def is_plain(value: Any) -> bool:
    """Tell whether a value holds nothing that must be resolved before a body may get it.

    Lists, tuples, dicts and sets are looked into, at any depth; other objects are opaque.
    """
    kind = type(value)
    if kind in ATOMIC or not is_tracked(value):
        return True
    if issubclass(kind, CONTAINERS):
        return (kind in _ITERATED and not any(map(is_tracked, value))) or _all_plain(value)
    return is_passed(value)


def is_passed(value: object) -> bool:
    """Tell whether a value is no call or marker itself, whatever it may hold."""
    return not issubclass(type(value), MARKERS)


def _all_plain(container: Any) -> bool:
    """Look into containers level by level, each level in one pass that runs in C.

    Of what the garbage collector does not track nothing can hold a call, and a call itself is
    always tracked: it has a slot. Nor does the collector track a dict of plain values, so that a
    history of a thousand messages is told from one with a call in it at a glance at each message.
    """
    level, seen = [_exact(container)], {id(container)}
    while level:
        tracked = [*filter(is_tracked, get_referents(*level))]
        # A container may hold itself, or another many times: each is looked into once.
        if len(tracked) == 1:
            level = [] if id(tracked[0]) in seen else tracked
            seen.add(id(tracked[0]))
        else:
            fresh = dict(zip(map(id, tracked), tracked, strict=True))
            for known in fresh.keys() & seen:
                del fresh[known]
            seen.update(fresh)
            level = [*fresh.values()]
        kinds = {*map(type, level)}
        if not kinds <= _EXACT:
            if any(issubclass(kind, MARKERS) for kind in kinds):
                return False
            level = [_exact(item) for item in level if issubclass(type(item), CONTAINERS)]
    return True


def _exact(container: Any) -> Any:
    """Return what a container holds, as one whose references are these and no others."""
    if type(container) in _EXACT:
        return container
    pairs = issubclass(type(container), dict)
    return [*container.keys(), *container.values()] if pairs else [*container]
