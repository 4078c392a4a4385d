from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

import cascade as cs


@cs.task
def one():
    return 1


@cs.task
def double(x):
    return 2 * x


@cs.task
def give(value):
    return value


@cs.task
def gather(*items):
    return items


def test_map_runs_one_call_per_item_in_order(engine):
    for _ in range(12):
        assert engine.run(double.map(x=[1, 2, 3])) == [2, 4, 6]
        assert engine.run(give(double.map(x=(one(), 2)))) == [2, 4]


def test_map_over_empty_columns_gives_an_empty_list(engine):
    assert engine.run(double.map(x=[])) == []


def test_map_takes_several_columns_and_a_lazy_one(engine):
    @cs.task
    def join(a, b, c="c"):
        return f"{a}{b}{c}"

    @cs.task
    def column():
        return ["x", "y"]

    for _ in range(12):
        assert engine.run(join.map(a=[1, 2], b=column())) == ["1xc", "2yc"]


def test_map_can_be_a_tail_call(engine):
    @cs.task
    def all_of(n):
        return double.map(x=list(range(n)))

    for _ in range(12):
        assert engine.run(all_of(3)) == [0, 2, 4]


def test_mapped_items_may_tail_call(engine):
    @cs.task
    def countdown(n):
        return f"done {n}" if n <= 0 else countdown(n - 2)

    for _ in range(12):
        assert engine.run(countdown.map(n=[4, 3, 0])) == ["done 0", "done -1", "done 0"]


def countdowns():
    @cs.task
    async def in_async(n):
        return f"done {n}" if n <= 0 else in_async(n - 2)

    @cs.task(mode="thread")
    def in_thread(n):
        return f"done {n}" if n <= 0 else in_thread(n - 2)

    @cs.task
    def inline(n):
        return f"done {n}" if n <= 0 else inline(n - 2)

    @cs.task
    def explicit(n):
        return f"done {n}" if n <= 0 else cs.TailCall(explicit, n - 2)

    return [
        (in_async, {}),
        (in_thread, {}),
        (inline, {"retry": True}),
        (inline, {"cache": True}),
        (inline, {"slot": True}),
        (inline, {"limit": True}),
        (explicit, {"retry": True}),
    ]


@pytest.mark.parametrize("case", range(7))
@pytest.mark.parametrize("place", ["target", "tail call", "nested body", "argument"])
def test_what_mapped_items_tail_call_is_gone_on_with_wherever_the_map_stands(engine, case, place):
    countdown, options = countdowns()[case]
    made = engine(capacity={"slot": 2})
    if "limit" in options:
        made.set_concurrency("*", 2)

    def mapped():
        calls = countdown.map(n=[4, 3, 0])
        if "retry" in options:
            calls = calls.with_retry(2)
        if "cache" in options:
            calls = calls.with_cache(cs.MemoryCache())
        return calls.with_constraints(slot=1) if "slot" in options else calls

    @cs.task
    def hop():
        return mapped()

    target = {"target": mapped, "tail call": hop, "nested body": lambda: give(hop())}.get(
        place, lambda: give(mapped())
    )
    for _ in range(10):
        assert asyncio.run(made.run(target())) == ["done 0", "done -1", "done 0"]


def test_a_mapped_items_cache_gets_the_items_own_value(engine):
    @cs.task
    def countdown(n):
        return f"done {n}" if n <= 0 else countdown(n - 2)

    cache = cs.MemoryCache()
    for _ in range(3):
        assert engine.run(countdown.map(n=[4, 3]).with_cache(cache)) == ["done 0", "done -1"]
        assert engine.run(countdown(3).with_cache(cache)) == "done -1"


def test_an_error_behind_a_mapped_items_tail_call_is_raised(engine):
    @cs.task
    async def sinking(n):
        if n < 0:
            raise ValueError(n)
        return sinking(n - 1)

    with pytest.raises(ValueError, match=r"^-1$"):
        engine.run(sinking.map(n=[3, 1]))


