from __future__ import annotations

import asyncio
import collections
import copy
import dataclasses
import functools
import inspect
import pickle
import threading
import types
from typing import ClassVar, NamedTuple
from unittest import mock

import pytest

import cascade as cs
from cascade.codegen import source
from cascade.spec import signature


@cs.task
def one():
    return 1


@cs.task
def add(a, b=10):
    return a + b


@cs.task
def give(value):
    return value


def test_a_wrong_call_raises_at_the_call_site_as_python_would():
    with pytest.raises(TypeError, match=r"^add\(\) missing 1 required positional argument: 'a'$"):
        add()
    with pytest.raises(TypeError, match=r"^add\(\) got an unexpected keyword argument 'c'$"):
        add(1, c=2)


def test_a_call_runs_nothing_and_says_what_it_is():
    lazy = add(1)
    assert isinstance(lazy, cs.LazyResult)
    assert repr(lazy) == "<LazyResult[add] of task 'add'>"


def test_a_lazy_result_can_not_be_changed():
    with pytest.raises(AttributeError):
        add(1).a = 2
    with pytest.raises(AttributeError):
        add(1).with_retry().anything = 2


def test_policies_return_a_new_call_and_leave_the_old_one():
    plain = add(1)
    retried = plain.with_retry(2)
    assert plain.policy.retry is None
    assert retried.policy.retry.max_attempts == 2
    assert retried.with_constraints(slot=1).policy.retry.max_attempts == 2


def test_a_lazy_result_is_neither_true_nor_false():
    with pytest.raises(TypeError) as caught:
        if one():
            pass
    assert str(caught.value) == (
        "the result of task 'one' is not known yet, so it is neither true nor false. "
        "Return it, pass it to another task, or use .run_if(...)."
    )


def test_a_task_keeps_the_name_signature_and_docstring_of_its_body():
    @cs.task(name="shown")
    def body(a: int, /, b: str = "b", *rest: int, c: float = 1.0, **more: int) -> str:
        """What it does."""
        return f"{a}{b}{rest}{c}{more}"

    assert body.__name__ == "body"
    assert body.spec.name == "shown"
    assert body.__doc__ == "What it does."
    assert str(inspect.signature(body)) == (
        "(a: 'int', /, b: 'str' = 'b', *rest: 'int', c: 'float' = 1.0, **more: 'int') -> 'str'"
    )


def test_every_kind_of_parameter_reaches_the_body(engine):
    @cs.task
    def body(a, /, b="b", *rest, c=1, **more):
        return a, b, rest, c, more

    @cs.task
    def loop(n, *rest, c, **more):
        return (rest, c, more) if n == 0 else loop(n - 1, *rest, n, c=c, **more)

    for _ in range(12):
        assert engine.run(body(1)) == (1, "b", (), 1, {})
        assert engine.run(body(one(), one(), one(), 3, c=one(), d=one())) == (
            1,
            1,
            (1, 3),
            1,
            {"d": 1},
        )
    assert engine.run(loop(3, 9, c=1, d=2)) == ((9, 3, 2, 1), 1, {"d": 2})


def test_methods_can_be_tasks(engine):
    class Counter:
        def __init__(self, start):
            self.start = start

        @cs.task
        def down(self, n):
            return self.start if n == 0 else self.down(n - 1)

    assert engine.run(Counter("mine").down(20)) == "mine"


class Point(NamedTuple):
    x: object
    y: object


def test_calls_are_resolved_in_containers_at_any_depth(engine):
    shared = one()
    value = [(shared, {"k": [one()]}), {one()}, Point(one(), 2), frozenset({one()}), {one(): 0}]
    for _ in range(12):
        assert engine.run(give(value)) == [(1, {"k": [1]}), {1}, (1, 2), frozenset({1}), {1: 0}]
    assert isinstance(engine.run(give(Point(one(), 2))), Point)


def test_a_container_without_calls_arrives_by_reference(engine):
    own = [1, [2, {"x": (3,)}]]
    for _ in range(12):
        assert engine.run(give(own)) is own


def test_a_list_that_holds_itself_is_a_value(engine):
    own = [1]
    own.append(own)
    for _ in range(12):
        assert engine.run(give(own)) is own


