"""The text of a fused loop: guard, bind and run one template, bounce after bounce, in one function.

The text names everything by position, so that tasks of one shape share it:

    target       the lazy result of this bounce (the last node's)
    x3           the lazy result of node 3          C3   its class
    v2           literal slot 2                     T2   the type it had when the loop was made
    B3, r3       body and result of node 3          R3   the type of its first result
    S0           a resource's value                 N0   a run input's marker, P0 its value
    K0           the type of a rebuilt container    e0   something read on the way to a literal

A loop leaves by returning: `Miss(target)` when a lazy result has another structure, `Break(...)`
when a bounce must be finished node by node, and otherwise what the last body returned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from cascade.codegen.constructor import call_text
from cascade.graph.literals import CONTAINERS
from cascade.graph.model import Injected, Input, Items, Kind, Node, Pairs, Result, Structure, Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cascade.graph.model import Binding
    from cascade.graph.stages import Stage

MAX_NODES = 64
_PAIRS_COMPARED = 15


def unfusable(structure: Structure, stages: Sequence[Stage], *, step_resources: bool) -> str | None:
    """Return why no loop can be written for a structure, or None when one can.

    Args:
        structure: the nodes.
        stages: their plan.
        step_resources: whether the structure needs a step-scoped resource.
    """
    nodes = structure.nodes
    if structure.root != Result(len(nodes) - 1):
        return "it has several targets"
    if structure.merged:
        return "calls of a pure task may merge, which only building the graph can tell"
    if structure.has_switch:
        return "a Router chooses what runs"
    if step_resources:
        return "it needs a step-scoped resource"
    if len(nodes) > MAX_NODES:
        return f"it has more than {MAX_NODES} nodes"
    for node in nodes:
        if node.kind is Kind.MAP:
            return f"'{node.task.name}' is mapped"
        if node.has_policy:
            return f"'{node.task.name}' carries a policy"
        if node.task.threaded:
            return f"'{node.task.name}' runs in a thread"
        if not all(_writable(each) for each in node.arguments):
            return f"an argument of '{node.task.name}' holds a call inside a dict or set"
    if any(stage.concurrent and len(stage.concurrent) + len(stage.inline) > 1 for stage in stages):
        return "async calls run side by side"
    return None


def _writable(binding: Binding) -> bool:
    if isinstance(binding, Items):
        return binding.kind not in (set, frozenset) and all(map(_writable, binding.items))
    return not isinstance(binding, Pairs)


def loop_text(
    structure: Structure,
    stages: Sequence[Stage],
    sample: Sequence[Any],
    *,
    observed: bool,
) -> str:
    """Return the source of `loop(target, run)` for a structure that `unfusable` lets through.

    Args:
        structure: the nodes.
        stages: their plan; the loop runs them in this order.
        sample: the literals of one bounce, whose types the guards expect.
        observed: whether the loop says TaskStarted and TaskFinished.
    """
    return "\n".join(_Writer(structure, sample, observed=observed).lines(stages)) + "\n"


def rebuilt_kinds(structure: Structure) -> list[type]:
    """Return the container types that a structure's arguments rebuild, as the loop numbers them."""
    kinds: dict[type, None] = {}

    def collect(binding: Binding) -> None:
        if isinstance(binding, Items):
            kinds.setdefault(binding.kind)
            for item in binding.items:
                collect(item)

    for node in structure.nodes:
        for argument in node.arguments:
            collect(argument)
    return list(kinds)


def injected_names(structure: Structure) -> list[str]:
    """Return the resources that a structure's arguments name, as the loop numbers them."""
    return list(dict.fromkeys(name for name, _, _ in structure.injects))


