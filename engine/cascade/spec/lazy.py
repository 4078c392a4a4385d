"""A task, and what calling it returns: a small immutable value that says what to run."""

from __future__ import annotations

import functools
import inspect
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, NoReturn, TypeVar, cast, final

from cascade.codegen.constructor import (
    PREFIX,
    class_name,
    constructor_text,
    invoker_text,
    slot_names,
)
from cascade.codegen.source import function_from
from cascade.spec.policy import PLAIN, CachePolicy, Policy, retrying
from cascade.spec.signature import parameters_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

R_co = TypeVar("R_co", covariant=True)

Mode = Literal["inline", "thread"]


class LazyResult(Generic[R_co]):
    """One call of a task that has not run.

    Each task has two subclasses of its own with a slot per parameter: one for plain calls, and one
    that also holds a policy. A policy therefore costs the plain call nothing. Identity is the
    object: used twice in one graph it runs once, and two equal calls run twice.
    """

    __slots__ = ()

    spec: ClassVar[TaskSpec]
    read: ClassVar[Callable[[Any], tuple[Any, ...]]]
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
        policy = retrying(max_attempts, delay, backoff)
        if self.policy is not PLAIN:
            policy = replace(self.policy, retry=policy.retry)
        return self._with(policy)

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
class TaskSpec:
    """Everything the engine knows of a task. Its identity is the task's identity.

    Attributes:
        function: the body.
        name: for people and for patterns; never for lookups.
        pure: whether equal calls in one graph may run once.
        mode: "inline", or "thread" for a sync body that runs in the engine's pool.
        opaque: names of the parameters whose arguments are passed on unread.
        is_async: whether the body is a coroutine function.
        parameters: the signature's parameters.
        names: their names.
        slots: the slot of the plain class that holds each parameter's argument.
        policy_slots: the same for the policy class.
        plain_class: class of a plain call.
        policy_class: class of a call that carries a policy.
        invoke: `invoke(function, values)` calls the body with one value per parameter.
        construct: what users call.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        name: str,
        *,
        pure: bool,
        mode: Mode,
        opaque: Collection[str] = (),
    ) -> None:
        self.function = _body_of(function)
        self.name = name
        self.pure = pure
        self.mode = mode
        self.is_async = is_async(function)
        self.parameters = parameters_of(function)
        self.names = tuple(parameter.name for parameter in self.parameters)
        self.opaque = _checked_names(name, opaque, self.names)
        self.slots = slot_names(self.parameters)
        self.policy_slots = slot_names(self.parameters)
        self.plain_class = self._lazy_class(self.slots, ())
        self.policy_class = self._lazy_class(self.policy_slots, ("policy",))
        self.invoke = cast(
            "Callable[[Callable[..., Any], Sequence[Any]], Any]",
            function_from(invoker_text(self.parameters), "invoke", {}),
        )
        self.construct = self._make_constructor()

    def _lazy_class(self, slots: tuple[str, ...], more: tuple[str, ...]) -> Any:
        # One slot at least: instances of a class without any escape the garbage collector's sight.
        # Two attributes are read beside the arguments, so that a single one comes in a tuple too,
        # and so that the types of all that is read tell the class as well.
        namespace = {
            "__slots__": (*slots, *more) or ("nothing",),
            "__module__": __name__,
            "spec": self,
            "read": attrgetter("example", "policy", *slots),
        }
        made: Any = type(f"LazyResult[{self.name}]", (LazyResult,), namespace)
        made.example = made()
        return made

    def _make_constructor(self) -> Any:
        construct: Any = function_from(
            constructor_text(self.parameters),
            "construct",
            {class_name(self.parameters): self.plain_class},
            label=label_of(self.function),
            attributes={
                PREFIX + parameter.name: slot
                for parameter, slot in zip(self.parameters, self.slots, strict=True)
            },
        )
        _set_defaults(construct, self.parameters)
        functools.update_wrapper(construct, self.function)
        construct.__dict__.update(spec=self, map=functools.partial(_map, self))
        return construct

    def slots_of(self, lazy_class: type) -> tuple[str, ...]:
        """Return the slot of each parameter in one of the task's two classes."""
        return self.slots if lazy_class is self.plain_class else self.policy_slots

    def arguments_of(self, call: LazyResult[Any]) -> tuple[Any, ...]:
        """Return what a call was given, one value per parameter."""
        return type(call).read(call)[2:]

    def call(self, arguments: Mapping[str, Any]) -> Any:
        """Return the call with these arguments by name, positional-only ones included."""
        named = dict(arguments)
        positional = [
            named.pop(each.name)
            for each in self.parameters
            if each.kind is inspect.Parameter.POSITIONAL_ONLY and each.name in named
        ]
        return self.construct(*positional, **named)

    @property
    def threaded(self) -> bool:
        """Whether the body runs in the thread pool."""
        return self.mode == "thread"

    def __repr__(self) -> str:
        return f"<TaskSpec '{self.name}'>"


