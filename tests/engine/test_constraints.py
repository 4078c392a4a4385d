from __future__ import annotations

import asyncio
import threading

import pytest

import cascade as cs


@cs.task
def give(value):
    return value


@cs.task
def gather(*items):
    return items


def counting_task(width=None):
    state = {"now": 0, "most": 0, "ran": 0}

    @cs.task
    async def work(x=0):
        state["now"] += 1
        state["ran"] += 1
        state["most"] = max(state["most"], state["now"])
        for _ in range(3):
            await asyncio.sleep(0)
        state["now"] -= 1
        return x

    return work, state


def test_capacity_is_shared_and_given_back(engine):
    work, state = counting_task()
    made = engine(capacity={"slot": 3, "memory": 10})
    targets = [work(n).with_constraints(slot=1, memory=give(4)) for n in range(9)]
    assert asyncio.run(made.run(gather(*targets))) == tuple(range(9))
    assert state["most"] == 2
    assert state["ran"] == 9


def test_a_large_request_is_not_starved_by_small_ones(engine):
    order = []

    @cs.task
    async def work(name):
        order.append(name)
        await asyncio.sleep(0)

    made = engine(capacity={"slot": 2})
    small = [work(f"small {n}").with_constraints(slot=1) for n in range(6)]
    target = gather(small[0], work("large").with_constraints(slot=2), *small[1:])
    asyncio.run(made.run(target))
    assert order[:2] == ["small 0", "large"]


def test_a_failing_or_cancelled_body_gives_back_what_it_held(engine):
    @cs.task
    async def bad():
        raise ValueError("bad")

    @cs.task
    async def wait():
        await asyncio.Event().wait()

    made = engine(capacity={"slot": 1})

    async def main():
        with pytest.raises(ValueError):
            await made.run(bad().with_constraints(slot=1))
        holder = asyncio.ensure_future(made.run(wait().with_constraints(slot=1)))
        waiter = asyncio.ensure_future(made.run(give(1).with_constraints(slot=1)))
        third = asyncio.ensure_future(made.run(give(3).with_constraints(slot=1)))
        for _ in range(10):
            await asyncio.sleep(0)
        assert made.statistics().waiting == 2
        waiter.cancel()
        await asyncio.wait([waiter])
        holder.cancel()
        assert await third == 3

    asyncio.run(main())


def test_a_waiter_that_is_cancelled_as_it_is_granted_gives_it_back(engine):
    @cs.task
    async def hold(event):
        await event.wait()

    made = engine(capacity={"slot": 1})

    async def main():
        event = asyncio.Event()
        holder = asyncio.ensure_future(made.run(hold(event).with_constraints(slot=1)))
        waiter = asyncio.ensure_future(made.run(give(1).with_constraints(slot=1)))
        for _ in range(10):
            await asyncio.sleep(0)
        event.set()
        while not holder.done():
            await asyncio.sleep(0)
        waiter.cancel()
        await asyncio.wait([waiter])
        assert await made.run(give(2).with_constraints(slot=1)) == 2

    asyncio.run(main())


def test_a_request_above_the_total_is_an_error_at_once(engine):
    made = engine(capacity={"slot": 1})
    for _ in range(12):
        with pytest.raises(cs.ConstraintError) as caught:
            asyncio.run(made.run(give(1).with_constraints(slot=give(2))))
        assert caught.value.subject == "slot"
        assert str(caught.value) == (
            "task 'give' asks for 2 of capacity 'slot', and the engine has 1 in all, so it would "
            "wait for ever. Ask for less, or raise Engine(capacity=...)."
        )


def test_a_capacity_that_the_engine_does_not_have_is_an_error(engine):
    with pytest.raises(cs.ConstraintError) as caught:
        engine.run(give(1).with_constraints(gpu=1))
    assert str(caught.value) == (
        "task 'give' asks for capacity 'gpu', which the engine does not have. "
        "Give it with Engine(capacity={'gpu': ...})."
    )


@pytest.mark.parametrize("amount", [-1, "1", None, True, float("nan")])
def test_an_amount_that_is_no_number_is_an_error(engine, amount):
    with pytest.raises(cs.ConstraintError) as caught:
        asyncio.run(engine(capacity={"slot": 1}).run(give(1).with_constraints(slot=amount)))
    assert str(caught.value) == (
        f"task 'give' asks for {amount!r} of capacity 'slot'. "
        "Pass a number of 0 or more, or a lazy result of one."
    )


