"""What calling a task returns: a small immutable value that says what to run, and runs nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NoReturn, TypeVar, cast, final

from cascade.spec.policy import PLAIN, CachePolicy, Policy, Retry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cascade.spec.task import TaskSpec

R_co = TypeVar("R_co", covariant=True)


class LazyResult(Generic[R_co]):
    """One call of a task that has not run.

    Each task has two subclasses of its own with a slot per parameter: one for plain calls, and one
    that also holds a policy. A policy therefore costs the plain call nothing. Identity is the
    object: used twice in one graph it runs once, and two equal calls run twice.
    """

    __slots__ = ()

    spec: ClassVar[TaskSpec]
    policy: Policy = PLAIN

    def with_retry(
        self, max_attempts: int = 3, delay: float = 0.0, backoff: float = 1.0
    ) -> LazyResult[R_co]:
        """Return this call with retries; the last error is raised as it was.

        Args:
            max_attempts: all attempts, the first included.
            delay: seconds before the second attempt.
            backoff: factor on the delay after each further attempt.

        Raises:
            ValueError: max_attempts is under 1, or delay or backoff under 0.
        """
        return self._with(replace(self.policy, retry=Retry(max_attempts, delay, backoff)))

    def with_cache(self, cache: CachePolicy) -> LazyResult[R_co]:
        """Return this call with a cache: `get` before the body, `put` when the value is known.

        Raises:
            TypeError: the object has no `get` and `put`.
        """
        if not isinstance(cache, CachePolicy):
            raise TypeError(
                f"{type(cache).__name__} is no cache: it needs 'async get(key)' and "
                "'async put(key, value)'. Pass cs.MemoryCache() or an object with both."
            )
        return self._with(replace(self.policy, cache=cache))

    def with_constraints(self, **amounts: object) -> LazyResult[R_co]:
        """Return this call with amounts of the engine's capacities that it holds while it runs.

        Args:
            **amounts: an amount per capacity, a number or a lazy result of one.
        """
        merged = {**self.policy.constraints, **amounts}
        return self._with(replace(self.policy, constraints=merged))

    def run_if(self, condition: object) -> LazyResult[R_co]:
        """Return this call so that it is skipped when the condition, a value or lazy, is false."""
        return self._with(replace(self.policy, condition=condition))

    def after(self, *others: LazyResult[Any]) -> LazyResult[R_co]:
        """Return this call so that it starts when the others have ended; it gets nothing from them.

        Raises:
            TypeError: one of the others is not a lazy result.
        """
        for other in others:
            if not isinstance(other, LazyResult):
                raise TypeError(
                    f"after() orders lazy results, and got {type(other).__name__}. "
                    "Pass what a task call returned."
                )
        return self._with(replace(self.policy, after=(*self.policy.after, *others)))

    def _with(self, policy: Policy) -> LazyResult[R_co]:
        spec = self.spec
        if policy.empty:
            changed, slots = spec.plain_class(), spec.slots
        else:
            changed, slots = spec.policy_class(), spec.policy_slots
            changed.policy = policy
        for slot, argument in zip(slots, spec.arguments_of(self), strict=True):
            setattr(changed, slot, argument)
        return cast("LazyResult[R_co]", changed)

    def __bool__(self) -> NoReturn:
        raise TypeError(
            f"the result of task '{self.spec.name}' is not known yet, so it is neither true nor "
            "false. Return it, pass it to another task, or use .run_if(...)."
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of task '{self.spec.name}'>"


@final
class MappedLazyResult(LazyResult[list[R_co]]):
    """One call of a task per item of its columns; the result is the list of results, in order."""

    __slots__ = ("_spec", "columns", "policy")

    def __init__(self, spec: TaskSpec, columns: Mapping[str, object], policy: Policy) -> None:
        self._spec = spec
        self.columns = columns
        self.policy = policy

    @property
    def spec(self) -> TaskSpec:  # type: ignore[override]
        """The task that runs once per item."""
        return self._spec

    def _with(self, policy: Policy) -> LazyResult[list[R_co]]:
        return MappedLazyResult(self._spec, self.columns, policy)


@final
class TailCall:
    """A tail call that names its task and arguments, for a body that wants no lazy object.

    `return TailCall(countdown, n - 1)` means the same as `return countdown(n - 1)`.
    """

    __slots__ = ("args", "kwargs", "task")

    def __init__(self, task: Callable[..., Any], /, *args: object, **kwargs: object) -> None:
        if not hasattr(task, "spec"):
            raise TypeError(
                f"TailCall needs a task, and got {type(task).__name__}. "
                "Decorate the function with @cs.task."
            )
        self.task = task
        self.args = args
        self.kwargs = kwargs

    def lazy(self) -> LazyResult[Any]:
        """Return the lazy result that this stands for.

        Raises:
            TypeError: the arguments don't fit the task's signature.
        """
        return cast("LazyResult[Any]", self.task(*self.args, **self.kwargs))

    def __repr__(self) -> str:
        return f"<TailCall of task '{self.task.__name__}'>"


DEFERRED = (LazyResult, TailCall)
"""What a body may return to be gone on with; a container of these is a value like any other."""


def lazy(call: R_co) -> LazyResult[R_co]:  # type: ignore[misc]
    """Return the same object, typed as the lazy result that a task call really is.

    A task call is typed as the task's own result, so that calls compose; to put a policy on one
    under a type checker, write `cs.lazy(load(path)).with_retry()`.

    Raises:
        TypeError: the object is not a lazy result.
    """
    if not isinstance(call, LazyResult):
        raise TypeError(
            f"cs.lazy() needs a lazy result, and got {type(call).__name__}. "
            "Pass what a task call returned."
        )
    return call
