"""Code lines of a folder: no comments, blank lines or docstrings. `make lines` prints them by room.

A statement that spans three lines is three lines; a string that stands alone as documentation is
none, whether it is a docstring or stands below an assignment.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections import Counter
from pathlib import Path

_NO_CODE = frozenset(
    {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
)


def code_lines(text: str) -> int:
    """How many lines of a module's text hold code."""
    documented = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    written = {
        line
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in _NO_CODE
        for line in range(token.start[0], token.end[0] + 1)
    }
    return len(written - documented)


def by_room(package: Path) -> Counter[str]:
    """Code lines of each folder of a package, by its path in it; "." is the package's own."""
    rooms: Counter[str] = Counter()
    for path in package.rglob("*.py"):
        room = path.parent.relative_to(package).as_posix()
        rooms[room] += code_lines(path.read_text(encoding="utf-8"))
    return rooms


def table(folder: str) -> str:
    """Code lines of a folder in all and by room, a line each."""
    rooms = by_room(Path(folder))
    lines = [f"{rooms.total():7,}  {folder}"]
    lines += [f"{count:7,}    {room}" for room, count in sorted(rooms.items())]
    return "\n".join(lines)


if __name__ == "__main__":
    print("\n".join(map(table, sys.argv[1:])))
