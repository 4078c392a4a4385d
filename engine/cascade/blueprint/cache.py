"""The cycle cache: from the class of a lazy result to the blueprints that it has had."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from cascade.blueprint.compiled import Blueprint, Loop

PER_TASK = 8
TASKS = 512
COMPILE_AFTER = 8


@final
@dataclass(slots=True, eq=False)
class Entry:
    """A blueprint with what a run may learn about it.

    Attributes:
        key: its template key.
        blueprint: the immutable plan.
        hits: bounces bound to it before a loop was written.
        silent: its loop without events, once written.
        observed: its loop that says TaskStarted and TaskFinished, once written.
    """

    key: tuple[object, ...]
    blueprint: Blueprint
    hits: int = 0
    silent: Loop | None = None
    observed: Loop | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CacheStatistics:
    """Counts of a cycle cache.

    Attributes:
        hits: bounces that a blueprint was found for.
        misses: bounces whose graph was built.
        compiled: loops written.
        evicted: blueprints dropped to keep the bound.
        size: blueprints held.
        tasks: lazy classes that they belong to.
    """

    hits: int
    misses: int
    compiled: int
    evicted: int
    size: int
    tasks: int


@final
class CycleCache:
    """Blueprints by the class of the root's lazy result, bounded both ways.

    A task keeps at most `PER_TASK` blueprints; one with more shapes than that stays megamorphic
    and pays the reference tier for the rest. At most `TASKS` classes are kept; the one
    whose last miss is longest ago goes first.
    """

    def __init__(self) -> None:
        self._by_class: OrderedDict[type, list[Entry]] = OrderedDict()
        self._by_key: dict[tuple[object, ...], Entry] = {}
        self.loops: dict[bool, dict[type, Loop]] = {False: {}, True: {}}
        self.hits = self.misses = self.compiled = self.evicted = 0

    def entries(self, lazy_class: type) -> list[Entry]:
        """Return the entries of a class, the one that hit last first. Don't change the list."""
        return self._by_class.get(lazy_class, [])

    def find(self, key: tuple[object, ...]) -> Entry | None:
        """Return the entry of a template key."""
        return self._by_key.get(key)

    def add(self, lazy_class: type, entry: Entry) -> bool:
        """Keep an entry unless its class is full, and say whether it was kept."""
        entries = self._by_class.setdefault(lazy_class, [])
        self._by_class.move_to_end(lazy_class)
        if len(entries) >= PER_TASK:
            return False
        entries.append(entry)
        self._by_key[entry.key] = entry
        while len(self._by_class) > TASKS:
            self._evict_oldest()
        return True

    def prefer(self, lazy_class: type, entry: Entry) -> None:
        """Let a class's next bounce try this entry first.

        Its loop is entered without asking, unless each run must first be prepared for it.
        """
        entries = self._by_class.get(lazy_class)
        if entries is not None and entry in entries and entries[0] is not entry:
            entries.remove(entry)
            entries.insert(0, entry)
        for observed, loop in ((False, entry.silent), (True, entry.observed)):
            if loop is None or entry.blueprint.prepares:
                self.loops[observed].pop(lazy_class, None)
            elif entries:
                self.loops[observed][lazy_class] = loop

    def _evict_oldest(self) -> None:
        lazy_class, entries = self._by_class.popitem(last=False)
        for entry in entries:
            del self._by_key[entry.key]
        self.evicted += len(entries)
        for loops in self.loops.values():
            loops.pop(lazy_class, None)

    def statistics(self, *, fused: int = 0) -> CacheStatistics:
        """Return the counts so far, with the bounces that fused loops have run among the hits."""
        return CacheStatistics(
            hits=self.hits + fused,
            misses=self.misses,
            compiled=self.compiled,
            evicted=self.evicted,
            size=len(self._by_key),
            tasks=len(self._by_class),
        )

    def clear(self) -> None:
        """Drop everything held; the counts stay."""
        self.evicted += len(self._by_key)
        self._by_class.clear()
        self._by_key.clear()
        for loops in self.loops.values():
            loops.clear()
