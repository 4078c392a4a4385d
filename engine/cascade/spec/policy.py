"""What a lazy result carries besides its arguments: how its task is to be run."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Protocol, final, runtime_checkable

from cascade.spec.identity import identity_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class _Mark(Enum):
    MISS = "miss"
    UNSET = "unset"


MISS: Final = _Mark.MISS
"""What `CachePolicy.get` returns when it holds nothing, so that a cached None is a hit."""

UNSET: Final = _Mark.UNSET


@final
@dataclass(frozen=True, slots=True, eq=False)
class CacheKey:
    """Identifies one call to a cache policy: the function itself and the values it was given.

    Keys are equal when the values are the same, which is stricter than equal: 1, True and 1.0 are
    three values. A key must be kept for as long as what is stored under it.

    Attributes:
        function: the task's body; two tasks of one name have different keys.
        task: the task's name, for people.
        arguments: (parameter, value) pairs in signature order, resolved.
    """

    function: Callable[..., Any]
    task: str
    arguments: tuple[tuple[str, Any], ...]

    @property
    def identity(self) -> tuple[object, ...]:
        """What is equal for calls of one function with the same values."""
        return id(self.function), *identity_of(self.arguments)

    def __eq__(self, other: object) -> bool:
        return type(other) is CacheKey and other.identity == self.identity

    def __hash__(self) -> int:
        return hash(self.identity)


@runtime_checkable
class CachePolicy(Protocol):
    """Where `.with_cache` looks before a body runs, and puts what came out."""

    async def get(self, key: CacheKey) -> object:
        """Return the stored value, or `cs.MISS`."""
        ...

    async def put(self, key: CacheKey, value: object) -> None:
        """Store a value. It is never a lazy result: a tail call is stored when it has ended."""
        ...


@final
@dataclass(frozen=True, slots=True)
class Retry:
    """How often a body is called.

    Attributes:
        max_attempts: all attempts, the first included; at least 1.
        delay_s: seconds before the second attempt.
        backoff: factor on the delay after each further attempt.
    """

    max_attempts: int = 3
    delay_s: float = 0.0
    backoff: float = 1.0

    def __post_init__(self) -> None:
        if type(self.max_attempts) is not int or self.max_attempts < 1:
            raise ValueError(
                f"max_attempts is {self.max_attempts}, but the first call is an attempt too. "
                "Pass 1 for a single call."
            )
        if not 0 <= self.delay_s < math.inf:
            raise ValueError(f"delay is {self.delay_s} s. Pass 0 or more.")
        if not 0 <= self.backoff < math.inf:
            raise ValueError(f"backoff is {self.backoff}. Pass 0 or more; 1 keeps the delay.")


@final
@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """The policies of one lazy result. `PLAIN` is the one without any.

    Attributes:
        retry: or None for a single attempt.
        cache: or None.
        condition: a value or lazy result, `UNSET` when the task always runs.
        constraints: amounts of named capacities, literal or lazy.
        after: lazy results that must have ended first.
    """

    retry: Retry | None = None
    cache: CachePolicy | None = None
    condition: object = UNSET
    constraints: Mapping[str, object] = field(default_factory=dict)
    after: tuple[object, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing is set, as after `.after()` of nothing."""
        return (
            self.retry is None
            and self.cache is None
            and self.condition is UNSET
            and not self.constraints
            and not self.after
        )


PLAIN: Final = Policy()


@functools.lru_cache(typed=True)
def retrying(max_attempts: int, delay_s: float, backoff: float) -> Policy:
    """Return the policy of retries and nothing else: the same one for the same numbers."""
    return Policy(retry=Retry(max_attempts, delay_s, backoff))
