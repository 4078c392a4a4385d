"""Benchmark results that asv has stored, by commit."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_CONFIG: Final = "asv.conf.json"
_RESULTS: Final = ".asv/results"
_NOT_RESULTS: Final = frozenset({"benchmarks.json", "machine.json"})


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResult:
    """One benchmark's result for one commit.

    Attributes:
        machine: the folder of results, which asv names after the machine.
        benchmark: asv's name of the benchmark.
        parameters: "(1000, 'a')" for a parametrised one; else empty.
        unit: as asv has it; less is better.
        revision: the abbreviated commit.
        date: of the commit, ISO 8601.
        value: in the unit.
    """

    machine: str
    benchmark: str
    parameters: str
    unit: str
    revision: str
    date: str
    value: float


def read_results(root: Path) -> tuple[StoredResult, ...]:
    """What asv has stored below a project's root, oldest commit first; nothing where it has not.

    Files that are no results, or of a version that is not known here, are passed over: a report
    is not the place to complain of them.

    Source: asv 0.6, "Developer docs", files `<machine>/<commit>-<environment>.json` of version 2
    and `benchmarks.json`.
    """
    folder = _results_folder(root)
    benchmarks = _load(folder / "benchmarks.json")
    found = [
        each
        for path in sorted(folder.glob("*/*.json"))
        if path.name not in _NOT_RESULTS
        for each in _results_of(_load(path), benchmarks, machine=path.parent.name)
    ]
    return tuple(sorted(found, key=lambda each: each.date))


def _results_folder(root: Path) -> Path:
    config = _load(root / _CONFIG)
    folder = config.get("results_dir")
    return root / folder if isinstance(folder, str) else root / _RESULTS


def _results_of(
    stored: Mapping[str, Any], benchmarks: Mapping[str, Any], *, machine: str
) -> Iterator[StoredResult]:
    columns = stored.get("result_columns")
    commit, date = stored.get("commit_hash"), stored.get("date")
    results = stored.get("results")
    if (
        not isinstance(columns, list)
        or "result" not in columns
        or not isinstance(results, dict)
        or not isinstance(commit, str)
        or not isinstance(date, int | float)
    ):
        return
    told = datetime.fromtimestamp(date / 1000, UTC).isoformat(timespec="seconds")
    for name, row in results.items():
        described = benchmarks.get(name)
        unit = described.get("unit", "") if isinstance(described, dict) else ""
        fields = dict(zip(columns, row, strict=False)) if isinstance(row, list) else {}
        values = fields.get("result")
        combinations = _combinations(fields.get("params"))
        if not isinstance(values, list) or len(values) != len(combinations):
            continue
        for parameters, value in zip(combinations, values, strict=True):
            if isinstance(value, int | float) and math.isfinite(value):
                yield StoredResult(
                    machine=machine,
                    benchmark=name,
                    parameters=parameters,
                    unit=str(unit),
                    revision=commit[:8],
                    date=told,
                    value=float(value),
                )


def _combinations(parameters: object) -> list[str]:
    """The combinations of parameters in asv's order: the last one varies fastest."""
    combined: list[list[str]] = [[]]
    for values in parameters if isinstance(parameters, list) else ():
        if isinstance(values, list):
            combined = [[*one, str(value)] for one in combined for value in values]
    return [f"({', '.join(one)})" if one else "" for one in combined]


def _load(path: Path) -> dict[str, Any]:
    """A JSON object, asv's comments allowed; empty where there is none."""
    try:
        text = path.read_text(encoding="utf-8")
        loaded = json.loads("\n".join(line for line in text.splitlines() if not _is_comment(line)))
    except (OSError, ValueError):
        return {}
    return loaded if isinstance(loaded, dict) else {}


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("//")
