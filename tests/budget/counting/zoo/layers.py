"""Caches, decorators and other layers around a function."""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING

from tests.budget.counting.zoo.functions import plain
from tests.budget.counting.zoo.table import case, starts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


HERE = __name__


@functools.lru_cache(maxsize=2)
def cached(x: int) -> int:
    return x


@case("a cached function counts its misses", cached=5)
def _() -> None:
    cached.cache_clear()
    for number in (1, 1, 2, 2, 3, 1, 1):
        cached(number)
    cached.cache_clear()
    cached(1)


def retried(function: Callable[..., int]) -> Callable[..., int]:
    @functools.wraps(function)
    def wrapper(*arguments: int) -> int:
        function(*arguments)
        return function(*arguments)

    return wrapper


@retried
def wrapped(x: int) -> int:
    return x


@retried
@functools.cache
def wrapped_twice(x: int) -> int:
    return x


@case("functools.wraps is seen through to the body", wrapped=4)
def _() -> None:
    wrapped(1)
    wrapped(1)


@case("a cache below a wrapper is seen through too", wrapped_twice=2)
def _() -> None:
    wrapped_twice.__wrapped__.cache_clear()  # type: ignore[attr-defined]
    wrapped_twice(1)
    wrapped_twice(2)


def unnamed(function: Callable[..., int]) -> Callable[..., int]:
    def wrapper(*arguments: int) -> int:
        return function(*arguments)

    return wrapper


@unnamed
def hidden(x: int) -> int:
    return x


@unnamed
def hidden_too(x: int) -> int:
    return x


@case("a wrapper without functools.wraps, where its closure tells", hidden=2, hidden_too=1)
def _() -> None:
    hidden(1), hidden(1), hidden_too(1)


@starts("such a wrapper by its own name counts for all it wraps", "unnamed.<locals>.wrapper", 3)
def _() -> None:
    hidden(1), hidden(1), hidden_too(1)


half = functools.partial(plain, 1)


@case("a partial is its function", half=2)
def _() -> None:
    half()
    plain()


@functools.singledispatch
def dispatched(_x: object) -> str:
    return "object"


@dispatched.register
def for_int(_x: int) -> str:
    return "int"


@case("a generic function is its implementations together", dispatched=3, for_int=2)
def _() -> None:
    dispatched(1), dispatched(2), dispatched("")


@contextlib.contextmanager
def managed() -> Iterator[int]:
    yield 1


@case("a context manager starts at its with", managed=2)
def _() -> None:
    managed()
    for _attempt in range(2):
        with managed():
            pass


class Task:
    """A function in an object, as decorators of engines make it."""

    def __init__(self, function: Callable[..., object]) -> None:
        self.__wrapped__ = function

    def run(self) -> object:
        return self.__wrapped__()


@Task
def tasked() -> int:
    return 1


@case("an object with __wrapped__ is seen through", tasked=2)
def _() -> None:
    tasked.run()
    tasked.run()
