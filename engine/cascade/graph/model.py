"""The graph: nodes, and bindings that say where each argument comes from.

A structure holds no value of any run. Values live in a frame, one per bounce, so that a structure
can be kept and shared by concurrent runs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar, final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cascade.spec.lazy import TaskSpec
    from cascade.spec.param import Env, Param
    from cascade.spec.policy import CachePolicy, Retry


@final
@dataclass(slots=True, eq=False)
class Frame:
    """What one bounce reads and writes.

    Attributes:
        values: the literals of this bounce, by slot.
        results: what each node gave, by index.
        resources: acquired resources by name.
        inputs: values of Param and Env by `id` of the marker.
    """

    values: list[Any]
    results: list[Any]
    resources: Mapping[str, Any]
    inputs: Mapping[int, Any]


B = TypeVar("B", bound="Binding")


class Binding(ABC):
    """Where a value comes from."""

    __slots__ = ()

    @abstractmethod
    def fetch(self, frame: Frame) -> Any:
        """Return the value in this frame."""

    def nodes(self) -> tuple[int, ...]:
        """Return the nodes whose results it needs, in reading order; by default none."""
        return ()

    def leaves(self) -> tuple[Binding, ...]:
        """Return the bindings that it is made of, itself where it is no container."""
        return (self,)


@final
@dataclass(frozen=True, slots=True)
class Value(Binding):
    """A literal of the bounce, by slot, that is passed on unread where its parameter is opaque."""

    slot: int
    unread: bool = False

    def __hash__(self) -> int:
        return hash((Value, self.slot))

    def fetch(self, frame: Frame) -> Any:
        """Return the literal itself, by reference."""
        return frame.values[self.slot]


@final
@dataclass(frozen=True, slots=True)
class Result(Binding):
    """Another node's result.

    Attributes:
        node: its index.
        merged: below 0 where another call of a pure task stands here, and the node runs for it too.
    """

    node: int
    merged: int = 0

    def __hash__(self) -> int:
        return hash((Result, self.node, self.merged))

    @property
    def call(self) -> int:
        """The number of the call that stands here; that of a node's own call is its index."""
        return self.merged or self.node

    def fetch(self, frame: Frame) -> Any:
        """Return the node's result."""
        return frame.results[self.node]

    def nodes(self) -> tuple[int, ...]:
        """Return the node."""
        return (self.node,)


@final
@dataclass(frozen=True, slots=True)
class Routed(Binding):
    """What a switch chose; the switch's own result is the binding of the chosen route."""

    switch: int

    def __hash__(self) -> int:
        return hash((Routed, self.switch))

    @property
    def call(self) -> int:
        """The number of the Router, which counts as a call."""
        return self.switch

    def fetch(self, frame: Frame) -> Any:
        """Return the chosen route's value."""
        chosen: Binding = self
        while type(chosen) is Routed:
            chosen = frame.results[chosen.switch]
        return chosen.fetch(frame)

    def nodes(self) -> tuple[int, ...]:
        """Return the switch; the chosen route's nodes are known when it has run."""
        return (self.switch,)


@final
@dataclass(frozen=True, slots=True)
class Injected(Binding):
    """A resource's value."""

    resource: str

    def fetch(self, frame: Frame) -> Any:
        """Return the acquired value."""
        return frame.resources[self.resource]


@final
@dataclass(frozen=True, slots=True, eq=False)
class Input(Binding):
    """A run input, by the identity of its marker, because its default may be unhashable."""

    marker: Param | Env

    def __eq__(self, other: object) -> bool:
        return type(other) is Input and other.marker is self.marker

    def __hash__(self) -> int:
        return hash((Input, id(self.marker)))

    def fetch(self, frame: Frame) -> Any:
        """Return the run's value."""
        return frame.inputs[id(self.marker)]


@final
@dataclass(frozen=True, slots=True)
class Items(Binding):
    """A list, tuple, named tuple or set that holds something to resolve; rebuilt each bounce."""

    kind: type
    items: tuple[Binding, ...]

    def fetch(self, frame: Frame) -> Any:
        """Return a new container of the same type with everything resolved."""
        values = [item.fetch(frame) for item in self.items]
        make = getattr(self.kind, "_make", self.kind)
        return make(values)

    def nodes(self) -> tuple[int, ...]:
        """Return the nodes of all items."""
        return tuple(node for leaf in self.leaves() for node in leaf.nodes())

    def leaves(self) -> tuple[Binding, ...]:
        """Return the leaves of all items."""
        return tuple(leaf for item in self.items for leaf in item.leaves())


@final
@dataclass(frozen=True, slots=True)
class Pairs(Binding):
    """A dict that holds something to resolve in its keys or values."""

    pairs: tuple[tuple[Binding, Binding], ...]

    def fetch(self, frame: Frame) -> Any:
        """Return a new dict with everything resolved."""
        return {key.fetch(frame): value.fetch(frame) for key, value in self.pairs}

    def nodes(self) -> tuple[int, ...]:
        """Return the nodes of all keys and values."""
        return tuple(node for leaf in self.leaves() for node in leaf.nodes())

    def leaves(self) -> tuple[Binding, ...]:
        """Return the leaves of all keys and values."""
        return tuple(leaf for pair in self.pairs for item in pair for leaf in item.leaves())


