"""Names to bodies, and what a name that can't be counted is told."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from cascade_budget.counting.targets import TargetError, resolve_target
from cascade_budget.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CART = """\
import abc
import functools
import typing

CURRENCY = "EUR"

def total(items):
    def tax(item):
        return item
    class Rounding:
        def round(self, x):
            return x
    return sum(map(tax, items))

if CURRENCY == "EUR":
    def choose():
        def chosen(): return 1
        if CURRENCY:
            def chosen(): return 2
        return chosen

def logged(function):
    def wrapper(*arguments):
        return function(*arguments)
    return wrapper

def labelled(function):
    def wrapper(*arguments):
        return function(*arguments)
    return wrapper

@logged
def price(item):
    return item

def first(item): return 1
def second(item): return 2

def either(one, other):
    def chooser(item):
        return one(item) or other(item)
    return chooser

choice = either(first, second)
measure = functools.lru_cache(len)

class Cart:
    def __init__(self): pass
    def add(self, item): pass
    @property
    def size(self): return 1
    @functools.lru_cache
    def cached(self): return 1
    write_only = property(None, lambda self, value: None)
    def __hidden(self): pass
    def __call__(self): pass
    class Line:
        def __init__(self): pass

class Sub(Cart): pass
class Frozen(str):
    def __new__(cls, text): return super().__new__(cls, text)
class Bare: pass
class Shape(typing.Protocol):
    def area(self): ...
class Round(Shape):
    def area(self): return 1
class Doubling:
    def __new__(cls): return super().__new__(cls)

