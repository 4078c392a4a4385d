"""What timing alone says of a planted regression: that it is slower, and who made it so.

Takes half a minute or more for each, so it runs at night: `make nightly`.
"""

from __future__ import annotations

import json
import os
import re

import pytest

from tests.gate.planted_project import PlantedProject
from tests.mutants import MUTANTS
from tests.mutants.registry import SIMPLE

pytestmark = pytest.mark.skipif(
    not os.environ.get("NIGHTLY"), reason="minutes of timing: make nightly runs it"
)

TIMED = [mutant for mutant in MUTANTS if mutant.timed is not None]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> PlantedProject:
    return PlantedProject.make(tmp_path_factory.mktemp("planted"))


def test_without_a_mutant_head_is_not_slower_than_base(project):
    project.plant(None)
    run = project.gate(SIMPLE)
    assert run.code == 0, run.output
    assert re.search(r"(slower|faster) than HEAD \(", run.output), run.output


@pytest.mark.parametrize("mutant", TIMED, ids=lambda mutant: mutant.slug)
def test_a_mutant_that_is_slow_regresses_and_is_at_the_top_of_the_difference(mutant, project):
    project.plant(mutant.slug)
    run = project.gate(mutant.timed.test)
    assert run.code == 1, run.output
    report = json.loads((project.history.root / "reports/cascade-budget.json").read_text("utf-8"))
    (test,) = report["tests"]
    assert test["verdict"] == "too slow", run.output
    assert test["time"]["verdict"] == "too slow", run.output
    profile = test["profile"]
    assert profile["problem"] == "", run.output
    # Where it comes in, and the function that most of it is spent in, or that calls what it is.
    difference = profile["difference"]
    tops = [top for top in (difference["entry"], *difference["functions"][:1]) if top is not None]
    named = [top["key"][part] for top in tops for part in ("function", "caller")]
    # There the mutants lie beside the engine, not among tests.
    top = mutant.timed.top.removeprefix("tests.")
    assert top in named, run.output
    assert top.partition(":")[2] in run.output
