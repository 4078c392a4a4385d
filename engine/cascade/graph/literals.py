"""What counts as a value: anything that holds no lazy result and no marker, however deep."""

from __future__ import annotations

import functools
from collections import deque
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from gc import get_referents, is_tracked
from pathlib import PurePath
from types import (
    BuiltinFunctionType,
    FunctionType,
    MappingProxyType,
    ModuleType,
    NoneType,
    SimpleNamespace,
)
from typing import TYPE_CHECKING, Any

from cascade.spec.lazy import LazyResult
from cascade.spec.param import Env, Param
from cascade.spec.resource import Inject
from cascade.spec.routing import Router

if TYPE_CHECKING:
    from collections.abc import Iterable

ATOMIC = frozenset(
    {
        *(int, float, complex, bool, str, bytes, bytearray, NoneType, range, slice, type),
        *(date, datetime, time, timedelta, Decimal, Fraction, PurePath),
        *(FunctionType, BuiltinFunctionType, ModuleType, memoryview),
    }
)
MARKERS = (LazyResult, Inject, Param, Env, Router)
CONTAINERS = (list, tuple, dict, set, frozenset)
"""What is rebuilt where a call stands in it. Other holders are looked into, and refused then."""
HOLDERS = (deque, MappingProxyType, SimpleNamespace)
_EXACT = frozenset(CONTAINERS)
_ITERATED = _EXACT - {dict}


def is_plain(value: Any) -> bool:
    """Tell whether a value holds nothing that must be resolved before a body may get it.

    Lists, tuples, dicts, sets, deques, namespaces, mapping proxies and dataclasses are looked into,
    at any depth; other objects are opaque.
    """
    kind: Any = type(value)
    if kind in ATOMIC or not is_tracked(value):
        return True
    if issubclass(kind, MARKERS):
        return False
    if kind in _ITERATED and not any(map(is_tracked, value)):
        return True
    return is_opaque(kind) or _all_plain(value)


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
        kinds: set[Any] = {*map(type, level)}
        if not kinds <= _EXACT:
            if any(issubclass(kind, MARKERS) for kind in kinds):
                return False
            readable: set[Any] = {kind for kind in kinds if not is_opaque(kind)}
            level = [_exact(item) for item in level if type(item) in readable]
    return True


def _exact(holder: Any) -> Any:
    """Return what something holds, as a container whose references are these and no others."""
    if type(holder) in _EXACT:
        return holder
    return [item for items in _parts(holder) for item in items]


@functools.lru_cache(1024)
def is_opaque(kind: Any) -> bool:
    """Tell whether every value of a type is a literal, whatever it holds."""
    read = (*CONTAINERS, *HOLDERS, *MARKERS)
    return kind in ATOMIC or not (issubclass(kind, read) or is_dataclass(kind))


def _parts(holder: Any) -> tuple[Iterable[Any], ...]:
    kind = type(holder)
    if issubclass(kind, (dict, MappingProxyType)):
        return holder.keys(), holder.values()
    if issubclass(kind, (*CONTAINERS, deque)):
        return (holder,)
    if issubclass(kind, SimpleNamespace):
        return (vars(holder).values(),)
    return ([getattr(holder, each.name, None) for each in fields(kind)],)  # of a dataclass