class Kind(Enum):
    """What a node does."""

    CALL = "call"
    MAP = "map"
    SWITCH = "switch"


@final
@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One step of a graph.

    Attributes:
        index: place in evaluation order; everything it needs has a lower index.
        kind: call, map or switch.
        spec: the task; None for a switch.
        lazy_class: exact class of the object that it was made from.
        arguments: a binding per parameter, per column of a map, or the selector of a switch.
        names: the parameter of each argument.
        columns: how many of the names are the map's own columns; injected defaults follow them.
        routes: (key, route) bindings of a switch.
        retry: or None.
        cache: or None.
        condition: or None.
        amounts: (capacity, amount) of its constraints.
        after: nodes that must have ended first.
        merged: below 0 for a call of a pure task that the node of this index runs for as well.
        bindings: where all comes from that `values_of` finds in what it was made from.
        needs: the nodes whose results it reads.
    """

    index: int
    kind: Kind
    spec: TaskSpec | None
    lazy_class: type
    arguments: tuple[Binding, ...]
    names: tuple[str, ...]
    columns: int = 0
    routes: tuple[tuple[Binding, Binding], ...] = ()
    retry: Retry | None = None
    cache: CachePolicy | None = None
    condition: Binding | None = None
    amounts: tuple[tuple[str, Binding], ...] = ()
    after: tuple[int, ...] = ()
    merged: int = 0
    bindings: tuple[Binding, ...] = field(init=False)
    needs: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        bindings = reads = self.arguments
        if self.routes or self.has_policy:
            routes = (part for pair in self.routes for part in pair)
            condition = () if self.condition is None else (self.condition,)
            amounts = (amount for _, amount in self.amounts)
            bindings = (*bindings, *routes, *condition, *amounts, *map(Result, self.after))
            reads = tuple(binding for _, binding in self.uses())
        needs = dict.fromkeys(node for binding in reads for node in binding.nodes())
        object.__setattr__(self, "bindings", bindings)
        object.__setattr__(self, "needs", tuple(needs))

    def uses(self) -> Iterator[tuple[str, Binding]]:
        """Yield what it reads, its routes excepted, each with the parameter that reads it."""
        yield from zip(self.names, self.arguments, strict=True)
        yield from (("routes", key) for key, _ in self.routes)
        if self.condition is not None:
            yield "run_if", self.condition
        yield from self.amounts

    @property
    def call(self) -> int:
        """The number of the call that it was made from."""
        return self.merged or self.index

    @property
    def may_merge(self) -> bool:
        """Whether equal calls of its task run once."""
        return self.kind is Kind.CALL and self.task.pure and not self.has_policy

    @property
    def task(self) -> TaskSpec:
        """The task of a node that has one."""
        assert self.spec is not None
        return self.spec

    @property
    def name(self) -> str:
        """The task's name, for people."""
        return "Router" if self.spec is None else self.spec.name

    @property
    def has_policy(self) -> bool:
        """Whether anything but its arguments decides how it runs."""
        return (
            self.retry is not None
            or self.cache is not None
            or self.condition is not None
            or bool(self.amounts)
            or bool(self.after)
        )

    @property
    def only_retries(self) -> bool:
        """Whether a policy decides no more than how often its body is called."""
        return not self.has_policy or (
            self.retry is not None and not replace(self, retry=None).has_policy
        )

    @property
    def inline(self) -> bool:
        """Whether it is a bare call of a sync body on the event loop."""
        return (
            self.kind is Kind.CALL
            and not self.has_policy
            and not self.task.is_async
            and not self.task.threaded
        )

    def key(self) -> tuple[object, ...]:
        """Return what tells this node from others of another template; hashable, by identity."""
        return (
            self.index,
            self.kind,
            self.spec,
            self.lazy_class,
            self.arguments,
            self.names,
            self.columns,
            self.routes,
            self.retry,
            None if self.cache is None else id(self.cache),
            self.condition,
            self.amounts,
            self.after,
        )


@final
@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """A graph without values: what a template names and a blueprint keeps.

    Attributes:
        nodes: in evaluation order.
        calls: the nodes and the calls that merged with one, each after those that it needs.
        root: where the result comes from.
        value_count: number of literal slots.
        marked: whether an Inject, Param or Env stands anywhere.
        merges: whether it depends on the values which calls of a pure task merge.
    """

    nodes: tuple[Node, ...]
    calls: tuple[Node, ...]
    root: Binding
    value_count: int
    marked: bool = False
    merges: bool = False

    def leaves(self, kind: type[B]) -> list[B]:
        """Return the different bindings of a kind that its nodes read, in order."""
        found = (leaf for node in self.nodes for _, each in node.uses() for leaf in each.leaves())
        return list(dict.fromkeys(leaf for leaf in found if isinstance(leaf, kind)))

    @property
    def has_switch(self) -> bool:
        """Whether which nodes run is known only while they run."""
        return any(node.kind is Kind.SWITCH for node in self.nodes)


@final
@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A structure together with the literals of one target.

    Attributes:
        structure: what may be kept.
        values: what must not be.
    """

    structure: Structure
    values: list[Any]
