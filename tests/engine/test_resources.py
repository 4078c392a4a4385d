from __future__ import annotations

import asyncio
import contextlib
import contextvars
import dataclasses
import threading
import traceback

import pytest

import cascade as cs


@cs.task
def give(value):
    return value


@cs.task
def uses(value, db=cs.Inject("db")):
    return value, db


def journal(scope="run", name="db", needs=None, log=None):
    log = [] if log is None else log

    if needs is None:

        @cs.resource(scope=scope, name=name)
        def made():
            log.append(f"open {name}")
            yield f"{name} value"
            log.append(f"close {name}")

    else:

        @cs.resource(scope=scope, name=name)
        def made(other=cs.Inject(needs)):
            log.append(f"open {name} on {other}")
            yield f"{name} value"
            log.append(f"close {name}")

    return made, log


def test_a_run_scoped_resource_is_open_once_a_run(engine):
    db, log = journal()
    made = engine(resources=[db])

    @cs.task
    def loop(n, db=cs.Inject("db")):
        log.append(db)
        return "done" if n == 0 else loop(n - 1)

    for _ in range(3):
        log.clear()
        assert asyncio.run(made.run(loop(11))) == "done"
        assert log == ["open db", *["db value"] * 12, "close db"]


def test_a_step_scoped_resource_is_open_for_each_bounce(engine):
    db, log = journal("step")
    made = engine(resources=[db])

    @cs.task
    def loop(n, db=cs.Inject("db")):
        log.append(n)
        return "done" if n == 0 else loop(n - 1)

    assert asyncio.run(made.run(loop(10))) == "done"
    assert log == [entry for n in range(10, -1, -1) for entry in ("open db", n, "close db")]


def test_resources_open_in_order_of_need_and_close_in_reverse(engine):
    log = []
    a, _ = journal(name="a", log=log)
    b, _ = journal(name="b", needs="a", log=log)
    c, _ = journal(name="c", log=log)
    d, _ = journal("step", name="d", needs="b", log=log)
    made = engine(resources=[d, c, b, a])
    target = give([cs.Inject("c"), give({"x": cs.Inject("d")}), cs.Inject("b")])
    for _ in range(12):
        log.clear()
        value = asyncio.run(made.run(target))
        assert value == ["c value", {"x": "d value"}, "b value"]
        assert log == [
            "open a",
            "open b on a value",
            "open c",
            "open d on b value",
            "close d",
            "close c",
            "close b",
            "close a",
        ]


def test_an_async_resource_opens_and_closes(engine):
    log = []

    @cs.resource
    async def db():
        await asyncio.sleep(0)
        log.append("open")
        yield "value"
        await asyncio.sleep(0)
        log.append("close")

    made = engine(resources=[db])
    for _ in range(12):
        log.clear()
        assert asyncio.run(made.run(uses(1))) == (1, "value")
        assert log == ["open", "close"]


def test_concurrent_needs_of_one_resource_open_it_once(engine):
    log = []

    @cs.resource
    async def db():
        log.append("open")
        await asyncio.sleep(0)
        yield "value"
        log.append("close")

    @cs.task
    async def hop(n):
        return uses(n)

    @cs.task
    def both(a, b):
        return a, b

    made = engine(resources=[db])
    for _ in range(12):
        log.clear()
        assert asyncio.run(made.run(both(hop(1), hop(2)))) == ((1, "value"), (2, "value"))
        assert log == ["open", "close"]


@pytest.mark.parametrize("scope", ["run", "step"])
def test_a_failing_task_leaves_nothing_open(engine, scope):
    db, log = journal(scope)

    @cs.task
    def bad(db=cs.Inject("db")):
        raise ValueError("bad")

    made = engine(resources=[db])
    for _ in range(12):
        log.clear()
        with pytest.raises(ValueError, match=r"^bad$"):
            asyncio.run(made.run(bad()))
        assert log == ["open db", "close db"]


@pytest.mark.parametrize("scope", ["run", "step"])
def test_a_cancelled_run_leaves_nothing_open(engine, scope):
    db, log = journal(scope)

    @cs.task
    async def wait(db=cs.Inject("db")):
        log.append("waiting")
        await asyncio.Event().wait()

    async def main():
        running = asyncio.ensure_future(made.run(wait()))
        while "waiting" not in log:
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait([running])
        assert running.cancelled()

    made = engine(resources=[db])
    for _ in range(12):
        log.clear()
        asyncio.run(main())
        assert log == ["open db", "waiting", "close db"]


