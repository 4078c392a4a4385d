"""From what grew to the lines that made it grow.

When `render` runs twice, so does all that it calls. Only the first function on the way whose
callers did not grow in step with it is a cause; the rest is listed below it.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from cascade_budget.judge.growth import Growth
    from cascade_budget.model.findings import Site

_INNER_SCOPE = re.compile(r"(?:\.<locals>\.<(?:genexpr|listcomp|setcomp|dictcomp)>)+$")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteGrowth:
    """A line from which a function is called more often.

    Attributes:
        path: The file on head.
        line: The line on head.
        caller: Qualified name of the function around it.
        base_calls: Calls from that line on base; from the lines that it replaced, where it is new.
        head_calls: Calls on head.
        changed: Whether the line was changed or added since base.
    """

    path: str
    line: int
    caller: str
    base_calls: int
    head_calls: int
    changed: bool

    @property
    def growth(self) -> int:
        """Calls added."""
        return self.head_calls - self.base_calls


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A function that runs in a test and was changed since base: its first changed line."""

    path: str
    line: int
    function: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A function that grew by itself.

    Attributes:
        growth: How it grew.
        sites: The lines that call it more often in its worst test, most calls added first.
        below: What grew in step with it, because it calls them.
        edits: Where no line that calls it was changed: the changed functions that run in this test,
            those next to the calls first.
    """

    growth: Growth
    sites: tuple[SiteGrowth, ...]
    below: tuple[Growth, ...] = ()
    edits: tuple[Edit, ...] = ()


def caller_name(site: Site) -> str:
    """The qualified name of the function around a site; a comprehension is part of it."""
    return _INNER_SCOPE.sub("", site.function)


def find_causes(
    grown: Sequence[Growth],
    base: Mapping[str, Evidence],
    head: Mapping[str, Evidence],
    aligned: Callable[[str], Mapping[int, int] | None],
    renamed: Mapping[str, str] | None = None,
) -> tuple[Cause, ...]:
    """Tell the functions that grew by themselves from those that grew with their callers.

    Args:
        grown: What grew, most calls added first.
        base: What was counted on base, by test.
        head: The same on head.
        aligned: For a file of head, the lines that base has too -> their number there; None for a
            file that is the same on both sides.
        renamed: Name on head -> name on base.

    Returns:
        One cause or more where anything grew, each growth in exactly one of them.
    """
    renamed = renamed or {}
    by_name = {growth.function: growth for growth in grown}
    parents = {growth.function: _parents(growth, by_name, base, head, renamed) for growth in grown}
    owner: dict[str, str] = {}
    for growth in grown:
        if not parents[growth.function]:
            _own(growth.function, growth.function, parents, owner)
    for growth in grown:
        # Functions that call each other in a circle name each other: the largest stands for them.
        if growth.function not in owner:
            _own(growth.function, growth.function, parents, owner)
    return tuple(
        Cause(
            growth=growth,
            sites=_sites(growth, base, head, aligned),
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
        in_step = calls * before.calls.get(was, 0) <= callers_before[was] * after.calls.get(
            caller, 0
        )
        if caller not in grown or not in_step:
            return frozenset()
        found.add(caller)
    return frozenset(found)


def _own(
    name: str, cause: str, parents: Mapping[str, frozenset[str]], owner: dict[str, str]
) -> None:
    pending = [name]
    while pending:
        current = pending.pop()
        if current not in owner:
            owner[current] = cause
            pending += [child for child, above in parents.items() if current in above]


def _sites(
    growth: Growth,
    base: Mapping[str, Evidence],
    head: Mapping[str, Evidence],
    aligned: Callable[[str], Mapping[int, int] | None],
) -> tuple[SiteGrowth, ...]:
    test = growth.worst.test
    if test not in base or test not in head:
        return ()
    before: Counter[tuple[str, int]] = Counter()
    around: dict[tuple[str, int], tuple[str, str]] = {}
    for site in base[test].sites.get(growth.was, ()):
        before[site.path, site.line] += site.calls
        around[site.path, site.line] = (site.path, caller_name(site))
    found: list[SiteGrowth] = []
    fresh: list[Site] = []
    for site in _merged(head[test].sites.get(growth.function, ())):
        lines = aligned(site.path)
        if lines is None or site.line in lines:
            line = site.line if lines is None else lines[site.line]
            calls = before.pop((site.path, line), 0)
            found.append(_site_growth(site, calls, changed=False))
        else:
            fresh.append(site)
    for site in fresh:
        # What a changed line did before stands in lines of the same function that are gone.
        replaced = [key for key, place in around.items() if place == (site.path, caller_name(site))]
        calls = sum(before.pop(key, 0) for key in replaced)
        found.append(_site_growth(site, calls, changed=True))
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
        merged[key] = type(site)(
            path=site.path, line=site.line, function=caller_name(site), calls=calls
        )
    return list(merged.values())


def _site_growth(site: Site, base_calls: int, *, changed: bool) -> SiteGrowth:
    return SiteGrowth(
        path=site.path,
        line=site.line,
        caller=site.function,
        base_calls=base_calls,
        head_calls=site.calls,
        changed=changed,
    )