def test_a_total_that_is_no_number_is_an_error():
    with pytest.raises(cs.ConstraintError) as caught:
        cs.Engine(capacity={"slot": "many"})
    assert str(caught.value) == "capacity 'slot' is 'many'. Pass a number of 0 or more."


def test_a_concurrency_limit_holds_for_names_that_match(engine):
    work, state = counting_task()
    made = engine()
    made.set_concurrency("wor?", 2)
    asyncio.run(made.run(work.map(x=list(range(8)))))
    assert state["most"] == 2
    made.set_concurrency("wor?", None)
    asyncio.run(made.run(work.map(x=list(range(8)))))
    assert state["most"] == 8


def test_a_limit_that_is_set_while_a_loop_runs_is_obeyed(engine):
    made = engine()
    seen = []

    @cs.task
    async def noop(n):
        await asyncio.sleep(0)
        return n

    @cs.task
    def loop(n, _=None):
        seen.append(n)
        if n == 15:
            made.set_concurrency("noop", 1)
        return "done" if n == 0 else loop(n - 1, gather(noop(n), noop(n)))

    assert asyncio.run(made.run(loop(30))) == "done"
    assert len(seen) == 31


@pytest.mark.parametrize("limit", [0, -1, 1.5, True, "2"])
def test_a_limit_that_is_no_count_is_an_error(limit):
    with pytest.raises(cs.ConstraintError) as caught:
        cs.Engine().set_concurrency("load*", limit)
    assert str(caught.value) == (
        f"the concurrency limit of 'load*' is {limit!r}. Pass a whole number of 1 or more; "
        "to stop a task altogether, pause it."
    )


def test_a_rate_spaces_the_starts(engine, virtual_loop):
    starts = []

    @cs.task
    def tick(n):
        starts.append(virtual_loop.time() - 1000)
        return n if n == 0 else tick(n - 1)

    made = engine(clock=virtual_loop.time)
    made.set_rate("tick", "2/s")
    assert virtual_loop.run_until_complete(made.run(tick(6))) == 0
    assert starts == [0, 0, 1, 1, 2, 2, 3]


def test_a_rate_may_have_a_window_of_its_own(engine, virtual_loop):
    starts = []

    @cs.task
    async def tick(n):
        starts.append(round(virtual_loop.time() - 1000, 3))
        return n

    made = engine(clock=virtual_loop.time)
    made.set_rate("t*", "1/200ms")
    virtual_loop.run_until_complete(made.run(tick.map(n=[1, 2, 3])))
    assert starts == [0, 0.2, 0.4]


@pytest.mark.parametrize("rate", ["ten", "10", "10/x", "-1/s", "", 10, "1.5/s", "10 / fortnight"])
def test_a_rate_that_can_not_be_read_is_an_error(rate):
    with pytest.raises(cs.ConstraintError) as caught:
        cs.Engine().set_rate("load", rate)
    assert caught.value.subject == str(rate)
    assert str(caught.value) == (
        f"rate {rate!r} can't be read. Write starts per time, such as '10/s', '100/m' or '5/200ms'."
    )


@pytest.mark.parametrize("rate", ["0/s", "1/0s"])
def test_a_rate_that_lets_nothing_start_is_an_error(rate):
    with pytest.raises(cs.ConstraintError) as caught:
        cs.Engine().set_rate("load", rate)
    assert str(caught.value) == (
        f"rate {rate!r} lets no task start. Write at least one start per time, such as '1/2s'."
    )


def test_a_pause_expires_by_itself(engine, virtual_loop):
    made = engine(clock=virtual_loop.time)
    made.pause("give", expires_in=5)
    made.pause("nothing else")
    assert virtual_loop.run_until_complete(made.run(give(1))) == 1
    assert virtual_loop.time() == pytest.approx(1005)
    assert virtual_loop.run_until_complete(made.run(give(2))) == 2


def test_limits_and_rates_expire_and_leave_no_rule(engine, virtual_loop):
    made = engine(clock=virtual_loop.time)
    made.set_rate("give", "1/h", expires_in=10)
    made.set_concurrency("give", 1, expires_in=10)
    assert virtual_loop.run_until_complete(made.run(give.map(value=[1, 2]))) == [1, 2]
    assert virtual_loop.time() == pytest.approx(1010)
    assert cs.explain(give(1), made).why_not_faster in (
        None,
        "the engine was made with tier='reference'",
        "the engine was made with tier='blueprint'",
    )


