"""The table of all tools' decisions."""

from __future__ import annotations

import os
import statistics
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from benchmarks.measuring.decisions import Verdict
from benchmarks.measuring.tools.paired import Paired
from cascade_budget.judge.statistics import proportion_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    Line = dict[str, Any]

#: compare-fail looks for what got slower alone.
_ONE_SIDED = "pytest-benchmark"


def rate(group: Sequence[Line], verdict: Verdict) -> str:
    """How often a verdict was given, with its 95 % interval.

    Source: Clopper and Pearson, see `proportion_interval`.
    """
    if not group:
        return ""
    found = sum(line["verdict"] == verdict for line in group)
    interval = proportion_interval(found, len(group))
    return f"{found} of {len(group)} ({100 * interval.lower:.0f}-{100 * interval.upper:.0f} %)"


def _place(item: tuple[tuple[str, str], object]) -> tuple[bool, tuple[str, str]]:
    return item[0][0] != Paired.name, item[0]


def as_markdown(lines: Sequence[Line]) -> list[str]:
    """A row for each rule, a column for each slowdown, and what the machine was like.

    Raises:
        ValueError: There are no decisions.
    """
    if not lines:
        raise ValueError("no decisions in the files; `run --to FILE` makes them")
    slowdowns = sorted({line["injected"] for line in lines})
    groups: dict[tuple[str, str], dict[float, list[Line]]] = defaultdict(lambda: defaultdict(list))
    for line in lines:
        groups[line["tool"], line["rule"]][line["injected"]].append(line)
    heads = ["same code" if not one else f"{100 * one:g} % more to do" for one in slowdowns]
    rows = [
        ["Tool", "Rule", *(f"Slower: {head}" for head in heads), "Faster: same code", "Seconds"],
        ["---"] * (len(slowdowns) + 4),
    ]
    for (tool, rule), group in sorted(groups.items(), key=_place):
        seconds = statistics.median(line["seconds"] for some in group.values() for line in some)
        rows.append(
            [
                tool,
                f"`{rule}`" if any(mark in rule for mark in ":=") else rule,
                *(rate(group[injected], Verdict.SLOWER) for injected in slowdowns),
                "" if tool.startswith(_ONE_SIDED) else rate(group[0.0], Verdict.FASTER),
                f"{seconds:.0f}",
            ]
        )
    undecided = sum(line["verdict"] == Verdict.UNDECIDED for line in lines)
    loads = sorted(line["load_average"] for line in lines)
    pythons = ", ".join(sorted({line["python"] for line in lines}))
    circumstances = (
        f"Python {pythons}, load average {loads[0]:g} to {loads[-1]:g} (median "
        f"{statistics.median(loads):g}) on {os.cpu_count()} processors; 95 % intervals; seconds a "
        f"decision, median. Undecided: {undecided}."
    )
    return [*("| " + " | ".join(row) + " |" for row in rows), "", circumstances]