def test_async_mapped_items_run_at_the_same_time(engine):
    met = []

    @cs.task
    async def meet(x):
        met.append(x)
        while len(met) < 3:
            await asyncio.sleep(0)
        return x

    assert engine.run(meet.map(x=[1, 2, 3])) == [1, 2, 3]


def test_map_hands_its_policies_to_the_items(engine):
    failed = []

    @cs.task
    def flaky(x):
        if x not in failed:
            failed.append(x)
            raise ValueError(x)
        return x

    assert engine.run(flaky.map(x=[1, 2]).with_retry(2)) == [1, 2]
    assert failed == [1, 2]


def test_a_map_is_skipped_as_a_whole(engine):
    with pytest.raises(cs.DependencyMissingError):
        engine.run(double.map(x=[1]).run_if(False))


def test_map_injects_the_resources_that_are_defaults(engine):
    @cs.resource
    def unit():
        yield 7

    @cs.task
    def scaled(x, unit=cs.Inject("unit")):
        return x * unit

    assert asyncio.run(engine(resources=[unit]).run(scaled.map(x=[1, 2]))) == [7, 14]


def test_columns_of_unequal_length_are_refused_at_the_call_with_their_lengths():
    @cs.task
    def pair(a, b):
        return a, b

    with pytest.raises(ValueError) as caught:
        pair.map(a=[1, 2, 3], b=[1])
    assert str(caught.value) == (
        "the columns of 'pair.map' differ in length (a: 3, b: 1). Pass one value per item in each."
    )


def test_lazy_columns_of_unequal_length_are_refused_when_they_are_known(engine):
    @cs.task
    def pair(a, b):
        return a, b

    with pytest.raises(ValueError, match=r"\(a: 2, b: 1\)"):
        engine.run(pair.map(a=[1, 2], b=give([1])))


def test_a_column_that_has_no_items_is_refused(engine):
    with pytest.raises(TypeError) as caught:
        engine.run(double.map(x=one()))
    assert str(caught.value) == (
        "column 'x' of 'double.map' is int, which has no items. "
        "Pass a list, or a lazy result of one."
    )


def test_a_map_with_a_wrong_column_raises_at_the_call():
    with pytest.raises(TypeError, match=r"^double\(\) got an unexpected keyword argument 'y'$"):
        double.map(y=[1])


def test_a_router_runs_the_chosen_route_alone(engine):
    ran = []

    @cs.task
    def route(name):
        ran.append(name)
        return name

    for _ in range(12):
        for key in ("a", "b"):
            ran.clear()
            chosen = cs.Router(selector=give(key), routes={"a": route("A"), "b": route("B")})
            assert engine.run(give(chosen)) == key.upper()
            assert ran == [key.upper()]


def test_a_route_that_is_needed_elsewhere_runs_all_the_same(engine):
    ran = []

    @cs.task
    def route(name):
        ran.append(name)
        return name

    for _ in range(12):
        ran.clear()
        other = route("other")
        chosen = cs.Router(selector="a", routes={"a": route("mine"), "b": other})
        assert engine.run(gather(chosen, other)) == ("mine", "other")
        assert sorted(ran) == ["mine", "other"]


def test_routers_nest_and_share_what_they_select_from(engine):
    ran = []

    @cs.task
    def route(name, *needs):
        ran.append(name)
        return name, *needs

    for _ in range(12):
        ran.clear()
        shared = route("shared")
        inner = cs.Router(selector=give("y"), routes={"x": route("x"), "y": route("y", shared)})
        outer = cs.Router(selector=give(2), routes={1: route("one"), 2: route("two", inner)})
        assert engine.run(gather(outer, inner)) == (
            ("two", ("y", ("shared",))),
            ("y", ("shared",)),
        )
        assert ran == ["shared", "y", "two"]


def test_a_router_may_choose_values_and_be_inside_a_container(engine):
    router = cs.Router(selector=True, routes={False: "no", True: [one()]})
    assert engine.run(give([router])) == [[1]]


