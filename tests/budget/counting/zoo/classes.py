"""Methods, properties, special methods and constructors."""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Self

from tests.budget.counting.zoo.functions import plain
from tests.budget.counting.zoo.table import case, row, starts

if TYPE_CHECKING:
    from collections.abc import Iterator


HERE = __name__


class Base:
    kept = 0

    def __init__(self, value: int = 0) -> None:
        self.value = value

    def method(self) -> int:
        return self.value

    @classmethod
    def of_class(cls) -> int:
        return cls.kept

    @staticmethod
    def of_none() -> int:
        return 1

    @property
    def read(self) -> int:
        return self.value

    @read.setter
    def read(self, value: int) -> None:
        self.value = value

    @functools.cached_property
    def kept_value(self) -> int:
        return self.value

    def __private(self) -> int:
        return self.value

    def reaches_private(self) -> int:
        return self.__private()

    def __call__(self) -> int:
        return self.value

    def __getitem__(self, index: int) -> int:
        return index

    def __len__(self) -> int:
        return 3

    def __add__(self, other: object) -> int:
        return self.value

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return 7

    def __getattr__(self, name: str) -> int:
        return len(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        pass

    def __iter__(self) -> Iterator[int]:
        yield 1
        yield 2

    partial = functools.partialmethod(method)


class Derived(Base):
    def __init__(self) -> None:
        super().__init__(1)


class Inheriting(Base):
    """Has the __init__ of its base."""


base = Base()
bound = base.method


@case("methods: by instance, by class, bound before", Base__method=4)
def _() -> None:
    base.method()
    Base.method(base)
    bound()
    base.partial()


@case("a partialmethod is its function", Base__partial=3)
def _() -> None:
    base.partial()
    base.method()
    bound()


@case("class and static methods", Base__of_class=2, Base__of_none=2)
def _() -> None:
    Base.of_class()
    base.of_class()
    Base.of_none()
    base.of_none()


@case("a class is its __init__", Base=3)
def _() -> None:
    Base()
    Base(1)
    Inheriting()


@case("super().__init__ starts the base's body too", Base=3, Derived=2)
def _() -> None:
    Derived()
    Derived()
    Base()


@case("an inherited __init__ is the base's", Inheriting=2)
def _() -> None:
    Inheriting()
    Base()


@case("a property is its getter, in a hot loop too", Base__read=1_000, Base__read__fset=1)
def _() -> None:
    base.read = 1
    for _attempt in range(1_000):
        _ = base.read


@case("a cached property, once an instance", Base__kept_value=2)
def _() -> None:
    for _instance in range(2):
        made = Base()
        _ = made.kept_value, made.kept_value


@starts("a private method, by the name in its source", "Base.__private", 2)
def _() -> None:
    base.reaches_private()
    base.reaches_private()


@starts("__call__", "Base.__call__", 3)
def _() -> None:
    base()
    list(map(Base.__call__, [base, base]))


@starts("__getitem__, in a hot loop", "Base.__getitem__", 1_000)
def _() -> None:
    for number in range(1_000):
        _ = base[number]


@starts("__len__ by len(), in C", "Base.__len__", 2)
def _() -> None:
    len(base)
    bool(base)


@starts("__add__ by an operator and by operator.add", "Base.__add__", 2)
def _() -> None:
    _ = base + 1
    operator.add(base, 1)


@starts("__hash__ by a dict", "Base.__hash__", 2)
def _() -> None:
    _ = {base: 1}[base]


@starts("__getattr__ for what is missing", "Base.__getattr__", 1)
def _() -> None:
    _ = base.absent, base.value


@starts("__enter__ by with", "Base.__enter__", 2)
def _() -> None:
    with base, base:
        pass


@starts("__iter__ that is a generator starts once a loop", "Base.__iter__", 2)
def _() -> None:
    list(base)
    for _item in base:
        pass


@dataclass
class Point:
    x: int
    y: int = field(default_factory=lambda: plain(2))


class Pair(NamedTuple):
    left: int
    right: int


row(
    "a dataclass is its generated __init__",
    lambda: (Point(1), Point(1, 2)),
    {f"{HERE}:Point": 2, f"{HERE}:plain": 1},
)
row("a named tuple's __new__", lambda: Pair(1, 2), {f"{HERE}:Pair.__new__": 1})
row(
    "a dataclass's generated __eq__",
    lambda: Point(1) == Point(1),
    {f"{HERE}:Point.__eq__": 1},
)


class Meta(type):
    def __call__(cls, *arguments: object) -> object:
        return super().__call__(*arguments)


class Made(metaclass=Meta):
    def __init__(self) -> None:
        self.made = True

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()


row(
    "a metaclass's __call__",
    lambda: (Made(), Made()),
    {f"{HERE}:Meta.__call__": 2, f"{HERE}:Made": 2},
)
row("__init_subclass__", lambda: type("Late", (Made,), {}), {f"{HERE}:Made.__init_subclass__": 1})