def test_a_call_that_turns_up_in_what_was_a_plain_list_is_resolved(engine):
    seen = []

    @cs.task
    def loop(n, items):
        seen.append(items)
        return n if n == 0 else loop(n - 1, [one()] if n == 2 else [n])

    engine.run(loop(20, [0]))
    assert seen[-3:] == [[3], [1], [1]]


def test_a_call_inside_a_container_that_can_not_be_rebuilt_is_refused(engine):
    with pytest.raises(TypeError) as caught:
        engine.run(give(collections.OrderedDict(x=one())))
    assert str(caught.value) == (
        "argument 'value' of task 'give' holds a lazy result inside OrderedDict, which can't be "
        "rebuilt with the value. Pass a plain list, tuple, dict or set."
    )


def test_a_call_that_reaches_itself_is_refused(engine):
    items = []
    lazy = give(items)
    items.append(lazy)
    with pytest.raises(cs.CyclicTargetError) as caught:
        engine.run(lazy)
    assert caught.value.task == "give"
    assert str(caught.value) == (
        "the arguments of task 'give' contain the call itself, so it can never start. "
        "Don't put a lazy result into a container that was already passed to it."
    )


def test_a_returned_container_of_calls_is_a_value(engine):
    @cs.task
    def calls():
        return [one()]

    for _ in range(12):
        (call,) = engine.run(calls())
        assert isinstance(call, cs.LazyResult)


def test_a_tail_call_inside_an_argument_is_gone_on_with(engine):
    @cs.task
    def countdown(n):
        return "done" if n == 0 else countdown(n - 1)

    for _ in range(12):
        assert engine.run(add(countdown(5), countdown(3))) == "donedone"


def test_a_recursion_that_is_no_tail_call_comes_out(engine):
    @cs.task
    def fib(n):
        return n if n < 2 else add(fib(n - 1), fib(n - 2))

    assert engine.run(fib(10)) == 55


def test_tail_call_means_the_same_as_the_lazy_result(engine):
    @cs.task
    def countdown(n):
        return "done" if n == 0 else cs.TailCall(countdown, n=n - 1)

    assert engine.run(countdown(30)) == "done"
    assert engine.run(cs.TailCall(countdown, 3)) == "done"
    assert engine.run(give(countdown(3))) == "done"


def test_tail_call_checks_its_task_at_once_and_its_arguments_when_it_is_made():
    with pytest.raises(TypeError) as caught:
        cs.TailCall(print, 1)
    assert str(caught.value) == (
        "TailCall needs a task, and got builtin_function_or_method. "
        "Decorate the function with @cs.task."
    )
    assert repr(cs.TailCall(one)) == "<TailCall of task 'one'>"


def test_async_siblings_run_at_the_same_time(engine):
    met = []

    @cs.task
    async def meet(name):
        met.append(name)
        while len(met) < 2:
            await asyncio.sleep(0)
        return name

    for _ in range(12):
        met.clear()
        assert engine.run(add(meet("a"), meet("b"))) == "ab"


def test_an_async_task_is_awaited_beside_a_sync_sibling_that_has_begun(engine):
    log = []

    @cs.task
    async def waiting():
        log.append("async begins")
        await asyncio.sleep(0)
        log.append("async ends")
        return 1

    @cs.task
    def sync():
        log.append("sync")
        return 2

    for _ in range(12):
        log.clear()
        assert engine.run(add(waiting(), sync())) == 3
        assert log == ["async begins", "sync", "async ends"]


def test_a_threaded_body_runs_in_another_thread_with_this_context(engine):
    @cs.task(mode="thread")
    def where(x):
        return threading.current_thread() is threading.main_thread(), x

    for _ in range(12):
        assert engine.run(where(one())) == (False, 1)


def test_a_list_or_tuple_of_targets_gives_a_list(engine):
    shared = give([])
    for _ in range(3):
        first, second, third = engine.run((shared, shared, one()))
        assert first is second
        assert third == 1
    assert engine.run([]) == []


def test_equal_calls_of_a_pure_task_run_once_in_one_graph(engine):
    runs = []

    @cs.task(pure=True)
    def load(key, more=None):
        runs.append(key)
        return key

    @cs.task
    def gather(*items):
        return items

    for _ in range(12):
        runs.clear()
        assert engine.run(gather(load(1), load(1), load(2), load([3]), load([3]))) == (
            1,
            1,
            2,
            [3],
            [3],
        )
        assert runs == [1, 2, [3]]