def test_lifting_one_part_of_a_rule_keeps_the_other(engine, virtual_loop):
    made = engine(clock=virtual_loop.time)
    made.set_rate("give", "1/s")
    made.pause("give")
    made.resume("give")
    virtual_loop.run_until_complete(made.run(give.map(value=[1, 2])))
    assert virtual_loop.time() == pytest.approx(1001)
    made.set_rate("give", None)
    virtual_loop.run_until_complete(made.run(give.map(value=[1, 2])))
    assert virtual_loop.time() == pytest.approx(1001)


def test_a_pause_may_come_from_another_thread_and_go_from_it(engine):
    made = engine()
    blocked = threading.Event()
    made.subscribe(lambda event: blocked.set(), cs.TaskBlocked)

    @cs.task
    def loop(n):
        return "done" if n == 0 else loop(n - 1)

    def outside():
        made.pause("loop")
        paused.set()
        assert blocked.wait(10)
        made.resume("loop")

    paused = threading.Event()
    thread = threading.Thread(target=outside)
    thread.start()
    assert paused.wait(10)
    assert asyncio.run(made.run(loop(100))) == "done"
    thread.join(10)


def test_runs_in_two_threads_share_one_capacity(engine):
    made = engine(capacity={"slot": 1})
    held, release = threading.Event(), threading.Event()

    @cs.task
    async def hold():
        held.set()
        await asyncio.get_running_loop().run_in_executor(None, release.wait, 10)
        return "held"

    results = []
    first = threading.Thread(
        target=lambda: results.append(asyncio.run(made.run(hold().with_constraints(slot=1))))
    )
    first.start()
    assert held.wait(10)
    made.subscribe(lambda event: release.set(), cs.TaskBlocked)
    assert asyncio.run(made.run(give(2).with_constraints(slot=1))) == 2
    first.join(10)
    assert results == ["held"]


def test_blocked_is_said_once_a_wait(engine, log_of):
    made = engine()
    log = log_of(made, cs.TaskBlocked)

    async def main():
        made.pause("give")
        running = asyncio.ensure_future(made.run(give(1)))
        for _ in range(10):
            await asyncio.sleep(0)
        for _ in range(3):
            made.set_concurrency("give", 5)
            made.pause("g*")
            made.resume("g*")
        made.resume("give")
        return await running

    assert asyncio.run(main()) == 1
    assert log == [("TaskBlocked", "give")]


def test_a_pause_inside_a_bounce_stops_the_next_body(engine):
    made = engine()
    ran = []

    @cs.task
    def step(name, x=0):
        ran.append(name)
        if name == "pauses" and len(ran) > 45:
            made.pause("step")
        return x

    @cs.task
    def loop(n, _=0):
        ran.append("loop")
        return "done" if n == 0 else loop(n - 1, step("second", step("pauses")))

    async def main():
        running = asyncio.ensure_future(made.run(loop(30)))
        while made.statistics().waiting == 0:
            await asyncio.sleep(0)
        assert ran[-1] == "pauses"
        assert len(ran) == 47
        made.resume("step")
        made.set_concurrency("step", 1)
        while made.statistics().waiting == 0 and not running.done():
            await asyncio.sleep(0)
            made.resume("step")
        return await running

    assert asyncio.run(main()) == "done"
    assert len(ran) == 91


def test_an_engine_with_an_impossible_option_is_refused():
    for options, error, message in [
        (
            {"tier": "fast"},
            ValueError,
            "tier 'fast' is unknown. Use one of auto, reference, blueprint, hot.",
        ),
        ({"slice_s": 0}, ValueError, "slice_s is 0. Pass a number of seconds above 0."),
        (
            {"state": {}},
            TypeError,
            "dict is no state: it needs async put, get, has, skip and clear.",
        ),
    ]:
        with pytest.raises(error) as caught:
            cs.Engine(**options)
        assert str(caught.value) == message


def test_5000_waiters_for_one_slot_are_served_in_order(engine):
    order = []

    @cs.task
    async def work(n):
        order.append(n)

    made = engine(capacity={"slot": 1})
    made.set_concurrency("work", 3)
    asyncio.run(made.run(work.map(n=list(range(5_000))).with_constraints(slot=1)))
    assert order == list(range(5_000))


def test_a_wait_that_ends_while_it_is_announced_is_not_slept_through(engine):
    made = engine()
    made.pause("give")
    made.subscribe(lambda event: made.resume("give"), cs.TaskBlocked)
    for _ in range(12):
        made.pause("give")
        assert asyncio.run(made.run(give(1))) == 1


