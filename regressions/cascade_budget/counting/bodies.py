"""From what a name refers to, down to the functions whose bodies run.

Decorators, descriptors and bound forms are layers around a function. What a budget counts are
starts of the innermost body, so that `functools.lru_cache` is seen through and a cached function's
budget counts its misses.
"""

from __future__ import annotations

import functools
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    CodeType,
    FunctionType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    WrapperDescriptorType,
)
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

COMPREHENSIONS = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>"})
"""Scopes that are code objects on some Pythons and inlined on others."""

CO_OPTIMIZED = 0x1
"""`inspect.CO_OPTIMIZED` without importing inspect: functions have it, class bodies and modules do
not."""

# `typing` puts this function into each protocol; the first instance replaces it.
_PROTOCOL_INIT = "_no_init_or_replace_init"


class UncountableError(Exception):
    """What a name refers to has no body that could be counted.

    Attributes:
        fact: What it is instead, to follow the name: "is a module".
        remedy: What to name instead.
    """

    def __init__(self, fact: str, remedy: str) -> None:
        super().__init__(fact)
        self.fact = fact
        self.remedy = remedy


def innermost(member: object, *, name: str) -> tuple[object, ...]:
    """See through every layer around a function.

    Args:
        member: What the name refers to, as it stands in its class or module.
        name: The name as the user wrote it, "module:qualname".

    Returns:
        Functions and C functions; several only for a generic function with registered
        implementations.

    Raises:
        UncountableError: There is no body, or it can't be told apart from others.
    """
    return tuple(_descend(member, name=name, behind=None, passed=set()))


def _descend(
    member: object, *, name: str, behind: str | None, passed: set[int]
) -> Iterator[object]:
    """Yield the functions below `member`.

    Args:
        member: The layer reached.
        name: The name as the user wrote it.
        behind: The layer written in C that calls what is below it, if one was passed.
        passed: Ids of the layers above, against `__wrapped__` loops.
    """
    if id(member) in passed:
        raise UncountableError(
            "wraps itself: its __wrapped__ attributes form a loop",
            "name the function that does the work",
        )
    passed.add(id(member))
    registry = _implementations(member)
    if registry is not None:
        for implementation in registry:
            yield from _descend(implementation, name=name, behind=behind, passed=passed)
        return
    layer, below = _one_layer(member, name=name)
    if layer is None:
        if not isinstance(below, FunctionType) and behind is not None:
            raise UncountableError(
                f"is a C function behind {behind}, which calls it from C where no Python sees it",
                "name the Python function that uses it",
            )
        yield below
        return
    yield from _descend(below, name=name, behind=layer or behind, passed=passed)


def _implementations(member: object) -> tuple[object, ...] | None:
    """The registered implementations of a generic function, or None for anything else."""
    if isinstance(member, functools.singledispatchmethod):
        member = member.dispatcher
    elif not (isinstance(member, FunctionType) and hasattr(member, "dispatch")):
        return None
    registry = getattr(member, "registry", None)
    if registry is None or not hasattr(registry, "values"):
        return None
    # One function may be registered for several types; `object` comes first.
    return tuple({id(function): function for function in registry.values()}.values())


def _one_layer(member: object, *, name: str) -> tuple[str | None, object]:
    """Take one layer off.

    Returns:
        The layer and what it holds. The layer is None where `member` is a function itself, "" where
        it is transparent, and a description where it is C code that calls what it holds.
    """
    if isinstance(member, (staticmethod, classmethod, MethodType)):
        return "", member.__func__
    if isinstance(member, property):
        if member.fget is None:
            raise UncountableError(
                "is a property without a getter", f"name its setter: '{name}.fset'"
            )
        return "a property", member.fget
    if isinstance(member, functools.cached_property):
        return "", member.func
    if isinstance(member, (functools.partial, functools.partialmethod)):
        return "a functools.partial", member.func
    if isinstance(member, type):
        wrapped = vars(member).get("__wrapped__")
        return ("", wrapped) if wrapped is not None else ("", _initialiser(member, name=name))
    wrapped = getattr(member, "__wrapped__", None)
    if wrapped is not None:
        return ("" if isinstance(member, FunctionType) else "a cache or wrapper"), wrapped
    if isinstance(member, FunctionType):
        hidden = _hidden_in_closure(member, name=name)
        return (None, member) if hidden is None else ("", hidden)
    return None, _native(member)


