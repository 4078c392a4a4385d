"""The cycle cache: from the class of a lazy result to the blueprints that it has had."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from cascade.blueprint.compiled import Blueprint, Loop

Look = tuple[type, ...]

PER_TASK = 32
LOOKS = 16
TASKS = 512
COMPILE_AFTER = 8


@final
@dataclass(slots=True, eq=False)
class Entry:
    """A blueprint with what a run may learn about it.

    Attributes:
        key: its template key.
        blueprint: the immutable plan.
        hits: bounces bound to it and run node by node.
        used: whether a bounce needed it since an entry of its task was last dropped.
        looks: looks of the targets that go to its loop without asking; at most `LOOKS`.
        silent: its loop without events, once written.
        observed: its loop that says TaskStarted and TaskFinished, once written.
    """

    key: tuple[object, ...]
    blueprint: Blueprint
    hits: int = 0
    used: bool = False
    looks: list[Look] = field(default_factory=list)
    silent: Loop | None = None
    observed: Loop | None = None


def look_of(target: Any) -> Look:
    """Return what targets of one structure have in common, as far as a glance can tell.

    It decides what is tried first and nothing else: the same look may be had by two structures, and
    one structure has as many looks as its literals have types.
    """
    return tuple(map(type, type(target).read(target)))


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

    A task keeps at most `PER_TASK` blueprints. A new one takes the place of the first that no
    bounce needed since the last one was dropped. At most `TASKS` classes are kept; the one whose
    last miss is longest ago goes first.

    Attributes:
        loops: whether events are wanted, then the loops that may be entered without asking: by a
            target's class the one that fitted last, by its look the one that fitted such a target.
    """

    def __init__(self) -> None:
        self._by_class: OrderedDict[type, list[Entry]] = OrderedDict()
        self._by_key: dict[tuple[object, ...], Entry] = {}
        self.loops: dict[bool, dict[type | Look, Loop]] = {False: {}, True: {}}
        self.hits = self.misses = self.compiled = self.evicted = 0

    def entries(self, lazy_class: type) -> list[Entry]:
        """Return the entries of a class in the order in which to try them."""
        return self._by_class.get(lazy_class, [])

    def find(self, key: tuple[object, ...]) -> Entry | None:
        """Return the entry of a template key."""
        return self._by_key.get(key)

    def add(self, lazy_class: type, entry: Entry) -> None:
        """Keep an entry, and drop the coldest of its class where that is full."""
        entries = self._by_class.setdefault(lazy_class, [])
        self._by_class.move_to_end(lazy_class)
        if len(entries) >= PER_TASK:
            coldest = next((each for each in entries if not each.used), entries[0])
            for each in entries:
                each.used = False
            entries.remove(coldest)
            self._drop(lazy_class, coldest)
        entries.append(entry)
        self._by_key[entry.key] = entry
        if len(self._by_class) > TASKS:
            oldest, dropped = self._by_class.popitem(last=False)
            for each in dropped:
                self._drop(oldest, each)

    def touch(self, lazy_class: type, entry: Entry) -> None:
        """Note that a bounce needs an entry; the next one tries it first if no loop will."""
        entry.used = True
        entries = self._by_class.get(lazy_class, [])
        if entry.blueprint.unfusable and entries[:1] != [entry] and entry in entries:
            entries.remove(entry)
            entries.insert(0, entry)

    def prefer(self, target: Any, entry: Entry) -> None:
        """Let the next bounce of a target's class, and all that look like it, try this entry first.

        Its loop is entered without asking, unless each run must first be prepared for it.
        """
        lazy_class, look = type(target), look_of(target)
        kept = self._by_key.get(entry.key) is entry
        if kept and look not in entry.looks and len(entry.looks) < LOOKS:
            entry.looks.append(look)
        for observed, loop in ((False, entry.silent), (True, entry.observed)):
            loops = self.loops[observed]
            if loop is None or entry.blueprint.prepares:
                loops.pop(lazy_class, None)
            elif kept:
                loops[lazy_class] = loop
                loops.update(dict.fromkeys(entry.looks, loop))

    def _drop(self, lazy_class: type, entry: Entry) -> None:
        del self._by_key[entry.key]
        self.evicted += 1
        known_by: list[type | Look] = [lazy_class, *entry.looks]
        for loops in self.loops.values():
            for known in known_by:
                if loops.get(known) in (entry.silent, entry.observed):
                    loops.pop(known, None)

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
        while self._by_class:
            lazy_class, entries = self._by_class.popitem()
            for entry in entries:
                self._drop(lazy_class, entry)