def test_a_limit_lifted_while_its_body_runs_leaves_no_rule(engine):
    made = engine()

    @cs.task
    def lifts():
        made.set_concurrency("lifts", None)
        return tuple(made._core.limiter.rules)

    for _ in range(3):
        made.set_concurrency("lifts", 1)
        assert asyncio.run(made.run(lifts())) == ("lifts",)
        assert made._core.limiter.rules == {}
        assert made._core.loops is (
            made._core.cache.loops[False] if made._core.fuses else made._core.loops
        )


def test_the_only_waiter_can_be_cancelled(engine):
    made = engine()

    async def main():
        made.pause("give")
        waiter = asyncio.ensure_future(made.run(give(1)))
        while made.statistics().waiting == 0:
            await asyncio.sleep(0)
        waiter.cancel()
        await asyncio.wait([waiter])
        assert made.statistics().waiting == 0
        made.resume("give")
        return await made.run(give(2))

    assert asyncio.run(main()) == 2


def run_until_waiting(loop, made, running):
    """Turn a loop until one of its tasks waits for a start."""

    async def turn():
        while made.statistics().waiting == 0:
            await asyncio.sleep(0)
        assert not running.done()

    loop.run_until_complete(turn())


@pytest.fixture
def other_loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def test_a_start_that_another_loop_denied_comes_when_that_loop_is_over(
    engine, virtual_loop, other_loop
):
    made = engine(clock=virtual_loop.time)
    made.set_concurrency("work", 1)
    made.set_rate("work", "1/10s")
    release = asyncio.Event()

    @cs.task
    async def work(released):
        await released.wait()
        return virtual_loop.time() - 1000

    holder = other_loop.create_task(made.run(work(release)))
    other_loop.run_until_complete(asyncio.sleep(0))
    other_loop.run_until_complete(asyncio.sleep(0))
    released = asyncio.Event()
    released.set()
    waiter = virtual_loop.create_task(made.run(work(released)))
    run_until_waiting(virtual_loop, made, waiter)
    other_loop.call_soon(release.set)
    assert other_loop.run_until_complete(holder) == 0
    other_loop.close()
    assert virtual_loop.run_until_complete(asyncio.wait_for(waiter, 60)) == 10


def test_a_waiter_that_is_cancelled_before_it_hears_of_another_loops_grant_gives_it_back(
    engine, other_loop
):
    made = engine(capacity={"slot": 1})
    release = asyncio.Event()

    @cs.task
    async def hold():
        await release.wait()

    loop = asyncio.new_event_loop()
    holder = other_loop.create_task(made.run(hold().with_constraints(slot=1)))
    other_loop.run_until_complete(asyncio.sleep(0))
    other_loop.run_until_complete(asyncio.sleep(0))
    waiter = loop.create_task(made.run(give(1).with_constraints(slot=1)))
    run_until_waiting(loop, made, waiter)
    other_loop.call_soon(release.set)
    other_loop.run_until_complete(holder)
    assert made.statistics().waiting == 0
    waiter.cancel()
    loop.run_until_complete(asyncio.wait([waiter]))
    assert waiter.cancelled()
    assert loop.run_until_complete(made.run(give(2).with_constraints(slot=1))) == 2
    loop.close()


def test_a_rate_that_is_raised_while_tasks_wait_lets_them_start_earlier(engine, virtual_loop):
    made = engine(clock=virtual_loop.time)
    made.set_rate("tick", "1/10s")
    starts = []

    @cs.task
    async def tick(n):
        starts.append(virtual_loop.time() - 1000)
        await asyncio.sleep(0)

    async def main():
        running = asyncio.ensure_future(made.run(tick.map(n=[1, 2, 3, 4])))
        await asyncio.sleep(1)
        made.set_rate("tick", "1/4s")
        await running
        await asyncio.sleep(20)

    virtual_loop.run_until_complete(main())
    assert starts == [0, 4, 8, 12]


@pytest.mark.parametrize(
    ("total", "amounts"),
    [
        (0.3, [0.1, 0.1, 0.1]),
        (0.8, [0.2, 0.6]),
        (0.8, [0.6, 0.2]),
        (1, [0.7, 0.1, 0.1, 0.1]),
        (1e-7, [1e-8] * 10),
        (float("inf"), [0.1, 1e300]),
    ],
)
def test_amounts_are_exact_as_they_are_written(engine, total, amounts):
    made = engine(capacity={"share": total})
    met = []

    @cs.task
    async def meet(n):
        met.append(n)
        while len(met) < len(amounts):
            await asyncio.sleep(0)

    async def main():
        for _ in range(5):
            met.clear()
            calls = [meet(n).with_constraints(share=each) for n, each in enumerate(amounts)]
            await asyncio.wait_for(made.run(gather(*calls)), 10)
        whole = give("whole").with_constraints(share=min(total, 1e308))
        assert await asyncio.wait_for(made.run(whole), 10) == "whole"

    asyncio.run(main())