@final
class _Writer:
    def __init__(self, structure: Structure, sample: Sequence[Any], *, observed: bool) -> None:
        self.structure = structure
        self.sample = sample
        self.observed = observed
        self.last = len(structure.nodes) - 1
        self.kinds = rebuilt_kinds(structure)
        self.resources = injected_names(structure)
        self.inputs = [id(each) for each in structure.inputs]
        self._seen = {self.last}
        self._scratch = 0

    def lines(self, stages: Sequence[Stage]) -> list[str]:
        order = [node for stage in stages for node in (*stage.concurrent, *stage.inline)]
        body = self.guards()
        for position, node in enumerate(order[:-1]):
            body += self.step(node, order[: position + 1])
        body += self.end(order[-1])
        lines = [
            "async def loop(target, run):",
            "    pace = run.pace",
            "    epoch = pace.epoch",
            "    bounces = 0",
        ]
        lines += [
            f"    S{index} = run.resources[{name!r}]" for index, name in enumerate(self.resources)
        ]
        lines += [f"    P{index} = run.inputs[id(N{index})]" for index in range(len(self.inputs))]
        if self.observed:
            lines += ["    at = -1", "    began = 0.0"]
        lines += ["    try:", "        while True:", *("            " + line for line in body)]
        if self.observed:
            lines += [
                "    except BaseException as error:",
                "        if at >= 0: run.body_failed(at, NAMES[at], clock() - began, error)",
                "        raise",
            ]
        return [*lines, "    finally:", "        run.tally(bounces)"]

    def lazy(self, index: int) -> str:
        return "target" if index == self.last else f"x{index}"

    def scratch(self) -> str:
        self._scratch += 1
        return f"e{self._scratch - 1}"

    def guards(self) -> list[str]:
        """Check one lazy result against the structure and read its literals, from the root down."""
        lines: list[str] = []
        for node in reversed(self.structure.nodes):
            for slot, binding in zip(node.task.slots, node.arguments, strict=True):
                lines += self.guard(f"{self.lazy(node.index)}.{slot}", binding)
        return lines + self.distinct()

    def guard(self, source: str, binding: Binding) -> list[str]:
        if isinstance(binding, Value):
            return self.literal_guard(source, binding.slot)
        if isinstance(binding, Result):
            lazy = self.lazy(binding.node)
            if binding.node in self._seen:
                return [f"if {source} is not {lazy}: return Miss(target)"]
            self._seen.add(binding.node)
            return [
                f"{lazy} = {source}",
                f"if type({lazy}) is not C{binding.node}: return Miss(target)",
            ]
        if isinstance(binding, Input):
            return [f"if {source} is not N{self.inputs.index(binding.key)}: return Miss(target)"]
        read = self.scratch()
        if isinstance(binding, Injected):
            return [
                f"{read} = {source}",
                f"if type({read}) is not Inject or {read}.name != {binding.resource!r}:",
                "    return Miss(target)",
            ]
        assert isinstance(binding, Items)
        items = [self.scratch() for _ in binding.items]
        lines = [
            f"{read} = {source}",
            f"if type({read}) is not K{self.kinds.index(binding.kind)}: return Miss(target)",
            f"if len({read}) != {len(items)}: return Miss(target)",
            f"({', '.join(items)},) = {read}",
        ]
        for item, each in zip(items, binding.items, strict=True):
            lines += self.guard(item, each)
        return lines

    def literal_guard(self, source: str, slot: int) -> list[str]:
        # A container is looked into each time; of an opaque type every value is a literal.
        opaque = not issubclass(type(self.sample[slot]), CONTAINERS)
        known = f"type(v{slot}) is not T{slot} and " if opaque else ""
        return [f"v{slot} = {source}", f"if {known}not is_plain(v{slot}): return Miss(target)"]

    def distinct(self) -> list[str]:
        """Check that calls of one task are different objects, where their places don't say it.

        A call can't be what it is an argument of, so only calls side by side are compared.
        """
        below: list[set[int]] = []
        pairs: list[tuple[int, int]] = []
        for node in self.structure.nodes:
            own = set(node.needs).union(*(below[other] for other in node.needs))
            below.append(own)
            pairs += [
                (other.index, node.index)
                for other in self.structure.nodes[: node.index]
                if other.lazy_class is node.lazy_class and other.index not in own
            ]
        if not pairs:
            return []
        if len(pairs) <= _PAIRS_COMPARED:
            test = " or ".join(f"{self.lazy(one)} is {self.lazy(other)}" for one, other in pairs)
        else:
            alike = sorted({index for pair in pairs for index in pair})
            test = f"len({{{', '.join(f'id({self.lazy(i)})' for i in alike)}}}) != {len(alike)}"
        return [f"if {test}: return Miss(target)"]

    def step(self, node: Node, done: list[Node]) -> list[str]:
        """Run one node that is not the last, then let others run where a slice is over."""
        results = ["MISSING"] * len(self.structure.nodes)
        for each in done:
            results[each.index] = f"r{each.index}"
        values = ", ".join(f"v{slot}" for slot in range(self.structure.value_count))
        own = f"r{node.index}"
        changed = "clock() >= pace.deadline and await pace.rest() != epoch"
        deferred = f"type({own}) is not R{node.index} and isinstance({own}, DEFERRED)"
        return [
            *self.call(node, own),
            f"if {changed} or {deferred}:",
            f"    return Break({node.index}, [{values}], [{', '.join(results)}], BLUEPRINT)",
        ]

    def end(self, node: Node) -> list[str]:
        """Run the last node, whose result is the next target or the value of the run."""
        return [
            *self.call(node, "target"),
            "bounces += 1",
            "if clock() >= pace.deadline and await pace.rest() != epoch: return target",
            f"if type(target) is not C{node.index}: return target",
        ]

    def call(self, node: Node, result: str) -> list[str]:
        index = node.index
        values = tuple(self.expression(each) for each in node.arguments)
        awaited = "await " if node.task.is_async else ""
        line = f"{result} = {awaited}B{index}({call_text(node.task.parameters, values)})"
        if not self.observed:
            return [line]
        return [
            f"began = run.body_starts({index}, NAMES[{index}])",
            f"at = {index}",
            line,
            "at = -1",
            f"run.body_ended({index}, NAMES[{index}], clock() - began)",
        ]

    def expression(self, binding: Binding) -> str:
        if isinstance(binding, Value):
            return f"v{binding.slot}"
        if isinstance(binding, Result):
            return f"r{binding.node}"
        if isinstance(binding, Injected):
            return f"S{self.resources.index(binding.resource)}"
        if isinstance(binding, Input):
            return f"P{self.inputs.index(binding.key)}"
        assert isinstance(binding, Items)
        items = ", ".join(self.expression(item) for item in binding.items)
        if binding.kind is list:
            return f"[{items}]"
        make = "" if binding.kind is tuple else f"K{self.kinds.index(binding.kind)}._make"
        return f"{make}(({items},))" if make else f"({items},)"
