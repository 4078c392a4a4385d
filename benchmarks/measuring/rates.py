"""What recorded verdicts say: how often they were right, how long they took, how noisy it was."""

from __future__ import annotations

import json
import statistics
from itertools import groupby
from typing import TYPE_CHECKING, Any

from cascade_budget.judge.statistics import proportion_interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    Line = dict[str, Any]

_NUMBERS_A_LINE = 9
_BUSY = 4.0
"""Load average above which two processors have twice the work that they can do."""


def read_lines(paths: Iterable[Path]) -> list[Line]:
    """All verdicts, or decisions, in files of JSON lines."""
    return [json.loads(line) for path in paths for line in path.read_text("utf-8").splitlines()]


def as_markdown(lines: Sequence[Line]) -> list[str]:
    """Two tables: rates by slowdown, and by workload the noise and the cost of a verdict."""
    return [*_rates(lines), "", *_costs(lines)]


def write_noise(lines: Iterable[Line], path: Path) -> None:
    """Keep the rounds in which both sides were the same code, for tests that resample them."""
    same = [line for line in lines if line["injected"] == 0]
    versions = " and ".join(sorted({line["python"] for line in same}))
    what = (
        f"ln(head / base) of the rounds of {len(same)} verdicts in which both sides were the same "
        f"code; Python {versions}, load average {_load_of(same)} on two shared processors"
    )
    workloads = [
        f"    {json.dumps(name)}: [\n{_in_rows([v for line in group for v in line['cpu']])}\n    ]"
        for name, group in _by(same, "workload")
    ]
    path.write_text(
        f'{{\n  "what": {json.dumps(what)},\n  "rounds": {{\n'
        + ",\n".join(workloads)
        + "\n  }\n}\n",
        encoding="utf-8",
    )


def _rates(lines: Sequence[Line]) -> Iterator[str]:
    yield (
        "| Slowdown put there | Verdicts | REGRESSED | 95 % interval | UNRESOLVED | Seen, median |"
    )
    yield "|---|---|---|---|---|---|"
    for injected, group in _by(lines, "injected"):
        found = sum(line["outcome"] == "regressed" for line in group)
        unresolved = sum(line["outcome"] == "unresolved" for line in group)
        interval = proportion_interval(found, len(group))
        seen = statistics.median(line["slowdown"] for line in group)
        yield (
            f"| {f'{injected:.0%}' if injected else 'none'} | {len(group)} | {found} | "
            f"{interval.lower:.1%} to {interval.upper:.1%} | {unresolved} | {seen:+.2%} |"
        )


def _costs(lines: Sequence[Line]) -> Iterator[str]:
    yield (
        "| Workload | Verdicts | Spread of a round | Rounds, median | Load average "
        "| Seconds, median / p90 |"
    )
    yield "|---|---|---|---|---|---|"
    for workload, group in _by(lines, "workload"):
        for busy in (False, True):
            some = [line for line in group if (line["load_average"] >= _BUSY) is busy]
            if not some:
                continue
            same = [line for line in some if line["injected"] == 0] or some
            spread = statistics.median(statistics.stdev(line["cpu"]) for line in same)
            rounds = statistics.median(len(line["cpu"]) for line in some)
            seconds = sorted(line["seconds"] for line in some)
            yield (
                f"| {workload} | {len(some)} | {spread:.2%} | {rounds:g} | {_load_of(some)} | "
                f"{statistics.median(seconds):.0f} / {seconds[int(0.9 * len(seconds))]:.0f} |"
            )


def _load_of(lines: Sequence[Line]) -> str:
    loads = [line["load_average"] for line in lines]
    return f"{min(loads):.0f} to {max(loads):.0f}"


def _by(lines: Iterable[Line], key: str) -> Iterator[tuple[Any, list[Line]]]:
    def value(line: Line) -> Any:
        return line[key]

    for found, group in groupby(sorted(lines, key=value), key=value):
        yield found, list(group)


def _in_rows(values: Sequence[float]) -> str:
    words = [f"{value:.6f}" for value in values]
    rows = [words[at : at + _NUMBERS_A_LINE] for at in range(0, len(words), _NUMBERS_A_LINE)]
    return ",\n".join("      " + ", ".join(row) for row in rows)