@pytest.mark.parametrize("scope", ["run", "step"])
def test_a_keyboard_interrupt_leaves_nothing_open(engine, scope):
    db, log = journal(scope)

    @cs.task
    def interrupted(db=cs.Inject("db")):
        raise KeyboardInterrupt

    made = engine(resources=[db])
    for _ in range(12):
        log.clear()
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(made.run(interrupted()))
        assert log == ["open db", "close db"]


def test_what_is_open_is_closed_when_the_next_can_not_open(engine):
    log = []
    a, _ = journal(name="a", log=log)

    @cs.resource
    def db(a=cs.Inject("a")):
        raise OSError("no route")
        yield

    made = engine(resources=[a, db])
    for _ in range(12):
        log.clear()
        with pytest.raises(OSError, match=r"^no route$"):
            asyncio.run(made.run(uses(1)))
        assert log == ["open a", "close a"]


def test_a_teardown_that_raises_lets_the_others_close_and_fails_the_run(engine):
    log = []
    a, _ = journal(name="a", log=log)

    @cs.resource
    def db(a=cs.Inject("a")):
        yield "value"
        raise OSError("teardown")

    made = engine(resources=[a, db])
    for _ in range(12):
        log.clear()
        with pytest.raises(OSError, match=r"^teardown$"):
            asyncio.run(made.run(uses(1)))
        assert log == ["open a", "close a"]


def test_a_teardown_that_raises_after_a_failure_is_a_note_on_it(engine):
    @cs.resource
    def db():
        yield "value"
        raise OSError("teardown")

    @cs.task
    def bad(db=cs.Inject("db")):
        raise ValueError("bad")

    with pytest.raises(ValueError, match=r"^bad\b") as caught:
        asyncio.run(engine(resources=[db]).run(bad()))
    assert caught.value.__notes__ == ["While its resources were released: OSError: teardown"]


def test_an_unregistered_resource_is_named_with_its_place(engine):
    for _ in range(2):
        with pytest.raises(cs.ResourceError) as caught:
            engine.run(uses(1))
    assert caught.value.resource == "db"
    assert str(caught.value) == (
        "resource 'db' is not registered; parameter 'db' of task 'uses' needs it. "
        "Register it with Engine(resources=[db])."
    )


def test_a_resource_that_needs_an_unregistered_one_is_refused_at_registration():
    b, _ = journal(name="b", needs="a")
    with pytest.raises(cs.ResourceError) as caught:
        cs.Engine(resources=[b])
    assert str(caught.value) == (
        "resource 'a' is not registered; parameter 'other' of resource 'b' needs it. "
        "Register it with Engine(resources=[a])."
    )


def test_a_run_scoped_resource_can_not_need_a_step_scoped_one():
    a, _ = journal("step", name="a")
    b, _ = journal(name="b", needs="a")
    with pytest.raises(cs.ResourceError) as caught:
        cs.Engine(resources=[a, b])
    assert caught.value.resource == "b"
    assert str(caught.value) == (
        "run-scoped resource 'b' needs step-scoped 'a', which is released before it. "
        "Give 'b' scope=\"step\", or 'a' scope=\"run\"."
    )


def test_resources_that_need_each_other_are_refused():
    a, _ = journal(name="a", needs="b")
    b, _ = journal(name="b", needs="a")
    with pytest.raises(cs.ResourceError) as caught:
        cs.Engine(resources=[a, b])
    assert str(caught.value) == (
        "resources need each other: a -> b -> a. Remove one of these Inject markers."
    )


def test_two_resources_of_one_name_are_refused():
    first, _ = journal()
    second, _ = journal()
    made = cs.Engine(resources=[first])
    made.register(first)
    with pytest.raises(cs.ResourceError) as caught:
        made.register(second)
    assert str(caught.value) == (
        "two resources are named 'db'. Rename one with @cs.resource(name=...)."
    )


