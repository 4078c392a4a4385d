"""The text of a task's constructor: the function that users call, which only fills slots.

A constructor of its own per task costs half of what one `__call__` for all costs: Python itself
checks the arguments, the class needs no lookup, and each attribute store is specialised.
"""

from __future__ import annotations

import itertools
from inspect import Parameter, Signature
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

PREFIX = "_arg_"

_serial = itertools.count(1)


def slot_names(parameters: Iterable[Parameter]) -> tuple[str, ...]:
    """Return new names for the slots of a task's lazy class, one per parameter, in order.

    No two classes share a slot name. Reading a slot therefore proves the class as well, and a
    fused loop needs no check of its own for most of its nodes.
    """
    serial = next(_serial)
    return tuple(f"{PREFIX}{serial}_{parameter.name}" for parameter in parameters)


def constructor_text(parameters: tuple[Parameter, ...]) -> str:
    """Return the constructor's source: the signature of the task, a store per parameter.

    Its attributes are `PREFIX` with the parameter's name, for `attributes` of `function_from`. The
    defaults are left out; the caller sets them on the function, where any object can stand.
    """
    class_ = class_name(parameters)
    lazy = class_.lower()
    lines = [f"def construct({parameter_list(parameters)}):", f"    {lazy} = {class_}()"]
    lines += [f"    {lazy}.{PREFIX}{each.name} = {each.name}" for each in parameters]
    lines.append(f"    return {lazy}")
    return "\n".join(lines) + "\n"


def class_name(parameters: tuple[Parameter, ...]) -> str:
    """Return a constructor's name for the class that it makes, longer than any parameter's."""
    return "LazyClass" + "_" * max((len(each.name) for each in parameters), default=0)


def parameter_list(parameters: tuple[Parameter, ...]) -> str:
    """Return the parameters as they stand between the parentheses of a `def`, without defaults."""
    bare = (
        each.replace(default=Parameter.empty, annotation=Parameter.empty) for each in parameters
    )
    return str(Signature(list(bare)))[1:-1]


def call_text(parameters: tuple[Parameter, ...], values: tuple[str, ...]) -> str:
    """Return the arguments of a call of the task's body, one expression per parameter."""
    parts: list[str] = []
    for parameter, value in zip(parameters, values, strict=True):
        if parameter.kind is Parameter.VAR_POSITIONAL:
            parts.append("*" + value)
        elif parameter.kind is Parameter.VAR_KEYWORD:
            parts.append("**" + value)
        elif parameter.kind is Parameter.KEYWORD_ONLY:
            parts.append(f"{parameter.name}={value}")
        else:
            parts.append(value)
    return ", ".join(parts)


def invoker_text(parameters: tuple[Parameter, ...]) -> str:
    """Return the source of `invoke(body, values)`: the body called with one value per parameter."""
    values = tuple(f"values[{position}]" for position in range(len(parameters)))
    return f"def invoke(body, values):\n    return body({call_text(parameters, values)})\n"