@final
class TailCall:
    """A tail call that names its task and arguments, for a body that wants no lazy object.

    `return TailCall(countdown, n - 1)` means the same as `return countdown(n - 1)`.
    """

    __slots__ = ("args", "kwargs", "task")

    def __init__(self, task: Callable[..., Any], /, *args: object, **kwargs: object) -> None:
        if not isinstance(getattr(task, "spec", None), TaskSpec):
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


def is_deferred(value: object) -> bool:
    """Tell whether a result is to be gone on with.

    Values are asked for nothing but their type: `isinstance` would ask what merely stands for
    another object for its `__class__`, and a lazy proxy would be made real by that.
    """
    return issubclass(type(value), DEFERRED)


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


def label_of(function: object) -> str:
    """Return the name that people know a function by."""
    return str(getattr(function, "__name__", type(function).__name__))


def is_async(function: Callable[..., Any]) -> bool:
    """Tell whether calling the object makes a coroutine, if only by what it wraps."""
    if isinstance(function, type):
        return False
    called = getattr(function, "__call__", None)  # noqa: B004  the method itself is asked for
    wrapped = inspect.unwrap(function)
    return any(map(inspect.iscoroutinefunction, (function, called, wrapped)))


def _body_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function, as a coroutine function where it wraps one and may return its call."""
    wrapped = inspect.unwrap(function)
    if wrapped is function or not inspect.iscoroutinefunction(wrapped):
        return function

    @functools.wraps(function)
    async def body(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        return await result if inspect.isawaitable(result) else result

    return body


def _set_defaults(function: Any, parameters: tuple[inspect.Parameter, ...]) -> None:
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    empty = inspect.Parameter.empty
    function.__defaults__ = tuple(
        each.default for each in parameters if each.kind in positional and each.default is not empty
    )
    function.__kwdefaults__ = {
        each.name: each.default
        for each in parameters
        if each.kind is inspect.Parameter.KEYWORD_ONLY and each.default is not empty
    }


def _checked_names(task: str, names: Collection[str], known: tuple[str, ...]) -> frozenset[str]:
    for name in (names,) if isinstance(names, str) else names:
        if name not in known:
            raise ValueError(
                f"task '{task}' has no parameter {name!r} that could be opaque; it has "
                f"{', '.join(known) or 'none'}. Pass names of its parameters, "
                f"such as opaque=({known[0] if known else 'history'!r},)."
            )
    return frozenset(names)


def _map(spec: TaskSpec, /, **columns: Any) -> MappedLazyResult[Any]:
    # What can be read once must be the same in a second run.
    columns = {
        name: list(column) if hasattr(type(column), "__next__") else column
        for name, column in columns.items()
    }
    spec.call(columns)  # raises at the call site what a wrong call of the task would raise
    lengths = {
        name: len(column)
        for name, column in columns.items()
        if issubclass(type(column), (list, tuple))
    }
    refuse_unequal_columns(spec.name, lengths)
    return MappedLazyResult(spec, columns, PLAIN)


def refuse_unequal_columns(name: str, lengths: dict[str, int]) -> None:
    """Raise where a map's columns differ in length.

    Raises:
        ValueError: naming each column's length.
    """
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{column}: {length}" for column, length in lengths.items())
        raise ValueError(
            f"the columns of '{name}.map' differ in length ({shown}). "
            "Pass one value per item in each."
        )
