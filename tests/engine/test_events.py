from __future__ import annotations

import asyncio
import dataclasses
import logging

import pytest

import cascade as cs
from cascade import events


@cs.task
def one():
    return 1


@cs.task
def add(a, b):
    return a + b


def test_a_run_says_what_it_does_in_order(engine, log_of):
    made = engine.default
    log = log_of(made)

    @cs.task
    def loop(n, total=0):
        return total if n == 0 else loop(n - 1, add(total, one()))

    bounce = [
        ("TaskStarted", "one"),
        ("TaskFinished", "one", "succeeded"),
        ("TaskStarted", "add"),
        ("TaskFinished", "add", "succeeded"),
        ("TaskStarted", "loop"),
        ("TaskFinished", "loop", "succeeded"),
    ]
    warning = [("StaticAnalysisWarning", "CS-W001", "loop")]
    for _ in range(3):
        log.clear()
        assert engine.run(loop(20)) == 20
        assert log == (
            [
                ("RunStarted",),
                *bounce[-2:],
                *bounce,
                *warning,
                *bounce * 19,
                ("RunFinished", "succeeded"),
            ]
        )


def test_events_carry_run_task_node_duration_and_error(virtual_loop, tier):
    got = []

    class Failure(Exception):
        pass

    @cs.task
    async def bad(n):
        await asyncio.sleep(2)
        if n == 0:
            raise Failure
        return add(n, bad(n - 1)) if n == 1 else bad(n - 1)

    made = cs.Engine(tier=tier, clock=virtual_loop.time)
    made.subscribe(got.append, cs.TaskFinished, cs.RunFinished)
    for run_id in (1, 2):
        got.clear()
        with pytest.raises(Failure) as caught:
            virtual_loop.run_until_complete(made.run(bad(20)))
        *succeeded, failed, ended = got
        assert succeeded == [cs.TaskFinished(run_id, "bad", 0, 2.0, cs.Status.SUCCEEDED)] * 20
        assert failed == cs.TaskFinished(run_id, "bad", 0, 2.0, cs.Status.FAILED, caught.value)
        assert ended == cs.RunFinished(run_id, cs.Status.FAILED, 42.0, caught.value)


def test_a_failing_nested_body_says_its_own_name(engine, log_of):
    log = log_of(engine.default, cs.TaskEvent)

    @cs.task
    def bad(n):
        if n == 1:
            raise ValueError("bad")
        return n

    @cs.task
    def loop(n, _=0):
        return loop(n - 1, add(1, bad(n)))

    for _ in range(2):
        log.clear()
        with pytest.raises(ValueError, match=r"^bad$"):
            engine.run(loop(20))
        assert log[-3:] == [
            ("TaskFinished", "loop", "succeeded"),
            ("TaskStarted", "bad"),
            ("TaskFinished", "bad", "failed"),
        ]


def test_a_cancelled_run_says_so(engine, log_of):
    made = engine.default
    log = log_of(made)

    @cs.task
    async def wait():
        await asyncio.Event().wait()

    async def main():
        running = asyncio.ensure_future(made.run(wait()))
        while len(log) < 2:
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait([running])

    for _ in range(12):
        log.clear()
        asyncio.run(main())
        assert log == [
            ("RunStarted",),
            ("TaskStarted", "wait"),
            ("TaskFinished", "wait", "cancelled"),
            ("RunFinished", "cancelled"),
        ]


