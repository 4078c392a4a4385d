"""Blocks that count: nesting, overlapping, failing, and sharing the interpreter with other tools."""

from __future__ import annotations

import cProfile
import gc
import pickle
import queue
import sys
import threading
from contextlib import ExitStack
from typing import Any

import pytest

from cascade_budget.counting import CountingLostError, CountingUnavailableError, count_calls
from cascade_budget.counting.targets import Target, resolve_target
from cascade_budget.process import limits

needs_monitoring = pytest.mark.skipif(
    sys.version_info < (3, 12), reason="sys.monitoring came with Python 3.12"
)
needs_profile = pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="Python 3.12 and newer count by sys.monitoring"
)
monitoring: Any = vars(sys).get("monitoring")


def called() -> None:
    pass


def other() -> None:
    pass


CALLED = f"{__name__}:called"
OTHER = f"{__name__}:other"


SETPROFILE = sys.setprofile
UNREACHED = "threads that ran before counting began are not counted by Python 3.11"


def target(name: str) -> Target:
    return resolve_target(name)


def test_nested_blocks_each_count_between_their_own_ends() -> None:
    with count_calls([target(CALLED)]) as outer:
        called()
        with count_calls([target(CALLED), target(OTHER)]) as middle:
            called()
            other()
            with count_calls([target(OTHER)]) as inner:
                called()
                other()
        other()
        called()
    called()
    assert dict(outer) == {CALLED: 4}
    assert dict(middle) == {CALLED: 2, OTHER: 2}
    assert dict(inner) == {OTHER: 1}


def test_nested_attributed_blocks_each_have_their_own_sites() -> None:
    with count_calls([target(CALLED)]) as plain:
        with count_calls([target(CALLED)], attribute=True) as outer:
            for _ in range(2):
                called()
            with count_calls([target(CALLED)], attribute=True) as inner:
                called()
        called()
    assert (plain[CALLED], outer[CALLED], inner[CALLED]) == (4, 3, 1)
    assert [site.calls for site in outer.sites[CALLED]] == [2, 1]
    assert [site.calls for site in inner.sites[CALLED]] == [1]
    assert plain.sites == {}


def test_blocks_that_overlap_on_two_threads_count_every_thread() -> None:
    entered, left = threading.Event(), threading.Event()
    results: queue.Queue[int] = queue.Queue()

    def count_elsewhere() -> None:
        with count_calls([target(CALLED)]) as counts:
            entered.set()
            left.wait()
            called()
        results.put(counts[CALLED])

    with count_calls([target(CALLED)]) as counts:
        called()
        thread = threading.Thread(target=count_elsewhere)
        thread.start()
        entered.wait()
        called()
    left.set()
    thread.join()
    assert counts[CALLED] == 2
    assert results.get() == 2


def test_counts_can_be_read_while_the_block_runs() -> None:
    with count_calls([target(CALLED)]) as counts:
        called()
        seen = [counts[CALLED]]
        called()
        seen += [counts[CALLED], counts[CALLED], len(counts)]
    assert [*seen, counts[CALLED]] == [1, 2, 2, 1, 2]


def test_counts_name_their_backend() -> None:
    with count_calls([]) as counts:
        pass
    assert counts.backend == ("sys.setprofile" if sys.version_info < (3, 12) else "sys.monitoring")


def test_a_name_that_was_not_asked_for_is_a_key_error() -> None:
    with count_calls([target(CALLED)]) as counts:
        pass
    with pytest.raises(KeyError, match="shop:cart"):
        counts["shop:cart"]


def test_finished_counts_survive_pickling() -> None:
    with count_calls([target(CALLED)], watch=[__name__], attribute=True) as counts:
        called()
    copy = pickle.loads(pickle.dumps(counts))
    assert dict(copy) == {CALLED: 1}
    assert (copy.watched, copy.sites) == (counts.watched, counts.sites)
    assert copy.sites[CALLED][0].function.endswith("survive_pickling")


def test_an_exception_in_the_block_passes_and_leaves_nothing_behind() -> None:
    with pytest.raises(LookupError), count_calls([target(CALLED)]) as counts:
        called()
        raise LookupError
    assert dict(counts) == {}
    assert untouched()


def test_the_interpreter_is_left_as_it_was_found() -> None:
    with count_calls([target(CALLED), target("builtins:len")], watch=[__name__]):
        called()
    assert untouched()


def untouched() -> bool:
    if sys.version_info < (3, 12):
        return sys.getprofile() is None and threading.getprofile() is None
    return all(monitoring.get_tool(tool) is None for tool in (0, 3, 4, 5))


