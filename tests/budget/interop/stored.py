"""A project with two commits, and result files of them as asv 0.6 writes them."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from asv_runner.statistics import compute_stats

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = [
    "result",
    "params",
    "version",
    "started_at",
    "duration",
    "stats_ci_99_a",
    "stats_ci_99_b",
    "stats_q_25",
    "stats_q_75",
    "stats_number",
    "stats_repeat",
    "samples",
    "profile",
]
# 2024-05-06 07:08:09 UTC, in ms
STARTED = 1_714_979_289_000
SKIPPED = math.nan


def timed(
    samples: list[float], *, keep: bool = True, number: int = 1, version: str = "1"
) -> list[Any]:
    """The row of an unparametrised time_ benchmark."""
    value, stats = compute_stats(samples, number)
    kept = [[stats[name]] for name in ("ci_99_a", "ci_99_b", "q_25", "q_75", "number", "repeat")]
    row = [[value], [], version, STARTED, 1.5, *kept]
    return [*row, [samples]] if keep else row


def tracked(
    *values: float | None, params: list[list[str]] | None = None, version: str = "1"
) -> list[Any]:
    """The row of a track_ or peakmem_ benchmark; all None is written as one null."""
    result = None if all(value is None for value in values) else list(values)
    return [result, params or [], version, STARTED, 0.1]


@dataclass
class Project:
    """Where asv keeps things, and the two commits `base` and `head`."""

    root: Path
    base: str
    head: str
    described: dict[str, Any] = field(default_factory=lambda: {"version": 2})

    @property
    def results(self) -> Path:
        return self.root / ".asv/results"

    def describe(self, name: str, kind: str, unit: str, **more: Any) -> None:
        self.described[name] = {"name": name, "type": kind, "unit": unit, "params": [], **more}
        self.results.mkdir(parents=True, exist_ok=True)
        (self.results / "benchmarks.json").write_text(json.dumps(self.described), encoding="utf-8")

    def store(
        self,
        commit: str,
        rows: dict[str, list[Any]],
        *,
        machine: str = "box",
        environment: str = "virtualenv-py3.13",
        cpu: str = "Z80",
    ) -> Path:
        path = self.results / machine / f"{commit[:8]}-{environment}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        stored = {
            "commit_hash": commit,
            "env_name": environment,
            "date": STARTED,
            "params": {"arch": "x86_64", "cpu": cpu, "machine": machine, "python": "3.13"},
            "python": "3.13",
            "requirements": {},
            "env_vars": {},
            "result_columns": COLUMNS,
            "results": rows,
            "durations": {},
            "version": 2,
        }
        path.write_text(json.dumps(stored), encoding="utf-8")
        return path

    def pair(self, name: str, base: list[Any], head: list[Any]) -> None:
        """Results of one benchmark alone."""
        self.store(self.base, {name: base})
        self.store(self.head, {name: head})