def test_retries_skips_and_resources_are_said(engine, log_of):
    @cs.resource
    def db():
        yield "value"

    @cs.resource(scope="step")
    def tx(db=cs.Inject("db")):
        yield "value"

    failures = []

    @cs.task
    def flaky(tx=cs.Inject("tx")):
        failures.append(1)
        if len(failures) % 2:
            raise ValueError("once")
        return 1

    class Hit:
        async def get(self, key):
            return 5

        async def put(self, key, value):
            raise AssertionError

    made = engine(resources=[db, tx])
    log = log_of(made)
    target = add(flaky().with_retry(2), one().with_cache(Hit()))
    for _ in range(12):
        log.clear()
        assert asyncio.run(made.run([target, one().run_if(True)])) == [6, 1]
        assert sorted(map(str, log)) == sorted(
            map(
                str,
                [
                    ("RunStarted",),
                    ("ResourceAcquired", "db"),
                    ("ResourceAcquired", "tx"),
                    ("TaskStarted", "flaky"),
                    ("TaskRetrying", "flaky", 1),
                    ("TaskFinished", "flaky", "succeeded"),
                    ("TaskSkipped", "one", "CACHE_HIT"),
                    ("TaskStarted", "one"),
                    ("TaskFinished", "one", "succeeded"),
                    ("TaskStarted", "add"),
                    ("TaskFinished", "add", "succeeded"),
                    ("ResourceReleased", "tx"),
                    ("ResourceReleased", "db"),
                    ("RunFinished", "succeeded"),
                ],
            )
        )
        assert log[0] == ("RunStarted",)
        assert log[-3:] == [
            ("ResourceReleased", "tx"),
            ("ResourceReleased", "db"),
            ("RunFinished", "succeeded"),
        ]


def test_skips_are_said_with_their_reasons(engine, log_of):
    log = log_of(engine.default, cs.TaskSkipped)
    skipped = one().run_if(False)
    for _ in range(12):
        log.clear()
        with pytest.raises(cs.DependencyMissingError):
            engine.run(add(add(skipped, 1).after(skipped), one().after(skipped)))
        assert sorted(log) == [
            ("TaskSkipped", "add", "UPSTREAM_SKIPPED"),
            ("TaskSkipped", "add", "UPSTREAM_SKIPPED"),
            ("TaskSkipped", "one", "CONDITION_FALSE"),
            ("TaskSkipped", "one", "SEQUENCE_CUT"),
        ]


def test_a_subscription_is_by_class_by_base_class_or_to_all(engine, log_of):
    made = engine.default
    started, tasks, everything = (
        log_of(made, cs.TaskStarted),
        log_of(made, cs.TaskEvent),
        log_of(made),
    )
    engine.run(one())
    assert started == [("TaskStarted", "one")]
    assert tasks == [("TaskStarted", "one"), ("TaskFinished", "one", "succeeded")]
    assert everything == [("RunStarted",), *tasks, ("RunFinished", "succeeded")]
    for log in (started, tasks, everything):
        log.unsubscribe()
        log.unsubscribe()
        log.clear()
    engine.run(one())
    assert started == tasks == everything == []


def test_a_subscriber_that_raises_is_logged_and_dropped_and_the_run_goes_on(engine, log_of, caplog):
    made = engine.default
    calls = []

    def faulty(event):
        calls.append(event)
        if len(calls) == 15:
            raise ValueError("faulty")

    @cs.task
    def loop(n):
        return "done" if n == 0 else loop(n - 1)

    made.subscribe(faulty, cs.TaskStarted)
    log = log_of(made, cs.TaskStarted)
    with caplog.at_level(logging.ERROR, logger="cascade"):
        assert engine.run(loop(20)) == "done"
    assert len(calls) == 15
    assert len(log) == 21
    (record,) = caplog.records
    assert "raised on TaskStarted(run_id=1, task='loop', node=0) and gets no more events" in (
        record.getMessage()
    )
    assert record.exc_info[1].args == ("faulty",)


def test_a_subscriber_that_comes_or_goes_inside_a_loop_hears_what_is_said_then(engine):
    made = engine.default
    heard = []
    subscription = []

    @cs.task
    def step(n):
        if n == 15:
            subscription.append(
                made.subscribe(lambda e: heard.append(type(e).__name__), cs.TaskEvent)
            )
        if n == 13:
            subscription[0]()
        return n

    @cs.task
    def loop(n, _=0):
        return "done" if n == 0 else loop(n - 1, step(n))

    assert engine.run(loop(30)) == "done"
    assert heard == [
        "TaskFinished",
        *["TaskStarted", "TaskFinished"] * 3,
        "TaskStarted",
    ]


