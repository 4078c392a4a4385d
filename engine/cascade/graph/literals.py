"""What counts as a value: anything that holds no lazy result and no marker, however deep."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
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


def is_plain(value: object) -> bool:
    """Tell whether a value holds nothing that must be resolved before a body may get it.

    Lists, tuples, dicts and sets are looked into, at any depth; other objects are opaque.
    """
    kind = type(value)
    if kind in ATOMIC:
        return True
    if not issubclass(kind, CONTAINERS):
        return not issubclass(kind, MARKERS)
    pending: list[Any] = [value]
    # A container may hold itself; what is being looked into needs no second look.
    seen: set[int] = set()
    while pending:
        container = pending.pop()
        is_dict = issubclass(type(container), dict)
        for items in (container.keys(), container.values()) if is_dict else (container,):
            if ATOMIC.issuperset(map(type, items)):
                continue
            for item in items:
                kind = type(item)
                if kind in ATOMIC:
                    continue
                if issubclass(kind, CONTAINERS):
                    if id(item) not in seen:
                        seen.add(id(item))
                        pending.append(item)
                elif issubclass(kind, MARKERS):
                    return False
    return True
