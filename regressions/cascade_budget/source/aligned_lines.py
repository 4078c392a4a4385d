"""Which line of one text is which line of another."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def align(base: str, head: str) -> Mapping[int, int]:
    """Lines of head that base has too, as head line -> base line, both counted from 1.

    A line of head that is missing here was changed or added since base.

    Source: Ratcliff and Metzener, "Pattern Matching: The Gestalt Approach", Dr. Dobb's Journal,
    July 1988, as in `difflib`; equal ends are cut off first, because edits are small and the
    algorithm is quadratic.
    """
    base_lines, head_lines = base.splitlines(), head.splitlines()
    shorter = min(len(base_lines), len(head_lines))
    start = 0
    while start < shorter and base_lines[start] == head_lines[start]:
        start += 1
    end = 0
    while end < shorter - start and base_lines[-1 - end] == head_lines[-1 - end]:
        end += 1
    kept = {line: line for line in range(1, start + 1)}
    matcher = difflib.SequenceMatcher(
        None,
        base_lines[start : len(base_lines) - end],
        head_lines[start : len(head_lines) - end],
        autojunk=False,
    )
    for block in matcher.get_matching_blocks():
        for offset in range(block.size):
            kept[start + block.b + offset + 1] = start + block.a + offset + 1
    for back in range(end):
        kept[len(head_lines) - back] = len(base_lines) - back
    return kept
