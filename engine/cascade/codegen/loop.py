"""The text of a fused loop: guard, bind and run one template, bounce after bounce, in one function.

The text names everything by position, so that tasks of one shape share it:

    target       the lazy result of this bounce (the last node's)
    x3, r3       lazy result and result of node 3   R3   the type of its first result
    v2           literal slot 2                     T2   the type it had when the loop was made
    B1, C1       body and class of the second task among the nodes, _t1_s0 slot of its parameter 0
    S0           a resource's value                 N0   a run input's marker, P0 its value
    K0           the type of a rebuilt container    e0   something read on the way to a literal

What every bounce names is a local, as that is read fastest: `B1` is the global `BODY1`, `C1` is
`CLASS1`, `T2` is `LITERAL2`, `R3` is `RESULT3`.

A loop leaves by returning: `Miss(target)` when a lazy result has another structure, `Break(...)`
when a bounce must be finished node by node, and otherwise what the last body returned.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, final

from cascade.codegen.constructor import call_text
from cascade.codegen.guards import Guards
from cascade.codegen.names import Names
from cascade.graph.model import (
    Injected,
    Input,
    Items,
    Kind,
    Pairs,
    Result,
    Routed,
    Structure,
    Value,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cascade.graph.model import Binding, Node
    from cascade.graph.resources import Needs
    from cascade.graph.stages import Stage

MAX_NODES = 64
COUNTED = range(256)
"""What a loop counts its bounces with: integers that Python keeps and need not make."""

_CALM_BOUNCES = 8
_BODY_CALL = re.compile(r"\s*(?:target|r(\d+)) = (?:await )?B\d+\(")


def unfusable(structure: Structure, plans: Sequence[Sequence[Stage]], needs: Needs) -> str | None:
    """Return why no loop can be written for a structure, or None when one can.

    Args:
        structure: the nodes.
        plans: their plan, or one for each route of a Router.
        needs: its inputs and resources.
    """
    nodes = structure.nodes
    if structure.root != Result(len(nodes) - 1):
        return "it has several targets"
    switches = [node for node in nodes if node.kind is Kind.SWITCH]
    if len(switches) > 1:
        return "several Routers choose what runs"
    if switches and needs.late:
        return "a Router chooses which resources and inputs it needs"
    if needs.any_step:
        return "it needs a step-scoped resource"
    if len(structure.calls) > MAX_NODES:
        return f"it has more than {MAX_NODES} nodes"
    for node in nodes:
        if node.kind is Kind.SWITCH:
            continue
        if node.kind is Kind.MAP:
            return f"'{node.task.name}' is mapped"
        if not node.only_retries:
            return f"'{node.task.name}' carries a policy beyond retries"
        if node.task.threaded:
            return f"'{node.task.name}' runs in a thread"
    if any(_side_by_side(stage) for plan in plans for stage in plan):
        return "calls run side by side"
    return None


def _side_by_side(stage: Stage) -> bool:
    waiting = any(node.kind is not Kind.SWITCH for node in stage.concurrent)
    return waiting and len(stage.concurrent) + len(stage.inline) > 1


def loop_text(
    structure: Structure,
    plans: Sequence[Sequence[Stage]],
    sample: Sequence[Any],
    *,
    observed: bool,
) -> str:
    """Return the source of `loop(target, run, alarm)` for a structure that `unfusable` passes.

    Args:
        structure: the nodes.
        plans: their plan, or one for each route of a Router; the loop runs them in this order.
        sample: the literals of one bounce, whose types the guards expect.
        observed: whether the loop says TaskStarted and TaskFinished.
    """
    return "\n".join(_Writer(structure, sample, observed=observed).lines(plans)) + "\n"


def body_lines(text: str, last: int) -> dict[int, int]:
    """Return the node whose body a line of a loop's text calls, by line number.

    Args:
        text: the loop's.
        last: the node whose result is the next target.
    """
    found: dict[int, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        match = _BODY_CALL.match(line)
        if match:
            found[number] = int(match[1] or last)
    return found


def _may_raise(binding: Binding) -> bool:
    """Tell whether rebuilding an argument asks its items for their hash."""
    if isinstance(binding, Items):
        return binding.kind in (set, frozenset) or any(map(_may_raise, binding.items))
    return isinstance(binding, (Pairs, Routed))


@final
class _Writer:
    def __init__(self, structure: Structure, sample: Sequence[Any], *, observed: bool) -> None:
        self.structure = structure
        self.sample = sample
        self.observed = observed
        # An observed loop has read the clock when a body ended; a silent one asks when it compares.
        self.reading = "now" if observed else "clock()"
        self.names = Names(structure)
        self.last = self.names.last
        self.route: Binding | None = None

    def lines(self, plans: Sequence[Sequence[Stage]]) -> list[str]:
        orders = [
            [node for stage in plan for node in (*stage.concurrent, *stage.inline)]
            for plan in plans
        ]
        order = [node for node in self.structure.nodes if node.kind is not Kind.SWITCH]
        body = [*Guards(self.names, self.sample).lines(), *self.steps(orders, 0)]
        lines = ["async def loop(target, run, alarm):"]
        lines += ["    ENTRY.used = True", "    pace = run.pace", "    clock = CLOCK"]
        lines += ["    type = TYPE"]
        lines += [f"    B{rank} = BODY{rank}" for rank in range(len(self.names.classes))]
        lines += [f"    C{rank} = CLASS{rank}" for rank in range(len(self.names.classes))]
        lines += [f"    T{slot} = LITERAL{slot}" for slot in range(self.structure.value_count)]
        lines += [f"    R{node.index} = RESULT{node.index}" for node in order[:-1]]
        if len(order) > 1:
            lines += ["    careful, calm = True, 0"]
        lines += [
            f"    S{index} = run.resources[{name!r}]"
            for index, name in enumerate(self.names.resources)
        ]
        lines += [
            f"    P{index} = run.inputs[id(N{index})]" for index in range(len(self.names.inputs))
        ]
        if self.observed:
            lines += ["    bus = run.bus", "    run_id = run.run_id", "    at = -1"]
            lines += ["    started = 0.0"]
            lines += [f"    begun{node.index} = None" for node in order]
        lines += ["    bounces = 0", "    try:", "        while True:"]
        lines += ["            for bounces in COUNTED:"]
        lines += ["                " + line for line in body]
        lines += [f"            run.core.fused += {len(COUNTED)}", "            bounces = 0"]
        if self.observed:
            lines += [
                "    except BaseException as error:",
                "        if at >= 0:",
                "            run.body_ended(at, BLUEPRINT.names[at], clock() - started, error)",
                "        raise",
            ]
        else:
            lines += [
                "    except BaseException as error:",
                "        if alarm and run.core.observed:",
                "            run.failed_late(error, LINES, BLUEPRINT.names)",
                "        raise",
            ]
        return [*lines, "    finally:", "        run.core.fused += bounces"]

    def steps(self, orders: list[list[Node]], start: int) -> list[str]:
        """Run the nodes from a place in the order on, which a Router on the way may choose."""
        lines: list[str] = []
        order = orders[0]
        for position in range(start, len(order) - 1):
            node, done = order[position], order[: position + 1]
            if node.kind is Kind.SWITCH:
                return [*lines, *self.choose(node, orders, position)]
            lines += self.step(node, done)
        return [*lines, *self.end(order[-1], order[:-1])]

    def choose(self, node: Node, orders: list[list[Node]], position: int) -> list[str]:
        """Go on in the order of the chosen route; what none fits is for `run_node` to say."""
        routes = enumerate(self.expression(key) for key, _ in node.routes)
        keys = ", ".join(f"{key}: {number}" for number, key in routes)
        lines = [
            "try:",
            f"    chosen = {{{keys}}}.get({self.expression(node.arguments[0])})",
            "except TypeError:",
            "    chosen = None",
        ]
        for number, (_, route) in enumerate(node.routes):
            self.route = route
            branch = self.steps([orders[number]], position + 1)
            lines += [f"{'elif' if number else 'if'} chosen == {number}:"]
            lines += ["    " + line for line in (f"r{node.index} = ROUTE{number}", *branch)]
        return [*lines, "else:", f"    {self.leave(node, orders[0][:position])}"]

    def step(self, node: Node, done: list[Node]) -> list[str]:
        """Run one node that is not the last, then let others run where a slice is over.

        A careful loop reads the clock after each body. Bounces of which eight pass in a slice need
        no such care: then `careful` is the alarm, and the clock is read once a bounce.
        """
        own = f"r{node.index}"
        leave = self.leave(node, done)
        over = f"alarm or {self.reading} >= pace.deadline"
        rest = [
            *self.heard_late(node),
            "    await pace.rest()",
            f"    if alarm: {leave}",
            "    calm = 0",
        ]
        if sum(each.kind is not Kind.SWITCH for each in done) == 1:
            pause = [
                "if careful:",
                f"    if {over}:",
                *("    " + line for line in rest),
                f"    elif calm == {_CALM_BOUNCES}: careful = alarm",
                "    else: calm += 1",
            ]
        else:
            pause = [f"if careful and ({over}):", *rest]
        return [
            *self.call(node, own, done[:-1]),
            *pause,
            f"if type({own}) is not R{node.index} and issubclass(type({own}), DEFERRED):",
            f"    {leave}",
        ]

    def leave(self, node: Node, done: list[Node], failure: str = "") -> str:
        """Leave in the middle of a bounce, for the node-by-node runner to go on after a node."""
        results = ["MISSING"] * len(self.structure.nodes)
        for each in done:
            results[each.index] = f"r{each.index}"
        values = ", ".join(f"v{slot}" for slot in range(self.structure.value_count))
        frame = f"[{values}], [{', '.join(results)}]"
        return f"return Break({node.index}, {frame}, BLUEPRINT{failure})"

    def end(self, node: Node, done: list[Node]) -> list[str]:
        """Run the last node, whose result is the next target or the value of the run."""
        leave = "bounces += 1; return target"
        # Another run may have answered an alarm that rang while this one waited for a body.
        rang = "alarm or " if node.task.is_async else ""
        return [
            *self.call(node, "target", done),
            f"if {rang}{self.reading} >= pace.deadline:",
            *self.heard_late(node),
            "    if await pace.rest(): careful, calm = True, 0"
            if self.last
            else "    await pace.rest()",
            f"    if alarm: {leave}",
            f"if type(target) is not C{self.names.rank(node)}:",
            f"    {leave}",
        ]

    def call(self, node: Node, result: str, done: list[Node]) -> list[str]:
        index = node.index
        values = tuple(self.expression(each) for each in node.arguments)
        given: list[str] = []
        if node.retry is not None or any(_may_raise(each) for each in node.arguments):
            # Each attempt is given the same, and what can't be hashed fails before the body starts.
            given = [f"a{place} = {value}" for place, value in enumerate(values)]
            values = tuple(f"a{place}" for place in range(len(values)))
        awaited = "await " if node.task.is_async else ""
        body = f"B{self.names.rank(node)}"
        lines = [f"{result} = {awaited}{body}({call_text(node.task.parameters, values)})"]
        if node.retry is not None:
            began = "started" if self.observed else "clock()"
            failure = f", Failure(error, {began}, [{', '.join(values)}])"
            lines = [
                "try:",
                f"    {lines[0]}",
                "except Exception as error:",
                f"    {self.leave(node, done, failure)}",
            ]
        if not self.observed:
            return [*given, *lines]
        # Every TaskStarted of one node in one run is the same value, so one is made.
        return [
            *given,
            "if bus.on_task_started:",
            f"    if begun{index} is None:",
            f"        begun{index} = TaskStarted(run_id, NAME{index}, {index})",
            *self.tell(f"begun{index}", "on_task_started"),
            "started = clock()",
            f"at = {index}",
            *lines,
            "at = -1",
            "now = clock()",
            "if bus.on_task_finished:",
            "    ended = FinishedDraft()",
            "    ended.run_id = run_id",
            f"    ended.task = NAME{index}",
            f"    ended.node = {index}",
            "    ended.duration_s = now - started",
            "    ended.status = SUCCEEDED",
            "    ended.error = None",
            "    ended.__class__ = TaskFinished",
            *self.tell("ended", "on_task_finished"),
        ]

    def heard_late(self, node: Node) -> list[str]:
        """Say that a body ended to those who came to listen while it ran."""
        if self.observed:
            return []
        return [f"    if alarm: run.ended_late({node.index}, NAME{node.index})"]

    def tell(self, event: str, listening: str) -> list[str]:
        """Deliver an event as `Bus.publish` does."""
        return [
            f"    for tell in bus.{listening}:",
            f"        try: tell({event})",
            f"        except Exception as error: bus.drop(tell, {event}, error)",
        ]

    def expression(self, binding: Binding) -> str:
        if isinstance(binding, Value):
            return f"v{binding.slot}"
        if isinstance(binding, Result):
            return f"r{binding.node}"
        if isinstance(binding, Injected):
            return f"S{self.names.resource(binding.resource)}"
        if isinstance(binding, Input):
            return f"P{self.names.input(binding)}"
        if isinstance(binding, Pairs):
            pairs = [f"{self.expression(key)}: {self.expression(it)}" for key, it in binding.pairs]
            return f"{{{', '.join(pairs)}}}"
        if isinstance(binding, Routed):
            assert self.route is not None
            return self.expression(self.route)
        assert isinstance(binding, Items)
        items = ", ".join(self.expression(item) for item in binding.items)
        if binding.kind is list:
            return f"[{items}]"
        make = "" if binding.kind is tuple else f"K{self.names.kind(binding.kind)}"
        if hasattr(binding.kind, "_make"):
            make += "._make"
        return f"{make}(({items},))" if make else f"({items},)"
