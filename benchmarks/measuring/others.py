"""The gate's verdicts beside those of the tools in use, on one workload in one session.

    python -m benchmarks.measuring.others run --trials 20 --to others.jsonl
    python -m benchmarks.measuring.others table others.jsonl --page docs/measuring.md

A trial asks every tool, in random order, about equal code and about heads with 2 and 5 % more
transactions to do, in random order too, each by the tool's default settings. A tool's three answers
share one run of base. Lines are appended, so that sessions add up.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.comparison.progress import wrapped
from benchmarks.comparison.table import page_with_block, replace_block
from benchmarks.executions import ExecutionError, count_executions
from benchmarks.measuring.decisions import ToolError
from benchmarks.measuring.others_table import as_markdown
from benchmarks.measuring.rates import read_lines
from benchmarks.measuring.records import TRANSACTIONS, name_of, sort_records
from benchmarks.measuring.tools.asv_continuous import AsvContinuous
from benchmarks.measuring.tools.paired import Paired
from benchmarks.measuring.tools.pyperf_timeit import PyperfTimeit
from benchmarks.measuring.tools.pytest_benchmark import PytestBenchmark
from cascade_budget.errors import BudgetError
from cascade_budget.timing.sides import find_base, lay_out_sides

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.measuring.decisions import Decision, Tool

ROOT = Path(__file__).resolve().parents[2]
SLOWDOWNS = (0.0, 0.02, 0.05)
TOOLS = ("paired", "pytest-benchmark", "asv", "pyperf")


def check_executions() -> None:
    """See that the workload does what its figures are figures of.

    Raises:
        ExecutionError: A record was left out, or handled twice.
    """
    for n in (0, 1, 7, TRANSACTIONS):
        with count_executions({"name_of": name_of.__code__}) as counts:
            made = sort_records(n)
        if (made, counts["name_of"]) != (n, n):
            raise ExecutionError("sort_records", n, (n, n), (made, counts["name_of"]))


def open_tools(stack: ExitStack, names: Sequence[str], slowdowns: Sequence[float]) -> list[Tool]:
    """Set up what the tools need; it is removed with the stack.

    Raises:
        ToolError: A tool could not be set up.
        PackageNotFoundError: A tool is not installed.
    """
    scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))

    def folder(name: str) -> Path:
        made = scratch / name
        made.mkdir()
        return made

    tools: list[Tool] = []
    if "paired" in names:
        tools.append(Paired(stack.enter_context(lay_out_sides(find_base(".", ROOT), ROOT))))
    if "pytest-benchmark" in names:
        tools.append(PytestBenchmark(folder("pytest-benchmark"), ROOT))
    if "asv" in names:
        tools.append(AsvContinuous(folder("asv"), slowdowns))
    if "pyperf" in names:
        tools.append(PyperfTimeit(folder("pyperf"), ROOT))
    return tools


def as_line(decision: Decision) -> dict[str, object]:
    """A decision as it is kept, with what the machine was like."""
    return {
        "tool": decision.tool,
        "rule": decision.rule,
        "injected": decision.injected,
        "verdict": decision.verdict,
        "seconds": round(decision.seconds, 2),
        "load_average": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
    }


def run(arguments: argparse.Namespace) -> int:
    """Run trials and append one line a decision. Returns the exit status."""
    chance = random.Random()  # noqa: S311 - order, no secret
    with ExitStack() as stack:
        check_executions()
        tools = open_tools(stack, arguments.tool, arguments.inject)
        file = stack.enter_context(arguments.to.open("a", encoding="utf-8"))
        for trial in range(1, arguments.trials + 1):
            for tool in chance.sample(tools, len(tools)):
                for one in tool.trial(chance.sample(arguments.inject, len(arguments.inject))):
                    file.write(json.dumps(as_line(one)) + "\n")
                    file.flush()
                    print(
                        f"{time.strftime('%H:%M:%S')} {trial}/{arguments.trials}"
                        f" {one.tool:24.24} {one.rule:23.23}{one.injected:5.0%} {one.verdict:9}"
                        f" {one.seconds:3.0f} s",
                        flush=True,
                    )
    return 0


def table(arguments: argparse.Namespace) -> int:
    """Print the rates in such files, or put them into a page. Returns the exit status."""
    lines = as_markdown(read_lines(arguments.files))
    if arguments.page is not None:
        replace_block(arguments.page, "others", lines)
    print("\n".join(lines))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Read the command line, do what it says, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.measuring.others",
        description="How often each tool calls a head slower that has 0, 2 and 5 % more to do.",
    )
    commands = parser.add_subparsers(required=True)
    runner = commands.add_parser("run", help="run trials and append them to a file")
    runner.add_argument("--trials", type=int, default=20)
    runner.add_argument("--inject", type=float, nargs="+", default=list(SLOWDOWNS))
    runner.add_argument("--tool", nargs="+", default=list(TOOLS), choices=TOOLS)
    runner.add_argument("--to", type=Path, required=True, metavar="FILE")
    runner.set_defaults(run=run)
    printer = commands.add_parser("table", help="print the rates in such files")
    printer.add_argument("files", type=Path, nargs="+", metavar="FILE")
    printer.add_argument(
        "--page",
        type=page_with_block("others"),
        metavar="FILE",
        help="put the table between its others marks",
    )
    printer.set_defaults(run=table)
    arguments = parser.parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except KeyboardInterrupt:
        print("interrupted; the decisions so far are kept", file=sys.stderr)
        return 130
    except ModuleNotFoundError as error:
        print(f"error: {error}; `make setup` installs the tools", file=sys.stderr)
        return 2
    except (BudgetError, ExecutionError, ToolError, ValueError, OSError) as error:
        print("\n".join(map(wrapped, f"error: {error}".splitlines())), file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
