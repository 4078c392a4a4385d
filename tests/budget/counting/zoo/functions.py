"""Functions, closures and nested functions."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import re
import weakref
from typing import TYPE_CHECKING, Any

from tests.budget.counting.zoo.table import case, starts

if TYPE_CHECKING:
    from collections.abc import Callable


HERE = __name__


def plain(x: Any = None) -> Any:
    return x


alias = plain


@case("an alias bound before counting began", plain=2)
def _() -> None:
    alias()
    plain()


@case("a thousand calls in a hot loop, which the interpreter specialises", plain=1_000)
def _() -> None:
    for number in range(1_000):
        plain(number)


@case("f(*args) and f(**kwargs)", plain=2)
def _() -> None:
    plain(*(1,))
    plain(x=1)


@case("called by map, filter, sort, min and reduce, in C", plain=12)
def _() -> None:
    list(map(plain, range(3)))
    list(filter(plain, range(3)))
    [1, 2].sort(key=plain)
    min((1, 2), key=plain)
    list(itertools.starmap(plain, [(1,)]))
    functools.partial(plain, 1)()


@case("called back from C: re.sub, json, weakref, cmp_to_key", called_back=6)
def _() -> None:
    re.sub("a", called_back, "aa")
    json.dumps(object(), default=called_back)
    thing = Hollow()
    reference = weakref.ref(thing, called_back)
    del thing
    sorted([1, 2, 3], key=functools.cmp_to_key(called_back))
    assert reference() is None


class Hollow:
    """Something that a weak reference can point at."""


def called_back(*_arguments: object) -> Any:
    return "" if len(_arguments) == 1 else -1


def fails() -> None:
    raise LookupError


@case("a body that raises has started", fails=3)
def _() -> None:
    for _attempt in range(3):
        with contextlib.suppress(LookupError):
            fails()


@case("arguments that do not fit: the body never starts", takes_one=0)
def _() -> None:
    with contextlib.suppress(TypeError):
        takes_one()  # type: ignore[call-arg]


def takes_one(x: object) -> object:
    return x


def factorial(n: int) -> int:
    return n * factorial(n - 1) if n else 1


@case("recursion", factorial=51)
def _() -> None:
    factorial(50)


def even(n: int) -> bool:
    return odd(n - 1) if n else True


def odd(n: int) -> bool:
    return even(n - 1) if n else False


@case("mutual recursion", even=6, odd=5)
def _() -> None:
    even(10)


square: Callable[[int], int] = lambda x: x * x  # noqa: E731


@case("a lambda", square=2)
def _() -> None:
    square(2)
    square(3)


TWINS = "def twin():\n    return 1\n"
first_twins: dict[str, Any] = {"__name__": HERE}
second_twins: dict[str, Any] = {"__name__": HERE}
exec(compile(TWINS, "twins", "exec"), first_twins)
exec(compile(TWINS, "twins", "exec"), second_twins)
twin: Callable[[], int] = first_twins["twin"]
other_twin: Callable[[], int] = second_twins["twin"]


@case("two bodies with equal code are two functions", twin=3, other_twin=2)
def _() -> None:
    twin(), twin(), twin()
    other_twin(), other_twin()


def make_adder(n: int) -> Callable[[int], int]:
    def adder(x: int) -> int:
        return x + n

    return adder


add_two, add_three = make_adder(2), make_adder(3)


@starts("closures from one factory share a body", "make_adder.<locals>.adder", 3)
def _() -> None:
    add_two(1)
    add_three(1)
    make_adder(4)(1)


def makes_in_comprehension() -> list[Callable[[], int]]:
    return [lambda n=n: n for n in range(4)]  # type: ignore[misc]


@starts("lambdas made in a comprehension", "makes_in_comprehension.<locals>.<lambda>", 4)
def _() -> None:
    for made in makes_in_comprehension():
        made()


def makes_class() -> type:
    class Local:
        def method(self) -> None:
            pass

    return Local


@starts("a method of a local class", "makes_class.<locals>.Local.method", 2)
def _() -> None:
    local = makes_class()
    local().method()
    local().method()


@case("called in comprehensions and generator expressions", plain=9)
def _() -> None:
    [plain(n) for n in range(3)]
    {plain(n) for n in range(3)}
    sum(bool(plain(n)) for n in range(3))
