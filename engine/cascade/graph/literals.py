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
    if issubclass(kind, CONTAINERS):
        return not value or _all_plain(value, set())
    return not issubclass(kind, MARKERS)


def _all_plain(container: Any, path: set[int]) -> bool:
    for items in (
        (container.keys(), container.values())
        if issubclass(type(container), dict)
        else (container,)
    ):
        if ATOMIC.issuperset(map(type, items)):
            continue
        for item in items:
            kind = type(item)
            if kind in ATOMIC:
                continue
            if issubclass(kind, CONTAINERS):
                # A container may hold itself; what is being looked into needs no second look.
                if id(item) in path:
                    continue
                path.add(id(item))
                if not _all_plain(item, path):
                    return False
            elif issubclass(kind, MARKERS):
                return False
    return True