def test_a_resource_registered_later_is_found(engine):
    db, _ = journal()
    made = engine()
    made.register(db)
    assert asyncio.run(made.run(uses(1))) == (1, "db value")


def sync_twice():
    yield 1
    yield 2


async def async_twice():
    yield 1
    yield 2


def sync_never():
    if False:
        yield


async def async_never():
    if False:
        yield


@pytest.mark.parametrize(
    ("function", "count"),
    [
        (sync_twice, "more than once"),
        (async_twice, "more than once"),
        (sync_never, "nothing"),
        (async_never, "nothing"),
    ],
)
def test_a_generator_that_does_not_yield_once_is_an_error(engine, function, count):
    made = engine(resources=[cs.resource(name="db")(function)])
    with pytest.raises(cs.ResourceError) as caught:
        asyncio.run(made.run(uses(1)))
    assert str(caught.value) == (
        f"resource 'db' yielded {count}, where exactly one value is its contract. "
        "Yield once: what stands before is set-up, what stands after is teardown."
    )


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: cs.resource(len),
            TypeError,
            (
                "resource 'len' is no generator function. Yield its value once: what stands "
                "before is set-up, what stands after is teardown."
            ),
        ),
        (
            lambda: cs.resource(scope="task")(sync_twice),
            ValueError,
            "resource 'sync_twice' has scope='task'. Use 'run' or 'step'.",
        ),
        (
            lambda: cs.Engine(resources=[sync_twice]),
            TypeError,
            "resources must be made with @cs.resource, and got function.",
        ),
    ],
)
def test_what_can_not_be_a_resource_is_refused(make, error, message):
    with pytest.raises(error) as caught:
        make()
    assert str(caught.value) == message


def test_a_resource_parameter_that_nobody_fills_is_refused():
    def db(url):
        yield url

    with pytest.raises(TypeError) as caught:
        cs.resource(db)
    assert str(caught.value) == (
        "resource 'db' has parameter 'url' without a default, and nobody passes one. "
        'Give it a default such as cs.Inject("name").'
    )


def test_a_resource_can_be_called_by_a_test_of_it():
    db, log = journal()
    generator = db()
    assert next(generator) == "db value"
    assert next(generator, "end") == "end"
    assert log == ["open db", "close db"]


def test_a_resource_outlives_a_threaded_body_of_a_cancelled_run(engine):
    log = []
    begun, go_on = threading.Event(), threading.Event()

    @cs.resource
    def db():
        yield "value"
        log.append("close")

    @cs.task(mode="thread")
    def work(db=cs.Inject("db")):
        begun.set()
        assert go_on.wait(10)
        log.append("body ended")

    async def main():
        running = asyncio.ensure_future(made.run(work()))
        await asyncio.get_running_loop().run_in_executor(None, begun.wait, 10)
        running.cancel()
        for _ in range(5):
            await asyncio.sleep(0)
        assert log == []
        go_on.set()
        await asyncio.wait([running])
        assert running.cancelled()

    made = engine(resources=[db])
    asyncio.run(main())
    assert log == ["body ended", "close"]


def test_a_resource_is_not_opened_for_a_structure_that_the_target_does_not_have(engine):
    db, log = journal()

    @cs.task
    def loop(n, db=cs.Inject("db")):
        return db if n == 0 else loop(n - 1)

    made = engine(resources=[db])
    for _ in range(3):
        assert asyncio.run(made.run(loop(20))) == "db value"
    log.clear()
    assert asyncio.run(made.run(loop(0, "mine"))) == "mine"
    assert log == []


def test_a_resources_own_defaults_apply(engine):
    @cs.resource
    def db(path=":memory:", *more, url=cs.Inject("url"), **options):
        yield path, more, url, options

    @cs.resource
    def url():
        yield "url"

    @cs.task
    def query(db=cs.Inject("db")):
        return db

    made = engine(resources=[db, url])
    assert asyncio.run(made.run(query())) == (":memory:", (), "url", {})


def test_a_missing_resource_is_named_with_the_one_that_needs_it_itself():
    @cs.resource
    def outer(middle=cs.Inject("middle")):
        yield

    @cs.resource
    def middle(inner=cs.Inject("inner")):
        yield

    with pytest.raises(cs.ResourceError) as caught:
        cs.Engine(resources=[outer, middle])
    assert str(caught.value) == (
        "resource 'inner' is not registered; parameter 'inner' of resource 'middle' needs it. "
        "Register it with Engine(resources=[inner])."
    )


