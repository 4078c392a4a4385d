"""C functions, which have no body: only calls from Python can be seen."""

from __future__ import annotations

import operator
import random
import sys

from tests.budget.counting.zoo.table import EVERY, FROM_C, NOT_ON_3_11, row

HERE = __name__

items: list[int] = []
append = items.append


def add_items() -> None:
    items.append(1)
    append(1)
    list.append(items, 1)
    getattr(items, "append")(1)  # noqa: B009
    items.append(*(1,))


class Items(list[int]):
    def grow(self) -> None:
        super().append(1)
        self.append(2)


row(
    "a builtin, called plainly, with *args and through an alias",
    lambda: (len(()), len(*((),)), operator.methodcaller, [len(()) for _ in range(10)]),
    {"builtins:len": 12},
    blind=FROM_C,
)
row(
    "a builtin with keywords",
    lambda: sorted([2, 1], key=None),
    {"builtins:sorted": 1},
    blind=FROM_C,
)
row("a method of a C type, in every form", add_items, {"builtins:list.append": 5}, blind=FROM_C)
row(
    "a method of a C type, by a subclass in Python",
    lambda: Items().grow(),
    {"builtins:list.append": 2},
    blind=FROM_C,
)
row(
    "a class method of a C type",
    lambda: (dict.fromkeys("ab"), {}.fromkeys("ab")),
    {"builtins:dict.fromkeys": 2},
    blind=FROM_C,
)
row(
    "a bound C method kept in a module",
    lambda: (random.random(), random.random()),
    {"random:random": 2},
    blind=FROM_C,
)
row(
    "a C function called by map, in C",
    lambda: list(map(len, ["a"] * 5)),
    {"builtins:len": 5},
    blind=FROM_C,
    uncounted={EVERY: (0, FROM_C)},
)
row(
    "a C function as the key of a sort, in C",
    lambda: ["a", "b"].sort(key=len),
    {"builtins:len": 2},
    blind=FROM_C,
    uncounted={EVERY: (0, FROM_C)},
)
first_of = operator.itemgetter(0)
row(
    "an object of a C type that can be called",
    lambda: (first_of("a"), first_of("b")),
    {f"{HERE}:first_of": 2},
    blind=FROM_C if sys.version_info >= (3, 12) else NOT_ON_3_11,
    uncounted={"3.11": (0, NOT_ON_3_11)},
)