def test_a_loop_whose_router_changes_its_mind_is_right(engine):
    @cs.task
    def loop(n, seen=()):
        if n == 0:
            return seen
        routed = cs.Router(selector=n % 2, routes={0: give("even"), 1: give("odd")})
        return loop(n - 1, grow(seen, routed))

    @cs.task
    def grow(seen, item):
        return (*seen, item)

    assert engine.run(loop(20)) == ("even", "odd") * 10


def test_an_unknown_route_is_an_error_that_names_the_keys(engine):
    router = cs.Router(selector=give("c"), routes={"a": 1, "b": 2})
    with pytest.raises(ValueError) as caught:
        engine.run(give(router))
    assert str(caught.value) == (
        "a Router's selector gave 'c', and its routes are 'a', 'b'. "
        "Add a route for it, or select one of these."
    )


def test_a_router_needs_a_route():
    with pytest.raises(ValueError) as caught:
        cs.Router(selector="a", routes={})
    assert str(caught.value) == (
        "a Router without routes can choose nothing. Give it at least one route."
    )


def test_a_failing_or_skipped_route_is_the_consumers_trouble_only_when_chosen(engine):
    skipped = give(1).run_if(False)
    for _ in range(12):
        fine = cs.Router(selector="a", routes={"a": one(), "b": skipped})
        assert engine.run(give(fine)) == 1
        with pytest.raises(cs.DependencyMissingError, match="was skipped"):
            engine.run(give(cs.Router(selector="b", routes={"a": one(), "b": skipped})))


def test_params_come_from_the_run_with_defaults_and_conversion(engine):
    count = cs.Param("count", default=2, type=int, description="how many")
    flag = cs.Param("flag", default=False, type=bool)
    for _ in range(12):
        assert engine.run(gather(count, [flag])) == (2, [False])
        assert engine.run(gather(count, [flag]), {"count": "3", "flag": "yes"}) == (3, [True])
        assert engine.run(gather(count, [flag]), {"count": 4, "flag": False}) == (4, [False])


def test_a_param_keeps_its_value_through_a_loop(engine):
    step = cs.Param("step", type=int)

    @cs.task
    def loop(n, step=step):
        return step if n <= 0 else loop(n - 1)

    assert engine.run(loop(30), {"step": "5"}) == 5
    assert engine.run(loop(30), {"step": "6"}) == 6


def test_a_missing_param_is_an_error_before_any_task(engine):
    ran = []

    @cs.task
    def note():
        ran.append("note")

    with pytest.raises(cs.ParamError) as caught:
        engine.run(gather(note(), cs.Param("path")))
    assert ran == []
    assert caught.value.name == "path"
    assert str(caught.value) == (
        "parameter 'path' has no value and no default. "
        "Pass params={'path': ...} to the run, or give Param('path', default=...)."
    )


@pytest.mark.parametrize(
    ("kind", "given", "name"), [(int, "three", "int"), (float, None, "float"), (bool, "so", "bool")]
)
def test_a_value_that_can_not_be_converted_is_refused_with_the_params_name(
    engine, kind, given, name
):
    with pytest.raises(cs.ParamError) as caught:
        engine.run(give(cs.Param("count", type=kind)), {"count": given})
    assert caught.value.name == "count"
    assert str(caught.value) == (
        f"parameter 'count' can't be read as {name}: got {given!r}. "
        f"Pass a value that {name} accepts."
    )


def test_env_is_read_when_the_run_starts(engine, monkeypatch):
    marker = cs.Env("CASCADE_TEST_HOME", default="nowhere")
    monkeypatch.delenv("CASCADE_TEST_HOME", raising=False)
    for _ in range(12):
        assert engine.run(give(marker)) == "nowhere"
    monkeypatch.setenv("CASCADE_TEST_HOME", "here")
    assert engine.run(give(marker)) == "here"


def test_a_missing_env_is_an_error_that_names_it(engine, monkeypatch):
    monkeypatch.delenv("CASCADE_TEST_HOME", raising=False)
    with pytest.raises(cs.ParamError) as caught:
        engine.run(give(cs.Env("CASCADE_TEST_HOME")))
    assert str(caught.value) == (
        "environment variable 'CASCADE_TEST_HOME' has no value and no default. "
        "Set it in the environment, or give Env('CASCADE_TEST_HOME', default=...)."
    )


