"""Which of the functions that ran were changed since the base, or read what was changed."""

from __future__ import annotations

import ast
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from cascade_budget.model.profiles import ChangedFunction, function_times
from cascade_budget.source.marking import (
    lines_of,
    parsed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from cascade_budget.model.profiles import (
        CodeFrame,
        ProfileSession,
    )
    from cascade_budget.source.changes import ChangedLines

LEAST_SHARE: Final = 0.005
"""Share of the time below which a function is no suspect of a slowdown that was found."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def changed_functions(
    sessions: Sequence[ProfileSession], changed: ChangedLines, root: Path
) -> tuple[ChangedFunction, ...]:
    """The project's functions in a profile that were changed, those with most of the time first.

    A function counts as changed, too, when it reads a name of its module that is bound on a line
    that was: a constant that is a loop's length slows the loop and not the module.

    Args:
        sessions: of head.
        changed: lines of the checkout.
        root: the project's root, to which the paths of its functions are relative.
    """
    shares = _shares(sessions)
    frames = {frame.function: frame for one in sessions for frame in one.frames if frame.own}
    by_path: defaultdict[str, list[CodeFrame]] = defaultdict(list)
    for name, frame in frames.items():
        if shares.get(name, 0.0) >= LEAST_SHARE:
            by_path[frame.path].append(frame)
    found = [
        ChangedFunction(
            function=frame.function,
            path=path,
            line=line,
            read=read,
            share=shares[frame.function],
            since=changed.since,
        )
        for path, ran in by_path.items()
        for frame, line, read in _changed_in(root / path, ran, changed)
    ]
    return tuple(sorted(found, key=lambda one: (-one.share, one.path, one.line)))


def _shares(sessions: Sequence[ProfileSession]) -> Mapping[str, float]:
    """Share of the time that a function takes, with the foreign code that it calls."""
    spent: defaultdict[str, float] = defaultdict(float)
    for session in sessions:
        for key, ns in function_times(session).items():
            spent[key.caller or key.function] += ns
    total = sum(spent.values()) or 1.0
    return {name: ns / total for name, ns in spent.items()}


def _changed_in(
    path: Path, ran: Sequence[CodeFrame], changed: ChangedLines
) -> Iterator[tuple[CodeFrame, int, str]]:
    """Functions of a file with the line that changed, and the name on it that they read."""
    module = parsed(path)
    if module is None:
        return
    functions = {
        lines_of(node).start: node for node in ast.walk(module) if isinstance(node, _Function)
    }
    bound = dict(_changed_names(module, path, changed))
    for frame in ran:
        node = functions.get(frame.line)
        if node is None:
            continue
        line = changed.first(path, lines_of(node))
        if line is not None:
            yield frame, line, ""
            continue
        for each in ast.walk(node):
            if isinstance(each, ast.Name) and each.id in bound:
                yield frame, bound[each.id], each.id
                break


def _changed_names(
    module: ast.Module, path: Path, changed: ChangedLines
) -> Iterator[tuple[str, int]]:
    """Names that a module binds on a changed line, and the line."""
    for statement in module.body:
        if not isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
            continue
        line = changed.first(path, lines_of(statement))
        if line is not None:
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for target in targets:
                for each in ast.walk(target):
                    if isinstance(each, ast.Name):
                        yield each.id, line
