"""What two censuses say together with the texts they were taken of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cascade_budget.commands.counted_sides import (
    evidence,
    line_map,
)
from cascade_budget.counting.watch import DEFAULT_WATCH
from cascade_budget.judge.causes import (
    Cause,
    Edit,
    find_causes,
    nearest_edits,
)
from cascade_budget.judge.growth import compare
from cascade_budget.source.definitions import (
    Definition,
    defines,
    definitions,
    renamed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from cascade_budget.judge.growth import Comparison
    from cascade_budget.model.suite_counts import Census
    from cascade_budget.source.copies import Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A side that was counted.

    Attributes:
        tree: Its files.
        census: Its counts.
    """

    tree: Tree
    census: Census


def judge(
    base: Counted,
    head: Counted,
    tests: Sequence[str],
    *,
    unstable: Mapping[str, Collection[str]] | None = None,
) -> Comparison:
    """Compare two sides; see `cascade_budget.judge.growth`.

    Args:
        base: The side to compare with.
        head: The side to judge.
        tests: The tests that passed on both.
        unstable: By test, functions whose count differs between two runs of one side.
    """
    on_base = {test: base.census.tests[test].calls for test in tests}
    on_head = {test: head.census.tests[test].calls for test in tests}
    called_on_base = {name for calls in on_base.values() for name in calls}
    called_on_head = {name for calls in on_head.values() for name in calls}
    fresh = called_on_head - called_on_base
    lost = called_on_base - called_on_head
    in_base, in_head = _Definitions(base), _Definitions(head)
    existed = {name for name in fresh if in_base.hold(name, head.census)} | {*DEFAULT_WATCH}
    remains = {name for name in lost if in_head.hold(name, base.census)} | {*DEFAULT_WATCH}
    return compare(
        on_base,
        on_head,
        existed=existed,
        remains=remains,
        renamed=renamed(in_head.of(fresh - existed), in_base.of(lost - remains)),
        unstable=unstable,
    )


def explain(comparison: Comparison, base: Counted, head: Counted) -> tuple[Cause, ...]:
    """The causes of what grew, from censuses that noted callers."""
    aligned = line_map(base.tree, head.tree)
    causes = find_causes(
        comparison.grown,
        evidence(base.census),
        evidence(head.census),
        aligned,
        {move.new: move.old for move in comparison.moved},
    )
    edits = _Edits(base.tree, head, aligned)
    return tuple(edits.beside(cause) for cause in causes)


class _Edits:
    """Which of the functions that run on head were changed since base."""

    def __init__(
        self,
        base: Tree,
        head: Counted,
        aligned: Callable[[str], Mapping[int, int] | None],
    ) -> None:
        self._base = base
        self._head = head.tree
        self._census = head.census
        self._evidence = evidence(head.census)
        self._aligned = aligned
        self._known: dict[str, dict[str, Edit]] = {}

    def beside(self, cause: Cause) -> Cause:
        """A cause, with the changed functions near it where no line that calls was changed."""
        test = cause.growth.worst.test
        if any(site.changed for site in cause.sites) or test not in self._evidence:
            return cause
        head = self._evidence[test]
        modules = {name.partition(":")[0] for name in head.calls}
        edits = {name: edit for module in modules for name, edit in self._of(module).items()}
        return replace(cause, edits=nearest_edits(cause, head, edits))

    def _of(self, module: str) -> dict[str, Edit]:
        if module not in self._known:
            self._known[module] = dict(self._changed(module, self._census.modules.get(module, "")))
        return self._known[module]

    def _changed(self, module: str, path: str) -> Iterator[tuple[str, Edit]]:
        lines = self._aligned(path)
        if lines is None:
            return
        before = definitions(self._base.text(path) or "")
        for qualname, found in definitions(self._head.text(path) or "").items():
            was = before.get(qualname)
            if found.fingerprint and (was is None or was.fingerprint != found.fingerprint):
                span = range(found.first_line, found.last_line + 1)
                line = next((line for line in span if line not in lines), found.first_line)
                yield f"{module}:{qualname}", Edit(path=path, line=line, function=qualname)


class _Definitions:
    """What one side's modules define, read when it is asked for."""

    def __init__(self, side: Counted) -> None:
        self._census = side.census
        self._tree = side.tree
        self._known: dict[str, dict[str, Definition]] = {}

    def hold(self, name: str, other: Census) -> bool:
        """Whether this side defines a function that the other side called."""
        path = self._census.path_of(name) or other.path_of(name)
        return defines(self._at(path), name.partition(":")[2])

    def of(self, names: Collection[str]) -> dict[str, str]:
        """Fingerprints of functions of this side."""
        found = {}
        for name in names:
            definition = self._at(self._census.path_of(name)).get(name.partition(":")[2])
            found[name] = "" if definition is None else definition.fingerprint
        return found

    def _at(self, path: str) -> dict[str, Definition]:
        if path not in self._known:
            self._known[path] = definitions(self._tree.text(path) or "") if path else {}
        return self._known[path]