def test_a_subscriber_that_comes_in_a_failing_body_hears_of_the_failure(engine):
    made = engine.default
    heard = []

    @cs.task
    def loop(n):
        if n == 0:
            made.subscribe(heard.append, cs.TaskFinished)
            raise ValueError("late")
        return loop(n - 1)

    with pytest.raises(ValueError):
        engine.run(loop(20))
    assert [(event.task, event.status.value) for event in heard] == [("loop", "failed")]


def test_a_subscriber_must_be_callable_and_its_kinds_event_classes():
    with pytest.raises(TypeError) as caught:
        cs.Engine().subscribe("print")
    assert str(caught.value) == (
        "a subscriber is called with each event, and str can't be called. "
        "Pass a function of one argument."
    )
    with pytest.raises(TypeError) as caught:
        cs.Engine().subscribe(print, "TaskStarted")
    assert str(caught.value) == (
        "'TaskStarted' is no event class. Pass classes from cascade.events, such as cs.TaskFinished."
    )


def test_no_event_is_built_that_nobody_listens_for(engine, monkeypatch):
    built = []
    for name in ("TaskStarted", "TaskFinished", "RunStarted", "RunFinished"):
        monkeypatch.setattr(getattr(events, name), "__init__", lambda *a, **k: built.append(a))
    monkeypatch.setattr("cascade.runtime.run.TaskStarted", built.append)
    monkeypatch.setattr("cascade.runtime.run.TaskFinished", built.append)
    monkeypatch.setattr("cascade.blueprint.compile.TaskStarted", built.append)
    monkeypatch.setattr("cascade.blueprint.compile.FinishedDraft", lambda: built.append("draft"))

    @cs.task
    def loop(n):
        return "done" if n == 0 else loop(n - 1)

    engine.default.subscribe(print, cs.TaskRetrying)
    assert engine.run(loop(30)) == "done"
    assert built == []


def test_events_of_a_loop_are_the_events_made_slowly(engine):
    heard = []
    engine.default.subscribe(heard.append, cs.TaskEvent)

    @cs.task
    def loop(n):
        return n if n == 0 else loop(n - 1)

    engine.run(loop(20))
    for started, ended in zip(heard[::2], heard[1::2], strict=True):
        duration_s = ended.duration_s
        slowly = cs.TaskFinished(1, "loop", 0, duration_s, cs.Status.SUCCEEDED)
        for fast, slow in ((started, cs.TaskStarted(1, "loop", 0)), (ended, slowly)):
            assert type(fast) is type(slow)
            assert fast == slow
            assert hash(fast) == hash(slow)
            with pytest.raises(dataclasses.FrozenInstanceError):
                fast.task = "b"


def test_a_recursion_that_builds_calls_for_its_arguments_is_warned_of_once_a_run(engine):
    warnings = []
    engine.default.subscribe(warnings.append, cs.StaticAnalysisWarning)

    @cs.task
    def heavy(n, value=0):
        return value if n == 0 else heavy(n - 1, add(one(), n))

    for run_id in (1, 2, 3):
        warnings.clear()
        engine.run(heavy(30))
        assert warnings == [
            cs.StaticAnalysisWarning(
                run_id,
                "CS-W001",
                "heavy",
                "task 'heavy' calls itself with a call of 'add' among its arguments, so every bounce "
                "builds a new structure. Call 'add' once outside the loop and pass its result on, or "
                "call it inside the body of 'heavy' as a plain function.",
            )
        ]


