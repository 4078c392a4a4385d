"""Lazily composed tasks whose tail calls run as a loop, in constant memory and at loop speed."""

from __future__ import annotations

from cascade.caching import MemoryCache, MemoryCacheStatistics
from cascade.engine import Engine, Statistics, run
from cascade.errors import (
    CascadeError,
    ConstraintError,
    CyclicTargetError,
    DependencyMissingError,
    NotATargetError,
    ParamError,
    ResourceError,
    RunningLoopError,
)
from cascade.events import (
    Event,
    ResourceAcquired,
    ResourceEvent,
    ResourceReleased,
    RunFinished,
    RunStarted,
    SkipReason,
    StaticAnalysisWarning,
    Status,
    TaskBlocked,
    TaskEvent,
    TaskFinished,
    TaskRetrying,
    TaskSkipped,
    TaskStarted,
)
from cascade.explain import Explanation, explain
from cascade.graph.render import visualize
from cascade.runtime.state import Generation, MemoryState, State, StateKey
from cascade.spec.lazy import LazyResult, MappedLazyResult, TailCall, lazy
from cascade.spec.param import Env, Param
from cascade.spec.policy import MISS, CacheKey, CachePolicy
from cascade.spec.resource import Inject, Resource, resource
from cascade.spec.routing import Router
from cascade.spec.task import Task, task

__version__ = "0.1.0"

__all__ = [
    "MISS",
    "CacheKey",
    "CachePolicy",
    "CascadeError",
    "ConstraintError",
    "CyclicTargetError",
    "DependencyMissingError",
    "Engine",
    "Env",
    "Event",
    "Explanation",
    "Generation",
    "Inject",
    "LazyResult",
    "MappedLazyResult",
    "MemoryCache",
    "MemoryCacheStatistics",
    "MemoryState",
    "NotATargetError",
    "Param",
    "ParamError",
    "Resource",
    "ResourceAcquired",
    "ResourceError",
    "ResourceEvent",
    "ResourceReleased",
    "Router",
    "RunFinished",
    "RunStarted",
    "RunningLoopError",
    "SkipReason",
    "State",
    "StateKey",
    "StaticAnalysisWarning",
    "Statistics",
    "Status",
    "TailCall",
    "Task",
    "TaskBlocked",
    "TaskEvent",
    "TaskFinished",
    "TaskRetrying",
    "TaskSkipped",
    "TaskStarted",
    "explain",
    "lazy",
    "resource",
    "run",
    "task",
    "visualize",
]