def test_maps_over_other_columns_and_of_other_tasks_keep_apart(engine):
    @cs.task
    def pair(a=0, b=0):
        return a, b

    for _ in range(12):
        assert engine.run(pair.map(a=[1, 2])) == [(1, 0), (2, 0)]
        assert engine.run(pair.map(b=[1, 2])) == [(0, 1), (0, 2)]
        assert engine.run(double.map(x=[1, 2])) == [2, 4]


def refusing(scope):
    @cs.resource(scope=scope)
    def refused():
        raise OSError("no route to it")
        yield

    return refused


@cs.task
def uses(value, it=cs.Inject("refused")):
    return value, it


NEEDY = {
    "resource as a default": lambda: uses(1),
    "resource as an argument": lambda: give([cs.Inject("refused")]),
    "parameter": lambda: give(cs.Param("absent")),
    "variable": lambda: give({"x": cs.Env("CASCADE_ABSENT")}),
    "two levels": lambda: give(give(cs.Param("absent"))),
    "mapped": lambda: uses.map(value=[1, 2]),
    "amount": lambda: one().with_constraints(slot=cs.Param("absent")),
    "condition": lambda: one().run_if(cs.Inject("refused")),
}


@pytest.mark.parametrize("scope", ["run", "step"])
@pytest.mark.parametrize("needy", NEEDY.values(), ids=NEEDY)
def test_what_a_route_that_is_not_taken_needs_is_not_read(engine, scope, needy):
    made = engine(resources=[refusing(scope)], capacity={"slot": 1})

    @cs.task
    def loop(n, chosen):
        return chosen if n == 0 else loop(n - 1, routed())

    def routed():
        return cs.Router(selector=give("a"), routes={"a": one(), "b": needy()})

    for _ in range(3):
        assert asyncio.run(made.run(loop(3, routed()))) == 1


@pytest.mark.parametrize("scope", ["run", "step"])
@pytest.mark.parametrize(
    "needy", [NEEDY[name] for name in NEEDY if name not in ("two levels", "condition")]
)
def test_what_a_skipped_task_needs_is_not_read(engine, scope, needy):
    made = engine(resources=[refusing(scope)], capacity={"slot": 1})

    @cs.task
    def none():
        return False

    for _ in range(3):
        with pytest.raises(cs.DependencyMissingError):
            asyncio.run(made.run(needy().run_if(none())))
        with pytest.raises(cs.DependencyMissingError):
            asyncio.run(made.run(gather(needy().run_if(none()), 1)))


@pytest.mark.parametrize(
    "route",
    [cs.Inject("refused"), cs.Param("absent"), [cs.Env("CASCADE_ABSENT")]],
    ids=["resource", "parameter", "variable"],
)
def test_a_marker_that_is_a_route_itself_is_read_when_it_is_taken(engine, route):
    made = engine(resources=[refusing("run")])

    def routed(key):
        return give(cs.Router(selector=key, routes={"a": 7, "b": route}))

    for _ in range(3):
        assert asyncio.run(made.run(routed("a"))) == 7
        with pytest.raises((OSError, cs.ParamError)):
            asyncio.run(made.run(routed("b")))


def test_what_is_needed_late_is_opened_once_and_closed_in_reverse(engine):
    log = []

    @cs.resource
    def first():
        log.append("open first")
        yield "first"
        log.append("close first")

    @cs.resource(scope="step")
    def second(first=cs.Inject("first")):
        log.append(f"open second on {first}")
        yield "second"
        log.append("close second")

    @cs.task
    def late(n, it=cs.Inject("second")):
        log.append(f"body {n} {it}")
        return n

    @cs.task
    async def condition():
        return True

    @cs.task
    def loop(n, got):
        return "done" if n == 0 else loop(n - 1, gather(late(n).run_if(condition()), late(-n)))

    made = engine(resources=[first, second])
    for _ in range(3):
        log.clear()
        assert asyncio.run(made.run(loop(2, cs.Router(selector=1, routes={1: late(9)})))) == "done"
        assert log == [
            *("open first", "open second on first", "body 9 second", "close second"),
            *("open second on first", "body -2 second", "body 2 second", "close second"),
            *("open second on first", "body -1 second", "body 1 second", "close second"),
            "close first",
        ]


