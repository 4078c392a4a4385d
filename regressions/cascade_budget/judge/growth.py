"""What grew between the call counts of two revisions, and the lines that made it grow.

Both revisions ran the same tests. A function is *grown* in a test when it was called more often on
head and base has it too: helpers that were extracted, functions that were renamed or moved, and
expressions that were split add or shift names without making anything else run more often, so they
are listed and fail nothing.

When `render` runs twice, so does all that it calls. Only the first function on the way whose
callers did not grow in step with it is a cause; the rest is listed below it.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import TYPE_CHECKING

from cascade_budget.model.comparison import (
    Cause,
    Change,
    Comparison,
    Growth,
    Move,
    Presence,
    SiteGrowth,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from cascade_budget.model.comparison import Edit
    from cascade_budget.model.findings import Site

    Counts = Mapping[str, Mapping[str, int]]
    """Calls by function, by test."""

    Origin = Callable[[str, int], tuple[str, int | None]]
    """From a file and line of head to those of base; no line where it is new."""

_INNER_SCOPE = re.compile(r"(?:\.<locals>\.<(?:genexpr|listcomp|setcomp|dictcomp)>)+$")


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
                change = Change(test=test, base_calls=before, head_calls=after)
                changes.setdefault(name, []).append(change)
            elif after < before:
                fewer.add(name)
    fresh = called_on_head - called_on_base - renamed.keys() - set(existed)
    lost = called_on_base - called_on_head - set(renamed.values()) - set(remains)
    paired = _same_counts(base, head, tests, sorted(lost), sorted(fresh))
    moved = paired | {new: old for new, old in renamed.items() if new in called_on_head}
    grown = [_grown(name, renamed.get(name, name), found) for name, found in changes.items()]
    return Comparison(
        tests=tests,
        grown=tuple(sorted(grown, key=lambda growth: (-growth.worst.growth, growth.function))),
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
    for test in one.keys() & other.keys():
        first, second = one[test], other[test]
        names = {name for name in {*first, *second} if first.get(name, 0) != second.get(name, 0)}
        if names:
            found[test] = frozenset(names)
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
        return sum(
            1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False))
        )

    return max(shared(one, other), shared(one[::-1], other[::-1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One side of one test, counted with callers.

    Attributes:
        calls: By function.
        sites: By function, the lines that called it.
        modules: Name of the project's module in a file, by the file's path.
    """

    calls: Mapping[str, int]
    sites: Mapping[str, Sequence[Site]]
    modules: Mapping[str, str]

    def callers(self, function: str) -> Counter[str]:
        """Calls of a function by the function that made them."""
        found: Counter[str] = Counter()
        for site in self.sites.get(function, ()):
            found[self.name_of(site)] += site.calls
        return found

    def name_of(self, site: Site) -> str:
        """`module:qualname` of the function around a site; its file for a foreign module."""
        return f"{self.modules.get(site.path, site.path)}:{caller_name(site)}"


def caller_name(site: Site) -> str:
    """The qualified name of the function around a site; a comprehension is part of it."""
    return _INNER_SCOPE.sub("", site.function)


def find_causes(
    grown: Sequence[Growth],
    base: Mapping[str, Evidence],
    head: Mapping[str, Evidence],
    came_from: Origin,
    renamed: Mapping[str, str] | None = None,
) -> tuple[Cause, ...]:
    """Tell the functions that grew by themselves from those that grew with their callers.

    Args:
        grown: What grew, most calls added first.
        base: What was counted on base, by test.
        head: The same on head.
        came_from: Where a line of head stands on base.
        renamed: Name on head -> name on base.

    Returns:
        One cause or more where anything grew, each growth in exactly one of them.
    """
    renamed = renamed or {}
    by_name = {growth.function: growth for growth in grown}
    parents = {growth.function: _parents(growth, by_name, base, head, renamed) for growth in grown}
    owner: dict[str, str] = {}
    # Functions that call each other in a circle name each other: the largest stands for them.
    for name in sorted(parents, key=lambda name: bool(parents[name])):
        _own(name, parents, owner)
    return tuple(
        Cause(
            growth=growth,
            sites=_sites(growth, base, head, came_from),
            below=tuple(
                by_name[name]
                for name in by_name
                if owner[name] == growth.function and name != growth.function
            ),
        )
        for growth in grown
        if owner[growth.function] == growth.function
    )


