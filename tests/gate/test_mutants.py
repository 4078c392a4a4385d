from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cascade.blueprint.cache import CycleCache
from tests.mutants import MUTANTS, Check, Gate, Mutant, UnknownMutantError, find_mutant
from tests.mutants.__main__ import main
from tests.mutants.mutant import COUNTDOWNS

ROOT = Path(__file__).resolve().parents[2]

PASSED, FAILED, MISUSED = 0, 1, 4


def pytest_run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pytest on this repository in a process of its own, without timing anything."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "--color=no", "-p", "no:cacheprovider"),
            # The ini file has settings of pytest-asyncio.
            *("-p", "pytest_asyncio.plugin", "-p", "tests.mutants.plant"),
            *("-o", "cascade_profile=off", "-o", "cascade_budget_coarse=off", *arguments),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "COLUMNS": "80", "PYTHONPATH": str(ROOT)},
    )


def caught(mutant: Mutant, kind: type[Gate | Check]) -> list[str]:
    return list(dict.fromkeys(each.node for each in mutant.caught_by if isinstance(each, kind)))


def test_without_a_mutant_everything_that_catches_one_is_green():
    budgeted = {node for mutant in MUTANTS for node in caught(mutant, Gate)}
    checked = {node for mutant in MUTANTS for node in caught(mutant, Check)}
    run = pytest_run("--cascade-budget", *sorted(budgeted | checked))
    assert run.returncode == PASSED, run.stdout + run.stderr
    assert "OVER BUDGET" not in run.stdout


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.slug)
def test_with_a_mutant_what_must_catch_it_is_red_and_names_it(mutant):
    gated, checked = caught(mutant, Gate), caught(mutant, Check)
    run = pytest_run(
        *(["--cascade-budget"] if gated else []), "--plant", mutant.slug, *gated, *checked
    )
    assert run.returncode == FAILED, run.stdout + run.stderr
    assert f"planted: {mutant.slug}." in run.stdout
    assert "error" not in run.stdout.splitlines()[-1], run.stdout
    for catch in mutant.caught_by:
        if isinstance(catch, Gate):
            assert_named(section(run.stdout, catch.test), catch)
        else:
            red = rf"^FAILED {re.escape(catch.node)}(\[\w+\])?( |$)"
            assert re.search(red, run.stdout, re.MULTILINE), run.stdout
            assert catch.message in run.stdout, run.stdout


def section(output: str, test: str) -> str:
    """What pytest says of one failed test."""
    parts = re.split(r"^_{3,} (.+?) _{3,}$", output, flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert test in sections, output
    return sections[test]


def assert_named(shown: str, catch: Gate) -> None:
    """The function stands there with its law, and below it the planted line that calls it."""
    lines = [line.strip() for line in shown.splitlines()]
    here = [place for place, line in enumerate(lines) if line.startswith(catch.function)]
    assert here, f"{catch.function} is not named:\n{shown}"
    below = lines[here[0] :]
    evidence = "\n".join(below)
    assert catch.sentence in " ".join(below[:2]), evidence
    if catch.planted:
        site = rf"^tests/mutants/\w+\.py:\d+ in \S*{catch.planted} +[\d,]+ at n = 400$"
        assert re.search(site, evidence, re.MULTILINE), evidence


def test_an_unknown_slug_is_a_usage_error_with_the_nearest_one():
    run = pytest_run("--plant", "caching-droped", COUNTDOWNS)
    assert run.returncode == MISUSED
    assert run.stderr.strip() == (
        "ERROR: there is no mutant 'caching-droped'. Did you mean caching-dropped? "
        "'python -m tests.mutants' lists them all."
    )


def test_a_slug_like_no_other_is_answered_with_all_of_them():
    with pytest.raises(UnknownMutantError) as raised:
        find_mutant("§")
    assert raised.value.nearest == tuple(mutant.slug for mutant in MUTANTS)


def test_every_slug_is_there_once():
    slugs = [mutant.slug for mutant in MUTANTS]
    assert len(set(slugs)) == len(slugs) == 18


def test_the_list_and_each_page_fit_80_columns(capsys):
    assert main([]) == 0
    shown = [capsys.readouterr().out]
    for mutant in MUTANTS:
        assert main([mutant.slug]) == 0
        shown.append(capsys.readouterr().out)
        assert f"--plant {mutant.slug}" in shown[-1]
        assert f"def {mutant.plant.__name__}(" in shown[-1]
    long = [line for text in shown for line in text.splitlines() if len(line) > 80]
    assert [line for line in long if not line.startswith("    ")] == []


def test_a_page_that_is_not_there_says_so(capsys):
    assert main(["nothing-like-it-0000"]) == 2
    assert capsys.readouterr().err.startswith("there is no mutant 'nothing-like-it-0000'. Did you")


def test_a_planted_mutant_is_gone_after_its_block():
    right = CycleCache.add
    with find_mutant("caching-dropped").planted():
        assert CycleCache.add is not right
    assert CycleCache.add is right
