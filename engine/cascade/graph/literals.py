"""What counts as a value: anything that holds no lazy result and no marker, however deep."""

from __future__ import annotations

import functools
from collections import deque
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
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


def is_plain(value: object) -> bool:
    """Tell whether a value holds nothing that must be resolved before a body may get it.

    Lists, tuples, dicts, sets, deques, namespaces, mapping proxies and dataclasses are looked into,
    at any depth; other objects are opaque.
    """
    kind: Any = type(value)
    if kind in ATOMIC:
        return True
    if issubclass(kind, MARKERS):
        return False
    pending: list[Any] = [value]
    # A container may hold itself; what is being looked into needs no second look.
    seen: set[int] = set()
    while pending:
        for items in _parts(pending.pop()):
            if ATOMIC.issuperset(map(type, items)):
                continue
            for item in items:
                kind = type(item)
                if is_opaque(kind):
                    continue
                if issubclass(kind, MARKERS):
                    return False
                if id(item) not in seen:
                    seen.add(id(item))
                    pending.append(item)
    return True


@functools.lru_cache(1024)
def is_opaque(kind: type) -> bool:
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
    if is_dataclass(kind):
        return ([getattr(holder, each.name, None) for each in fields(kind)],)
    return ()