def test_a_recursion_that_passes_on_what_it_was_given_is_not_warned_of(engine):
    warnings = []
    engine.default.subscribe(warnings.append, cs.StaticAnalysisWarning)
    chain = add(one(), one())

    @cs.task
    def received(n, value):
        return value if n == 0 else received(n - 1, value)

    @cs.task
    def captured(n, value):
        return value if n == 0 else captured(n - 1, chain)

    for _ in range(3):
        assert engine.run(received(20, chain)) == 2
        assert engine.run(captured(20, chain)) == 2
        assert engine.run(captured(20, 0)) == 2
    assert warnings == []


def test_who_comes_before_a_run_is_cancelled_between_two_bodies_hears_of_no_body(
    engine, log_of, virtual_loop
):
    made = engine(clock=virtual_loop.time)
    logs, runs = [], []

    @cs.task
    def loop(n):
        if n == 10 and runs:
            logs.append(log_of(made))
            virtual_loop.now += 1
            runs[0].cancel()
        return loop(n - 1) if n else "done"

    virtual_loop.run_until_complete(made.run(loop(20)))
    runs.append(virtual_loop.create_task(made.run(loop(20))))
    virtual_loop.run_until_complete(asyncio.wait(runs))
    assert runs[0].cancelled()
    assert logs == [[("TaskFinished", "loop", "succeeded"), ("RunFinished", "cancelled")]]


def test_who_comes_while_one_run_waits_and_another_goes_on_hears_of_both(engine):
    made = engine.default
    heard, ended, subscribes = [], [], []

    @cs.task
    async def step(tag, n):
        await asyncio.sleep(0)
        if (tag, n) == ("a", 10) and subscribes:
            made.subscribe(lambda e: heard.append((e.task, e.duration_s >= 0)), cs.TaskFinished)
            ended.clear()
        await asyncio.sleep(0)
        ended.append(("step", True))
        return n if n == 0 else step(tag, n - 1)

    @cs.task
    async def carry(n, value=0):
        await asyncio.sleep(0)
        ended.append(("carry", True))
        return value if n == 0 else carry(n - 1, add(n, 1))

    @cs.task
    def add(a, b):
        ended.append(("add", True))
        return a + b

    async def main():
        return await asyncio.gather(
            made.run(step("a", 20)), made.run(step("b", 20)), made.run(carry(20))
        )

    assert asyncio.run(main()) == [0, 0, 2]
    subscribes.append(True)
    assert asyncio.run(main()) == [0, 0, 2]
    # Ten bounces of the run that waited; how far the others came meanwhile is a matter of time.
    assert heard.count(("step", True)) >= 10
    assert heard == ended


def test_who_comes_while_a_resource_opens_hears_of_the_bodies(engine, log_of):
    made = engine()
    logs, comes = [], []

    @cs.resource
    async def db():
        if comes:
            logs.append(log_of(made))
        yield "db"

    @cs.task
    def loop(n, db=cs.Inject("db")):
        return loop(n - 1) if n else db

    made.register(db)
    for _ in range(2):
        assert asyncio.run(made.run(loop(20))) == "db"
    comes.append(True)
    assert asyncio.run(made.run(loop(1))) == "db"
    assert logs == [
        [
            ("ResourceAcquired", "db"),
            ("TaskStarted", "loop"),
            ("TaskFinished", "loop", "succeeded"),
            ("TaskStarted", "loop"),
            ("TaskFinished", "loop", "succeeded"),
            ("ResourceReleased", "db"),
            ("RunFinished", "succeeded"),
        ]
    ]


def test_a_recursion_that_uses_its_new_call_twice_is_warned_of(engine, log_of):
    @cs.task
    def leaf(n):
        return n

    @cs.task
    def loop(n, values=()):
        shared = leaf(n)
        return loop(n - 1, (shared, shared)) if n else values

    log = log_of(engine.default, cs.StaticAnalysisWarning)
    for _ in range(2):
        assert engine.run(loop(20)) == (1, 1)
    assert log == [("StaticAnalysisWarning", "CS-W001", "loop")] * 2