def test_opening_a_block_counts_nothing_in_one_that_is_open() -> None:
    """The watched functions are those that resolving and matching could call."""
    watch = ["importlib:import_module", "re._compiler:compile", "contextlib:*", "fnmatch:*"]
    with (
        count_calls([target("builtins:len")], watch=watch) as outer,
        count_calls([target(CALLED)], watch=["a*b*c", __name__], attribute=True),
    ):
        pass
    assert outer.watched == {}
    assert dict(outer) == {"builtins:len": 0}


def test_counting_a_call_allocates_nothing_that_the_collector_tracks() -> None:
    def run() -> list[int]:
        collections = []
        gc.collect()
        gc.callbacks.append(
            lambda phase, _info: collections.append(turn) if phase == "start" else None
        )
        kept = []
        try:
            for turn in range(20_000):
                called()
                if turn % 10 == 0:
                    kept.append([turn])
        finally:
            gc.callbacks.pop()
        return collections

    if sys.version_info < (3, 12):
        pytest.skip("sys.setprofile makes a frame object of every call")
    run()
    uncounted = run()
    with count_calls([target(CALLED)]) as counts:
        counted = run()
    assert counts[CALLED] == 20_000
    # One tracked object a call would start some 30 collections; where they fall within the run is
    # up to what other threads allocate.
    assert len(uncounted) > 0
    assert len(counted) == len(uncounted)


def test_recursion_to_the_limit_is_counted_or_refused() -> None:
    """Where it is refused is said by the error; no wrong number is ever given."""

    def dive() -> None:
        with pytest.raises(RecursionError):
            deep(1)

    if sys.version_info < (3, 12):
        with (
            pytest.raises(CountingLostError, match="the profile hook was removed"),
            count_calls([target(f"{__name__}:deep")]),
        ):
            dive()
    else:
        depths.clear()
        with count_calls([target(f"{__name__}:deep")]) as counts:
            dive()
        assert counts[f"{__name__}:deep"] == len(depths) > 100
    assert untouched()


depths: list[int] = []


def deep(depth: int) -> None:
    depths.append(depth)
    deep(depth + 1)


@needs_profile
@pytest.mark.parametrize("profiler", ["hook", "none", "cProfile"])
def test_a_hook_that_is_swapped_and_put_back_is_an_error(profiler: str) -> None:
    def hook(*_: object) -> None:
        pass

    takers = {
        "hook": f"{__name__}:{hook.__qualname__}",
        "none": "sys.setprofile(None)",
        "cProfile": "sys.setprofile(None)",
    }
    with pytest.raises(CountingLostError) as caught, count_calls([target(CALLED)]):
        held = sys.getprofile()
        if profiler == "cProfile":
            with cProfile.Profile():
                called()
        else:
            sys.setprofile(hook if profiler == "hook" else None)
            called()
        sys.setprofile(held)
    assert str(caught.value) == (
        f"the profile hook was taken by {takers[profiler]} and put back while calls were counted; "
        "counting calls. Keep that out of the counted block, or count on Python 3.12 or newer"
    )
    assert untouched()
    assert sys.setprofile is SETPROFILE


@needs_profile
def test_threads_and_hooks_set_again_are_no_swap() -> None:
    with count_calls([target(CALLED)]) as counts:
        sys.setprofile(sys.getprofile())
        for _ in range(2):
            thread = threading.Thread(target=called)
            thread.start()
            thread.join()
        called()
    assert counts[CALLED] == 3
    assert sys.setprofile is SETPROFILE


# --- 3.12 and newer: tool ids ---------------------------------------------------------------------


@needs_monitoring
def test_ids_four_five_three_and_zero_are_taken_in_that_order() -> None:
    taken = []
    with ExitStack() as stack:
        for _ in range(4):
            with count_calls([target(CALLED)]) as counts:
                tool = next(t for t in range(6) if monitoring.get_tool(t) == "cascade-budget")
                called()
            assert counts[CALLED] == 1
            taken.append(tool)
            monitoring.use_tool_id(tool, f"tool-{tool}")
            stack.callback(monitoring.free_tool_id, tool)
        with pytest.raises(CountingUnavailableError) as caught, count_calls([target(CALLED)]):
            pass
    assert taken == [4, 5, 3, 0]
    assert str(caught.value) == (
        "every sys.monitoring tool id that may be used is taken: 0 'tool-0', 3 'tool-3', "
        "4 'tool-4', 5 'tool-5'; counting calls. Switch one of these tools off for this run"
    )
    assert caught.value.holders == ("tool-0", "tool-3", "tool-4", "tool-5")