def test_an_input_of_a_condition_or_of_a_task_that_runs_in_any_case_is_read_first(engine):
    ran = []

    @cs.task
    def noted(value):
        ran.append(value)
        return value

    for target in (
        gather(noted(1), give(cs.Param("absent"))),
        gather(noted(1), one().run_if(cs.Param("absent"))),
        gather(noted(1), cs.Router(selector=cs.Param("absent"), routes={1: 1})),
    ):
        with pytest.raises(cs.ParamError):
            engine.run(target)
    assert ran == []


def test_each_item_is_given_what_a_call_of_its_own_would_be(engine):
    given = []

    @cs.task
    def plain(a, *rest, b=7, **more):
        given.append(more)
        return a, rest, b, more

    assert engine.run(plain.map(a=[1, 2])) == [(1, (), 7, {}), (2, (), 7, {})]
    assert engine.run(plain.map(a=[1, 2], d=[3, 4], e=[5, 6])) == [
        (1, (), 7, {"d": 3, "e": 5}),
        (2, (), 7, {"d": 4, "e": 6}),
    ]
    assert len(set(map(id, given))) == 4


@pytest.mark.parametrize("fails", [False, True])
def test_who_comes_to_listen_in_an_item_of_a_map_hears_of_that_item(engine, log_of, fails):
    logs = []

    @cs.task
    def item(n):
        if n == 2:
            logs.append(log_of(engine.default, cs.TaskEvent))
            if fails:
                raise OSError
        return n

    for _ in range(2):
        logs.clear()
        if fails:
            with pytest.raises(OSError):
                engine.run(item.map(n=[1, 2, 3]))
            assert logs == [[("TaskFinished", "item", "failed")]]
        else:
            assert engine.run(item.map(n=[1, 2, 3])) == [1, 2, 3]
            assert logs == [
                [
                    ("TaskFinished", "item", "succeeded"),
                    ("TaskStarted", "item"),
                    ("TaskFinished", "item", "succeeded"),
                ]
            ]
        for log in logs:
            log.unsubscribe()


@cs.task
def plus(a, b=0):
    return a + b


@cs.task
def hops(n):
    return hops(n - 1) if n else "hopped"


def routers(n, shared):
    """Routers of one structure whose selectors and routes differ from bounce to bounce."""
    return cs.Router(
        selector=plus(n % 4, 0),
        routes={0: plus(shared, 10), plus(1): [shared, {"n": hops(n % 3)}], 2: n, 3: shared},
    )


@pytest.mark.parametrize("listens", [False, True])
def test_a_router_in_a_loop_runs_the_chosen_route_alone(engine, log_of, listens):
    @cs.task
    def loop(n, value=None, beside=None):
        seen.append(value)
        if n == 0:
            return value
        shared = plus(n, 1)
        return loop(n - 1, routers(n, shared), [shared])

    log = log_of(engine.default, cs.TaskEvent) if listens else []
    logs = []
    for _ in range(3):
        seen = []
        log.clear()
        assert engine.run(loop(24)) == [2, {"n": "hopped"}]
        right = {0: lambda n: n + 11, 1: lambda n: [n + 1, {"n": "hopped"}]}
        right |= {2: lambda n: n, 3: lambda n: n + 1}
        assert seen[1:] == [right[n % 4](n) for n in range(24, 0, -1)]
        logs.append(list(log))
    assert logs[0] == logs[1] == logs[2]
    if listens:
        assert logs[0].count(("TaskFinished", "plus", "succeeded")) == 24 * 3 + 6


