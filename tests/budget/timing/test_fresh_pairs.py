"""Pairs that start side by side and are used one by one."""

from __future__ import annotations

import ast
import random
import sys

import pytest

from cascade_budget.process.launch import FreshInterpreter
from cascade_budget.timing.fresh_pairs import AT_ONCE, FreshPairs
from cascade_budget.timing.pairing_errors import SideFailedError
from cascade_budget.timing.pairs import Pair
from tests.budget.timing.conftest import usable_processors

WHERE = """
import os


def test_serve(cascade_budget):
    cascade_budget(lambda n: sorted(os.sched_getaffinity(0)), n=2000)
"""

TORN_DOWN = """
import pathlib, os
import pytest
import shop


@pytest.fixture
def marker():
    yield
    pathlib.Path(f"torn-down-{os.getpid()}").touch()


def test_serve(marker, cascade_budget):
    cascade_budget(shop.serve, n=2000)
"""


def fresh(project, seed=1):
    base, head = project.specs()
    return FreshPairs(base, head, chance=random.Random(seed), timeout_seconds=60)


def torn_down(project):
    return list(project.path.glob("torn-down-*"))


two_processors = pytest.mark.skipif(usable_processors() < 2, reason="needs two processors")


@pytest.mark.skipif(sys.platform != "linux", reason="processors are chosen on Linux only")
def test_both_sides_stay_on_one_processor_and_pairs_started_together_on_different_ones(project):
    project.write("tests/test_shop.py", WHERE)
    with fresh(project) as pairs, pairs.together(AT_ONCE) as together:
        places = []
        for pair in together:
            base, head = (ast.literal_eval(pair.result(side, 1)[1]) for side in ("base", "head"))
            assert base == head
            places += base
    assert len(places) == len(set(places)) == min(AT_ONCE, usable_processors())


@two_processors
def test_pairs_are_started_together_and_no_more_of_them_than_will_be_taken(project, monkeypatch):
    started = set()
    start = Pair.start
    monkeypatch.setattr(Pair, "start", lambda pair: (started.add(pair), start(pair)))
    seen = []
    with fresh(project) as pairs:
        for wanted in (3, 2, 1):
            with pairs.take(wanted) as pair:
                assert pair.run("base", 10).thread_ns > 0
                seen.append(len(started))
    assert seen == [2, 2, 3]


@two_processors
def test_a_pair_that_nobody_took_finishes_its_test_unless_something_went_wrong(project):
    project.write("tests/test_shop.py", TORN_DOWN)
    with fresh(project) as pairs:
        with pairs.take(2):
            pass
        assert len(torn_down(project)) == 2
    assert len(torn_down(project)) == 4
    with pytest.raises(ZeroDivisionError), fresh(project) as pairs:
        with pairs.take(2):
            pass
        assert len(torn_down(project)) == 6
        raise ZeroDivisionError
    assert len(torn_down(project)) == 6


def test_where_a_side_has_no_workload_no_process_is_left(project, monkeypatch):
    project.write("tests/test_shop.py", "def test_serve():\n    pass\n")
    processes = []
    end = FreshInterpreter.end
    monkeypatch.setattr(FreshInterpreter, "end", lambda it: (end(it), processes.append(it)))
    with fresh(project) as pairs, pytest.raises(SideFailedError):
        pairs.take(2)
    assert len(processes) == min(2, usable_processors())
    assert all(process.exit_code() is not None for process in processes)