cart = Cart()
add = cart.add
loop = functools.partial(total)
def looped(): pass
looped.__wrapped__ = looped
"""


@pytest.fixture(autouse=True)
def _shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    package = tmp_path / "shop"
    package.mkdir()
    (package / "__init__.py").write_text("from shop.cart import total as sum_of, price\n")
    (package / "cart.py").write_text(CART)
    (package / "broken.py").write_text("import not_there_at_all\n")
    (package / "raising.py").write_text("raise OSError('no disk')\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
        del sys.modules[name]


def bodies(name: str) -> list[str]:
    return [code.co_qualname for code in resolve_target(name).codes]


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("shop.cart:total", "total"),
        ("shop:sum_of", "total"),
        ("shop.cart:loop", "total"),
        ("shop.cart:total.<locals>.tax", "total.<locals>.tax"),
        ("shop.cart:total.<locals>.Rounding.round", "total.<locals>.Rounding.round"),
        ("shop.cart:Cart", "Cart.__init__"),
        ("shop.cart:Sub", "Cart.__init__"),
        ("shop.cart:Sub.add", "Cart.add"),
        ("shop.cart:Cart.Line", "Cart.Line.__init__"),
        ("shop.cart:Cart.__hidden", "Cart.__hidden"),
        ("shop.cart:Cart.__call__", "Cart.__call__"),
        ("shop.cart:Cart.size", "Cart.size"),
        ("shop.cart:Cart.cached", "Cart.cached"),
        ("shop.cart:add", "Cart.add"),
        ("shop.cart:cart.add", "Cart.add"),
        ("shop.cart:Frozen.__new__", "Frozen.__new__"),
        ("shop.cart:price", "price"),
        ("shop.cart:logged.<locals>.wrapper", "logged.<locals>.wrapper"),
        ("shop.cart:either.<locals>.chooser", "either.<locals>.chooser"),
        ("inspect:signature", "signature"),
        ("threading:Thread", "Thread.__init__"),
    ],
)
def test_a_name_leads_to_one_body(name: str, body: str) -> None:
    assert bodies(name) == [body]


def test_a_function_defined_twice_in_a_scope_has_two_bodies() -> None:
    assert bodies("shop.cart:choose.<locals>.chosen") == ["choose.<locals>.chosen"] * 2


def test_a_target_keeps_the_name_as_written() -> None:
    assert resolve_target("shop:sum_of").name == "shop:sum_of"


def test_a_c_function_has_no_body() -> None:
    target = resolve_target("builtins:len")
    assert (target.codes, target.function) == ((), len)


MESSAGES = {
    "inspect.signature": (
        "it is not of the form module:qualname; target 'inspect.signature'. "
        "Write 'inspect:signature'"
    ),
    "total": (
        "it is not of the form module:qualname; target 'total'. Write it as in 'inspect:signature'"
    ),
    "shop:a:b": (
        "it is not of the form module:qualname; target 'shop:a:b'. "
        "Write it as in 'inspect:signature'"
    ),
    "shop.cart:": (
        "it is not of the form module:qualname; target 'shop.cart:'. "
        "Write it as in 'inspect:signature'"
    ),
    "shop.crat:total": (
        "there is no module 'shop.crat'; target 'shop.crat:total'. Did you mean 'shop.cart:total'?"
    ),
    "inspct:signature": (
        "there is no module 'inspct'; target 'inspct:signature'. Did you mean 'inspect:signature'?"
    ),
    "zzqqy:f": (
        "there is no module 'zzqqy'; target 'zzqqy:f'. "
        "Check the spelling, and that it can be imported from here"
    ),
    "shop.broken:f": (
        "importing 'shop.broken' raised ModuleNotFoundError: No module named 'not_there_at_all'; "
        "target 'shop.broken:f'. Make `import shop.broken` work, or name another module"
    ),
    "shop.raising:f": (
        "importing 'shop.raising' raised OSError: no disk; target 'shop.raising:f'. "
        "Make `import shop.raising` work, or name another module"
    ),
    "shop.cart:totl": (
        "module 'shop.cart' has no 'totl'; target 'shop.cart:totl'. Did you mean 'shop.cart:total'?"
    ),
    "shop.cart:cart.ad": (
        "'cart' in 'shop.cart' has no 'ad'; target 'shop.cart:cart.ad'. "
        "Did you mean 'shop.cart:cart.add'?"
    ),
    "shop.cart:Cart.Add": (
        "'Cart' in 'shop.cart' has no 'Add'; target 'shop.cart:Cart.Add'. "
        "Did you mean 'shop.cart:Cart.add'?"
    ),
    "shop:Cart": (
        "module 'shop' has no 'Cart'; target 'shop:Cart'. Did you mean 'shop.cart:Cart'?"
    ),
    "shop.cart:zzqqy": (
        "module 'shop.cart' has no 'zzqqy'; target 'shop.cart:zzqqy'. Check the spelling"
    ),
    "shop.cart:total.<locals>.taxes": (
        "'total' in 'shop.cart' defines no 'taxes'; target 'shop.cart:total.<locals>.taxes'. "
        "Did you mean 'shop.cart:total.<locals>.tax'?"
    ),
    "shop.cart:total.<locals>": (
        "what it names ends in <locals>; target 'shop.cart:total.<locals>'. "
        "Name a function defined there"
    ),
    "shop.cart:total.<locals>.Rounding": (
        "what it names is a class defined inside a function; "
        "target 'shop.cart:total.<locals>.Rounding'. "
        "Name its __init__: 'shop.cart:total.<locals>.Rounding.__init__'"
    ),
    "shop.cart:CURRENCY": (
        "what it names is a str, not a function; target 'shop.cart:CURRENCY'. "
        "Name a function, a method or a class"
    ),
    "shop:cart": (
        "what it names is a module, not a function; target 'shop:cart'. "
        "Name a function, a method or a class"
    ),
    "shop.cart:cart": (
        "what it names is a Cart object with a __call__; target 'shop.cart:cart'. "
        "Name 'shop.cart:Cart.__call__', which all instances share"
    ),
    "shop.cart:Bare": (
        "what it names is a class with neither an __init__ nor a __new__ in Python: calling it "
        "starts no body; target 'shop.cart:Bare'. Name the function that makes its instances"
    ),
    "shop.cart:Round": (
        "what it names is a class with neither an __init__ nor a __new__ in Python: calling it "
        "starts no body; target 'shop.cart:Round'. Name the function that makes its instances"
    ),
    "builtins:dict": (
        "what it names is a class with neither an __init__ nor a __new__ in Python: calling it "
        "starts no body; target 'builtins:dict'. Name the function that makes its instances"
    ),
    "shop.cart:Frozen": (
        "what it names is a class without an __init__ in Python; its instances are made by "
        "__new__; target 'shop.cart:Frozen'. Name 'shop.cart:Frozen.__new__'"
    ),
    "shop.cart:Doubling": (
        "what it names is a class without an __init__ in Python; its instances are made by "
        "__new__; target 'shop.cart:Doubling'. Name 'shop.cart:Doubling.__new__'"
    ),
    "shop.cart:Cart.write_only": (
        "what it names is a property without a getter; target 'shop.cart:Cart.write_only'. "
        "Name its setter: 'shop.cart:Cart.write_only.fset'"
    ),
    "shop.cart:looped": (
        "what it names wraps itself: its __wrapped__ attributes form a loop; "
        "target 'shop.cart:looped'. Name the function that does the work"
    ),
    "shop.cart:measure": (
        "what it names is a C function behind a cache or wrapper, which calls it from C where no "
        "Python sees it; target 'shop.cart:measure'. Name the Python function that uses it"
    ),
    "builtins:int.__add__": (
        "what it names is a slot of a C type, which the interpreter calls without an event; "
        "target 'builtins:int.__add__'. Name a Python function that reaches it"
    ),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_name_that_cannot_be_counted_says_why_and_what_to_write(name: str) -> None:
    with pytest.raises(TargetError) as caught:
        resolve_target(name)
    assert str(caught.value) == MESSAGES[name]
    assert caught.value.name == name
    assert isinstance(caught.value, UsageError)


def test_a_wrapper_that_hides_what_it_wraps_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(TargetError) as caught:
        resolve_target("shop.cart:choice")
    line = CART.splitlines().index("    def chooser(item):") + 1
    assert str(caught.value) == (
        f"what it names is 'either.<locals>.chooser' ({tmp_path / 'shop' / 'cart.py'}:{line}), "
        "one body shared by all that this decorator wraps; target 'shop.cart:choice'. Put "
        "functools.wraps on the wrapper, or name 'shop.cart:either.<locals>.chooser' to count "
        "them all"
    )


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("inspct:signature", "inspect:signature"),
        ("shop.cart:totl", "shop.cart:total"),
        ("inspect.signature", "inspect:signature"),
        ("zzqqy:f", None),
        ("shop.cart:Bare", None),
    ],
)
def test_the_nearest_name_is_an_attribute(name: str, nearest: str | None) -> None:
    with pytest.raises(TargetError) as caught:
        resolve_target(name)
    assert caught.value.nearest == nearest


def test_resolving_does_not_run_a_property_of_a_class() -> None:
    assert bodies("shop.cart:Cart.size") == ["Cart.size"]
    assert "shop.cart" in sys.modules
