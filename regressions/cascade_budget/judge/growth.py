"""What grew between the call counts of two revisions, and what brought it about.

Both revisions ran the same tests. A function is *grown* in a test when it was called more often on
head and base has it too: helpers that were extracted, functions that were renamed or moved, and
expressions that were split add or shift names without making anything else run more often, so they
are listed and fail nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    Counts = Mapping[str, Mapping[str, int]]
    """Calls by function, by test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The calls of one function in one test."""

    test: str
    base_calls: int
    head_calls: int

    @property
    def growth(self) -> int:
        """Calls added; negative where there are fewer."""
        return self.head_calls - self.base_calls


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """A function that is called more often.

    Attributes:
        function: Its name on head, `module:qualname`.
        was: Its name on base; another one after a rename or a move.
        changes: The tests in which it grew, most calls added first; never empty.
    """

    function: str
    was: str
    changes: tuple[Change, ...]

    @property
    def worst(self) -> Change:
        """The test in which most calls were added."""
        return self.changes[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """A function that only one of the revisions has, or that is unstable.

    Attributes:
        function: `module:qualname`.
        calls: Its calls in all compared tests together.
        tests: How many of these tests call it.
    """

    function: str
    calls: int
    tests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A function that has another name or place on head."""

    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What differs between base and head.

    Attributes:
        tests: The tests compared, in order.
        grown: Functions called more often, most calls added in one test first. These fail.
        fewer: How many functions are called less often.
        new: Functions of head that base does not have, most calls first.
        gone: Functions of base that head does not have, most calls first.
        moved: Functions that were renamed or moved.
        unstable: Functions whose count differs between two runs of one revision, in the tests where
            it does. They never fail.
    """

    tests: tuple[str, ...]
    grown: tuple[Growth, ...]
    fewer: int
    new: tuple[Presence, ...]
    gone: tuple[Presence, ...]
    moved: tuple[Move, ...]
    unstable: tuple[Presence, ...]


def compare(
    base: Counts,
    head: Counts,
    *,
    existed: Collection[str] = (),
    remains: Collection[str] = (),
    renamed: Mapping[str, str] | None = None,
    unstable: Mapping[str, Collection[str]] | None = None,
) -> Comparison:
    """Compare the counts of the tests that both revisions have.

    Args:
        base: Calls by function, by test, on base.
        head: The same on head.
        existed: Functions that base has although no test called them there: for these none is a
            count, and any call is growth.
        remains: Functions that head has although no test calls them.
        renamed: Name on head -> name on base.
        unstable: By test, functions whose count differs between two runs of one revision.
    """
    renamed = renamed or {}
    unstable = unstable or {}
    tests = tuple(test for test in head if test in base)
    called_on_base = {name for test in tests for name in base[test]}
    called_on_head = {name for test in tests for name in head[test]}
    changes: dict[str, list[Change]] = {}
    fewer: set[str] = set()
    unsteady: dict[str, list[int]] = {}
    for test in tests:
        loose = unstable.get(test, ())
        seen = set(head[test]) | (set(base[test]) & called_on_head)
        for name in seen:
            was = renamed.get(name, name)
            known = was in called_on_base or was in existed
            before, after = base[test].get(was, 0), head[test].get(name, 0)
            if name in loose or was in loose:
                unsteady.setdefault(name, []).append(after)
            elif known and after > before:
                changes.setdefault(name, []).append(
                    Change(test=test, base_calls=before, head_calls=after),
                )
            elif after < before:
                fewer.add(name)
    fresh = {
        name
        for name in called_on_head - called_on_base
        if name not in existed and name not in renamed
    }
    lost = called_on_base - called_on_head - set(renamed.values()) - set(remains)
    paired = _same_counts(base, head, tests, sorted(lost), sorted(fresh))
    moved = {
        **paired,
        **{new: old for new, old in renamed.items() if new in called_on_head},
    }
    return Comparison(
        tests=tests,
        grown=tuple(
            sorted(
                (_grown(name, renamed.get(name, name), found) for name, found in changes.items()),
                key=lambda growth: (-growth.worst.growth, growth.function),
            ),
        ),
        fewer=len(fewer - changes.keys()),
        new=_presences(head, tests, fresh - paired.keys()),
        gone=_presences(base, tests, lost - set(paired.values())),
        moved=tuple(Move(old=old, new=new) for new, old in sorted(moved.items())),
        unstable=tuple(
            Presence(function=name, calls=sum(found), tests=len(found))
            for name, found in sorted(unsteady.items())
        ),
    )


def differing(one: Counts, other: Counts) -> dict[str, frozenset[str]]:
    """By test, the functions whose counts differ between two runs of the same code."""
    found = {}
    for test in one:
        if test in other:
            first, second = one[test], other[test]
            names = frozenset(
                name for name in {*first, *second} if first.get(name, 0) != second.get(name, 0)
            )
            if names:
                found[test] = names
    return found


def _grown(name: str, was: str, found: Iterable[Change]) -> Growth:
    ordered = sorted(found, key=lambda change: (-change.growth, change.test))
    return Growth(function=name, was=was, changes=tuple(ordered))


def _presences(
    counts: Counts, tests: Sequence[str], names: Collection[str]
) -> tuple[Presence, ...]:
    found = [
        Presence(
            function=name,
            calls=sum(counts[test].get(name, 0) for test in tests),
            tests=sum(name in counts[test] for test in tests),
        )
        for name in names
    ]
    return tuple(sorted(found, key=lambda presence: (-presence.calls, presence.function)))


def _same_counts(
    base: Counts, head: Counts, tests: Sequence[str], lost: Sequence[str], fresh: Sequence[str]
) -> dict[str, str]:
    # A rename that also rewrote the body shows as one name gone and one new with equal counts in
    # every test. Where that leaves a choice, the shortest edit of the name is taken.
    profiles: dict[tuple[int, ...], list[str]] = {}
    for name in lost:
        profile = tuple(base[test].get(name, 0) for test in tests)
        profiles.setdefault(profile, []).append(name)
    moved = {}
    for name in fresh:
        profile = tuple(head[test].get(name, 0) for test in tests)
        candidates = profiles.get(profile, [])
        if candidates:
            old = max(candidates, key=lambda old: (_common(old, name), old))
            candidates.remove(old)
            moved[name] = old
    return moved


def _common(one: str, other: str) -> int:
    # Names that were moved keep their end, names that were renamed keep their beginning.
    def shared(first: str, second: str) -> int:
        length = 0
        for left, right in zip(first, second, strict=False):
            if left != right:
                break
            length += 1
        return length

    return max(shared(one, other), shared(one[::-1], other[::-1]))
