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
        fingerprint: A function's decorators, arguments and body, without the docstring and its own
            name, so that it outlives a rename, a move and a new layout of its lines; "" for a
            class.
        lines: Of the definition, decorators included, from 1.
        reads: Names that a function's code holds.
    """

    fingerprint: str
    lines: range
    reads: frozenset[str] = frozenset()


def definitions(text: str) -> dict[str, Definition]:
    """Functions and classes that a module's text defines, by qualified name.

    Text that does not parse defines nothing.
    """
    return dict(_defined(_parsed(text), ""))


def constants(text: str) -> dict[str, tuple[str, range]]:
    """Names that a module's text binds outside of functions and classes: how, and in which lines.

    Text that does not parse binds nothing.
    """
    found: dict[str, tuple[str, range]] = {}
    for statement in _parsed(text).body:
        if isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for each in (node for target in targets for node in ast.walk(target)):
                if isinstance(each, ast.Name):
                    before, _ = found.get(each.id, ("", None))
                    found[each.id] = (before + ast.dump(statement), _lines_of(statement))
    return found


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
            reads = frozenset(node.id for node in ast.walk(child) if isinstance(node, ast.Name))
            yield (
                name,
                Definition(fingerprint=_fingerprint(child), lines=_lines_of(child), reads=reads),
            )
            yield from _defined(child, f"{name}.<locals>.")
        elif isinstance(child, ast.ClassDef):
            yield prefix + child.name, Definition(fingerprint="", lines=_lines_of(child))
            yield from _defined(child, f"{prefix}{child.name}.")
        elif not isinstance(child, ast.Lambda):
            yield from _defined(child, prefix)


def _parsed(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return ast.Module(body=[], type_ignores=[])


def _lines_of(node: ast.stmt) -> range:
    first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])
    return range(first, (node.end_lineno or first) + 1)


def _fingerprint(function: _Function) -> str:
    body = function.body
    if ast.get_docstring(function, clean=False) is not None:
        body = body[1:]
    parts = [*function.decorator_list, function.args, *body]
    return "\n".join(map(ast.dump, parts)).replace(f"'{function.name}'", "itself")


def _by_qualname(functions: Mapping[str, str]) -> dict[str, list[str]]:
    return _grouped({name: name.partition(":")[2] for name in functions})


def _by_fingerprint(functions: Mapping[str, str]) -> dict[str, list[str]]:
    return _grouped({name: print_ for name, print_ in functions.items() if print_})


def _grouped(keys: Mapping[str, str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name, key in keys.items():
        groups.setdefault(key, []).append(name)
    return groups
