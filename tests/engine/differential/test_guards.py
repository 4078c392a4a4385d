"""Small programs, each of which a planted mistake in what a bounce is given makes go wrong."""

from __future__ import annotations

import cascade as cs

UNIT = cs.Inject("unit")


def test_literals_of_every_call_are_those_of_this_bounce(engine):
    seen = []

    @cs.task
    def double(value):
        return 2 * value

    @cs.task
    def loop(n, doubled):
        seen.append((n, doubled))
        return loop(n - 1, double(n - 1)) if n else "done"

    assert engine.run(loop(12, double(12))) == "done"
    assert seen == [(n, 2 * n) for n in range(12, -1, -1)]


def test_a_loop_hands_over_what_markers_stand_for(engine):
    seen = []
    factor = cs.Param("factor", type=int)

    @cs.resource
    def unit():
        yield "m"

    @cs.task
    def loop(n, factor, unit=UNIT):
        seen.append(f"{n * factor} {unit}")
        return again(n) if n else "done"

    def again(n):
        return loop(n - 1, factor)

    engine.default.register(unit)
    assert engine.run(loop(12, factor), {"factor": "3"}) == "done"
    assert seen == [f"{3 * n} m" for n in range(12, -1, -1)]


def test_a_value_where_a_call_was_is_taken_as_it_is(engine):
    runs = []

    @cs.task
    def source():
        runs.append("source")
        return 1

    @cs.task
    def loop(n, value):
        return loop(n - 1, value + 1) if n else value

    assert engine.run(loop(12, source())) == 13
    assert engine.run(loop(12, source())) == 13
    assert runs == ["source", "source"]


def test_a_lazy_put_into_a_list_that_was_a_literal_is_resolved(engine):
    shelf = []
    seen = []

    @cs.task
    def source(n):
        return n

    @cs.task
    def loop(n, values):
        seen.append(list(values))
        if n == 3:
            shelf.append(source(n))
        return loop(n - 1, shelf) if n else "done"

    assert engine.run(loop(12, shelf)) == "done"
    assert seen == [*([[]] * 10), [3], [3], [3]]
