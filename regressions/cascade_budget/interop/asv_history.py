"""Benchmark results that asv has stored, as histories for a report."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from cascade_budget.interop.asv_config import AsvError, find_config, results_folder
from cascade_budget.interop.asv_results import describe, read_benchmarks, read_file, result_files
from cascade_budget.model.report import HistoryEntry, HistoryPoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import Any

    from cascade_budget.interop.asv_results import Results

_RESULTS: Final = ".asv/results"
"""Where results are in most projects: asv.conf.json may lie in another folder than the tests."""


def read_history(root: Path) -> tuple[HistoryEntry, ...]:
    """What asv has stored below a project's root, a benchmark and machine an entry.

    Points are in order of their commits' dates; a single one makes no history. Files that are no
    results, or of a version that is not known here, are passed over: a report is not the place to
    complain of them.
    """
    try:
        folder = results_folder(find_config(root))
    except AsvError:
        folder = root / _RESULTS
    benchmarks = _benchmarks(folder)
    series: defaultdict[tuple[str, str, str], list[HistoryPoint]] = defaultdict(list)
    for results in sorted(_readable(folder), key=lambda one: one.date):
        for (name, parameters), measured in results.measured.items():
            if measured.value is not None and math.isfinite(measured.value):
                point = HistoryPoint(
                    revision=results.commit[:8], date=results.date, value=float(measured.value)
                )
                series[results.machine, name, parameters].append(point)
    return tuple(
        HistoryEntry(
            benchmark=name,
            parameters=parameters,
            unit=describe(name, benchmarks).unit,
            points=tuple(points),
        )
        for (_, name, parameters), points in sorted(series.items())
        if len(points) > 1
    )


def _benchmarks(folder: Path) -> Mapping[str, Any]:
    try:
        return read_benchmarks(folder)
    except AsvError:
        return {}


def _readable(folder: Path) -> Iterator[Results]:
    for path in result_files(folder):
        try:
            results = read_file(path)
        except AsvError:
            continue
        if results.date:
            yield results
