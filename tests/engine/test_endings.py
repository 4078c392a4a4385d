"""How bodies end together: failures among siblings, cancellation, threads, deep recursions."""

from __future__ import annotations

import asyncio
import sys
import threading

import pytest

import cascade as cs


@cs.task
def give(value):
    return value


@cs.task
def gather(*items):
    return items


@pytest.fixture
def small_stack():
    """A recursion limit that makes deep out of little."""
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(500)
    yield 500
    sys.setrecursionlimit(usual)


def within(seconds, coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, seconds))


def test_a_stop_iteration_of_a_threaded_body_ends_its_run(engine):
    @cs.task(mode="thread")
    def exhausted():
        return next(iter(()))

    @cs.task
    def inline():
        return next(iter(()))

    made = engine()
    for _ in range(3):
        for task in (exhausted, inline):
            with pytest.raises(RuntimeError, match=r"^coroutine raised StopIteration$") as caught:
                within(10, made.run(give(task())))
            assert isinstance(caught.value.__cause__, StopIteration)


def test_a_stop_iteration_of_a_threaded_body_can_be_retried(engine):
    feed = iter(["only"])
    begun = []

    @cs.task(mode="thread")
    def take():
        begun.append(len(begun))
        return next(feed)

    made = engine()
    assert within(10, made.run(take())) == "only"
    with pytest.raises(RuntimeError):
        within(10, made.run(take().with_retry(3)))
    assert begun == [0, 1, 2, 3]


@pytest.mark.parametrize("scope", ["run", "step"])
@pytest.mark.parametrize("place", ["alone", "beside", "mapped", "deep"])
def test_a_run_that_is_cancelled_twice_waits_for_a_threaded_body(engine, scope, place):
    log = []
    begun, go_on = threading.Event(), threading.Event()

    @cs.resource(scope=scope)
    def db():
        yield "value"
        log.append("close")

    @cs.task(mode="thread")
    def work(n=0, db=cs.Inject("db")):
        begun.set()
        assert go_on.wait(10)
        log.append("body ended")

    @cs.task
    def down(n):
        return work() if n == 0 else give(down(n - 1))

    target = {
        "alone": work,
        "beside": lambda: gather(work(), give(1)),
        "mapped": lambda: work.map(n=[1]),
        "deep": lambda: down(40),
    }[place]

    async def main():
        running = asyncio.ensure_future(made.run(target()))
        await asyncio.get_running_loop().run_in_executor(None, begun.wait, 10)
        for _ in range(3):
            running.cancel()
            for _ in range(10):
                await asyncio.sleep(0)
        assert log == []
        go_on.set()
        await asyncio.wait([running])
        assert running.cancelled()

    made = engine(resources=[db])
    asyncio.run(main())
    assert log == ["body ended", "close"]


def endless():
    @cs.task
    async def spin(n):
        await asyncio.sleep(0)
        return spin(n + 1)

    @cs.task
    def spin_inline(n):
        return spin_inline(n + 1)

    return {"async": spin, "inline": spin_inline, "limited": spin_inline}


@pytest.mark.parametrize("kind", ["async", "inline", "limited"])
@pytest.mark.parametrize("error", [ValueError, asyncio.CancelledError])
@pytest.mark.parametrize("wrap", [False, True], ids=["beside", "one level below"])
def test_an_endless_sibling_does_not_keep_a_run_whose_other_task_fails(engine, kind, error, wrap):
    @cs.task
    async def bad():
        await asyncio.sleep(0)
        raise error

    made = engine()
    if kind == "limited":
        made.set_concurrency("*", 5)
    spin = endless()[kind]
    for target in (gather(bad(), spin(0)), gather(spin(0), bad())):
        with pytest.raises(error):
            within(10, made.run(give(target) if wrap else target))


def test_an_endless_mapped_item_does_not_keep_a_run_whose_other_item_is_cancelled(engine):
    @cs.task
    async def item(n):
        await asyncio.sleep(0)
        if n == 3:
            raise asyncio.CancelledError
        return item(n + 1) if n < 3 else item(n)

    with pytest.raises(asyncio.CancelledError):
        within(10, engine().run(item.map(n=[10, 2])))


def test_a_recursion_that_is_no_tail_call_can_be_cancelled_however_deep(engine, small_stack):
    reached = asyncio.Event()

    @cs.task
    async def bottom():
        reached.set()
        await asyncio.Event().wait()

    @cs.task
    def down(n):
        return bottom() if n == 0 else give(down(n - 1))

    async def main():
        running = asyncio.ensure_future(made.run(down(20 * small_stack)))
        await reached.wait()
        running.cancel()
        await asyncio.wait([running])
        assert running.cancelled()

    made = engine()
    within(60, main())


def test_a_recursion_that_is_no_tail_call_can_be_timed_out(engine):
    @cs.task
    def down(n):
        return give(down(n + 1))

    with pytest.raises(TimeoutError):
        within(0.3, engine(slice_s=0.01).run(down(0)))


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with 3.12")
def test_a_recursion_that_is_no_tail_call_comes_out_under_eager_tasks(engine):
    @cs.task
    def down(n):
        return 0 if n == 0 else give(down(n - 1))

    @cs.task
    async def branch(n):
        return 0 if n == 0 else gather(branch(n - 1), give(n))

    async def main():
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        assert await made.run(down(3000)) == 0
        await made.run(branch(1000))

    made = engine(slice_s=60.0)
    asyncio.run(main())
