"""A workload runs as often as it is asked to, in one loop, within its limit, and cleans up."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest

from cascade_budget.errors import UsageError, WorkloadThreadsError, WorkloadTimeoutError
from cascade_budget.process.workload import ThreadWatch, Workload, frozen_heap, quiet_collection


def test_a_function_gives_what_it_returns():
    with Workload(lambda n: n * 2) as workload:
        assert [workload.run(1), workload.run(2)] == [2, 4]


def test_coroutines_of_every_run_share_one_loop_that_is_closed_at_the_end():
    async def loop_of(n):
        await asyncio.sleep(0)
        return asyncio.get_running_loop()

    with Workload(loop_of) as workload:
        loops = [workload.run(1), workload.run(2)]
        assert not loops[0].is_closed()
    assert loops[0] is loops[1]
    assert loops[0].is_closed()


def test_any_awaitable_is_awaited():
    class Later:
        def __await__(self):
            yield
            return "later"

    with Workload(lambda n: Later()) as workload:
        assert workload.run(1) == "later"


def test_a_loop_that_is_set_stays_set():
    async def work(n):
        return n

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        with Workload(work) as workload:
            workload.run(1)
        assert asyncio.get_event_loop_policy().get_event_loop() is loop
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def test_a_coroutine_inside_a_running_loop_is_refused():
    async def outer():
        async def work(n):
            return n

        with Workload(work) as workload:
            workload.run(1)

    with pytest.raises(UsageError) as caught:
        asyncio.run(outer())
    assert str(caught.value) == (
        "the workload is a coroutine function and an event loop is running already; "
        "cascade_budget was called from an async test. Make the test a plain def: the fixture "
        "runs the workload in a loop of its own"
    )


def test_what_waits_too_long_is_ended():
    never = threading.Event()
    with (
        Workload(lambda n: never.wait(), timeout_seconds=0.05) as workload,
        pytest.raises(WorkloadTimeoutError) as caught,
    ):
        workload.run(1_000)
    assert str(caught.value) == (
        "the workload at n = 1,000 did not end within 0.05 seconds. "
        "Make it smaller, or raise cascade_budget_timeout in the ini file"
    )


def test_the_collector_is_off_inside_a_count_and_as_it_was_after():
    with quiet_collection():
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.disable()
    try:
        with quiet_collection():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.fixture
def thawed():
    """The heap as it is where tests don't run: not frozen."""
    gc.unfreeze()
    yield
    gc.freeze()


def test_a_frozen_heap_thaws_and_another_s_stays_frozen(thawed):
    with frozen_heap():
        assert gc.get_freeze_count() > 1_000
    assert gc.get_freeze_count() < 1_000
    gc.freeze()
    with frozen_heap():
        pass
    assert gc.get_freeze_count() > 1_000


def test_threads_left_behind_by_each_run_are_named_and_a_pool_is_not():
    end = threading.Event()
    threads = []

    def leak():
        thread = threading.Thread(target=end.wait, name="leak", daemon=True)
        thread.start()
        threads.append(thread)

    every, once = ThreadWatch(), ThreadWatch()
    try:
        for run in range(3):
            with every.around_run():
                leak()
            with once.around_run():
                if run == 0:
                    leak()
        once.check()
        with pytest.raises(WorkloadThreadsError) as caught:
            every.check()
    finally:
        end.set()
        for thread in threads:
            thread.join()
    assert caught.value.fact == (
        "each of 3 runs of the workload left threads behind, the last one 'leak'"
    )


def test_a_thread_that_is_ending_is_waited_for():
    watch = ThreadWatch()
    go = threading.Event()
    with watch.around_run():
        threading.Thread(target=go.wait).start()
        threading.Timer(0.01, go.set).start()
    watch.check()
