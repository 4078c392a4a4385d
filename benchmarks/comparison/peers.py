"""`python -m benchmarks.comparison.peers`: the same loops in what a user would pick instead."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import sys
from importlib.metadata import version
from inspect import isawaitable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import limits, workloads
from benchmarks.comparison.lines import Bench
from benchmarks.comparison.peers_table import AHEAD, Row, as_json, as_markdown, as_text, behind
from benchmarks.comparison.progress import Progress, wrapped
from benchmarks.comparison.rounds import Contender, measure
from benchmarks.comparison.table import page_with_block, replace_block
from benchmarks.executions import ExecutionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.peers.peer import Loop, Peer

MODULES = (
    "graphlib_by_hand",
    "pocketflow_nodes",
    "hamilton_driver",
    "burr_actions",
    "pydantic_graph_nodes",
    "langgraph_state",
    "dask_delayed",
)
ROUNDS = 15
BLOCK_SECONDS = 0.04
"""CPU time of a block: the slowest peers make ten bounces in it, setting up one run among them."""


def _contender(loop: asyncio.AbstractEventLoop, name: str, one: Loop) -> Contender:
    def block(n: int) -> Any:
        result = one.run(n)
        return loop.run_until_complete(result) if isawaitable(result) else result

    return Contender(
        name=name,
        block=block,
        result=one.result,
        bodies=one.bodies,
        executions=one.executions,
        sizes=(0, 1, 7, 30),
    )


def _peer_row(loop: asyncio.AbstractEventLoop, peer: Peer) -> Row:
    name = f"{peer.name} {version(peer.distribution)}" if peer.distribution else peer.name
    return Row(
        name=name,
        simple=_contender(loop, f"{name}: simple", peer.simple),
        stable=_contender(loop, f"{name}: stable", peer.stable),
        heavy=_contender(loop, f"{name}: heavy", peer.heavy),
        declared=peer.heavy.declared,
        peer=True,
    )


def rows(loop: asyncio.AbstractEventLoop, modules: Sequence[str] = MODULES) -> list[Row]:
    """Return the engine, the limits, and the peers, in the order of the table.

    Raises:
        ModuleNotFoundError: A peer is not installed.
    """
    bench = Bench(loop)
    engine = Row(
        name="cascade",
        simple=bench.engine(workloads.SIMPLE, "cascade: simple"),
        stable=bench.engine(workloads.STABLE_CAPTURED, "cascade: stable"),
        heavy=bench.engine(workloads.HEAVY, "cascade: heavy"),
    )
    by_hand = Row(
        name="by hand (e0, f)",
        simple=bench.limit(limits.E0),
        stable=None,
        heavy=bench.limit(limits.F),
    )
    yielding = Row(
        name="by hand, sleep(0)", simple=bench.limit(limits.YIELDING), stable=None, heavy=None
    )
    found = [importlib.import_module(f"benchmarks.peers.{module}").PEER for module in modules]
    return [engine, by_hand, yielding, *(_peer_row(loop, peer) for peer in found)]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the comparison and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.comparison.peers",
        description="Time the engine beside other libraries: CPU time, interleaved, as ratios.",
    )
    parser.add_argument("--quick", action="store_true", help="three rounds")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write what was measured there")
    parser.add_argument(
        "--readme",
        metavar="FILE",
        type=page_with_block("peers"),
        help="put the table between its peers marks",
    )
    parser.add_argument(
        "--strict", action="store_true", help=f"exit 1 where a peer is within {AHEAD:.0f} x"
    )
    options = parser.parse_args(argv)
    rounds = 3 if options.quick else ROUNDS
    progress = Progress(sys.stderr)
    loop = asyncio.new_event_loop()
    try:
        table = rows(loop)
        contenders = [one for row in table for one in row.cells if one is not None]
        costs = measure(contenders, rounds=rounds, say=progress, block_seconds=BLOCK_SECONDS)
    except ModuleNotFoundError as error:
        print(f"error: {error}; `make bench-peers` installs the peers", file=sys.stderr)
        return 2
    except ExecutionError as error:
        return progress.refuse(error)
    finally:
        loop.close()
    progress.close()
    print("\n".join(as_text(table, costs)))
    if options.json is not None:
        value = as_json(table, costs, rounds=rounds)
        options.json.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    if options.readme is not None:
        replace_block(options.readme, "peers", list(as_markdown(table, costs)))
    close = behind(table, costs)
    if close:
        print(wrapped(f"less than {AHEAD:.0f} x ahead of: " + "; ".join(close)))
    return 1 if close and options.strict else 0


if __name__ == "__main__":
    sys.exit(main())