def test_pure_calls_merge_by_value_and_type_and_never_by_repr(engine):
    runs = []

    class Same:
        def __repr__(self):
            return "same"

    @cs.task(pure=True)
    def load(key):
        runs.append(key)
        return key

    @cs.task
    def gather(*items):
        return len(items)

    keys = [1, 1.0, True, 0.0, -0.0, "1", Same(), Same(), (1,), [1], {"a": 1}, {"a": 1.0}, [[]]]
    for _ in range(12):
        runs.clear()
        engine.run(gather(*map(load, keys)))
        assert len(runs) == len(keys)


def test_pure_calls_merge_through_their_arguments(engine):
    runs = []

    @cs.task(pure=True)
    def leaf(x):
        runs.append("leaf")
        return x

    @cs.task(pure=True)
    def node(items):
        runs.append("node")
        return items[0]

    for _ in range(12):
        runs.clear()
        assert engine.run(add(node([leaf(1)]), node([leaf(1)]))) == 2
        assert runs == ["leaf", "node"]


def test_a_recursion_over_one_pure_call_a_bounce_is_right(engine):
    @cs.task(pure=True)
    def double(x):
        return 2 * x

    @cs.task
    def loop(n, total=0):
        return total if n == 0 else loop(n - 1, add(total, double(n)))

    assert engine.run(loop(20)) == 420


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: cs.task(3), TypeError, "@cs.task needs a function, and got int."),
        (lambda: cs.task(one), TypeError, "'one' is a task already. Decorate it once."),
        (
            lambda: cs.task(mode="process")(lambda: 1),
            ValueError,
            "task '<lambda>' has mode='process'. Use 'inline' or 'thread'.",
        ),
    ],
)
def test_what_can_not_be_a_task_is_refused(make, error, message):
    with pytest.raises(error) as caught:
        make()
    assert str(caught.value) == message


def test_a_generator_function_is_no_task():
    def rows():
        yield 1

    with pytest.raises(TypeError) as caught:
        cs.task(rows)
    assert str(caught.value) == (
        "'rows' is a generator function, which has no single result. "
        "Return a list, or decorate it with @cs.resource."
    )


def test_an_async_body_can_not_run_in_a_thread():
    async def fetch():
        pass

    with pytest.raises(TypeError) as caught:
        cs.task(mode="thread")(fetch)
    assert str(caught.value) == (
        "task 'fetch' is async and has mode=\"thread\", but an async body runs on the event loop. "
        "Leave the mode out, or make the body a plain function."
    )


def test_a_callable_without_a_signature_is_refused():
    with pytest.raises(TypeError) as caught:
        cs.task(dict)
    assert str(caught.value) == (
        "<class 'dict'> shows no signature, so its calls can't be checked. "
        "Wrap it in a function of your own and decorate that."
    )


def test_callable_objects_can_be_tasks(engine):
    class Adder:
        def __call__(self, a, b):
            return a + b

    class Waiter:
        async def __call__(self, a):
            await asyncio.sleep(0)
            return a

    adder, waiter = cs.task(Adder()), cs.task(name="waiter")(Waiter())
    for _ in range(12):
        assert engine.run(adder(one(), waiter(2))) == 3


@pytest.mark.parametrize("target", [3, None, "done", [one(), 3]])
def test_what_is_no_lazy_result_is_no_target(engine, target):
    with pytest.raises(cs.NotATargetError) as caught:
        engine.run(target)
    wrong = target[1] if isinstance(target, list) else target
    assert caught.value.value is wrong
    assert str(caught.value) == (
        f"a run needs a lazy result, and got {type(wrong).__name__}. "
        "Call a function decorated with @cs.task and pass what it returns."
    )


def test_the_sync_door_says_where_to_go_inside_a_loop():
    async def main():
        cs.run(one())

    with pytest.raises(cs.RunningLoopError) as caught:
        asyncio.run(main())
    assert str(caught.value) == (
        "cs.run() was called inside a running event loop, which it would block. "
        "Write 'await cs.Engine().run(target)' there."
    )


def test_lazy_is_the_same_object_for_a_type_checker():
    call = one()
    assert cs.lazy(call) is call
    with pytest.raises(TypeError) as caught:
        cs.lazy(3)
    assert str(caught.value) == (
        "cs.lazy() needs a lazy result, and got int. Pass what a task call returned."
    )


