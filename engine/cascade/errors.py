"""The errors that the engine raises itself: fact, place, remedy, and the names as attributes."""

from __future__ import annotations

import copyreg
from typing import Any


class CascadeError(Exception):
    """Base of the engine's own errors. What a task body raises is never wrapped in one."""

    def __reduce__(self) -> tuple[Any, ...]:
        # By default it would be made anew from its message, which no constructor below takes.
        return copyreg.__newobj__, (type(self), *self.args), vars(self)  # type: ignore[attr-defined]


class CyclicTargetError(CascadeError):
    """A lazy result reaches itself through a list or dict that was changed after the call."""

    def __init__(self, task: str) -> None:
        self.task = task
        super().__init__(
            f"the arguments of task '{task}' contain the call itself, so it can never start. "
            "Don't put a lazy result into a container that was already passed to it."
        )


class DependencyMissingError(CascadeError):
    """The target of a run was skipped, so there is no result.

    Attributes:
        task: the name of the skipped task.
        reason: why it was skipped.
    """

    def __init__(self, task: str, reason: str) -> None:
        self.task = task
        self.reason = reason
        super().__init__(
            f"task '{task}' has no result: it was skipped because {reason}. "
            "Return another value in that case, or handle DependencyMissingError around the run."
        )


class RunningLoopError(CascadeError, RuntimeError):
    """`cs.run` was called where an event loop is already running."""

    def __init__(self) -> None:
        super().__init__(
            "cs.run() was called inside a running event loop, which it would block. "
            "Write 'await cs.Engine().run(target)' there."
        )


class NotATargetError(CascadeError, TypeError):
    """Something that is not a lazy result was handed to a run.

    Attributes:
        value: what was handed over; None in a copy, as it may be nothing that can be pickled.
    """

    def __init__(self, value: object) -> None:
        self.value: object = value
        super().__init__(
            f"a run needs a lazy result, and got {type(value).__name__}. "
            "Call a function decorated with @cs.task and pass what it returns."
        )

    def __reduce__(self) -> tuple[Any, ...]:
        make, arguments, state = super().__reduce__()
        return make, arguments, {**state, "value": None}


class ParamError(CascadeError):
    """A run input is missing or can't be converted; `name` says which."""

    def __init__(self, name: str, message: str) -> None:
        self.name = name
        super().__init__(message)

    @classmethod
    def missing(cls, name: str, kind: str) -> ParamError:
        """Return the error for an input without a value and without a default."""
        remedy = (
            f"Set it in the environment, or give Env({name!r}, default=...)."
            if kind == "environment variable"
            else f"Pass params={{{name!r}: ...}} to the run, or give Param({name!r}, default=...)."
        )
        return cls(name, f"{kind} '{name}' has no value and no default. {remedy}")

    @classmethod
    def refused(cls, name: str, value: object, wanted: str) -> ParamError:
        """Return the error for a value that is not of the parameter's type."""
        return cls(
            name,
            f"parameter '{name}' can't be read as {wanted}: got {value!r}. "
            f"Pass a value that {wanted} accepts.",
        )


class ResourceError(CascadeError):
    """A resource is unknown, badly scoped, or its generator breaks the protocol.

    Attributes:
        resource: the resource's name.
    """

    def __init__(self, resource: str, message: str) -> None:
        self.resource = resource
        super().__init__(message)

    @classmethod
    def unknown(cls, resource: str, parameter: str, user: str) -> ResourceError:
        """Return the error for a name that no registered resource has."""
        return cls(
            resource,
            f"resource '{resource}' is not registered; parameter '{parameter}' of {user} needs it. "
            f"Register it with Engine(resources=[{resource}]).",
        )

    @classmethod
    def yields(cls, resource: str, count: str) -> ResourceError:
        """Return the error for a generator that does not yield exactly once."""
        return cls(
            resource,
            f"resource '{resource}' yielded {count}, where exactly one value is its contract. "
            "Yield once: what stands before is set-up, what stands after is teardown.",
        )


class ConstraintError(CascadeError, ValueError):
    """A constraint can't be read or can never be met.

    Attributes:
        subject: the capacity's name, the rate's text or the pattern that is at fault.
    """

    def __init__(self, subject: str, message: str) -> None:
        self.subject = subject
        super().__init__(message)