@needs_monitoring
@pytest.mark.parametrize("how", ["named", "watched", "native"])
def test_what_an_earlier_holder_of_the_tool_id_switched_off_is_counted(how: str) -> None:
    events = monitoring.events
    monitoring.use_tool_id(4, "earlier")
    for event in (events.PY_START, events.CALL):
        monitoring.register_callback(4, event, lambda *_: monitoring.DISABLE)
    monitoring.set_events(4, events.PY_START | events.CALL)
    called_and_len()
    monitoring.set_events(4, 0)
    for event in (events.PY_START, events.CALL):
        monitoring.register_callback(4, event, None)
    monitoring.free_tool_id(4)

    name = "builtins:len" if how == "native" else CALLED
    with count_calls([] if how == "watched" else [target(name)], watch=[__name__]) as counts:
        called_and_len()
    assert (counts.watched[CALLED] if how == "watched" else counts[name]) == 1


def called_and_len() -> None:
    called()
    len(())


@needs_monitoring
@pytest.mark.parametrize("how", ["named", "watched", "native"])
def test_events_that_are_switched_off_inside_the_block_are_an_error(how: str) -> None:
    names = {"named": [CALLED], "watched": [], "native": ["builtins:len"]}[how]
    watch = [__name__] if how == "watched" else []
    with (
        pytest.raises(CountingLostError) as caught,
        count_calls(map(target, names), watch=watch),
    ):
        tool = next(t for t in range(6) if monitoring.get_tool(t) == "cascade-budget")
        monitoring.set_events(tool, 0)
        if how == "named":
            monitoring.set_local_events(tool, called.__code__, 0)
        called_and_len()
    assert str(caught.value) == (
        f"events of sys.monitoring tool id {tool} were switched off while calls were counted; "
        "counting calls. Keep the counted block from changing the events of other tools"
    )


@needs_monitoring
@pytest.mark.parametrize("name", ["builtins:any", "builtins:all"])
def test_calls_that_are_compiled_away_are_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def blind() -> str:
        with count_calls([target(name)]) as counts:
            pass
        return counts.blind[name]

    told = ", and any(genexpr) and all(genexpr) are compiled without a call from Python 3.14 on"
    assert blind().endswith(told) == (sys.version_info >= (3, 14))
    monkeypatch.setattr("cascade_budget.counting.monitoring._INLINES", True)
    assert blind().endswith(told)


@needs_monitoring
def test_a_tool_id_taken_over_inside_the_block_is_an_error_that_names_the_taker() -> None:
    def rob() -> None:
        monitoring.set_local_events(4, called.__code__, 0)
        monitoring.free_tool_id(4)
        monitoring.use_tool_id(4, "robber")

    with pytest.raises(CountingLostError) as caught, count_calls([target(CALLED)]):
        rob()
    monitoring.free_tool_id(4)
    assert str(caught.value) == (
        "'robber' took sys.monitoring tool id 4 over while calls were counted; counting calls. "
        "Let the block that counts end before another tool takes this id"
    )
    assert caught.value.holder == "robber"


@needs_monitoring
def test_a_profiler_inside_the_block_changes_no_count() -> None:
    with count_calls([target(CALLED)]) as counts, cProfile.Profile():
        called()
        called()
    assert counts[CALLED] == 2


# --- 3.11: the profile hook -----------------------------------------------------------------------


def foreign(*_event: object) -> None:
    pass


@needs_profile
def test_a_profiler_that_is_set_is_named() -> None:
    profile = cProfile.Profile()
    profile.enable()
    try:
        with pytest.raises(CountingUnavailableError) as caught, count_calls([target(CALLED)]):
            pass
    finally:
        profile.disable()
    assert str(caught.value) == (
        "the profile hook is taken by cProfile:Profile (sys.setprofile); counting calls. "
        "Switch that profiler off for this run, or count on Python 3.12 or newer"
    )
    assert caught.value.holders == ("cProfile:Profile",)


@needs_profile
def test_a_profiler_for_new_threads_is_named() -> None:
    threading.setprofile(foreign)
    try:
        with pytest.raises(CountingUnavailableError) as caught, count_calls([target(CALLED)]):
            pass
    finally:
        threading.setprofile(None)  # type: ignore[arg-type,unused-ignore]
    assert str(caught.value) == (
        f"the profile hook is taken by {__name__}:foreign (threading.setprofile); "
        "counting calls. Switch that profiler off for this run, or count on Python 3.12 or newer"
    )


@needs_profile
def test_a_profiler_on_another_thread_goes_on() -> None:
    ready, done = threading.Event(), threading.Event()
    hooks = []

    def profiled() -> None:
        sys.setprofile(foreign)
        ready.set()
        done.wait()
        hooks.append(sys.getprofile())

    thread = threading.Thread(target=profiled)
    thread.start()
    ready.wait()
    with count_calls([target(CALLED)]) as counts:
        called()
    done.set()
    thread.join()
    assert hooks == [foreign]
    assert (dict(counts), counts.blind) == ({CALLED: 1}, {CALLED: UNREACHED})


