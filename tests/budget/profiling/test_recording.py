from __future__ import annotations

import asyncio
import inspect
import json
import sys
import types
from collections import defaultdict
from pathlib import Path

import pytest

from cascade_budget.model.codec import from_json, to_json
from cascade_budget.model.profiles import (
    CodeFrame,
    FunctionKey,
    ProfileSession,
    function_times,
    key_of,
)
from cascade_budget.profiling.passes import choose_clock, profile_workload
from cascade_budget.profiling.recording import (
    ProfileUnavailableError,
    SamplingClock,
    record_session,
)
from cascade_budget.profiling.stacks import FrameNamer
from cascade_budget.profiling.waiting import Waiting
from cascade_budget.timing.clocks import Cost

HERE = Path(__file__).resolve()
ROOTS = (HERE.parent,)
MS = 1_000_000


class VirtualClock:
    """Time that passes only where a workload says so."""

    def __init__(self) -> None:
        self.ns = 0

    def spend(self, ns: int) -> None:
        self.ns += ns

    def sampling(self, name: str = "cpu") -> SamplingClock:
        return SamplingClock(name=name, now_ns=lambda: self.ns, trigger_s=lambda: self.ns / 1e9)


def record(workload, n, clock):
    return record_session(
        workload, n, clock=clock.sampling(), own_roots=ROOTS, plain_ns_per_transaction=0
    )


def names(session):
    """Self time in ms by the functions' own names in a stack, whatever the lines."""
    spent: defaultdict[str, float] = defaultdict(float)
    for stack, ns in session.stacks.items():
        if ns:
            own_names = [session.frames[index].function.split(":")[-1] for index in stack]
            spent[" > ".join(own_names)] += ns / MS
    return dict(spent)


def test_self_time_is_charged_to_the_function_in_which_the_clock_moved() -> None:
    clock = VirtualClock()

    def cheap() -> None:
        clock.spend(1 * MS)

    def dear() -> None:
        clock.spend(5 * MS)
        cheap()

    def workload(n: int) -> None:
        for _ in range(n):
            dear()
            cheap()

    session = record(workload, 10, clock)

    spent = names(session)
    assert spent == {
        "workload > dear > VirtualClock.spend": 50.0,
        "workload > dear > cheap > VirtualClock.spend": 10.0,
        "workload > cheap > VirtualClock.spend": 10.0,
    }
    assert session.transactions == 10
    assert session.plain_ns_per_transaction == 7 * MS
    assert session.overhead_ratio == 1.0


def test_a_function_is_named_by_module_qualname_and_placed_below_its_root() -> None:
    clock = VirtualClock()
    session = record(lambda n: clock.spend(n * MS), 3, clock)

    spend = next(one for one in session.frames if one.function.endswith("VirtualClock.spend"))
    assert spend.function == f"{__name__}:VirtualClock.spend"
    assert (spend.path, spend.own) == ("test_recording.py", True)
    assert spend.line == inspect.getsourcelines(VirtualClock.spend)[1]


def test_time_in_a_library_is_charged_to_the_pair_of_caller_and_entry() -> None:
    clock = VirtualClock()

    def encode(value: object) -> object:
        clock.spend(2 * MS)
        return str(value)

    def workload(n: int) -> str:
        return json.dumps([object()] * n, default=encode)

    session = record_session(
        workload,
        4,
        clock=clock.sampling(),
        own_roots=ROOTS,
        plain_ns_per_transaction=0,
    )
    library = [frame for frame in session.frames if frame.function.startswith("json")]
    assert library
    assert not any(frame.own for frame in library)
    assert library[0].function == "json:dumps"


def frame(function: str, *, own: bool):
    return CodeFrame(function=function, path="", line=1, own=own, record=function)


def test_a_stack_is_charged_to_its_last_own_function_or_to_what_that_called() -> None:
    own = frame("app:resolve", own=True)
    entry = frame("inspect:signature", own=False)
    deep = frame("inspect:_signature_from_callable", own=False)

    assert key_of([own]) == FunctionKey("app:resolve")
    assert key_of([entry, own]) == FunctionKey("app:resolve")
    assert key_of([own, entry, deep]) == FunctionKey("inspect:signature", "app:resolve")
    assert key_of([deep]) == FunctionKey("inspect:_signature_from_callable")
    assert str(key_of([own, entry, deep])) == "app:resolve > inspect:signature"


