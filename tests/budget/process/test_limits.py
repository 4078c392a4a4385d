"""A limit ends what takes too long, beside other limits, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import textwrap
import threading
import time
import traceback

import pytest

from cascade_budget.errors import WorkloadTimeoutError
from cascade_budget.process import limits
from cascade_budget.process.limits import time_limit

needs_alarm = pytest.mark.skipif(
    not hasattr(signal, "setitimer"), reason="this system has no alarm that interrupts waiting"
)


@pytest.fixture
def outer_alarm():
    """Another plugin's alarm: a function that sets it, and the list that it rings into."""
    rung = []

    def ring(_number, _frame):
        rung.append(time.monotonic())

    before = signal.signal(signal.SIGALRM, ring)

    def set_alarm(seconds, interval=0.0):
        signal.setitimer(signal.ITIMER_REAL, seconds, interval)
        return rung

    yield set_alarm
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_what_computes_too_long_is_ended_off_the_main_thread_too():
    caught = []

    def spin():
        try:
            with time_limit(0.05, "the loop"):
                while True:
                    pass
        except WorkloadTimeoutError as error:
            caught.append(error.fact)

    thread = threading.Thread(target=spin)
    thread.start()
    thread.join(30)
    assert caught == ["the loop did not end within 0.05 seconds"]


def test_a_limit_that_is_kept_leaves_nothing_behind():
    def work():
        with time_limit(60, "it"):
            pass
        left.append((threading.active_count(), signal.getitimer(signal.ITIMER_REAL)))

    left = []
    work()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    here = threading.active_count()
    assert left == [(here, (0.0, 0.0)), (here + 1, (0.0, 0.0))]


def in_a_thread(work):
    """What a function returns that is run off the main thread, where no alarm rings."""
    found = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join(60)
    return found[0]


@pytest.mark.parametrize("run", [lambda work: work(), in_a_thread], ids=["alarm", "thread"])
def test_a_retry_loop_does_not_keep_the_interruption(monkeypatch, run):
    monkeypatch.setattr(limits, "_AGAIN", 0.05)
    kept = []

    def retried(kind):
        def spin():
            while True:
                pass

        try:
            with time_limit(0.05, "the loop"):
                for _ in range(3):
                    try:
                        spin()
                    except kind as error:
                        kept.append(type(error).__name__)
        except WorkloadTimeoutError as error:
            where = {frame.name for frame in traceback.extract_tb(error.__traceback__)}
            return "spin" in where, error.fact
        return None

    fact = "the loop did not end within 0.05 seconds"
    assert run(lambda: retried(Exception)) == (True, fact)
    assert kept == []
    # It rang again for each try, and what overran is told of although it has ended.
    assert run(lambda: retried(BaseException)) == (False, fact)
    assert kept == ["_TimeIsUp"] * 3


def test_a_block_that_overran_and_ended_is_told():
    with (
        pytest.raises(WorkloadTimeoutError) as caught,
        time_limit(0.01, "the wait"),
        contextlib.suppress(BaseException),
    ):
        time.sleep(0.05)
    assert str(caught.value) == (
        "the wait did not end within 0.01 seconds. Make it smaller, or raise "
        "cascade_budget_timeout in the ini file"
    )


@needs_alarm
def test_a_limit_around_another_tells_of_itself():
    with (
        pytest.raises(WorkloadTimeoutError) as caught,
        time_limit(0.05, "the test"),
        time_limit(60, "the workload"),
    ):
        threading.Event().wait(30)
    assert caught.value.fact == "the test did not end within 0.05 seconds"


@needs_alarm
def test_a_limit_interrupts_waiting_beside_an_alarm_that_is_due_later(outer_alarm):
    rung = outer_alarm(60)
    with pytest.raises(WorkloadTimeoutError), time_limit(0.05, "waiting"):
        threading.Event().wait(30)
    assert not rung
    assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 60


@needs_alarm
def test_an_alarm_that_is_due_sooner_rings_and_the_limit_still_holds(outer_alarm):
    rung = outer_alarm(0.02)
    with pytest.raises(WorkloadTimeoutError), time_limit(0.2, "waiting"):
        while True:
            threading.Event().wait(30)
    assert len(rung) == 1


@needs_alarm
def test_an_alarm_that_repeats_goes_on_within_and_after_the_block(outer_alarm):
    rung = outer_alarm(0.01, interval=0.01)
    # Long enough for the machine to be busy with others: an alarm that is lost never comes.
    with time_limit(60, "waiting"):
        while len(rung) < 3:
            threading.Event().wait(0.001)
    within = len(rung)
    while len(rung) == within:
        threading.Event().wait(0.001)
    assert signal.getitimer(signal.ITIMER_REAL)[1] == pytest.approx(0.01)


@needs_alarm
def test_an_alarm_that_raises_ends_the_block_with_its_own_error():
    def ring(_number, _frame):
        raise LookupError("the other limit")

    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        with pytest.raises(LookupError, match="the other limit"), time_limit(30, "waiting"):
            threading.Event().wait(30)
        assert signal.getsignal(signal.SIGALRM) is ring
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    finally:
        signal.signal(signal.SIGALRM, before)


@needs_alarm
def test_an_alarm_that_is_due_after_the_block_is_left_as_it_was(outer_alarm):
    rung = outer_alarm(60)
    with time_limit(120, "it"):
        pass
    assert not rung
    left, interval = signal.getitimer(signal.ITIMER_REAL)
    assert 0 < left <= 60
    assert interval == 0.0


COUNT_AFTERWARDS = """
    import textwrap
    from cascade_budget.counting import count_calls
    from cascade_budget.counting.targets import resolve_target

    target = resolve_target("textwrap:dedent")
    with count_calls([target]) as counts:
        for _ in range(3):
            textwrap.dedent("")
    print(counts[target.name])
"""

EXPIRED_LIMIT = """
    import threading
    from cascade_budget.errors import WorkloadTimeoutError
    from cascade_budget.process.limits import time_limit

    def spin():
        try:
            with time_limit(0.01, "the loop"):
                while True:
                    pass
        except WorkloadTimeoutError:
            print("limited")

    thread = threading.Thread(target=spin)
    thread.start()
    thread.join()
"""

ANOTHER_S_CLEARING = """
    import ctypes, threading

    print(ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(threading.get_ident()), None))
"""


@pytest.mark.parametrize(
    ("before", "printed"),
    [(EXPIRED_LIMIT, "limited"), (ANOTHER_S_CLEARING, "1")],
    ids=["a limit that expired", "another library's clearing"],
)
def test_calls_can_be_counted_after_an_interruption(before, printed):
    # In a process of its own: where this fails, it never ends.
    script = textwrap.dedent(before) + textwrap.dedent(COUNT_AFTERWARDS)
    done = subprocess.run(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, timeout=60, check=False
    )
    assert done.stdout.split() == [printed, "3"]
