"""Patterns: what they cover, what they leave out, and the names they count under."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from cascade_budget.counting import count_calls
from cascade_budget.counting.targets import (
    TargetError,
    resolve_target,
)
from cascade_budget.counting.watch import (
    DEFAULT_WATCH,
    WatchPatternError,
    parse_watch,
    refuse_unmatched,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODULE = """\
import dataclasses

class Body:
    in_body = [n for n in range(2)]
    def method(self):
        return (lambda: 1)()

@dataclasses.dataclass
class Order:
    number: int

def comprehends():
    listed = [(lambda: n)() for n in range(3)]
    summed = sum((lambda: n)() for n in range(3))
    keyed = {n: n for n in range(3)}
    return {n for n in range(3)}

def defines():
    def inner():
        return 1
    class Local:
        x = inner()
        def method(self):
            return inner()
    return Local().method()

def generates():
    yield 1
    yield 2

def work():
    Body().method()
    Order(1) == Order(1)
    comprehends()
    defines()
    list(generates())
    generates()
"""

WORK = {
    "shop.order:Body.method": 1,
    "shop.order:Body.method.<locals>.<lambda>": 1,
    "shop.order:Order.__eq__": 1,
    "shop.order:Order.__init__": 2,
    "shop.order:comprehends": 1,
    "shop.order:comprehends.<locals>.<genexpr>.<lambda>": 3,
    "shop.order:comprehends.<locals>.<lambda>": 3,
    "shop.order:defines": 1,
    "shop.order:defines.<locals>.Local.method": 1,
    "shop.order:defines.<locals>.inner": 2,
    "shop.order:generates": 1,
    "shop.order:work": 1,
}


@pytest.fixture(autouse=True)
def _shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    package = tmp_path / "shop"
    package.mkdir()
    (package / "__init__.py").write_text("def at_top(): pass\n")
    (package / "order.py").write_text(MODULE)
    (package / "order_lines.py").write_text("def lines(): pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
        del sys.modules[name]


def test_a_pattern_counts_functions_by_the_same_names_on_every_python() -> None:
    import shop.order  # noqa: PLC0415

    with count_calls((), watch=["shop.order"]) as counts:
        shop.order.work()
    assert dict(counts) == {}
    assert counts.watched == WORK


def test_a_module_imported_inside_the_block_is_covered() -> None:
    with count_calls((), watch=["shop.*"]) as counts:
        import shop.order  # noqa: PLC0415

        shop.order.work()
    assert counts.watched == WORK


def test_a_second_block_sees_what_the_first_one_switched_off() -> None:
    import shop.order  # noqa: PLC0415

    with count_calls((), watch=["nothing.*"]) as first:
        shop.order.work()
    with count_calls((), watch=["shop.*"]) as second:
        shop.order.work()
    with count_calls([resolve_target("shop.order:work")]) as third:
        shop.order.work()
    assert first.watched == {}
    assert second.watched == WORK
    assert dict(third) == {"shop.order:work": 1}


def test_a_block_opened_inside_another_sees_what_that_one_switched_off() -> None:
    import shop.order  # noqa: PLC0415

    with count_calls((), watch=["nothing.*"]) as outer:
        shop.order.work()
        with count_calls([resolve_target("shop.order:generates")], watch=["shop.*"]) as inner:
            shop.order.work()
        with count_calls([resolve_target("shop.order:defines")]) as named:
            shop.order.work()
        shop.order.work()
    assert outer.watched == {}
    assert dict(inner) == {"shop.order:generates": 1}
    assert inner.watched == WORK
    assert dict(named) == {"shop.order:defines": 1}


def test_a_named_target_that_a_pattern_covers_is_in_both() -> None:
    import shop.order  # noqa: PLC0415

    with count_calls([resolve_target("shop.order:generates")], watch=["shop.*"]) as counts:
        shop.order.work()
    assert dict(counts) == {"shop.order:generates": 1}
    assert counts.watched == WORK


def test_a_pattern_without_a_wildcard_counts_under_the_name_as_written() -> None:
    import shop.order  # noqa: PLC0415

    with count_calls((), watch=["shop.order:Order", "shop.order:generates"]) as counts:
        shop.order.work()
    assert counts.watched == {"shop.order:Order": 2, "shop.order:generates": 1}


def test_a_watched_name_that_is_no_function_is_an_error() -> None:
    with pytest.raises(TargetError, match=r"Did you mean 'shop\.order:work'"):
        count_calls((), watch=["shop.order:wrok"])


def test_watched_functions_have_call_sites() -> None:
    import shop.order  # noqa: PLC0415

    with count_calls((), watch=["shop.order:defines*"], attribute=True) as counts:
        shop.order.work()
    found = {
        name: [(site.line, site.function, site.calls) for site in sites]
        for name, sites in counts.sites.items()
    }
    assert found == {
        "shop.order:defines": [(35, "work", 1)],
        "shop.order:defines.<locals>.Local.method": [(25, "defines", 1)],
        "shop.order:defines.<locals>.inner": [
            (22, "defines.<locals>.Local", 1),
            (24, "defines.<locals>.Local.method", 1),
        ],
    }


GENERIC = """\
def outer():
    def inner[T](x: T) -> T: return x
    class Local[T]:
        def method(self): return [(lambda: 1)() for _ in range(2)]
    Local().method()
    return inner(1)

