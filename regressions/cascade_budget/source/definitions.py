"""Which functions a text defines, and which function of another text each of them was."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A function or class in a text.

    Attributes:
        fingerprint: A function's arguments and body, without the docstring and its own name, so
            that it outlives a rename, a move and a new layout of its lines; "" for a class.
        first_line: Of the definition, from 1.
        last_line: Of the definition.
    """

    fingerprint: str
    first_line: int
    last_line: int


def definitions(text: str) -> dict[str, Definition]:
    """Functions and classes that a module's text defines, by qualified name.

    Text that does not parse defines nothing.
    """
    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError):
        return {}
    return dict(_defined(module, ""))


def defines(found: Mapping[str, Definition], qualname: str) -> bool:
    """Whether definitions hold a function, be it written there or made for a class there.

    What a decorator makes, such as a dataclass's `__init__`, is in no text; its class is.
    """
    if qualname in found:
        return True
    owner, dot, name = qualname.rpartition(".")
    made = bool(dot) and name.startswith("__") and owner in found
    return made and not found[owner].fingerprint


def renamed(fresh: Mapping[str, str], lost: Mapping[str, str]) -> dict[str, str]:
    """New names of functions -> their old ones.

    A function is the same one where the qualified name is kept and only the module differs, or
    where exactly one function of either side has its fingerprint.

    Args:
        fresh: `module:qualname` -> fingerprint of functions that only head has.
        lost: The same of functions that only base has.
    """
    found: dict[str, str] = {}
    for keys in (_by_qualname, _by_fingerprint):
        old = keys({name: print_ for name, print_ in lost.items() if name not in found.values()})
        new = keys({name: print_ for name, print_ in fresh.items() if name not in found})
        for key, names in new.items():
            candidates = old.get(key, ())
            if len(names) == 1 and len(candidates) == 1:
                found[names[0]] = candidates[0]
    return found


def _defined(node: ast.AST, prefix: str) -> Iterator[tuple[str, Definition]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _Function):
            name = prefix + child.name
            yield name, _definition(child, _fingerprint(child))
            yield from _defined(child, f"{name}.<locals>.")
        elif isinstance(child, ast.ClassDef):
            yield prefix + child.name, _definition(child, "")
            yield from _defined(child, f"{prefix}{child.name}.")
        elif not isinstance(child, ast.Lambda):
            yield from _defined(child, prefix)


def _definition(node: _Function | ast.ClassDef, fingerprint: str) -> Definition:
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return Definition(
        fingerprint=fingerprint, first_line=first, last_line=node.end_lineno or node.lineno
    )


def _fingerprint(function: _Function) -> str:
    body = function.body
    if ast.get_docstring(function, clean=False) is not None:
        body = body[1:]
    parts = [ast.dump(function.args), *(ast.dump(statement) for statement in body)]
    return "\n".join(parts).replace(f"'{function.name}'", "itself")


def _by_qualname(functions: Mapping[str, str]) -> dict[str, list[str]]:
    return _grouped({name: name.partition(":")[2] for name in functions})


def _by_fingerprint(functions: Mapping[str, str]) -> dict[str, list[str]]:
    return _grouped({name: print_ for name, print_ in functions.items() if print_})


def _grouped(keys: Mapping[str, str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name, key in keys.items():
        groups.setdefault(key, []).append(name)
    return groups
