"""`python -m benchmarks.comparison`: the engine beside the loops that one would write by hand."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.comparison.endurance import Endurance, endure
from benchmarks.comparison.lines import (
    Line,
    Section,
    concurrent_section,
    shape_sections,
    short_sections,
)
from benchmarks.comparison.progress import Progress, wrapped
from benchmarks.comparison.rounds import Contender, Costs, measure
from benchmarks.comparison.table import (
    as_json,
    endurance_text,
    met,
    page_with_block,
    replace_block,
    section_text,
)
from benchmarks.executions import ExecutionError
from benchmarks.workloads import WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SHORT_ROUNDS = 150
CONCURRENT_ROUNDS = 7
BOUNCES = 1_000_000
_BLOCK = f"comparison on {sys.version_info.major}.{sys.version_info.minor}"


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.comparison",
        description="Time the engine beside hand-written loops: CPU time, interleaved, as ratios.",
    )
    parser.add_argument(
        "--only", metavar="TEXT", help="lines whose name or section contains TEXT, in any case"
    )
    parser.add_argument(
        "--quick", action="store_true", help="a tenth of the rounds and of the long runs"
    )
    parser.add_argument("--no-endurance", action="store_true", help="leave the long runs out")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write what was measured there")
    parser.add_argument(
        "--readme",
        metavar="FILE",
        type=page_with_block(_BLOCK),
        help="put the tables between its marks for this Python",
    )
    parser.add_argument("--strict", action="store_true", help="exit 1 where a target is missed")
    return parser.parse_args(argv)


def _chosen(section: Section, text: str | None) -> Section | None:
    if text is None or text.lower() in section.title.lower():
        return section
    lines = [line for line in section.lines if text.lower() in line.contender.name.lower()]
    return Section(title=section.title, reference=section.reference, lines=lines) if lines else None


def _contenders(sections: Iterable[Section]) -> list[Contender]:
    by_name: dict[str, Contender] = {}
    for section in sections:
        for one in (section.reference, *(line.contender for line in section.lines)):
            by_name.setdefault(one.name, one)
    return list(by_name.values())


def _missed(timed: Iterable[tuple[Section, Costs]], runs: Iterable[Endurance]) -> list[str]:
    def misses(section: Section, costs: Costs, line: Line) -> bool:
        return met(line, costs.ratio(line.contender.name, section.reference.name)) is False

    return [
        *(
            line.contender.name
            for section, costs in timed
            for line in section.lines
            if misses(section, costs, line)
        ),
        *(f"memory of {run.workload}" for run in runs if not run.flat),
        *(f"fairness of {run.workload}" for run in runs if not run.fair),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the comparison and return the exit status."""
    options = _arguments(argv)
    scale = 10 if options.quick else 1
    progress = Progress(sys.stderr)
    loop = asyncio.new_event_loop()
    try:
        every = [*short_sections(loop), *shape_sections(loop)]
        short = [one for section in every if (one := _chosen(section, options.only))]
        many = _chosen(concurrent_section(loop, bounces=BOUNCES), options.only)
        endurance = not options.no_endurance and options.only is None
        if not short and many is None:
            names = "; ".join(one.name for one in _contenders(every))
            message = f"no line or section has {options.only!r} in its name; lines are: {names}"
            print(wrapped(message), file=sys.stderr)
            return 2
        timed: list[tuple[Section, Costs]] = []
        if short:
            costs = measure(_contenders(short), rounds=SHORT_ROUNDS // scale, say=progress)
            timed += [(section, costs) for section in short]
        if many is not None:
            rounds = max(3, CONCURRENT_ROUNDS // scale)
            timed.append((many, measure(_contenders([many]), rounds=rounds, say=progress)))
        runs = []
        for workload in WORKLOADS if endurance else ():
            progress(f"{BOUNCES // scale:,} bounces of {workload.name} in a fresh process")
            runs.append(endure(workload, BOUNCES // scale))
    except (ExecutionError, RuntimeError) as error:
        return progress.refuse(error)
    finally:
        loop.close()
    progress.close()

    lines: list[str] = []
    for section, costs in timed:
        lines += [*section_text(section, costs), ""]
    if runs:
        lines += [*endurance_text(runs), ""]
    lines.append(
        f"CPU time a bounce on Python {sys.version.split()[0]}; "
        "result and executions of every line checked"
    )
    print("\n".join(lines))
    if options.readme is not None:
        block = ["```text", *lines, "```"]
        replace_block(options.readme, _BLOCK, block)
    if options.json is not None:
        value = as_json(timed, runs, rounds=SHORT_ROUNDS // scale)
        options.json.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    missed = _missed(timed, runs)
    if missed:
        print(wrapped("targets missed: " + "; ".join(missed)))
    return 1 if missed and options.strict else 0


if __name__ == "__main__":
    sys.exit(main())
