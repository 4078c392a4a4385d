"""What a bounce carries: read where a call may hide, passed on unread where a parameter says so."""

from __future__ import annotations

import pytest

import cascade as cs
from cascade.graph.build import build_graph
from cascade.graph.literals import is_plain
from cascade.graph.template import template_key


@cs.task
def one():
    return 1


@cs.task
def passed(value):
    return value


@cs.task(opaque=("value",))
def unread(value, read=0):
    return value, read


@cs.task
def last(n, cells):
    return cells[0] if n == 0 else last(n - 1, (n, cells))


@cs.task(opaque=("history",))
def agent(n, history):
    history.append(n)
    return history if n == 0 else agent(n - 1, history)


class Bag(list):
    pass


@pytest.mark.parametrize(
    ("given", "resolved"),
    [
        ([{"a": one()}], [{"a": 1}]),
        ({"a": {"b": [one()]}}, {"a": {"b": [1]}}),
        ({"a": 1, one(): 2}, {"a": 1, 1: 2}),
        (((), ((one(),),)), ((), ((1,),))),
        ([{2}, {one()}], [{2}, {1}]),
        ({frozenset({one()}): 1}, {frozenset({1}): 1}),
    ],
)
def test_a_call_is_found_wherever_it_hides(engine, given, resolved):
    assert engine.run(passed(given)) == resolved


@pytest.mark.parametrize(
    "value",
    [[1, 2], [{"a": 1}], [{"a": [{"b": {}}]}], {"a": {1: (2, [3])}}, Bag([1]), [Bag([[1]])], [len]],
)
def test_what_holds_no_call_is_passed_by_reference(engine, value):
    assert engine.run(passed(value)) is value


def test_a_call_in_a_container_that_cannot_be_rebuilt_is_refused(engine):
    for value in (Bag([one()]), [Bag([[one()]])]):
        with pytest.raises(TypeError, match="inside Bag, which can't be rebuilt"):
            engine.run(passed(value))


def test_a_call_without_arguments_is_seen_by_the_garbage_collectors_marks(engine):
    # A dict is looked into only where the collector tracks it.
    assert engine.run(passed({"a": one()})) == {"a": 1}


def test_a_dict_that_gets_a_call_between_two_bounces_is_looked_into_again(engine):
    box = {"a": 0}

    @cs.task
    def fill(n, carried):
        if n == 2:
            box["a"] = one()
        return carried["a"] if n == 0 else fill(n - 1, carried)

    assert engine.run(fill(20, box)) == 1


def test_cells_100_000_deep_are_carried(engine):
    cells = None
    for n in range(100_000):
        cells = (n, cells)
    assert engine.run(last(3, cells)) == 1


def test_containers_that_hold_themselves_or_each_other_often_are_read_once():
    loop = [1]
    loop.append([loop, {"again": loop}])
    assert is_plain(loop)
    wide = [1]
    for _ in range(200):
        wide = [wide, wide]
    assert is_plain(wide)
    wide[0] = [wide, one()]
    assert not is_plain(wide)


def test_what_an_opaque_argument_holds_is_passed_on_as_it_is(engine):
    call = one()
    hidden = [call]
    got, _ = engine.run(unread(hidden, one()))
    assert got is hidden
    assert hidden == [call]


def test_an_opaque_argument_that_is_itself_a_call_is_resolved(engine):
    @cs.task
    def calls():
        return [one()]

    (got,), read = engine.run(unread(calls(), one()))
    assert isinstance(got, cs.LazyResult)
    assert read == 1


def test_an_opaque_argument_may_be_of_another_type_on_every_bounce(engine):
    @cs.task(opaque=("value",))
    def change(n, value):
        return value if n == 0 else change(n - 1, ([n], one(), n)[n % 3])

    assert engine.run(change(21, None)) == 1
    assert engine.run(change(22, None)) == 1


def test_an_opaque_history_grows_in_place(engine):
    history = []
    assert engine.run(agent(30, history)) is history
    assert history == list(range(30, -1, -1))


def test_items_of_an_opaque_column_are_passed_on_as_they_are(engine):
    calls = [one(), one()]

    @cs.task
    def column():
        return calls

    for given in (calls, column()):
        results = engine.run(unread.map(value=given, read=[one(), 2]))
        assert results == [(calls[0], 1), (calls[1], 2)]


def test_opaque_names_are_checked_where_the_task_is_made():
    with pytest.raises(ValueError, match="task 'passed' has no parameter 'history' that could be"):
        cs.task(opaque=("history",))(passed.__wrapped__)
    with pytest.raises(ValueError, match=r"it has none. Pass names of its parameters, such as"):
        cs.task(opaque="history")(one.__wrapped__)


def test_a_template_is_the_same_for_other_values_of_the_same_inputs_and_merged_calls():
    count, other = cs.Param("count", []), cs.Param("count", [])

    @cs.task(pure=True)
    def pure(value):
        return value

    def key(*values):
        return template_key(build_graph(passed([*map(pure, values)])))

    assert key(count, 1, 1) == key(count, 2, 2)
    assert key(count, 1, 1) != key(other, 1, 1)
    assert key(count, 1, 1) != key(count, 1, 2)
    assert hash(key(count, 1, 1)) == hash(key(count, 2, 2))