def transaction(log, kind="sync", scope="run"):
    """A resource that must know how its users ended."""
    if kind == "async":

        @cs.resource(scope=scope, name="db")
        async def made():
            await asyncio.sleep(0)
            try:
                yield "value"
            except BaseException as error:
                await asyncio.sleep(0)
                log.append(f"rollback {error!r}")
                raise
            else:
                log.append("commit")
            finally:
                log.append("close")

    else:

        @cs.resource(scope=scope, name="db")
        def made():
            with contextlib.ExitStack() as stack:
                stack.callback(log.append, "close")
                try:
                    yield "value"
                except BaseException as error:
                    log.append(f"rollback {error!r}")
                    raise
                else:
                    log.append("commit")

    return made


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("scope", ["run", "step"])
def test_a_resource_that_listens_is_told_of_the_failure(engine, kind, scope):
    log = []

    @cs.task
    def bad(n, db=cs.Inject("db")):
        if n == 0:
            raise ValueError("bad")
        return bad(n - 1)

    made = engine(resources=[transaction(log, kind, scope)])
    for _ in range(5):
        log.clear()
        with pytest.raises(ValueError, match=r"^bad$") as caught:
            asyncio.run(made.run(bad(2)))
        bounces = ["commit", "close"] * 2 if scope == "step" else []
        assert log == [*bounces, "rollback ValueError('bad')", "close"]
        assert not hasattr(caught.value, "__notes__")
        assert [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)][
            -1
        ] == "bad"


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("scope", ["run", "step"])
def test_a_resource_that_listens_is_told_of_success_and_of_cancellation(engine, kind, scope):
    log = []
    made = engine(resources=[transaction(log, kind, scope)])

    @cs.task
    async def wait(db=cs.Inject("db")):
        await asyncio.Event().wait()

    async def cancelled():
        running = asyncio.ensure_future(made.run(wait()))
        for _ in range(20):
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait([running])

    for _ in range(5):
        log.clear()
        assert asyncio.run(made.run(uses(1))) == (1, "value")
        assert log == ["commit", "close"]
        asyncio.run(cancelled())
        assert log == ["commit", "close", "rollback CancelledError()", "close"]


def test_a_resource_can_not_keep_a_failure_and_one_of_its_own_is_a_note(engine):
    @cs.resource
    def keeps():
        with contextlib.suppress(ValueError):
            yield 1

    @cs.resource
    def fails():
        try:
            yield 2
        except ValueError as error:
            raise OSError("rollback") from error

    @cs.task
    def bad(a=cs.Inject("keeps"), b=cs.Inject("fails")):
        raise ValueError(a + b)

    made = engine(resources=[keeps, fails])
    for _ in range(3):
        with pytest.raises(ValueError, match=r"^3\b") as caught:
            asyncio.run(made.run(bad()))
        assert caught.value.__notes__ == ["While its resources were released: OSError: rollback"]


def test_a_resource_that_yields_again_after_a_failure_is_noted(engine):
    @cs.resource
    def db():
        try:
            yield 1
        finally:
            yield 2

    @cs.task
    def bad(db=cs.Inject("db")):
        raise ValueError("bad")

    with pytest.raises(ValueError, match=r"^bad\b") as caught:
        asyncio.run(engine(resources=[db]).run(bad()))
    assert "resource 'db' yielded more than once" in caught.value.__notes__[0]


@cs.task
def both(a, b):
    return a, b


@cs.task
async def hop(n):
    await asyncio.sleep(0)
    return uses(n)


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_resource_opens_and_closes_in_one_task_and_context(engine, kind):
    tasks, variable = [], contextvars.ContextVar("variable", default="outside")

    def opening():
        tasks.append(asyncio.current_task())
        return variable.set("inside")

    def closing(token):
        tasks.append(asyncio.current_task())
        variable.reset(token)

    if kind == "sync":

        @cs.resource
        def db():
            token = opening()
            yield "value"
            closing(token)

    else:

        @cs.resource
        async def db():
            token = opening()
            async with asyncio.timeout(60), asyncio.TaskGroup() as group:
                group.create_task(asyncio.sleep(0))
                yield "value"
            closing(token)

    made = engine(resources=[db])
    for _ in range(5):
        tasks.clear()
        assert asyncio.run(made.run(both(hop(1), hop(2)))) == ((1, "value"), (2, "value"))
        assert tasks[0] is tasks[1]