@pytest.mark.parametrize("wrong", [9, [], "absent"])
def test_a_router_in_a_loop_says_which_routes_there_are(engine, log_of, wrong):
    @cs.task
    def select(n):
        return wrong if n == 3 else n % 2

    @cs.task
    def loop(n, value=None):
        return value if n == 0 else loop(n - 1, cs.Router(selector=select(n), routes={0: 1, 1: n}))

    for _ in range(3):
        with pytest.raises(ValueError, match=r"selector gave .*, and its routes are 0, 1\. Add"):
            engine.run(loop(20))


def test_who_comes_to_listen_in_a_route_hears_the_rest(engine, log_of):
    log = []

    @cs.task
    def route(n):
        if n == 12:
            log.append(log_of(engine.default, cs.TaskEvent))
        return n

    @cs.task
    def loop(n, value=None):
        if n == 0:
            return value
        return loop(n - 1, cs.Router(selector=n % 2, routes={0: plus(route(n), 1), 1: route(n)}))

    for _ in range(3):
        log.clear()
        assert engine.run(loop(20)) == 1
        log[0].unsubscribe()
        assert log[0][:4] == [
            ("TaskFinished", "route", "succeeded"),
            ("TaskStarted", "plus"),
            ("TaskFinished", "plus", "succeeded"),
            ("TaskStarted", "loop"),
        ]


def test_async_routes_and_retries_beside_a_router_are_right_in_a_loop(engine):
    failing = []

    @cs.task
    async def waits(n):
        await asyncio.sleep(0)
        return n

    @cs.task
    def flaky(n):
        failing.append(n)
        if len(failing) % 3 == 0:
            raise OSError
        return n

    @cs.task
    def loop(n, value=0, total=0):
        if n == 0:
            return total + value
        routes = {0: waits(n), 1: cs.lazy(flaky(n)).with_retry()}
        return cs.lazy(
            loop(n - 1, cs.Router(selector=n % 2, routes=routes), total + value)
        ).with_retry()

    for _ in range(3):
        failing.clear()
        assert engine.run(loop(20)) == 210


def test_a_loop_with_a_router_yields_in_every_slice(engine):
    turns = []

    @cs.task
    def loop(n, value=None):
        return (
            value if n == 0 else loop(n - 1, cs.Router(selector=n % 2, routes={0: plus(n), 1: 1}))
        )

    async def main():
        async def tick():
            while True:
                turns.append(1)
                await asyncio.sleep(0)

        ticker = asyncio.ensure_future(tick())
        assert await engine(slice_s=0.0002).run(loop(3_000)) == 1
        ticker.cancel()

    asyncio.run(main())
    assert len(turns) > 3


def routed(depth, inner):
    for _ in range(depth):
        inner = cs.Router(selector=1, routes={1: inner, 2: one()})
    return inner


@pytest.mark.parametrize("depth", [1, 30, 3000])
def test_routers_may_stand_in_routes_at_any_depth(engine, depth):
    async def within(target):
        return await asyncio.wait_for(engine.default.run(target), 60)

    for _ in range(1 if depth == 3000 else 5):
        assert asyncio.run(within(give(routed(depth, double(one()))))) == 2


@pytest.mark.parametrize("depth", [1, 2000])
def test_routers_may_stand_in_selectors_and_behind_each_other_at_any_depth(engine, depth):
    async def within(target):
        return await asyncio.wait_for(engine.default.run(target), 60)

    selected = one()
    for _ in range(depth):
        selected = give(cs.Router(selector=selected, routes={1: one(), 2: double(one())}))
    assert asyncio.run(within(selected)) == 1


def test_a_skip_behind_a_chain_of_routers_is_found(engine):
    for _ in range(3):
        with pytest.raises(cs.DependencyMissingError) as caught:
            engine.run(give(routed(400, one().run_if(False))))
        assert caught.value.reason == "a task whose result it needs was skipped"


def nested(depth, inner, make=lambda item: [item]):
    for _ in range(depth):
        inner = make(inner)
    return inner


