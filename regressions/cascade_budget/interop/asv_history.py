"""Benchmark results that asv has stored, by commit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, final

from cascade_budget.interop.asv_config import (
    AsvError,
    find_config,
    load_json,
    read_config,
)
from cascade_budget.interop.asv_results import (
    BENCHMARKS,
    combinations,
    result_files,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_RESULTS: Final = ".asv/results"
"""Where results are in most projects: asv.conf.json may lie in another folder than the tests."""


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
    try:
        folder = read_config(find_config(root)).results
    except AsvError:
        folder = root / _RESULTS
    benchmarks = _load(folder / BENCHMARKS)
    found = [
        each
        for path in result_files(folder)
        for each in _results_of(_load(path), benchmarks, machine=path.parent.name)
    ]
    return tuple(sorted(found, key=lambda each: each.date))


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
        of = combinations(fields.get("params"))
        if not isinstance(values, list) or len(values) != len(of):
            continue
        for parameters, value in zip(of, values, strict=True):
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


def _load(path: Path) -> dict[str, Any]:
    """A JSON object; empty where there is none."""
    try:
        loaded = load_json(path)
    except (OSError, ValueError):
        return {}
    return loaded if isinstance(loaded, dict) else {}
