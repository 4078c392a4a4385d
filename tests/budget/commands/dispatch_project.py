"""A small project and eight commits on it: four neutral, four that make it do more or slower work.

`dispatch` sends orders to carriers by the parameters that each carrier takes. What it knows of a
carrier's signature it keeps, so that an order costs no reflection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.budget.commands.history import History

if TYPE_CHECKING:
    from pathlib import Path

REGISTRY = """\
import inspect

_SIGNATURES = {}


def cache_key(function):
    return function


def signature_of(function):
    key = cache_key(function)
    found = _SIGNATURES.get(key)
    if found is None:
        found = _SIGNATURES[key] = inspect.signature(function)
    return found
"""

PRICING = """\
ROUNDS = 100


def weigh(order):
    total = 0
    for step in range(ROUNDS):
        total = (total * 31 + order + step) % 1_000_003
    return total


def rate(order):
    return order % 7 + 1


def price(order):
    return weigh(order) * rate(order)
"""

SENDING = """\
from dispatch.pricing import price
from dispatch.registry import signature_of


def by_road(order, price):
    return (order, price, "road")


def by_sea(order, price, port):
    return (order, price, port)


CARRIERS = (by_road, by_sea)


def send(order):
    carrier = CARRIERS[order % len(CARRIERS)]
    given = {"order": order, "price": price(order), "port": "Rotterdam"}
    return carrier(**{name: given[name] for name in signature_of(carrier).parameters})


def send_all(orders):
    return [send(order) for order in orders]
"""

TESTS = """\
from dispatch.sending import send_all


def test_every_order_is_sent():
    assert len(send_all(range(500))) == 500


def test_no_order_is_nothing_to_send():
    assert send_all([]) == []
"""

BUDGETED_TEST = """\
import pytest
from dispatch.sending import send_all


@pytest.mark.cascade_budget(watch=["dispatch.*", "inspect:signature"])
def test_sending(cascade_budget):
    assert cascade_budget(lambda n: send_all(range(n)) and "sent", n=500) == "sent"
"""

PYPROJECT = """\
[project]
name = "dispatch"
version = "1.0"

[tool.pytest.ini_options]
pythonpath = ["src"]
testpaths = ["tests"]
"""

PROJECT = {
    "pyproject.toml": PYPROJECT,
    ".gitignore": "__pycache__/\n.pytest_cache/\n",
    "src/dispatch/__init__.py": "",
    "src/dispatch/registry.py": REGISTRY,
    "src/dispatch/pricing.py": PRICING,
    "src/dispatch/sending.py": SENDING,
    "tests/test_sending.py": TESTS,
}


def _edited(text: str, *edits: tuple[str, str]) -> str:
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


COMMITS = {
    # a comment and a constant that nothing reads
    "N": {
        "src/dispatch/pricing.py": "# Prices are whole cents.\n" + PRICING + "\nCURRENCY = 'EUR'\n"
    },
    # the cache is asked under a key that it has never seen
    "B1": {
        "src/dispatch/registry.py": _edited(
            REGISTRY, ("    return function\n\n", "    return (function, object())\n\n")
        )
    },
    # 3 % more turns of the loop that all the time goes to
    "B2": {"src/dispatch/pricing.py": _edited(PRICING, ("ROUNDS = 100", "ROUNDS = 104"))},
    # one cheap call twice an order
    "B3": {
        "src/dispatch/pricing.py": _edited(
            PRICING,
            ("weigh(order) * rate(order)", "weigh(order) * max(rate(order), rate(order))"),
        )
    },
    # the cache goes unasked
    "V1": {
        "src/dispatch/sending.py": _edited(
            SENDING,
            ("from dispatch.pricing", "import inspect\n\nfrom dispatch.pricing"),
            ("from dispatch.registry import signature_of\n", ""),
            ("signature_of(carrier)", "inspect.signature(carrier)"),
        )
    },
    # a helper extracted
    "V2": {
        "src/dispatch/sending.py": _edited(
            SENDING,
            (
                "def send(order):",
                "def choose(order):\n    return CARRIERS[order % len(CARRIERS)]\n\n\ndef send(order):",
            ),
            (
                "carrier = CARRIERS[order % len(CARRIERS)]\n    given",
                "carrier = choose(order)\n    given",
            ),
        )
    },
    # a function renamed
    "V3": {
        "src/dispatch/pricing.py": PRICING.replace("weigh", "weight_of"),
    },
    # an expression split
    "V4": {
        "src/dispatch/pricing.py": _edited(
            PRICING,
            (
                "    return weigh(order) * rate(order)\n",
                "    weight = weigh(order)\n    factor = rate(order)\n    return weight * factor\n",
            ),
        )
    },
}


def make_project(root: Path) -> History:
    """The project on `main`, and each commit on a branch of its own that starts there."""
    history = History.start(root)
    history.commit("Send orders by carrier", PROJECT)
    for name, files in COMMITS.items():
        history.git("switch", "--quiet", "--create", name, "main")
        history.commit(name, files)
    history.git("switch", "--quiet", "main")
    return history
