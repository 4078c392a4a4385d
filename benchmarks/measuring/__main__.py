"""How often the paired timer is right: measured, kept as JSON lines, and turned into a table.

    python -m benchmarks.measuring run --trials 60 --inject 0 0.02 --load bursts --to rates.jsonl
    python -m benchmarks.measuring table rates.jsonl
    python -m benchmarks.measuring noise rates.jsonl --to recorded_noise.json

Base and head are two copies of this working tree, laid out as the gate lays them out; a slowdown is
put there by giving head more transactions to do.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measuring.rates import as_markdown, read_lines, write_noise
from cascade_budget.timing.sides import find_base, lay_out_sides
from cascade_budget.timing.trials import run_trial

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parents[2]
WORKLOADS = ("simple", "stable", "heavy", "allocating", "async")
ARGUMENTS = ("-q", "-p", "no:cacheprovider", "--import-mode=importlib")

#: Runs for random times, some milliseconds to some seconds, and rests as long on average.
BURSTS = """
import os, random, time
parent = os.getppid()
while os.getppid() == parent:
    end = time.monotonic() + random.expovariate(1 / 0.7)
    while time.monotonic() < end:
        sorted(random.random() for _ in range(2000))
    time.sleep(random.expovariate(1 / 0.7))
"""


@contextmanager
def load(kind: str) -> Iterator[None]:
    """Keep the machine busy in bursts, one source a processor, as long as the block lasts."""
    sources = 2 if kind == "bursts" else 0
    started = [subprocess.Popen([sys.executable, "-c", BURSTS]) for _ in range(sources)]  # noqa: S603
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def slowdowns_of(trial: int, wanted: Sequence[str]) -> list[float]:
    """The slowdowns of a trial: "0.02:3" asks for 2 % in every third."""
    pairs = [word.partition(":")[::2] for word in wanted]
    return [float(share) for share, every in pairs if trial % int(every or 1) == 0]


def run(arguments: argparse.Namespace) -> int:
    """Run trials and append one line a verdict."""
    with (
        load(arguments.load),
        lay_out_sides(find_base(".", ROOT), ROOT) as sides,
        arguments.to.open("a", encoding="utf-8") as file,
    ):
        for trial in range(arguments.trials):
            for workload in arguments.workload:
                slowdowns = slowdowns_of(trial, arguments.inject)
                base, head = sides.specs(
                    f"benchmarks/measuring/measured.py::test_{workload}", ARGUMENTS
                )
                for one in run_trial(base, head, slowdowns=slowdowns):
                    line = {
                        "workload": workload,
                        "load": arguments.load,
                        "load_average": round(os.getloadavg()[0], 1),
                        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
                        "injected": one.injected,
                        "outcome": one.verdict.outcome,
                        "slowdown": round(one.verdict.slowdown, 6),
                        "smallest_detectable": round(one.verdict.smallest_detectable, 6),
                        "seconds": round(one.seconds, 2),
                        "cpu": [round(value.cpu, 6) for value in one.rounds],
                        "wall": [round(value.wall, 6) for value in one.rounds],
                    }
                    file.write(json.dumps(line) + "\n")
                    file.flush()
                    print(
                        f"{time.strftime('%H:%M:%S')} {trial + 1}/{arguments.trials}"
                        f" {workload:11}{one.injected:6.1%} {one.verdict.outcome:11}"
                        f"{one.verdict.slowdown:+8.2%} {one.verdict.rounds} rounds"
                        f" {one.seconds:.0f} s",
                        flush=True,
                    )
    return 0


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(required=True)
    runner = commands.add_parser("run", help="run trials and append them to a file")
    runner.add_argument("--trials", type=int, default=4)
    runner.add_argument(
        "--inject", nargs="+", default=["0", "0.02"], help='"0.02:3" is 2 %% in every third trial'
    )
    runner.add_argument("--workload", nargs="+", default=list(WORKLOADS), choices=WORKLOADS)
    runner.add_argument("--load", choices=("as is", "bursts"), default="as is")
    runner.add_argument("--to", type=Path, required=True)
    runner.set_defaults(run=run)
    printer = commands.add_parser("table", help="print the rates in such files")
    printer.add_argument("files", type=Path, nargs="+")
    printer.set_defaults(run=lambda given: print("\n".join(as_markdown(read_lines(given.files)))))
    recorder = commands.add_parser("noise", help="keep the rounds on equal code, to resample them")
    recorder.add_argument("files", type=Path, nargs="+")
    recorder.add_argument("--to", type=Path, required=True)
    recorder.set_defaults(run=lambda given: write_noise(read_lines(given.files), given.to))
    arguments = parser.parse_args()
    return arguments.run(arguments) or 0


if __name__ == "__main__":
    sys.exit(main())
