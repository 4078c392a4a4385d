"""`cs.MemoryCache`: the cache policy that most programs need."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from cascade.spec.policy import MISS

if TYPE_CHECKING:
    from cascade.spec.policy import CacheKey


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryCacheStatistics:
    """Counts of a MemoryCache.

    Attributes:
        hits: lookups that found a value.
        misses: lookups that did not.
        evicted: values dropped to keep the bound.
        size: values held.
    """

    hits: int
    misses: int
    evicted: int
    size: int


@final
class MemoryCache:
    """Results in memory, for `.with_cache`; the value used longest ago is dropped first.

    Args:
        max_size: number of results kept, at least 1.

    Raises:
        ValueError: max_size is under 1.
    """

    def __init__(self, max_size: int = 1024) -> None:
        if max_size < 1:
            raise ValueError(f"max_size is {max_size}, so nothing could be kept. Pass 1 or more.")
        self._max_size = max_size
        # The key is kept too, because its identity may name objects by their id.
        self._values: OrderedDict[tuple[object, ...], tuple[CacheKey, object]] = OrderedDict()
        self._hits = self._misses = self._evicted = 0

    async def get(self, key: CacheKey) -> object:
        """Return the stored value, or `cs.MISS`."""
        identity = key.identity
        found = self._values.get(identity)
        if found is None:
            self._misses += 1
            return MISS
        self._hits += 1
        self._values.move_to_end(identity)
        return found[1]

    async def put(self, key: CacheKey, value: object) -> None:
        """Store a value."""
        identity = key.identity
        self._values[identity] = (key, value)
        self._values.move_to_end(identity)
        while len(self._values) > self._max_size:
            self._values.popitem(last=False)
            self._evicted += 1

    def statistics(self) -> MemoryCacheStatistics:
        """Return the counts so far."""
        return MemoryCacheStatistics(
            hits=self._hits, misses=self._misses, evicted=self._evicted, size=len(self._values)
        )
