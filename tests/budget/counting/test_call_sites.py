"""Where calls came from: the file, line and function to blame, and how many came from there."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import re
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from cascade_budget.counting import count_calls
from cascade_budget.counting.targets import resolve_target
from cascade_budget.model.findings import Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CALLED = f"{__name__}:called"


def called(x: int = 0) -> int:
    return x


@functools.lru_cache
def cached(x: int) -> int:
    return x


def numbers() -> Iterator[int]:
    yield 1
    yield 2


async def sleeps() -> None:
    await asyncio.sleep(0)


@contextlib.contextmanager
def managed() -> Iterator[None]:
    yield


def sites_of(name: str, run: Callable[[], object]) -> tuple[Site, ...]:
    with count_calls([resolve_target(name)], attribute=True) as counts:
        run()
    return counts.sites[name]


def offsets(name: str, run: Callable[[], object]) -> list[tuple[int, int]]:
    """The sites in `run`, as lines below its definition and calls."""
    first = run.__code__.co_firstlineno
    sites = sites_of(name, run)
    assert {(site.path, site.function) for site in sites} == {(__file__, run.__qualname__)}
    return [(site.line - first, site.calls) for site in sites]


def test_sites_are_lines_with_the_most_calls_first() -> None:
    def run() -> None:
        called()
        for _ in range(3):
            called()
            _ = called(), called()

    assert offsets(CALLED, run) == [(4, 6), (3, 3), (1, 1)]


def test_a_call_over_several_lines_is_at_its_first() -> None:
    def run() -> None:
        called(
            len(
                "a",
            )
        )

    assert offsets(CALLED, run) == [(1, 1)]


def test_a_miss_of_a_cache_is_blamed_on_its_caller() -> None:
    def run() -> None:
        cached.cache_clear()
        cached(1)
        cached(1)
        cached(2)

    assert offsets(f"{__name__}:cached", run) == [(2, 1), (4, 1)]


def test_a_call_from_c_is_blamed_on_the_line_that_called_c() -> None:
    def run() -> None:
        list(map(called, range(5)))

    assert offsets(CALLED, run) == [(1, 5)]


def test_a_generator_is_blamed_on_the_line_that_first_iterates_it() -> None:
    def run() -> None:
        generator = numbers()
        next(generator)
        next(generator)

    assert offsets(f"{__name__}:numbers", run) == [(2, 1)]


def test_a_coroutine_is_blamed_on_the_line_that_awaits_it() -> None:
    async def main() -> None:
        coroutine = sleeps()
        await coroutine

    first = main.__code__.co_firstlineno
    (site,) = sites_of(f"{__name__}:sleeps", lambda: asyncio.run(main()))
    assert (site.line - first, site.function, site.calls) == (2, main.__qualname__, 1)


def test_a_c_function_is_blamed_on_its_caller() -> None:
    def run() -> None:
        len(())
        len(())

    assert offsets("builtins:len", run) == [(1, 1), (2, 1)]


def test_the_standard_library_between_is_looked_through() -> None:
    def run() -> None:
        with managed():
            re.purge()
        re.compile("some pattern")

    assert offsets(f"{__name__}:managed", run) == [(1, 1)]
    assert offsets("re._compiler:compile", run) == [(3, 1)]


def test_a_call_inside_the_standard_library_is_blamed_on_who_called_that() -> None:
    def run() -> None:
        inspect.signature(called)

    assert offsets("inspect:unwrap", run) == [(1, 1)]


def test_a_call_that_only_the_library_makes_is_blamed_on_the_library() -> None:
    def run() -> None:
        thread = threading.Thread(target=called)
        thread.start()
        thread.join()

    (site,) = sites_of(CALLED, run)
    assert (site.path, site.function, site.calls) == (threading.__file__, "Thread.run", 1)


def test_a_call_without_any_caller_has_no_place() -> None:
    import _thread  # noqa: PLC0415

    done = threading.Lock()
    done.acquire()

    def run() -> None:
        # A raw thread has no frame below; threads of `threading` do.
        _thread.start_new_thread(releases, (done,))
        done.acquire()

    if sys.version_info < (3, 12):
        pytest.skip("the profile hook reaches threads that `threading` starts")
    assert sites_of(f"{__name__}:releases", run) == (Site(path="", line=0, function="", calls=1),)


def releases(lock: threading.Lock) -> None:
    lock.release()


def test_a_target_that_was_not_called_has_no_sites() -> None:
    with count_calls([resolve_target(CALLED)], attribute=True) as counts:
        pass
    assert counts.sites == {}


def test_without_attribution_there_are_no_sites() -> None:
    with count_calls([resolve_target(CALLED)]) as counts:
        called()
    assert counts.sites == {}
