"""Measured costs as text of at most 80 columns, and as JSON."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.comparison.endurance import FLAT_BYTES, SLICES_MS, Endurance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.comparison.lines import Line, Section
    from benchmarks.comparison.rounds import Costs, Ratio

SCHEMA_VERSION = 1
_LABEL = 38
_NARROW = 32


def met(line: Line, ratio: Ratio) -> bool | None:
    """Return whether a line's median ratio reaches its target; None where there is no target."""
    return None if line.target is None else ratio.median <= line.target


def section_text(section: Section, costs: Costs) -> Iterator[str]:
    """Yield the rows of one section, its reference first."""
    reference = section.reference.name
    yield f"{section.title:<{_LABEL}}{'µs':>10}{'ratio':>8}  {'quartiles':<11}target"
    yield f"  {reference:<{_LABEL - 2}}{_figure(costs.median_cpu_us(reference)):>10}{'1.00':>8}"
    for line in section.lines:
        name = line.contender.name
        ratio = costs.ratio(name, reference)
        row = (
            f"  {name:<{_LABEL - 2}}{_figure(costs.median_cpu_us(name)):>10}"
            f"{_figure(ratio.median):>8}  "
        )
        if line.target is None:
            yield row + _quartiles(ratio)
        else:
            verdict = "met" if met(line, ratio) else "MISSED"
            yield f"{row}{_quartiles(ratio):<11}{line.target:.1f} {verdict}"


def endurance_text(runs: Sequence[Endurance]) -> Iterator[str]:
    """Yield the rows of the long runs."""
    title = f"over {runs[0].n:,} bounces"
    yield f"{'':<{_NARROW}}{'peak':>10}{'longest wait of a sibling':>28}"
    yield f"{title:<{_NARROW}}{'memory':>10}{'CPU time':>15}{'by the wall':>13}  target"
    for run in runs:
        grown = f"+{run.grown_bytes / 1024:,.0f} KiB"
        verdict = "met" if run.flat and run.fair else "MISSED"
        yield (
            f"  {run.workload:<{_NARROW - 2}}{grown:>10}{run.longest_cpu_ms:>12.2f} ms"
            f"{run.longest_wall_ms:>10.2f} ms  {verdict}"
        )
    yield f"  targets: at most +{FLAT_BYTES // 1024:,} KiB; under {SLICES_MS:.0f} ms of CPU time"


def replace_block(path: Path, name: str, lines: Sequence[str]) -> None:
    """Replace what stands between `<!-- name -->` and `<!-- /name -->` in a text file.

    Raises:
        ValueError: The file has not both marks, in this order.
    """
    before, after = _around_block(path, name)
    block = "\n".join(lines)
    path.write_text(f"{before}\n{block}\n\n{after}", encoding="utf-8")


def page_with_block(name: str) -> Callable[[str], Path]:
    """An argument's type: a file with both marks, found to be one before anything is measured."""

    def checked(text: str) -> Path:
        try:
            _around_block(Path(text), name)
        except (OSError, ValueError) as error:
            raise argparse.ArgumentTypeError(str(error)) from None
        return Path(text)

    return checked


def _around_block(path: Path, name: str) -> tuple[str, str]:
    text = path.read_text(encoding="utf-8")
    head, opening, rest = text.partition(f"<!-- {name} -->\n")
    _, closing, tail = rest.partition(f"<!-- /{name} -->")
    if not opening or not closing:
        raise ValueError(
            f"{path} has no lines `<!-- {name} -->` and `<!-- /{name} -->` to write between; "
            f"add them where the table is to stand"
        )
    return head + opening, closing + tail


def as_json(
    sections: Sequence[tuple[Section, Costs]], runs: Sequence[Endurance], *, rounds: int
) -> dict[str, Any]:
    """Return everything measured as plain values.

    Costs are CPU time in microseconds a transaction. Each line has its ratio to its section's
    reference; `against` holds the other references of the same rounds.
    """
    references = {section.reference.name for section, _ in sections}
    return {
        "schema_version": SCHEMA_VERSION,
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "machine": platform.machine(),
        "system": sys.platform,
        "cores": os.cpu_count(),
        "rounds": rounds,
        "sections": [_section_json(section, costs, references) for section, costs in sections],
        "endurance": [
            {
                "workload": run.workload,
                "n": run.n,
                "grown_bytes": run.grown_bytes,
                "flat": run.flat,
                "longest_wait_cpu_ms": run.longest_cpu_ms,
                "longest_wait_wall_ms": run.longest_wall_ms,
                "turns": run.turns,
                "fair": run.fair,
            }
            for run in runs
        ],
    }


def _section_json(section: Section, costs: Costs, references: set[str]) -> dict[str, Any]:
    reference = section.reference.name
    return {
        "title": section.title,
        "reference": reference,
        "reference_cpu_us": costs.median_cpu_us(reference),
        "lines": [
            {
                "name": line.contender.name,
                "cpu_us": costs.median_cpu_us(line.contender.name),
                "block_n": costs.block_n[line.contender.name],
                "ratio": _ratio_json(costs.ratio(line.contender.name, reference)),
                "target": line.target,
                "met": met(line, costs.ratio(line.contender.name, reference)),
                "against": {
                    other: _ratio_json(costs.ratio(line.contender.name, other))
                    for other in sorted(references & costs.cpu_seconds.keys())
                },
            }
            for line in section.lines
        ],
    }


def _ratio_json(ratio: Ratio) -> dict[str, float]:
    return {"median": ratio.median, "first_quartile": ratio.low, "third_quartile": ratio.high}


def _quartiles(ratio: Ratio) -> str:
    return f"{_figure(ratio.low)}-{_figure(ratio.high)}"


def _figure(value: float) -> str:
    """Return a positive number with about three digits that mean something."""
    if value < 10:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"
