"""Marks the call sites in functions that were changed since the base: the first suspects.

The line that calls need not be the one that changed: a condition around it will do.
"""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING, Final, final

from cascade_budget.source.changes import (
    ChangedLines,
    changed_lines,
)
from cascade_budget.source.repository import (
    Repository,
    RevisionError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cascade_budget.model.findings import (
        Site,
        TargetFinding,
    )

_WITHOUT_BASE: Final = "HEAD"
"""With no base to compare with, what is not committed yet is what changed."""


@final
class ChangeMarker:
    """Knows which lines of the checkout the base doesn't have.

    Args:
        root: the project's root, to which the paths of sites are relative.
        base: the base as it was asked for; what is no revision of this checkout marks nothing.
    """

    def __init__(self, root: Path, base: str | None) -> None:
        self._root = root
        self._revision = base or _WITHOUT_BASE
        self._changed: ChangedLines | None = None
        self._is_read = False
        self._functions: dict[Path, tuple[range, ...]] = {}

    def mark(self, findings: Sequence[TargetFinding]) -> tuple[TargetFinding, ...]:
        """The findings, their sites with the revision since which the function was changed."""
        if not any(finding.sites for finding in findings):
            return tuple(findings)
        return tuple(
            replace(finding, sites=tuple(map(self._marked, finding.sites))) for finding in findings
        )

    def changed(self) -> ChangedLines | None:
        """The lines that changed; None where there is nothing to compare with."""
        return self._read()

    def _marked(self, site: Site) -> Site:
        changed = self._read()
        if changed is None or not site.path:
            return site
        path = self._root / site.path
        if path not in self._functions:
            self._functions[path] = function_spans(path)
        lines = enclosing(self._functions[path], site.line)
        if changed.first(path, lines) is None:
            return site
        return replace(site, changed_since=changed.since)

    def _read(self) -> ChangedLines | None:
        """Read once, at the first site: a run without a failure asks git nothing."""
        if not self._is_read:
            self._is_read = True
            try:
                self._changed = changed_lines(Repository.at(self._root), self._revision)
            except RevisionError:
                self._changed = None
        return self._changed


def function_spans(path: Path) -> tuple[range, ...]:
    """The lines of each function in a source file, decorators included; none of another file."""
    module = parsed(path)
    if module is None:
        return ()
    return tuple(
        lines_of(node)
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def parsed(path: Path) -> ast.Module | None:
    """A source file's tree; None of a file that can't be read as Python."""
    try:
        return ast.parse(path.read_bytes())
    except (OSError, ValueError, SyntaxError, RecursionError):
        return None


def lines_of(node: ast.expr | ast.stmt) -> range:
    """The lines of a statement or expression, decorators included."""
    first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])
    return range(first, (node.end_lineno or first) + 1)


def enclosing(spans: Sequence[range], line: int) -> range:
    """The lines of the innermost function around a line; the line alone where there is none."""
    around = [span for span in spans if line in span]
    return min(around, key=len, default=range(line, line + 1))
