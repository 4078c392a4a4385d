"""A pytest plugin: `-p tests.mutants.plant --plant SLUG` plants a mutant before any test is imported."""

from __future__ import annotations

import pytest

from .mutant import Mutant, UnknownMutantError
from .registry import find_mutant

_PLANTED = pytest.StashKey[Mutant]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the option."""
    parser.getgroup("mutants", "planted regressions").addoption(
        "--plant",
        metavar="SLUG",
        help="plant this regression in the engine; 'python -m tests.mutants' lists them",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Plant it, before test modules make tasks, and take it out when the run is over."""
    slug = config.getoption("plant")
    if slug is None:
        return
    try:
        mutant = config.stash[_PLANTED] = find_mutant(slug)
    except UnknownMutantError as error:
        raise pytest.UsageError(str(error)) from error
    patch = pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)
    mutant.plant(patch)


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say what is planted."""
    mutant = config.stash.get(_PLANTED, None)
    return None if mutant is None else f"planted: {mutant.slug}. {mutant.mistake}"
