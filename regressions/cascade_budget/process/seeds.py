"""The random numbers of a test: another draw must not look like other code."""

from __future__ import annotations

import contextlib
import importlib
import random
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

GATE_SEED: Final = 0
"""Of the tests that the gate counts: a ledger's numbers are those of the same data in every run."""

_NUMPY_SEEDS: Final = 2**32


def seed_random(seed: int) -> None:
    """Seed what draws without a generator of its own: `random` and, where it is loaded, numpy.

    Args:
        seed: Not negative; numpy takes its lowest 32 bits.
    """
    random.seed(seed)
    numpy_random = _numpy_random()
    if numpy_random is not None:
        numpy_random.seed(seed % _NUMPY_SEEDS)


def seed_plugins(options: Any, seed: int) -> None:
    """Give pytest-randomly, which seeds before each test by a number of its own, this one.

    Args:
        options: pytest's, parsed, before plugins are configured.
        seed: As for `seed_random`.
    """
    # Where a project has set one it is the same number on every side.
    if isinstance(getattr(options, "randomly_seed", None), str):
        options.randomly_seed = seed


def seed_hypothesis() -> None:
    """Have Hypothesis make the same examples in each process, where a test has loaded it.

    Its own option would load it where no test does, which takes as long as starting pytest.
    """
    core: Any = sys.modules.get("hypothesis.core")
    if core is not None:
        core.global_force_seed = GATE_SEED


@contextlib.contextmanager
def kept_chance(options: Any = None) -> Iterator[None]:
    """Leave random numbers behind as they were found, for tests that want others in each run.

    Args:
        options: pytest's; pytest-randomly seeds by `GATE_SEED` for the length of the block.
    """
    state = random.getstate()
    numpy_random = _numpy_random()
    numpy_state = numpy_random.get_state() if numpy_random is not None else None
    plugin_seed = getattr(options, "randomly_seed", None)
    if plugin_seed is not None:
        options.randomly_seed = GATE_SEED
    try:
        yield
    finally:
        random.setstate(state)
        if numpy_random is not None:
            numpy_random.set_state(numpy_state)
        if plugin_seed is not None:
            options.randomly_seed = plugin_seed


def _numpy_random() -> Any:
    """Numpy's generator where a test could have one: numpy loads it when it is first asked for."""
    return importlib.import_module("numpy.random") if "numpy" in sys.modules else None