@needs_profile
@pytest.mark.parametrize("inner", ["watch", "attribute", "natives"])
def test_a_thread_started_in_a_block_counts_what_a_later_block_asks_for(inner: str) -> None:
    """The thread has the hook of the outer block, which is not enough for the inner one."""
    go, done = threading.Event(), threading.Event()

    def work() -> None:
        go.wait()
        called_and_len()
        divmod(7, 2)
        done.set()

    thread = threading.Thread(target=work)
    with count_calls([target(CALLED)]) as outer:
        thread.start()
        with count_calls(
            [target("builtins:divmod") if inner == "natives" else target(CALLED)],
            watch=[__name__] if inner == "watch" else [],
            attribute=inner == "attribute",
        ) as counts:
            go.set()
            done.wait()
        thread.join()
    assert outer[CALLED] == 1
    if inner == "watch":
        assert counts.watched[f"{__name__}:called_and_len"] == 1
    elif inner == "attribute":
        assert [site.function for site in counts.sites[CALLED]] == ["called_and_len"]
    else:
        assert counts["builtins:divmod"] == 1


@needs_profile
def test_a_thread_that_ran_before_counts_in_the_block_that_it_opens() -> None:
    go, done = threading.Event(), threading.Event()
    seen: list[int] = []

    def work() -> None:
        go.wait()
        with count_calls([target(CALLED)]) as counts:
            called()
        seen.append(counts[CALLED])
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    with count_calls([target(CALLED)]) as outer:
        go.set()
        done.wait()
    thread.join()
    assert seen == [1]
    assert outer.blind == {CALLED: UNREACHED}


@needs_profile
def test_a_profiler_set_inside_the_block_is_an_error_that_names_it() -> None:
    profile = cProfile.Profile()
    with pytest.raises(CountingLostError) as caught, count_calls([target(CALLED)]):
        profile.enable()
    profile.disable()
    assert str(caught.value) == (
        "the profile hook was taken over by cProfile:Profile while calls were counted; counting "
        "calls. Keep that profiler out of the counted block, or count on Python 3.12 or newer"
    )
    assert untouched()


@needs_profile
def test_a_hook_removed_inside_the_block_is_an_error() -> None:
    with pytest.raises(CountingLostError) as caught, count_calls([target(CALLED)]):
        sys.setprofile(None)
    assert str(caught.value) == (
        "the profile hook was removed while calls were counted: by sys.setprofile(None), or by an "
        "exception raised inside it (recursion to the limit, a timeout's signal); counting calls. "
        "Keep the counted block from that, or count on Python 3.12 or newer"
    )
    assert caught.value.holder is None


@needs_profile
def test_threads_that_ran_before_are_said_not_to_be_counted() -> None:
    go, done = threading.Event(), threading.Event()

    def work() -> None:
        go.wait()
        called()
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    with count_calls([target(CALLED)]) as counts:
        called()
        go.set()
        done.wait()
    thread.join()
    assert dict(counts) == {CALLED: 1}
    assert counts.blind == {CALLED: UNREACHED}


@needs_profile
def test_the_thread_that_watches_a_time_limit_takes_nothing_from_a_count() -> None:
    with limits._interruption(60, limits._Interrupted), count_calls([target(CALLED)]) as counts:
        called()
    assert (dict(counts), counts.blind) == ({CALLED: 1}, {})


def test_counting_while_threads_come_and_go_never_loses_a_call() -> None:
    """Each round opens a block among threads that start, call and end at any moment."""
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            threads = [threading.Thread(target=other) for _ in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    churners = [threading.Thread(target=churn) for _ in range(3)]
    for churner in churners:
        churner.start()
    try:
        for _ in range(100):
            workers = [threading.Thread(target=call_ten_times) for _ in range(3)]
            with count_calls([target(CALLED)]) as counts:
                for worker in workers:
                    worker.start()
                for worker in workers:
                    worker.join()
            assert counts[CALLED] == 30
    finally:
        stop.set()
        for churner in churners:
            churner.join()


def call_ten_times() -> None:
    for _ in range(10):
        called()


def test_counting_on_a_thread_that_outlives_the_block_ends_with_it() -> None:
    stop, turns = threading.Event(), queue.Queue[None]()

    def call_on() -> None:
        while not stop.is_set():
            called()
            turns.put(None)

    thread = threading.Thread(target=call_on)
    with count_calls([target(CALLED)], watch=[__name__], attribute=True) as first:
        thread.start()
        for _ in range(100):
            turns.get()
    with count_calls([target(OTHER)]) as second:
        for _ in range(100):
            turns.get()
        other()
    stop.set()
    thread.join()
    assert first[CALLED] >= 100
    assert dict(second) == {OTHER: 1}
    assert untouched()