def nearest_edits(cause: Cause, head: Evidence, edits: Mapping[str, Edit]) -> tuple[Edit, ...]:
    """The changed functions that run in a test, those nearest to the calls of a cause first.

    Nearest are the functions around the calls, then what these call, then the rest.

    Args:
        cause: What grew.
        head: What was counted in its worst test on head.
        edits: The functions that were changed since base, by `module:qualname`.
    """
    around = {f"{head.modules.get(site.path, site.path)}:{site.caller}" for site in cause.sites} | {
        cause.growth.function
    }

    def distance(name: str) -> int:
        if name in around:
            return 0
        return 1 if around & head.callers(name).keys() else 2

    running = [name for name in edits if name in head.calls]
    return tuple(edits[name] for name in sorted(running, key=lambda name: (distance(name), name)))


def _parents(
    growth: Growth,
    grown: Mapping[str, Growth],
    base: Mapping[str, Evidence],
    head: Mapping[str, Evidence],
    renamed: Mapping[str, str],
) -> frozenset[str]:
    test = growth.worst.test
    if test not in base or test not in head:
        return frozenset()
    before, after = base[test], head[test]
    callers_before, callers_after = before.callers(growth.was), after.callers(growth.function)
    found = set()
    for caller, calls in callers_after.items():
        was = renamed.get(caller, caller)
        if caller == growth.function or calls <= callers_before[was]:
            continue
        ran_before, runs = before.calls.get(was, 0), after.calls.get(caller, 0)
        in_step = calls * ran_before <= callers_before[was] * runs
        if caller not in grown or not in_step:
            return frozenset()
        found.add(caller)
    return frozenset(found)


def _own(cause: str, parents: Mapping[str, frozenset[str]], owner: dict[str, str]) -> None:
    pending = [cause]
    while pending:
        current = pending.pop()
        if current not in owner:
            owner[current] = cause
            pending += [child for child, above in parents.items() if current in above]


def _sites(
    growth: Growth,
    base: Mapping[str, Evidence],
    head: Mapping[str, Evidence],
    came_from: Origin,
) -> tuple[SiteGrowth, ...]:
    test = growth.worst.test
    if test not in base or test not in head:
        return ()
    before: Counter[tuple[str, int]] = Counter()
    around: dict[tuple[str, int], tuple[str, str]] = {}
    for site in base[test].sites.get(growth.was, ()):
        before[site.path, site.line] += site.calls
        around[site.path, site.line] = (site.path, caller_name(site))
    sites = _merged(head[test].sites.get(growth.function, ()))
    placed = [(site, *came_from(site.path, site.line)) for site in sites]
    found = []
    # What a changed line did before stands in lines of the same function that are gone: in those
    # that no line of head takes.
    for site, path, line in sorted(placed, key=lambda one: one[2] is None):
        if line is None:
            replaced = [key for key, place in around.items() if place == (path, site.function)]
        else:
            replaced = [(path, line)]
        found.append(
            SiteGrowth(
                path=site.path,
                line=site.line,
                caller=site.function,
                base_calls=sum(before.pop(key, 0) for key in replaced),
                head_calls=site.calls,
                changed=line is None,
            )
        )
    more = [site for site in found if site.growth > 0]
    return tuple(
        sorted(more, key=lambda site: (-site.growth, not site.changed, site.path, site.line))
    )


def _merged(sites: Iterable[Site]) -> list[Site]:
    # A line may call from a comprehension and from around it: to the reader it is one place.
    merged: dict[tuple[str, int, str], Site] = {}
    for site in sites:
        key = (site.path, site.line, caller_name(site))
        held = merged.get(key)
        calls = site.calls + (held.calls if held else 0)
        merged[key] = replace(site, function=caller_name(site), calls=calls)
    return list(merged.values())
