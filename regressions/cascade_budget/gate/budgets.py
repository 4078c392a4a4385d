"""What a test is budgeted for: its markers read, checked, and merged with the ini file."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, final

import pytest

from cascade_budget.counting import count_calls
from cascade_budget.counting.targets import Target, resolve_target
from cascade_budget.counting.watch import DEFAULT_WATCH, Watch, parse_watch
from cascade_budget.errors import UsageError
from cascade_budget.model.laws import Law, parse_law

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from cascade_budget.counting import CallCounts
    from cascade_budget.model.findings import WorkloadFinding

MARKER: Final = "cascade_budget"
FIXTURE: Final = "cascade_budget"
DEFAULT_WATCH_NAME: Final = "default"
"""How the ledger calls the built-in watch list, which may grow from release to release."""

_ARGUMENTS: Final = ("calls", "watch", "cold")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """What one test is budgeted for.

    Attributes:
        named: the laws of the functions that the marker names; None leaves it to the ledger.
        patterns: those that apply: the marker's, else the ini file's, else the built-in list.
        watch_label: the patterns as the ledger records them.
        cold: whether first runs in fresh processes are counted.
        whole: whether the whole test is budgeted, rather than a workload.
    """

    named: Mapping[str, Law | None]
    patterns: tuple[str, ...]
    watch_label: tuple[str, ...]
    cold: bool
    whole: bool

    @property
    def watch(self) -> Watch:
        """The patterns, parsed."""
        return parse_watch(self.patterns)


@final
@dataclass(slots=True)
class TestState:
    """What one test is budgeted for, and what was found so far.

    Attributes:
        budgets: what its markers ask for.
        targets: the functions that they name, resolved.
        findings: one for each call of the fixture, or one for the whole test.
    """

    budgets: Budgets
    targets: tuple[Target, ...]
    findings: list[WorkloadFinding] = field(default_factory=list)

    def count_calls(self, *, attribute: bool) -> AbstractContextManager[CallCounts]:
        """A block that counts what is budgeted, with the lines that call where they are wanted.

        Who counts enters it: what a generator around it calls on its way out would be counted.
        """
        return count_calls(self.targets, watch=self.budgets.patterns, attribute=attribute)


_STATE: Final = pytest.StashKey[TestState]()


def prepare_state(item: pytest.Item, ini_watch: tuple[str, ...] | None) -> TestState | None:
    """The state of a test that was just collected; None where it is not budgeted.

    Raises:
        UsageError: its marker is wrong, or names what can't be counted.
    """
    budgets = read_budgets(item, ini_watch)
    if budgets is None:
        return None
    targets = tuple(map(resolve_target, budgets.named))
    state = item.stash[_STATE] = TestState(budgets=budgets, targets=targets)
    return state


def state_of(item: pytest.Item) -> TestState | None:
    """The state of a test; None where it is not budgeted."""
    return item.stash.get(_STATE, None)


def read_budgets(item: pytest.Item, ini_watch: tuple[str, ...] | None) -> Budgets | None:
    """What a test is budgeted for; None where it has neither marker nor fixture.

    Where several markers apply (test, class, module), the nearest one that gives an argument wins.

    Raises:
        UsageError: an argument is unknown or has a value of the wrong kind.
        LawSyntaxError: a formula doesn't parse.
    """
    uses_fixture = FIXTURE in getattr(item, "fixturenames", ())
    given: dict[str, Any] = {}
    marked = False
    for mark in item.iter_markers(MARKER):
        marked = True
        _check_arguments(mark, item.nodeid)
        given = {**mark.kwargs, **given}
    if not marked and not uses_fixture:
        return None
    if isinstance(item, pytest.DoctestItem):
        raise UsageError(
            "the marker cascade_budget stands on a doctest, which can't run again to be counted",
            place=item.nodeid,
            remedy="Leave doctests out where markers are added, or write the example as a test",
        )
    named = _read_calls(given.get("calls"), item.nodeid)
    whole = not uses_fixture
    if whole:
        _refuse_n(named, item.nodeid)
    patterns, label = _read_watch(given.get("watch"), item.nodeid, ini_watch, bare=not named)
    return Budgets(
        named=named,
        patterns=patterns,
        watch_label=label,
        cold=_read_cold(given.get("cold", False), item.nodeid),
        whole=whole,
    )


def _check_arguments(mark: pytest.Mark, test: str) -> None:
    if mark.args:
        raise UsageError(
            f"marker cascade_budget takes no positional arguments, and has {mark.args[0]!r}",
            place=test,
            remedy="Write calls=... or watch=...",
        )
    for name in mark.kwargs:
        if name not in _ARGUMENTS:
            nearest = difflib.get_close_matches(name, _ARGUMENTS, n=1, cutoff=0.5)
            raise UsageError(
                f"marker cascade_budget has no argument {name!r}",
                place=test,
                remedy=f"Did you mean {nearest[0]!r}?"
                if nearest
                else f"It takes {', '.join(_ARGUMENTS)}",
            )


def _read_calls(calls: Any, test: str) -> dict[str, Law | None]:
    if calls is None:
        return {}
    if isinstance(calls, str):
        return {calls: None}
    if isinstance(calls, Mapping):
        return {_name(name, test): _read_law(name, law, test) for name, law in calls.items()}
    if isinstance(calls, Sequence):
        return {_name(name, test): None for name in calls}
    raise _wrong("calls", calls, "a dict of formulas or a list of functions", test)


def _name(name: Any, test: str) -> str:
    if isinstance(name, str):
        return name
    raise _wrong("a function in calls", name, "text such as 'inspect:signature'", test)


def _read_law(name: str, law: Any, test: str) -> Law | None:
    if law is None:
        return None
    if isinstance(law, int) and not isinstance(law, bool) and law >= 0:
        return Law.polynomial(law)
    if isinstance(law, str):
        return parse_law(law)
    raise _wrong(f"the budget of {name!r}", law, 'a formula such as "n + 1" or a number', test)


def _refuse_n(named: Mapping[str, Law | None], test: str) -> None:
    for name, law in named.items():
        if law is not None and (law.is_irregular or law.degree):
            raise UsageError(
                f"the budget of {name!r} is {str(law)!r}, and a whole test has no n",
                place=test,
                remedy="Write a number, or run the workload through the cascade_budget fixture",
            )


def _read_watch(
    watch: Any, test: str, ini: tuple[str, ...] | None, *, bare: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if watch is None:
        if ini is not None:
            parse_watch(ini)
            return ini, ini
        return (DEFAULT_WATCH, (DEFAULT_WATCH_NAME,)) if bare else ((), ())
    if isinstance(watch, str):
        watch = [watch]
    if not isinstance(watch, Sequence) or not all(isinstance(each, str) for each in watch):
        raise _wrong("watch", watch, "a list of patterns such as 'package.module.*'", test)
    patterns = tuple(watch)
    parse_watch(patterns)
    return patterns, patterns


def _read_cold(cold: Any, test: str) -> bool:
    if isinstance(cold, bool):
        return cold
    raise _wrong("cold", cold, "True or False", test)


def _wrong(what: str, value: Any, wanted: str, test: str) -> UsageError:
    return UsageError(f"{what} is {value!r}", place=test, remedy=f"Write {wanted}")