def _initialiser(cls: type, *, name: str) -> object:
    """The Python `__init__` that making an instance of `cls` runs."""
    for attribute in ("__init__", "__new__"):
        for base in cls.__mro__:
            found = vars(base).get(attribute)
            if found is None:
                continue
            if isinstance(found, WrapperDescriptorType | BuiltinFunctionType):
                break
            if getattr(found, "__name__", None) == _PROTOCOL_INIT:
                continue
            if attribute == "__init__":
                return found
            raise UncountableError(
                "is a class without an __init__ in Python; its instances are made by __new__",
                f"name '{name}.__new__'",
            )
    raise UncountableError(
        "is a class with neither an __init__ nor a __new__ in Python: calling it starts no body",
        "name the function that makes its instances",
    )


def _hidden_in_closure(function: FunctionType, *, name: str) -> object | None:
    """The function that a wrapper made without `functools.wraps` holds in its closure.

    Raises:
        UncountableError: It is such a wrapper, and what it wraps can't be told. Its own body is
            shared by all that the decorator wraps, so a count of it would be wrong without a word.
    """
    code = function.__code__
    *_, last = name.rpartition(":")[2].split(".")
    if "<locals>" not in code.co_qualname or "<locals>" not in function.__qualname__:
        return None  # at the top level, or named as if it were, as a dataclass does
    if function.__name__ in (last, "__init__"):
        return None
    cells = []
    for cell in function.__closure__ or ():
        try:
            cells.append(cell.cell_contents)
        except ValueError:  # the variable has not been bound yet
            continue
    held = [value for value in cells if isinstance(value, FunctionType)]
    if not held:
        return None
    matching = [value for value in held if value.__code__.co_name == last]
    if len(matching) == 1:
        return matching[0]
    decorator = f"{function.__module__}:{code.co_qualname}"
    raise UncountableError(
        f"is '{code.co_qualname}' ({code.co_filename}:{code.co_firstlineno}), one body shared by"
        " all that this decorator wraps",
        f"put functools.wraps on the wrapper, or name '{decorator}' to count them all",
    )


def _native(member: object) -> object:
    """`member`, if it is a C function whose calls can be seen."""
    kind = type(member)
    if isinstance(member, BuiltinFunctionType | MethodDescriptorType | ClassMethodDescriptorType):
        return member
    if isinstance(member, WrapperDescriptorType | MethodWrapperType):
        raise UncountableError(
            "is a slot of a C type, which the interpreter calls without an event",
            "name a Python function that reaches it",
        )
    call = next((vars(base)["__call__"] for base in kind.__mro__ if "__call__" in vars(base)), None)
    if call is None:
        raise UncountableError(
            f"is {_article(kind.__qualname__)}, not a function",
            "name a function, a method or a class",
        )
    if not isinstance(call, WrapperDescriptorType):
        raise UncountableError(
            f"is {_article(kind.__qualname__)} object with a __call__",
            f"name '{kind.__module__}:{kind.__qualname__}.__call__', which all instances share",
        )
    return member


def _article(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def nested_codes(code: CodeType, name: str) -> tuple[CodeType, ...]:
    """The functions or classes called `name` that are defined directly in the scope of `code`.

    Comprehensions and type parameter scopes are looked through: whether they are code objects of
    their own depends on the Python.
    """
    found: list[CodeType] = []
    for constant in code.co_consts:
        if not isinstance(constant, CodeType):
            continue
        if constant.co_name == name:
            found.append(constant)
        elif constant.co_name in COMPREHENSIONS or constant.co_name.startswith(
            "<generic parameters"
        ):
            found.extend(nested_codes(constant, name))
    return tuple(found)
