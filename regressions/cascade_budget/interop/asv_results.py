"""asv's result files: one a commit, machine and environment.

Source: asv 0.6, "Developer docs", "Data formats": `<machine>/<commit>-<environment>.json` of
version 2, whose `results` hold one row a benchmark, as `result_columns` name them;
`benchmarks.json` beside the machines describes the benchmarks.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from cascade_budget.interop.asv_config import AsvError, load_json
from cascade_budget.model.benchmarks import Benchmark, Kind, Measured
from cascade_budget.model.throughput import Interval

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

BENCHMARKS: Final = "benchmarks.json"
_NOT_RESULTS: Final = frozenset({BENCHMARKS, "machine.json"})
_VERSION: Final = 2
_NAME_LENGTH: Final = 8
_STATISTICS: Final = ("stats_ci_99_a", "stats_ci_99_b", "stats_repeat")
_KINDS: Final = {
    "time": (Kind.TIME, "seconds"),
    "timeraw": (Kind.TIME, "seconds"),
    "peakmem": (Kind.PEAK_MEMORY, "bytes"),
    "mem": (Kind.MEMORY, "bytes"),
    "track": (Kind.TRACK, "unit"),
}
_AUTOMATIC_SAMPLES: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What one result file holds.

    Attributes:
        machine: asv's name of the machine.
        environment: asv's name of the environment.
        commit: The full commit.
        date: Of the commit, ISO 8601; empty where the file does not say.
        recorded: When the last of its benchmarks was started; None where it does not say.
        measured: By benchmark and combination of parameters, "(1000, 'a')" or empty.
    """

    machine: str
    environment: str
    commit: str
    date: str
    recorded: datetime | None
    measured: Mapping[tuple[str, str], Measured] = field(repr=False)


def result_files(folder: Path, commit: str = "") -> list[Path]:
    """The result files in a folder of results, of one commit or of all."""
    pattern = f"*/{commit[:_NAME_LENGTH]}*.json"
    return sorted(path for path in folder.glob(pattern) if path.name not in _NOT_RESULTS)


def results_of(folder: Path, commit: str) -> list[Results]:
    """What is stored of a commit, on every machine and in every environment.

    Args:
        folder: Of results.
        commit: In full, or its first eight digits or more.

    Raises:
        AsvError: A file of this commit is not what asv writes.
    """
    read = (read_file(path) for path in result_files(folder, commit))
    return [results for results in read if results.commit.startswith(commit)]


def read_benchmarks(folder: Path) -> Mapping[str, Any]:
    """What `benchmarks.json` says of each benchmark; nothing where there is none.

    Raises:
        AsvError: The file is no JSON object.
    """
    path = folder / BENCHMARKS
    if not path.is_file():
        return {}
    return _object(path)


def describe(
    name: str, benchmarks: Mapping[str, Any], *, exact: bool = False, repeat: int | None = None
) -> Benchmark:
    """What is known of a benchmark: what `benchmarks.json` says, else what its name does.

    Args:
        name: Its full name.
        benchmarks: From `read_benchmarks`.
        exact: Whether to take its numbers for exact.
        repeat: Samples a process took, where that is known better.
    """
    prefix = name.rpartition(".")[2].partition("_")[0].lower()
    kind, unit = _KINDS.get(prefix, (Kind.TRACK, "unit"))
    described = benchmarks.get(name)
    if not isinstance(described, dict):
        return Benchmark(name=name, kind=kind, unit=unit, samples_per_process=repeat, exact=exact)
    stated = described.get("type")
    kind = Kind(stated) if stated in set(Kind) else kind
    return Benchmark(
        name=name,
        kind=kind,
        unit=str(described.get("unit", unit)),
        samples_per_process=(
            1 if prefix == "timeraw" else repeat or _samples_per_process(described)
        ),
        exact=exact,
    )


def _combinations(parameters: object) -> list[str]:
    """The combinations of parameters in asv's order: the last one varies fastest."""
    columns = parameters if isinstance(parameters, list) else []
    lists = [values for values in columns if isinstance(values, list)]
    return [f"({', '.join(map(str, one))})" if one else "" for one in itertools.product(*lists)]