def test_an_error_in_a_resources_task_group_fails_its_run(engine):
    @cs.resource
    async def db():
        async def fails():
            raise OSError("lost")

        async with asyncio.TaskGroup() as group:
            group.create_task(fails())
            yield "value"

    @cs.task
    async def waits(db=cs.Inject("db")):
        for _ in range(9):
            await asyncio.sleep(0)

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(engine(resources=[db]).run(waits()))
    assert repr(caught.value.exceptions) == "(OSError('lost'),)"


def test_a_run_that_is_cancelled_while_a_resource_opens_leaves_nothing_open(engine):
    log = []
    made = engine()

    @cs.resource
    async def db():
        log.append("open")
        try:
            await asyncio.Event().wait()
            yield
        finally:
            await asyncio.sleep(0)
            log.append("close")

    async def main(cancellations):
        running = asyncio.ensure_future(made.run(uses(1)))
        while not log:
            await asyncio.sleep(0)
        for _ in range(cancellations):
            running.cancel()
            await asyncio.sleep(0)
        await asyncio.wait([running])
        assert running.cancelled()

    made.register(db)
    for cancellations in (1, 3):
        log.clear()
        asyncio.run(main(cancellations))
        assert log == ["open", "close"]


def test_who_cancels_every_task_of_a_loop_closes_nothing_under_a_body(engine):
    log = []

    @cs.resource
    def db():
        yield "value"
        log.append("close")

    @cs.task
    async def slow(db=cs.Inject("db")):
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(9):
                await asyncio.sleep(0)
            log.append("body ended")

    async def main():
        running = asyncio.ensure_future(made.run(slow()))
        for _ in range(9):
            await asyncio.sleep(0)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.wait([running])

    made = engine(resources=[db])
    asyncio.run(main())
    assert log == ["body ended", "close"]


def test_a_teardown_is_not_cut_short_by_a_second_cancellation(engine):
    log = []

    @cs.resource
    async def db():
        yield "value"
        for _ in range(9):
            await asyncio.sleep(0)
        log.append("close")

    @cs.task
    async def waits(db=cs.Inject("db")):
        log.append("waits")
        await asyncio.Event().wait()

    async def main():
        running = asyncio.ensure_future(made.run(waits()))
        while not log:
            await asyncio.sleep(0)
        for _ in range(3):
            running.cancel()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        await asyncio.wait([running])
        assert running.cancelled()

    made = engine(resources=[db])
    asyncio.run(main())
    assert log == ["waits", "close"]


def test_a_frozen_exception_is_raised_as_it_was_and_the_teardowns_error_is_logged(engine, caplog):
    @dataclasses.dataclass(frozen=True)
    class Frozen(Exception):
        code: int

    @cs.resource
    def listens():
        try:
            yield
        finally:
            pass

    @cs.resource
    def fails():
        yield
        raise OSError("teardown")

    @cs.task
    def bad(a=cs.Inject("listens"), b=cs.Inject("fails")):
        raise Frozen(7)

    made = engine(resources=[listens, fails])
    for _ in range(3):
        caplog.clear()
        with pytest.raises(Frozen) as caught:
            asyncio.run(made.run(bad()))
        assert caught.value.code == 7
        (record,) = caplog.records
        assert "While its resources were released: OSError: teardown" in record.getMessage()


def test_a_run_that_is_cancelled_as_a_resource_has_opened_closes_it(engine):
    log, running = [], []

    @cs.resource
    def db():
        running[-1].cancel()
        yield
        log.append("close")

    async def main():
        running.append(asyncio.ensure_future(made.run(uses(1))))
        await asyncio.wait(running)
        assert running.pop().cancelled()

    made = engine(resources=[db])
    for _ in range(3):
        asyncio.run(main())
    assert log == ["close"] * 3