@pytest.mark.parametrize("rule", ["pause", "limit", "rate"])
def test_a_task_that_a_rule_denies_keeps_no_capacity_from_others(engine, rule):
    made = engine(capacity={"slot": 2})

    @cs.task
    async def denied():
        return "denied"

    async def main():
        if rule == "pause":
            made.pause("denied")
        elif rule == "limit":
            made.set_concurrency("denied", 1)
        else:
            made.set_rate("denied", "1/h")
        first = asyncio.ensure_future(made.run(holding().with_constraints(slot=1)))
        if rule == "rate":
            await made.run(denied())
        waiter = asyncio.ensure_future(made.run(denied().with_constraints(slot=1)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        other = made.run(give("other").with_constraints(slot=1))
        assert await asyncio.wait_for(other, 10) == "other"
        first.cancel()
        waiter.cancel()
        await asyncio.wait([first, waiter])

    @cs.task(name="denied" if rule == "limit" else "holding")
    async def holding():
        await asyncio.Event().wait()

    asyncio.run(main())


def test_a_loop_that_is_closed_under_a_waiter_keeps_nothing_from_others(engine, recwarn):
    made = engine(capacity={"slot": 1})
    released = asyncio.Event()

    @cs.task
    async def hold():
        await released.wait()
        return "held"

    loop = asyncio.new_event_loop()
    gone = asyncio.new_event_loop()
    holder = loop.create_task(made.run(hold().with_constraints(slot=1)))
    loop.run_until_complete(asyncio.sleep(0))
    loop.run_until_complete(asyncio.sleep(0))
    calls = [give(1), gather(1)]
    waiters = [gone.create_task(made.run(each.with_constraints(slot=1))) for each in calls]
    run_until_waiting(gone, made, waiters[0])
    third = loop.create_task(made.run(give(3).with_constraints(slot=1)))
    run_until_waiting(loop, made, third)
    gone.close()
    made.set_rate("give", "1/10s", expires_in=10)
    loop.call_soon(released.set)
    assert loop.run_until_complete(asyncio.wait_for(holder, 10)) == "held"
    assert loop.run_until_complete(asyncio.wait_for(third, 10)) == 3
    assert made.statistics().waiting == 0
    made.set_rate("give", None)
    again = made.run(give(2).with_constraints(slot=1))
    assert loop.run_until_complete(asyncio.wait_for(again, 10)) == 2
    loop.close()
    for waiter in waiters:
        waiter._log_destroy_pending = False
    made._core._paces.clear()


class LeavesFirst:
    """A lock before whose next acquisition another body gives back what it held."""

    def __init__(self, lock, leave):
        self.lock = lock
        self.leave = leave

    def __enter__(self):
        leave, self.leave = self.leave, None
        if leave is not None:
            leave()
        return self.lock.__enter__()

    def __exit__(self, *error):
        self.lock.__exit__(*error)


def test_a_grant_that_comes_as_a_waiter_is_cancelled_is_given_back(engine):
    made = engine(capacity={"slot": 1})
    limiter = made._core.limiter

    async def main():
        held = limiter.enter("holder", {"slot": 1})
        waiter = asyncio.ensure_future(made.run(give(1).with_constraints(slot=1)))
        while made.statistics().waiting == 0:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        limiter._lock = LeavesFirst(limiter._lock, lambda: limiter.leave(held))
        waiter.cancel()
        await asyncio.wait([waiter])
        assert waiter.cancelled()
        again = made.run(give(2).with_constraints(slot=1))
        assert await asyncio.wait_for(again, 10) == 2

    asyncio.run(main())


def test_a_clock_that_stands_at_the_edge_of_a_rate_does_not_spin(engine, virtual_loop):
    start, seconds = 1024.0, 0.1
    assert (start + seconds) - start < seconds
    virtual_loop.now = start
    made = engine(clock=virtual_loop.time)
    made.set_rate("noted", "1/100ms")
    starts = []

    @cs.task
    async def noted(n):
        starts.append(virtual_loop.time())

    turns = iter(range(1000))
    run_once = virtual_loop._run_once
    virtual_loop._run_once = lambda: (next(turns), run_once())
    virtual_loop.run_until_complete(made.run(noted.map(n=[1, 2, 3])))
    assert starts[:2] == [start, start + seconds]
    assert len(starts) == 3
