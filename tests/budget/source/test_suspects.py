"""Which functions of a profile were changed since the base."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cascade_budget.model.profiles import ChangedFunction, CodeFrame, ProfileSession
from cascade_budget.source.changes import changes_since
from tests.budget.commands.history import History

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = """\
import functools

ROUNDS = 100
LIMITS = {"low": 1}


def weigh(order):
    return sum(range(ROUNDS))


@functools.cache
def rate(order):
    return order % 7


def price(order):
    return weigh(order) * rate(order)
"""


def session(*names: str, foreign: str = "") -> ProfileSession:
    """A tenth of the time in each function but the first, which has the rest."""
    lines = {"weigh": 7, "rate": 11, "price": 16}
    frames = [
        CodeFrame(function=f"app:{name}", path="app.py", line=lines[name], own=True, record=name)
        for name in names
    ]
    stacks = {(at,): 1e6 if at else 1e7 - 1e6 * (len(names) - 1) for at in range(len(names))}
    if foreign:
        frames.append(CodeFrame(function=foreign, path="", line=0, own=False, record=foreign))
        stacks = {(0, len(names)): 5e6, (0,): 5e6}
    return ProfileSession(
        frames=tuple(frames),
        stacks=stacks,
        transactions=100,
        sample_ns=1e5,
        plain_ns_per_transaction=1e5,
        clock="cpu",
    )


@pytest.fixture
def checkout(tmp_path: Path) -> History:
    history = History.start(tmp_path / "app")
    history.commit("app", {"app.py": SOURCE})
    return history


def changed(
    checkout: History, old: str, new: str, *sessions: ProfileSession
) -> tuple[ChangedFunction, ...]:
    assert SOURCE.count(old) == 1
    checkout.write({"app.py": SOURCE.replace(old, new)})
    return changes_since(checkout.root, "main").suspects(sessions)


def test_a_changed_function_is_named_with_its_line_and_its_part_of_the_time(checkout) -> None:
    (found,) = changed(checkout, "% 7", "% 8", session("weigh", "rate"))
    assert found == ChangedFunction(
        function="app:rate", path="app.py", line=13, read="", share=0.1, since="main"
    )


def test_a_function_that_reads_a_changed_constant_is_named_with_it(checkout) -> None:
    (found,) = changed(checkout, "ROUNDS = 100", "ROUNDS = 104", session("price", "weigh", "rate"))
    assert (found.function, found.read, found.line, found.share) == ("app:weigh", "ROUNDS", 3, 0.1)


def test_time_in_foreign_code_is_that_of_the_function_that_calls_it(checkout) -> None:
    (found,) = changed(checkout, "(ROUNDS)", "(ROUNDS * 2)", session("weigh", foreign="sum"))
    assert found.share == 1.0


def test_a_changed_decorator_changes_its_function(checkout) -> None:
    (found,) = changed(checkout, "@functools.cache", "@functools.lru_cache", session("rate"))
    assert (found.function, found.line) == ("app:rate", 11)


def test_the_function_with_most_of_the_time_comes_first(checkout) -> None:
    text = SOURCE.replace("% 7", "% 8").replace("weigh(order) *", "weigh(order) +")
    checkout.write({"app.py": text})
    found = changes_since(checkout.root, "HEAD").suspects([session("price", "rate")])
    assert [one.function for one in found] == ["app:price", "app:rate"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('{"low": 1}', '{"low": 2}'),
        ("ROUNDS = 100", "ROUNDS = 100  # turns"),
        ("\n\n\n@functools", "\n# A comment.\n\n@functools"),
        ("% 7", "% 7  # a week"),
    ],
)
def test_what_no_function_that_ran_reads_is_no_suspect(checkout, old, new) -> None:
    assert changed(checkout, old, new, session("rate")) == ()


def test_a_changed_function_that_did_not_run_is_no_suspect(checkout) -> None:
    assert changed(checkout, "% 7", "% 8", session("weigh")) == ()


def test_a_file_that_does_not_parse_has_no_suspects(checkout) -> None:
    checkout.write({"app.py": "def weigh(:\n"})
    assert changes_since(checkout.root, "HEAD").suspects([session("weigh")]) == ()