def test_a_signature_is_read_once_however_many_tasks_share_the_function(monkeypatch):
    reads = []
    real = signature.read_signature
    monkeypatch.setattr(signature, "read_signature", lambda f: reads.append(f) or real(f))

    def body(n):
        return "done" if n == 0 else first(n - 1)

    first, second = cs.task(body), cs.task(name="again")(body)
    assert cs.run(second(30)) == "done"
    assert reads == [body]


def test_the_public_names_are_these():
    assert sorted(cs.__all__) == [
        "CacheKey",
        "CachePolicy",
        "CascadeError",
        "ConstraintError",
        "CyclicTargetError",
        "DependencyMissingError",
        "Engine",
        "Env",
        "Event",
        "Explanation",
        "Generation",
        "Inject",
        "LazyResult",
        "MISS",
        "MappedLazyResult",
        "MemoryCache",
        "MemoryCacheStatistics",
        "MemoryState",
        "NotATargetError",
        "Param",
        "ParamError",
        "Resource",
        "ResourceAcquired",
        "ResourceError",
        "ResourceEvent",
        "ResourceReleased",
        "Router",
        "RunFinished",
        "RunStarted",
        "RunningLoopError",
        "SkipReason",
        "State",
        "StateKey",
        "StaticAnalysisWarning",
        "Statistics",
        "Status",
        "TailCall",
        "Task",
        "TaskBlocked",
        "TaskEvent",
        "TaskFinished",
        "TaskRetrying",
        "TaskSkipped",
        "TaskStarted",
        "explain",
        "lazy",
        "resource",
        "run",
        "task",
        "visualize",
    ]
    assert all(hasattr(cs, name) for name in cs.__all__)


def test_an_engine_shows_documented_names_alone():
    shown = {name: getattr(cs.Engine, name).__doc__ for name in dir(cs.Engine()) if name[0] != "_"}
    assert list(shown) == [
        "clear_caches",
        "close",
        "pause",
        "register",
        "resume",
        "run",
        "set_concurrency",
        "set_rate",
        "statistics",
        "subscribe",
    ]
    assert all(shown.values())


def test_callables_that_compare_equal_keep_their_own_signatures(engine):
    class Equal:
        def __eq__(self, other):
            return isinstance(other, Equal)

        __hash__ = None

    class One(Equal):
        def __call__(self, a):
            return a

    class Two(Equal):
        def __call__(self, a, b):
            return a, b

    first, second = cs.task(name="one")(One()), cs.task(name="two")(Two())
    assert engine.run([first(1), second(1, 2)]) == [1, (1, 2)]


def test_a_pure_task_takes_a_list_that_holds_itself(engine):
    own = []
    own.append(own)

    @cs.task(pure=True)
    def size(items):
        return len(items)

    assert engine.run(add(size(own), size(own))) == 2
    assert engine.run(add(size(frozenset({1})), size(frozenset({1.0})))) == 2


def test_texts_beyond_the_bound_are_dropped(monkeypatch):
    monkeypatch.setattr(source, "_TEXTS_KEPT", 3)
    made = [
        source.function_from(f"def made():\n    return {n}\n", "made", {}, label=f"made {n}")
        for n in range(6)
    ]
    assert [each() for each in made] == list(range(6))
    assert len(source._compiled) == 3
    again = source.function_from("def made():\n    return 5\n", "made", {})
    assert again.__code__.co_filename == made[5].__code__.co_filename


def test_a_parameter_that_is_given_by_name_alone_reaches_the_body(engine):
    @cs.task
    def loop(n, *, step=1, log):
        log.append(step)
        return step if n == 0 else loop(n - 1, log=log)

    for _ in range(3):
        log = []
        assert engine.run(loop(20, step=one(), log=log)) == 1
        assert log == [1] * 21
    with pytest.raises(TypeError, match=r"loop\(\) takes 1 positional argument but 2 were given$"):
        loop(1, 2)