SHAPES = {
    "list": lambda item: [item],
    "tuple": lambda item: (item, 1),
    "dict": lambda item: {"x": item},
}


@pytest.mark.parametrize("make", SHAPES.values(), ids=SHAPES)
def test_a_call_is_resolved_within_50_containers_and_refused_in_more(engine, make):
    made = engine()
    for _ in range(12):
        assert asyncio.run(made.run(give(nested(50, one(), make)))) == nested(50, 1, make)
    message = (
        r"^an argument of task 'give' holds a call or marker in over 50 containers, or in one that "
        r"holds itself\. Build them in a task that gets its value\.$"
    )
    for depth in (51, 400, 2000):
        for inner in (one(), cs.Param("x"), cs.Router(selector=1, routes={1: 1})):
            with pytest.raises(ValueError, match=message):
                asyncio.run(made.run(give(nested(depth, inner, make))))


def test_a_container_that_holds_itself_and_a_call_is_refused(engine):
    items = [one()]
    items.append(items)
    table = {"x": (one(), {})}
    table["x"][1]["y"] = table
    for value in (items, table):
        for _ in range(3):
            with pytest.raises(ValueError, match=r"holds itself\. Build them"):
                engine.run(give(value))
    with pytest.raises(ValueError, match=r"^the target holds a call"):
        cs.visualize(items)


@pytest.mark.parametrize("make", SHAPES.values(), ids=SHAPES)
def test_values_may_be_nested_at_any_depth(engine, make):
    value = nested(30_000, 1, make)

    @cs.task
    def loop(n, cells):
        return cells if n == 0 else loop(n - 1, make(cells))

    for _ in range(3):
        assert engine.run(give(value)) is value
    cells = engine.run(loop(30, value))
    for _ in range(30):
        (cells, *_) = cells.values() if isinstance(cells, dict) else cells
    assert cells is value
    while not isinstance(value, int):
        (value, *_) = value.values() if isinstance(value, dict) else value


def test_positional_only_parameters_can_be_mapped(engine):
    @cs.task
    def join(a, b, /, c, *, d="d"):
        return f"{a}{b}{c}{d}"

    for _ in range(3):
        assert engine.run(join.map(c="xy", b=[1, 2], a=give([3, 4]))) == ["31xd", "42yd"]
    with pytest.raises(TypeError, match=r"join\(\) missing 1 required positional argument: 'b'"):
        join.map(a=[1], c=[1])


def test_a_column_that_can_be_read_once_is_the_same_in_a_second_run(engine):
    mapped = double.map(x=(n for n in range(3)))
    for _ in range(3):
        assert engine.run(mapped) == [0, 2, 4]
    with pytest.raises(ValueError, match=r"differ in length \(a: 2, b: 3\)"):
        pairs.map(a=iter("ab"), b=[1, 2, 3])


@cs.task
def pairs(a, b):
    return a, b


@pytest.mark.parametrize(
    ("wanted", "given"), [(Decimal, "a tenth"), (bool, []), (bool, {}), (bool, 2), (dict, [1])]
)
def test_what_a_type_can_not_read_is_refused_with_the_params_name(engine, wanted, given):
    with pytest.raises(cs.ParamError) as caught:
        engine.run(give(cs.Param("n", type=wanted)), {"n": given})
    assert caught.value.name == "n"
    assert str(caught.value).startswith(f"parameter 'n' can't be read as {wanted.__name__}: got ")


def test_one_input_may_stand_in_several_places(engine):
    name = cs.Param("name")

    @cs.task
    def loop(n, first, second):
        return [first, *second] if n == 0 else loop(n - 1, name, [name, pairs(name, name)])

    for value in range(3):
        assert engine.run(loop(9, 0, []), {"name": value}) == [value, value, (value, value)]


def test_a_router_whose_selector_is_skipped_is_skipped(engine):
    for _ in range(3):
        with pytest.raises(cs.DependencyMissingError) as caught:
            engine.run(give(cs.Router(selector=one().run_if(False), routes={1: one()})))
        assert caught.value.reason == "a task whose result it needs was skipped"