def top[T: int](x: T) -> T: return x
"""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="type parameters came with Python 3.12")
def test_type_parameters_change_no_name(tmp_path: Path) -> None:
    (tmp_path / "shop" / "generic.py").write_text(GENERIC)
    names = ["outer.<locals>.inner", "outer.<locals>.Local.method", "top"]
    targets = [resolve_target(f"shop.generic:{name}") for name in names]
    with count_calls(targets, watch=["shop.generic"]) as counts:
        sys.modules["shop.generic"].outer()
        sys.modules["shop.generic"].top(1)
    assert dict(counts) == {f"shop.generic:{name}": 1 for name in names}
    assert counts.watched == {
        "shop.generic:outer": 1,
        "shop.generic:outer.<locals>.Local.method": 1,
        "shop.generic:outer.<locals>.Local.method.<locals>.<lambda>": 2,
        "shop.generic:outer.<locals>.inner": 1,
        "shop.generic:top": 1,
    }


@pytest.mark.parametrize(
    ("pattern", "covered"),
    [
        ("shop.*", ["shop:at_top", "shop.order:Order.total", "shop.order_lines:lines"]),
        ("shop*", ["shop:at_top", "shop.order:Order.total", "shop.order_lines:lines"]),
        ("shop", ["shop:at_top"]),
        ("shop.order", ["shop.order:Order.total"]),
        ("shop.order*", ["shop.order:Order.total", "shop.order_lines:lines"]),
        ("shop.*:Order.*", ["shop.order:Order.total"]),
        ("*:*total", ["shop.order:Order.total"]),
        ("*.order:O*.t*l", ["shop.order:Order.total"]),
        ("*", ["shop:at_top", "shop.order:Order.total", "shop.order_lines:lines"]),
        ("hop.*", []),
        ("shop.*.x", []),
        ("shop.*order", ["shop.order:Order.total"]),
        ("shop.order:Order.total*total", []),
    ],
)
def test_a_star_stands_for_any_text(pattern: str, covered: list[str]) -> None:
    watch = parse_watch([pattern])
    functions = ["shop:at_top", "shop.order:Order.total", "shop.order_lines:lines"]
    assert [name for name in functions if watch.matches(*name.split(":"))] == covered


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (
            "",
            (
                "it is not of the form module or module:qualname; watch pattern ''. "
                "Write it as in 'shop.*' or 'shop.cart:Cart.*'"
            ),
        ),
        (
            "shop:",
            (
                "it is not of the form module or module:qualname; watch pattern 'shop:'. "
                "Write it as in 'shop.*' or 'shop.cart:Cart.*'"
            ),
        ),
        (
            "src/shop/*.py",
            (
                "it is a path, and modules are matched by their names; watch pattern 'src/shop/*.py'. "
                "Write 'src.shop.*'"
            ),
        ),
        (
            "shop.cart?",
            (
                "it holds '?', which is in no name of a function; watch pattern 'shop.cart?'. "
                "Use *, the only wildcard"
            ),
        ),
    ],
)
def test_a_malformed_pattern_says_what_to_write(pattern: str, message: str) -> None:
    with pytest.raises(WatchPatternError) as caught:
        parse_watch([pattern])
    assert str(caught.value) == message
    assert caught.value.pattern == pattern


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("jsn.*", "there is no module 'jsn'; watch pattern 'jsn.*'. Did you mean 'json.*'?"),
        ("json.decodr", "there is no module 'json.decodr'; {}. Did you mean 'json.decoder'?"),
        ("json.decodr:*", "there is no module 'json.decodr'; {}. Did you mean 'json.decoder:*'?"),
        ("json.x*", "no module's name begins with 'json.x'; {}. Check the spelling"),
        ("qqqq*.core", "no module's name begins with 'qqqq'; {}. Check the spelling"),
        (
            "json.decoder:JSONDecoder.dec_*",
            (
                "no name begins with 'json.decoder:JSONDecoder.dec_'; {}. "
                "Did you mean 'json.decoder:JSONDecoder.decode*'?"
            ),
        ),
        (
            "json.decoder:JSONDecodr.*",
            (
                "there is no 'json.decoder:JSONDecodr'; {}. "
                "Did you mean 'json.decoder:JSONDecoder.*'?"
            ),
        ),
    ],
)
def test_a_pattern_that_can_match_nothing_is_refused(pattern: str, message: str) -> None:
    with pytest.raises(WatchPatternError) as caught:
        refuse_unmatched([pattern], ())
    assert str(caught.value) == f"it matches nothing: {message}".replace(
        "{}", f"watch pattern '{pattern}'"
    )


@pytest.mark.parametrize(
    "pattern",
    [
        "*",
        "*.core",
        "json",
        "json.*",
        "json.dec*",
        "js*",
        "json.decoder.*",
        "json.decoder:JSONDecoder.*",
        "json.decoder:JSONDecoder.dec*",
        "json:*s",
        "json.decoder:py_scanstring.<locals>.*",
        f"{__name__}",
        "this.*",
    ],
)
def test_a_pattern_that_could_match_may_match_nothing(pattern: str) -> None:
    refuse_unmatched([pattern], ())


def test_what_was_called_needs_no_module() -> None:
    refuse_unmatched(["made.up.*"], ["made.up.at_runtime:step"])


@pytest.mark.parametrize("name", DEFAULT_WATCH)
def test_every_built_in_pattern_names_one_body_on_this_python(name: str) -> None:
    assert len(resolve_target(name).codes) == 1


def test_the_built_in_patterns_catch_the_classics() -> None:
    import ast  # noqa: PLC0415
    import copy  # noqa: PLC0415
    import importlib  # noqa: PLC0415
    import inspect  # noqa: PLC0415
    import re  # noqa: PLC0415
    import uuid  # noqa: PLC0415

    def work() -> None:
        for turn in range(3):
            ast.parse("1")
            copy.deepcopy(1)
            importlib.import_module("json")
            inspect.getsource(work)
            inspect.signature(work)
            uuid.uuid4()
            re.compile(f"a{turn}")
            re.compile("a")
            thread = threading.Thread(target=len, args=((),))
            thread.start()
            thread.join()
            with ThreadPoolExecutor(1) as pool:
                pool.submit(len, ()).result()

    re.compile("a")
    for turn in range(3):
        re.compile(f"a{turn}")
    work()
    with count_calls((), watch=DEFAULT_WATCH) as counts:
        work()
    assert counts.watched == {
        "ast:parse": 3,
        "concurrent.futures.thread:ThreadPoolExecutor.submit": 3,
        "copy:deepcopy": 3,
        "importlib:import_module": 3,
        "inspect:getsource": 3,
        "inspect:signature": 3,
        "threading:Thread.start": 6,
        "uuid:uuid4": 3,
    }
    re.purge()
    with count_calls((), watch=DEFAULT_WATCH) as cold:
        re.compile("a")
        re.compile("b")
        re.compile("a")
    assert cold.watched == {"re._compiler:compile": 2}
    assert cold.blind == {}
