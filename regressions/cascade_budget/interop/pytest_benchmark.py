"""pytest-benchmark: the call that a test benchmarks, and what earlier runs have stored.

Only its public surface is used: the fixture's `__call__` and `pedantic`, `stats`, and the files
that `--benchmark-save` and `--benchmark-autosave` write.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

FIXTURE: Final = "benchmark"
_STORAGE_SCHEME: Final = "file://"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkedCall:
    """What one round of a benchmark runs.

    Attributes:
        function: what is benchmarked.
        arguments: makes its positional and keyword arguments, as the test's own `setup` does.
        teardown: called with the same arguments afterwards; None for nothing.
    """

    function: Callable[..., Any]
    arguments: Callable[[], tuple[tuple[Any, ...], Mapping[str, Any]]]
    teardown: Callable[..., Any] | None = None

    @contextlib.contextmanager
    def prepared(self) -> Iterator[tuple[tuple[Any, ...], Mapping[str, Any]]]:
        """The arguments of one round, torn down after it."""
        args, kwargs = self.arguments()
        yield args, kwargs
        if self.teardown is not None:
            self.teardown(*args, **kwargs)

    def repeated(self, times: int) -> None:
        """Run it that many times, each with arguments and teardown of its own."""
        for _ in range(times):
            with self.prepared() as (args, kwargs):
                self.function(*args, **kwargs)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBenchmark:
    """A test's result in an earlier run.

    Attributes:
        seconds: the shortest round, per call.
        file: name of the file it is from.
        machine: what the run said of its machine and Python, for comparison as a whole.
    """

    seconds: float
    file: str
    machine: tuple[str, ...]


def is_benchmark(item: Any) -> bool:
    """Whether a test of pytest uses the `benchmark` fixture."""
    return FIXTURE in getattr(item, "fixturenames", ())


def follow_benchmark(fixture: Any, follow: Callable[[BenchmarkedCall], None]) -> None:
    """Have a benchmark tell what it ran, once it has run it and before its test goes on.

    The fixture does and prints what it always does; only its class is derived from.

    Args:
        fixture: the value of the `benchmark` fixture.
        follow: called with what was benchmarked.
    """
    kind: Any = type(fixture)

    class FollowedBenchmark(kind):  # type: ignore[misc]
        """A benchmark that is followed by counted runs of the same call."""

        def __call__(self, function_to_benchmark: Any, *args: Any, **kwargs: Any) -> Any:
            result = super().__call__(function_to_benchmark, *args, **kwargs)
            follow(
                BenchmarkedCall(function=function_to_benchmark, arguments=lambda: (args, kwargs))
            )
            return result

        def pedantic(
            self,
            target: Any,
            args: Any = (),
            kwargs: Any = None,
            setup: Any = None,
            teardown: Any = None,
            **options: Any,
        ) -> Any:
            result = super().pedantic(
                target, args=args, kwargs=kwargs, setup=setup, teardown=teardown, **options
            )

            def arguments() -> tuple[tuple[Any, ...], Mapping[str, Any]]:
                made = setup() if setup is not None else None
                given: tuple[tuple[Any, ...], Mapping[str, Any]] = made or (args, kwargs or {})
                return given

            follow(BenchmarkedCall(function=target, arguments=arguments, teardown=teardown))
            return result

    FollowedBenchmark.__name__ = FollowedBenchmark.__qualname__ = kind.__name__
    fixture.__class__ = FollowedBenchmark


def shortest_seconds(fixture: Any) -> float | None:
    """The shortest round of a benchmark that has run, in seconds a call; None without timing."""
    metadata = getattr(fixture, "stats", None)
    if metadata is None or not metadata.stats.data:
        return None
    return float(metadata.stats.min)


def calls_made(fixture: Any) -> int:
    """How many calls a benchmark has timed; 1 without timing."""
    metadata = getattr(fixture, "stats", None)
    if metadata is None:
        return 1
    return max(1, int(metadata.stats.rounds) * int(metadata.iterations))


def storage_folder(option: str | None, directory: Path) -> Path | None:
    """The folder that `--benchmark-storage` names; None where it is no folder."""
    if not option or not option.startswith(_STORAGE_SCHEME):
        return None
    return directory / option.removeprefix(_STORAGE_SCHEME)


def read_stored(folder: Path, test: str) -> StoredBenchmark | None:
    """The newest stored result of a test; None where there is none.

    Files that are no results are passed over.

    Args:
        folder: of the storage; it holds one folder a machine.
        test: the test's id, pytest-benchmark's `fullname`.

    Source: pytest-benchmark, "Comparing past runs": files `<machine>/<counter>_<name>.json`.
    """
    for path in sorted(folder.glob("*/[0-9]*.json"), key=lambda path: path.name, reverse=True):
        try:
            run = json.loads(path.read_text(encoding="utf-8"))
            for stored in run["benchmarks"]:
                if stored["fullname"] == test:
                    return StoredBenchmark(
                        seconds=float(stored["stats"]["min"]),
                        file=path.name,
                        machine=machine_of(run["machine_info"]),
                    )
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def machine_of(info: Mapping[str, Any]) -> tuple[str, ...]:
    """What decides whether two runs can be compared closely: host, processor, interpreter."""
    cpu = info.get("cpu") or {}
    return (
        str(info.get("node", "")),
        str(cpu.get("brand_raw", "") if isinstance(cpu, dict) else cpu),
        str(info.get("python_implementation", "")),
        ".".join(str(info.get("python_version", "")).split(".")[:2]),
    )