def test_tasks_stand_side_by_side_under_their_coroutines_names() -> None:
    clock = VirtualClock()

    async def agent(turns: int) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
            clock.spend(2 * MS)

    async def workload(n: int) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(2):
                group.create_task(agent(n))
        clock.spend(1 * MS)

    spent = names(record(workload, 3, clock))

    assert spent == {
        "task agent > agent > VirtualClock.spend": 12.0,
        "workload > VirtualClock.spend": 1.0,
    }


def test_a_loop_inside_the_workload_shows_its_tasks_and_not_its_machinery() -> None:
    clock = VirtualClock()

    async def agent() -> None:
        await asyncio.sleep(0)
        clock.spend(2 * MS)

    def workload(n: int) -> None:
        for _ in range(n):
            asyncio.run(agent())

    assert names(record(workload, 3, clock)) == {
        "workload > task agent > agent > VirtualClock.spend": 6.0
    }


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose timers are due at once, in virtual time, and each of whose rounds takes some."""

    def __init__(self, clock: VirtualClock, round_ns: int = 0) -> None:
        super().__init__()
        self._clock = clock
        inner = self._selector.select

        def select(timeout: float | None) -> object:
            clock.spend(round(timeout * 1e9) if timeout else round_ns)
            return inner(0)

        self._selector.select = select

    def time(self) -> float:
        return self._clock.ns / 1e9


def test_waiting_is_charged_to_who_awaited() -> None:
    clock = VirtualClock()

    async def nap() -> None:
        await asyncio.sleep(0.01)

    async def workload(n: int) -> None:
        for _ in range(n):
            await nap()

    def call(run, n):
        with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner:
            return runner.run(run(n))

    session = record_session(
        workload,
        5,
        clock=clock.sampling("wall"),
        own_roots=ROOTS,
        plain_ns_per_transaction=0,
        call=call,
    )

    waits = {key: value for key, value in names(session).items() if key.endswith("[await]")}
    assert waits == {"workload > nap > sleep > [await]": pytest.approx(50.0, abs=0.01)}


def by_ends(session):
    """Self time in ms by the outermost two and the innermost two names of each stack."""
    spent: defaultdict[str, float] = defaultdict(float)
    for name, ms in names(session).items():
        parts = name.split(" > ")
        spent[" > ".join([*parts[:2], "...", *parts[-2:]])] += ms
    return dict(spent)


def test_what_a_loop_does_between_the_steps_of_its_one_task_is_charged_to_who_awaits() -> None:
    clock = VirtualClock()

    @types.coroutine
    def pause():
        yield

    async def turn() -> None:
        await pause()

    async def agent(turns: int) -> None:
        clock.spend(2 * MS)
        for _ in range(turns):
            await turn()

    def workload(n: int) -> None:
        with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock, 1 * MS)) as runner:
            runner.run(agent(n))

    spent = by_ends(record(workload, 5, clock))

    assert spent["workload > task agent > ... > pause > [await]"] == 5.0
    assert spent["workload > task agent > ... > agent > VirtualClock.spend"] == 2.0


def test_what_a_loop_does_between_the_steps_of_several_tasks_is_charged_to_none_of_them() -> None:
    clock = VirtualClock()

    async def agent(turns: int) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)

    async def agents(turns: int) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(2):
                group.create_task(agent(turns))

    def workload(n: int) -> None:
        with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock, 1 * MS)) as runner:
            runner.run(agents(n))

    spent = names(record(workload, 5, clock))

    assert spent["workload > asyncio event loop"] >= 5.0
    assert not [name for name in spent if name.endswith("agent > sleep > [await]")]


def test_many_tasks_are_not_looked_through_for_each_sample() -> None:
    async def one() -> None:
        await asyncio.Event().wait()

    async def others() -> list[bool]:
        loop, waiting = asyncio.get_running_loop(), Waiting()
        tasks = [asyncio.create_task(one()) for _ in range(2)]
        seen: list[bool] = []

        def look() -> None:
            seen.append(bool(waiting.stack()))

        loop.call_soon(look)
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for _ in range(4):
            loop.call_soon(look)
            await asyncio.sleep(0)
        return seen

    # Three tasks were there at the first look, and three more looks pass unasked.
    assert asyncio.run(others()) == [False, False, False, False, True]


def test_nothing_awaits_outside_of_a_loop_or_within_a_step() -> None:
    async def within() -> tuple[str, ...] | None:
        return Waiting().stack()

    assert Waiting().stack() is None
    assert asyncio.run(within()) is None


def test_a_session_survives_the_journey_through_json() -> None:
    clock = VirtualClock()
    session = record(lambda n: clock.spend(n * MS), 3, clock)

    text = json.dumps(to_json(session))

    assert from_json(ProfileSession, json.loads(text)) == session


def test_another_profiler_is_named_and_left_alone() -> None:
    def other(frame, event, argument) -> None:
        return None

    sys.setprofile(other)
    try:
        with pytest.raises(ProfileUnavailableError) as caught:
            record(lambda n: n, 1, VirtualClock())
        assert sys.getprofile() is other
    finally:
        sys.setprofile(None)
    assert caught.value.fact == "no profile was taken"
    assert "is set with sys.setprofile" in caught.value.place
    assert caught.value.remedy == "Stop the other profiler to get one"


def test_a_second_sampler_in_the_same_context_is_a_clear_error() -> None:
    clock = VirtualClock()

    def workload(n: int) -> None:
        record(clock.spend, n, clock)

    with pytest.raises(ProfileUnavailableError) as caught:
        record(workload, 1, clock)
    assert str(caught.value).startswith("no profile was taken; ")
    assert sys.getprofile() is None


def test_the_sampler_is_gone_after_a_workload_that_raises() -> None:
    with pytest.raises(ZeroDivisionError):
        record(lambda n: 1 / 0, 1, VirtualClock())
    assert sys.getprofile() is None
    clock = VirtualClock()
    assert names(record(lambda n: clock.spend(n * MS), 2, clock)) == {
        "<lambda> > VirtualClock.spend": 2.0
    }


@pytest.mark.parametrize(
    ("cpu_ns", "delay_ns", "clock"),
    [(99, 0, "cpu"), (50, 45, "cpu"), (50, 0, "wall"), (79, 0, "wall"), (80, 0, "cpu")],
)
def test_work_that_waits_is_profiled_by_the_wall_clock(cpu_ns, delay_ns, clock) -> None:
    cost = Cost(thread_ns=cpu_ns, process_ns=cpu_ns, wall_ns=100, delay_ns=delay_ns)
    assert choose_clock(cost).name == clock


def test_a_short_workload_is_given_more_transactions() -> None:
    sizes: list[int] = []

    def workload(n: int) -> int:
        sizes.append(n)
        return sum(range(n))

    sessions = profile_workload(workload, n=10, own_roots=ROOTS, sessions=2)

    assert sizes[:2] == [10, 10]
    assert len(set(sizes[-4:])) == 1
    assert sizes[-1] > 1000
    assert sizes[-1] % 10 == 0
    assert [session.transactions for session in sessions] == sizes[-2:]
    assert all(session.total_ns > 0 for session in sessions)


def test_self_time_a_transaction_is_the_session_total_over_its_transactions() -> None:
    clock = VirtualClock()
    session = record(lambda n: [clock.spend(3 * MS) for _ in range(n)], 4, clock)
    assert sum(function_times(session).values()) == 3 * MS


@pytest.mark.parametrize(
    ("path", "function"),
    [
        ("<made 3f2a1b>", "<made>:step"),
        ("<made 0x7f00>", "<made>:step"),
        ("<attrs generated init app.Order-12>", "<attrs generated init app.Order>:step"),
        ("<frozen abc>", "<frozen abc>:step"),
        ("<string>", "<string>:step"),
    ],
)
def test_generated_code_goes_by_its_name_without_a_number(path: str, function: str) -> None:
    named = FrameNamer((Path(__file__).parent,)).name(f"step\x00{path}\x003")
    assert (named.function, named.own) == (function, False)