def test_a_tail_call_in_the_only_argument_is_gone_on_with(engine):
    log = []

    @cs.task
    def sometimes(n):
        log.append(n)
        return sometimes(n // 10) if n > 9 else n

    @cs.task
    def loop(n, seen=0):
        return seen if n == 0 else loop(n - 1, add(seen, sometimes(n)))

    for _ in range(2):
        log.clear()
        assert engine.run(loop(12)) == sum([1, 1, 1, 9, 8, 7, 6, 5, 4, 3, 2, 1])
        assert log == [12, 1, 11, 1, 10, 1, 9, 8, 7, 6, 5, 4, 3, 2, 1]


def test_objects_in_a_list_are_values_and_a_call_beside_them_is_resolved(engine):
    thing = object()
    items = [thing, thing]
    for _ in range(12):
        assert engine.run(give(items)) is items
        assert engine.run(give([thing, one()])) == [thing, 1]


def test_pure_calls_merge_by_complex_numbers_dicts_and_never_by_what_has_no_hash(engine):
    runs = []

    @cs.task(pure=True)
    def load(key):
        runs.append(key)
        return key

    @cs.task
    def gather(*items):
        return len(items)

    shared = bytearray(b"x")
    keys = [1j, 1j, complex(-0.0, 1), bytearray(b"x"), shared, shared]
    for _ in range(12):
        runs.clear()
        assert engine.run(gather(*map(load, keys))) == 6
        assert runs == [1j, complex(-0.0, 1), b"x", b"x"]
        runs.clear()
        first, second = one(), one()
        calls = [load({"a": first}), load({"a": first}), load({"b": first}), load({"a": second})]
        assert engine.run(gather(*calls)) == 4
        assert runs == [{"a": 1}, {"b": 1}, {"a": 1}]


def test_a_threaded_body_that_has_not_begun_does_not_run_when_its_run_is_cancelled(engine):
    log = []
    begun, go_on = threading.Event(), threading.Event()

    @cs.task(mode="thread")
    def work(name):
        log.append(name)
        begun.set()
        assert go_on.wait(10)

    async def main():
        running = asyncio.ensure_future(made.run(work.map(name=["first", "second"])))
        await asyncio.get_running_loop().run_in_executor(None, begun.wait, 10)
        running.cancel()
        for _ in range(5):
            await asyncio.sleep(0)
        go_on.set()
        await asyncio.wait([running])
        assert running.cancelled()

    made = engine(max_threads=1)
    asyncio.run(main())
    assert log == ["first"]


def test_a_run_that_is_cancelled_twice_waits_for_its_bodies_all_the_same(engine, log_of):
    made = engine()
    log = log_of(made)
    cleaned = []

    @cs.task
    async def slow(name):
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(10):
                await asyncio.sleep(0)
            cleaned.append(name)

    async def main():
        running = asyncio.ensure_future(made.run(slow.map(name=["first", "second"])))
        while len(log) < 3:
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait([running])
        assert running.cancelled()

    asyncio.run(main())
    assert cleaned == ["first", "second"]
    assert log == [
        ("RunStarted",),
        ("TaskStarted", "slow"),
        ("TaskStarted", "slow"),
        ("TaskFinished", "slow", "cancelled"),
        ("TaskFinished", "slow", "cancelled"),
        ("RunFinished", "cancelled"),
    ]


def test_pure_calls_merge_in_a_loop_where_their_values_are_equal_and_only_there(engine):
    ran = []

    @cs.task(pure=True)
    def half(n):
        ran.append(n)
        return n

    @cs.task(pure=True)
    def both(a, b=0):
        ran.append((a, b))
        return a, b

    @cs.task
    def loop(n, value=None):
        if n == 0:
            return value
        other = (n, n + 1, float(n), [n], True)[n % 5]
        return loop(n - 1, [both(half(n), half(other)), {"again": both(half(n), half(n))}])

    def expected(n):
        other = (n, n + 1, float(n), [n], True)[n % 5]
        same = other is n
        return [n, *([] if same else [other]), (n, other), *([] if same else [(n, n)])]

    for _ in range(2):
        ran.clear()
        assert engine.run(loop(40)) == [(1, 2), {"again": (1, 1)}]
        rest = list(ran)
        for n in range(40, 0, -1):
            bounce, rest = rest[: len(expected(n))], rest[len(expected(n)) :]
            assert sorted(map(repr, bounce)) == sorted(map(repr, expected(n)))
        assert not rest


def test_merged_calls_that_come_after_one_another_run_once(engine):
    ran = []

    @cs.task(pure=True)
    def once(n):
        ran.append(n)
        return n

    @cs.task
    def loop(n, a=0, b=0):
        if n == 0:
            return a, b
        first, second = once(n), once(n)
        return loop(n - 1, cs.lazy(once(-n)).after(second), second).after(first)

    ran.clear()
    assert engine.run(loop(20)) == (-1, 1)
    assert len(ran) == 40


def errors():
    """One of each of the engine's own errors, made as the engine makes it."""

    @cs.task
    def skipped():
        return None

    @cs.task
    def needs(db=cs.Inject("db")):
        return db

    ring = []
    target = give(ring)
    ring.append(target)

    async def inside():
        cs.run(add(1, 1))

    return {
        cs.DependencyMissingError: lambda: cs.run(skipped().run_if(False)),
        cs.ParamError: lambda: cs.run(give(cs.Param("absent"))),
        cs.ResourceError: lambda: cs.run(needs()),
        cs.ConstraintError: lambda: cs.Engine().set_rate("*", "fast"),
        cs.NotATargetError: lambda: cs.run(lambda: None),
        cs.CyclicTargetError: lambda: cs.run(target),
        cs.RunningLoopError: lambda: asyncio.run(inside()),
    }


@pytest.mark.parametrize("kind", errors())
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_the_engines_errors_survive_pickling_with_what_they_say(kind, protocol):
    with pytest.raises(kind) as caught:
        errors()[kind]()
    error = caught.value
    error.add_note("seen")
    for again in (pickle.loads(pickle.dumps(error, protocol)), copy.copy(error)):
        assert type(again) is kind
        assert str(again) == str(error)
        lost = {"value": None} if kind is cs.NotATargetError else {}
        assert vars(again) == {**vars(error), **lost}


def test_every_error_of_the_engine_was_pickled():
    found, pending = set(), [cs.CascadeError]
    while pending:
        below = pending.pop().__subclasses__()
        found.update(below)
        pending += below
    assert found == set(errors())


class Proxy:
    """What stands for another object until it is asked for its class, as lazy proxies do."""

    asked: ClassVar[list[str]] = []

    @property
    def __class__(self):
        self.asked.append("__class__")
        return cs.LazyResult

    def __hash__(self):
        self.asked.append("__hash__")
        raise TypeError("made real")

    def __eq__(self, other):
        self.asked.append("__eq__")
        return True

    def __bool__(self):
        self.asked.append("__bool__")
        raise TypeError("made real")


@pytest.mark.parametrize("pure", [False, True])
def test_a_value_is_asked_for_nothing_but_its_type(engine, pure):
    @cs.task(pure=pure)
    def take(value, more=None):
        return value

    @cs.task
    async def take_async(value):
        return value

    @cs.task
    def loop(n, value, given):
        return given if n == 0 else loop(n - 1, value, take(value))

    @cs.task
    def gather(*items):
        return list(items)

    proxy = Proxy()
    Proxy.asked.clear()
    for _ in range(12):
        targets = [
            loop(12, proxy, 1),
            loop(12, [proxy, (proxy, {"x": proxy})], take(proxy)),
            take(take_async(proxy), [one(), proxy]),
            take.map(value=[proxy, proxy], more=take([1, 2])),
            take(cs.Router(selector=1, routes={1: proxy})),
            take(proxy).with_retry(2).with_cache(cs.MemoryCache()),
        ]
        results = [engine.run(target) for target in targets]
        assert all(
            result is proxy
            for result in (results[0], results[2], *results[3], results[4], results[5])
        )
        assert results[1][0] is proxy
        assert engine.run(gather(take(proxy), take(proxy)))[0] is proxy
    assert Proxy.asked == []


def test_a_function_around_a_coroutine_function_is_awaited(engine):
    def logged(function):
        @functools.wraps(function)
        def wrapper(*args):
            return function(*args)

        return wrapper

    def answering(function):
        @functools.wraps(function)
        def wrapper(*args):
            return "answered"

        return wrapper

    @cs.task
    @logged
    async def load(n):
        await asyncio.sleep(0)
        return n if n == 0 else load(n - 1)

    @cs.task
    @answering
    async def never(n):
        raise AssertionError

    for _ in range(12):
        assert engine.run(load(3)) == 0
        assert engine.run(give(load(1))) == 0
        assert engine.run(never(1)) == "answered"
    with pytest.raises(TypeError, match=r"^task 'load' is async and has mode"):
        cs.task(mode="thread")(load.__wrapped__)


def test_a_class_is_called_and_its_instance_is_awaited(engine):
    class Agent:
        def __init__(self, name):
            self.name = name

        async def __call__(self, n):
            return self.name * n

    made = engine.run(cs.task(Agent)("a"))
    assert type(made) is Agent
    assert engine.run(cs.task(made)(3)) == "aaa"


@pytest.mark.parametrize("name", ["lazy_", "LazyClass_", "lazyclass__", "construct", "body", "a"])
def test_a_parameter_may_have_any_name(engine, name):
    namespace = {}
    exec(f"def take({name}, *, {name}2=2): return {name}, {name}2", namespace)
    take = cs.task(namespace["take"])
    for _ in range(12):
        assert engine.run(take(one())) == (1, 2)
        assert engine.run(take(**{name: 1, f"{name}2": one()}).with_retry()) == (1, 1)


def test_a_mock_can_be_a_body(engine):
    plain, waits = mock.Mock(return_value=5), mock.AsyncMock(return_value=6)
    for body, value in ((plain, 5), (waits, 6)):
        task = cs.task(name="mocked")(body)
        assert engine.run(task(1, x=give(2))) == value
        body.assert_called_once_with(1, x=2)
    with pytest.raises(TypeError, match=r"^TailCall needs a task, and got Mock\b"):
        cs.TailCall(plain, 1)


def test_annotations_are_not_evaluated(monkeypatch):
    real = inspect.get_annotations

    def get_annotations(thing, **options):
        if real(thing):
            raise NameError("name 'Later' is not defined")
        return {}

    def body(a: Later, /, b: Later = 2, *c: Later, d: Later = 4, **e: Later) -> Later:  # noqa: F821
        return a

    monkeypatch.setattr(inspect, "get_annotations", get_annotations)
    task = cs.task(body)
    assert cs.run(task(1)) == 1
    kinds = [(each.name, each.kind.name, each.default) for each in task.spec.parameters]
    assert kinds == [
        ("a", "POSITIONAL_ONLY", inspect.Parameter.empty),
        ("b", "POSITIONAL_OR_KEYWORD", 2),
        ("c", "VAR_POSITIONAL", inspect.Parameter.empty),
        ("d", "KEYWORD_ONLY", 4),
        ("e", "VAR_KEYWORD", inspect.Parameter.empty),
    ]


@dataclasses.dataclass
class Message:
    text: object
    more: object = None


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    text: object


HIDING = {
    "dataclass": Message,
    "field behind a plain one": lambda item: Message(1, item),
    "frozen dataclass with slots": Slotted,
    "deque": lambda item: collections.deque([1, item]),
    "namespace": lambda item: types.SimpleNamespace(x=item),
    "mapping proxy": lambda item: types.MappingProxyType({"x": item}),
    "ordered dict": lambda item: collections.OrderedDict(x=item),
    "default dict": lambda item: collections.defaultdict(list, x=item),
    "deque in a dataclass": lambda item: Message(collections.deque([item])),
}


@pytest.mark.parametrize("hide", HIDING.values(), ids=HIDING)
@pytest.mark.parametrize("depth", [0, 1])
def test_a_call_in_what_is_not_rebuilt_is_refused_and_never_reaches_a_body(engine, hide, depth):
    got = []

    @cs.task
    def loop(n, value):
        got.append(value)
        return value if n == 0 else loop(n - 1, hide(one()) if n == 3 else value)

    def wrapped(item):
        return [hide(item)] if depth else hide(item)

    plain = wrapped(1)
    for _ in range(12):
        assert engine.run(give(plain)) is plain
    for marker in (one(), cs.Param("x", 1), cs.Router(selector=1, routes={1: 1}), [one()]):
        for _ in range(2):
            with pytest.raises(TypeError, match=r"^argument 'value' of task 'give' holds a lazy"):
                engine.run(give(wrapped(marker)))
    got.clear()
    with pytest.raises(TypeError, match=r"^argument 'value' of task 'loop' holds a lazy"):
        engine.run(loop(15, plain))
    assert all(each is plain for each in got)
    assert len(got) == 13


def test_a_dataclass_without_one_of_its_fields_is_a_value(engine):
    value = Slotted.__new__(Slotted)
    assert engine.run(give(value)) is value
