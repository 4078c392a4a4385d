"""What a run says about itself. Frozen values; an event that nobody listens for is never built."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Status(Enum):
    """How a run or a task ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class SkipReason(Enum):
    """Why a task's body did not run. The value reads as the end of a sentence."""

    CONDITION_FALSE = "its condition was false"
    CACHE_HIT = "its result was cached"
    UPSTREAM_SKIPPED = "a task whose result it needs was skipped"
    SEQUENCE_CUT = "a task that it comes after was skipped"


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events.

    Attributes:
        run_id: number of the run within its engine, from 1.
    """

    run_id: int


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """A run begins; nothing of it has been evaluated."""


@dataclass(frozen=True, slots=True)
class RunFinished(Event):
    """A run is over and its resources are released.

    Attributes:
        status: how it ended.
        duration_s: wall time from RunStarted, in seconds.
        error: what it raised, or None.
    """

    status: Status
    duration_s: float
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class TaskEvent(Event):
    """Base of the events about one task.

    Attributes:
        task: the task's name.
        node: the task's place in its graph, in evaluation order, from 0.
    """

    task: str
    node: int


@dataclass(frozen=True, slots=True)
class TaskStarted(TaskEvent):
    """A task's body is about to be called for the first time."""


@dataclass(frozen=True, slots=True)
class TaskFinished(TaskEvent):
    """A task's body is over, its retries included.

    Attributes:
        duration_s: wall time from TaskStarted, in seconds.
        status: how it ended; a tail call is a success.
        error: what it raised, or None.
    """

    duration_s: float
    status: Status
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class TaskSkipped(TaskEvent):
    """A task's body was not called.

    Attributes:
        reason: why not.
    """

    reason: SkipReason


@dataclass(frozen=True, slots=True)
class TaskRetrying(TaskEvent):
    """A task's body failed and will be called again.

    Attributes:
        attempt: number of the attempt that failed, from 1.
        delay_s: seconds until the next attempt.
        error: what the attempt raised.
    """

    attempt: int
    delay_s: float
    error: Exception


@dataclass(frozen=True, slots=True)
class TaskBlocked(TaskEvent):
    """A task waits for a constraint. Said once per wait, however often the wait is renewed.

    Attributes:
        reason: which constraint denied it.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class ResourceEvent(Event):
    """Base of the events about one resource.

    Attributes:
        resource: the resource's name.
        scope: "run" or "step".
    """

    resource: str
    scope: str


@dataclass(frozen=True, slots=True)
class ResourceAcquired(ResourceEvent):
    """A resource's generator has yielded its value."""


@dataclass(frozen=True, slots=True)
class ResourceReleased(ResourceEvent):
    """A resource's generator has been run to its end."""


@dataclass(frozen=True, slots=True)
class StaticAnalysisWarning(Event):
    """A structure that works but costs more than it needs to.

    Attributes:
        code: the finding's identifier, such as "CS-W001".
        task: the task that it is about.
        message: what was found and what to do.
    """

    code: str
    task: str
    message: str


class FinishedDraft(TaskEvent):
    """A TaskFinished while it is being filled; its slots must be those of the event.

    A fused loop fills one itself: filling a frozen value costs four times more.
    """

    __slots__ = ("duration_s", "error", "status")
    __init__ = object.__init__
    __setattr__ = object.__setattr__
    __delattr__ = object.__delattr__


if TYPE_CHECKING:
    Subscriber = Callable[[Event], object]