def _samples_per_process(described: Mapping[str, Any]) -> int | None:
    """As many as `repeat` says.

    Source: asv_runner 0.3, benchmarks/time.py: 0 stands for at most 10, or 5 with several rounds,
    and for fewer once that took 20 or 10 s; a triple is least, most, and the time limit.
    """
    repeat = described.get("repeat")
    if isinstance(repeat, list):
        repeat = repeat[1] if len(repeat) == 3 else None  # noqa: PLR2004 - least, most, seconds
    if not isinstance(repeat, int) or repeat < 0:
        return None
    if repeat == 0:
        rounds = described.get("rounds", 1)
        return _AUTOMATIC_SAMPLES // (2 if isinstance(rounds, int) and rounds > 1 else 1)
    return repeat


def read_file(path: Path) -> Results:
    """What a result file holds.

    Raises:
        AsvError: It is not what asv writes, or of another version.
    """
    stored = _object(path)
    version = stored.get("version")
    if version != _VERSION:
        raise AsvError(
            f"the results are of version {version!r}; version {_VERSION} is known",
            place=str(path),
            remedy="Run asv update, or measure the revision again",
        )
    columns, rows, commit = (
        stored.get(key) for key in ("result_columns", "results", "commit_hash")
    )
    if not (isinstance(columns, list) and isinstance(rows, dict) and isinstance(commit, str)):
        raise AsvError(
            "the results lack result_columns, results or commit_hash",
            place=str(path),
            remedy="Remove the file and measure the revision again",
        )
    params, date = stored.get("params"), stored.get("date")
    params = params if isinstance(params, dict) else {}
    started: list[float] = []
    measured: dict[tuple[str, str], Measured] = {}
    for name, row in rows.items():
        fields = dict(zip(columns, row, strict=False)) if isinstance(row, list) else {}
        if isinstance(fields.get("started_at"), int | float):
            started.append(fields["started_at"])
        for parameters, one in _measured(fields, processor=str(params.get("cpu", ""))):
            measured[name, parameters] = one
    return Results(
        machine=str(params.get("machine", path.parent.name)),
        environment=str(stored.get("env_name", path.stem[_NAME_LENGTH + 1 :])),
        commit=commit,
        date=_time(date).isoformat(timespec="seconds") if isinstance(date, int | float) else "",
        recorded=_time(max(started)) if started else None,
        measured=measured,
    )


def _time(ms: float) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _measured(fields: Mapping[str, Any], *, processor: str) -> Iterator[tuple[str, Measured]]:
    of = _combinations(fields.get("params"))
    # All of a benchmark failed: asv writes one null for the lot.
    values = fields.get("result") or [None] * len(of)
    samples = fields.get("samples") or [None] * len(of)
    columns = [fields.get(name) or [None] * len(of) for name in _STATISTICS]
    version = fields.get("version")
    for index, parameters in enumerate(of):
        value, taken = _at(values, index), _at(samples, index)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        yield (
            parameters,
            Measured(
                value=value if number else None,
                samples=tuple(taken) if isinstance(taken, list) else (),
                interval=_interval(*(_at(column, index) for column in columns)),
                version=version if isinstance(version, str) else None,
                processor=processor,
            ),
        )


def _interval(lower: Any, upper: Any, repeat: Any) -> Interval | None:
    if not all(isinstance(value, int | float) for value in (lower, upper, repeat)) or repeat <= 1:
        return None
    return Interval(lower=lower, upper=upper)


def _at(values: Any, index: int) -> Any:
    return values[index] if isinstance(values, list) and index < len(values) else None


def _object(path: Path) -> dict[str, Any]:
    try:
        loaded = load_json(path)
    except OSError as unreadable:
        fact = f"the file cannot be read: {unreadable.strerror or unreadable}"
    except ValueError as broken:
        fact = f"the file is not JSON: {broken}"
    else:
        if isinstance(loaded, dict):
            return loaded
        fact = "the file holds no JSON object"
    raise AsvError(fact, place=str(path), remedy="Remove it and measure again")
