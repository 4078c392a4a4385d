"""What a mutant is: what it plants, what it did elsewhere, and what must notice it here."""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

COUNTDOWNS: Final = "tests/gate/test_countdowns.py"
"""The gated workloads, by their path in the repository."""


@final
@dataclass(frozen=True, slots=True)
class Gate:
    """A call budget notices it.

    Attributes:
        test: the gated test, by its name in `COUNTDOWNS`.
        function: the function whose budget breaks, as `module:qualname`.
        sentence: what the gate says of it.
        planted: name of the planted function that the gate names as the caller; "" where it makes
            fewer calls, or where nothing planted is what calls.
    """

    test: str
    function: str
    sentence: str
    planted: str = ""

    @property
    def node(self) -> str:
        """The test's id, seen from the root of the repository."""
        return f"{COUNTDOWNS}::{self.test}"


@final
@dataclass(frozen=True, slots=True)
class Check:
    """A behaviour test, or the workload's own check, notices it without any budget.

    Attributes:
        node: the test's id, seen from the root of the repository.
        message: what its failure says.
    """

    node: str
    message: str


@final
@dataclass(frozen=True, slots=True)
class Timed:
    """Throughput against the plain code notices it, were no call counted.

    Attributes:
        test: the gated test, by its name in `COUNTDOWNS`.
        top: what stands at the top of the difference of profiles, as the function that most of it
            comes in by or that most of it is spent in: the planted one, or what it calls.
    """

    test: str
    top: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One planted regression.

    Attributes:
        slug: its name.
        mistake: what is planted, in one sentence.
        seen: what it did to an engine of this kind; N is the number of bounces.
        plant: plants it in the imported engine through the monkeypatch that it is given.
        caught_by: what must turn red, each by itself.
        timed: what timing alone would say; None where it costs no time that could be seen, or makes
            the engine faster, or wrong.
    """

    slug: str
    mistake: str
    seen: str
    plant: Callable[[pytest.MonkeyPatch], None]
    caught_by: tuple[Gate | Check, ...]
    timed: Timed | None = None

    @contextmanager
    def planted(self) -> Iterator[None]:
        """Plant it for the length of a block. Loops compiled before it stay as they are."""
        with pytest.MonkeyPatch.context() as patch:
            self.plant(patch)
            yield

    @property
    def source(self) -> str:
        """The lines that plant it."""
        return inspect.getsource(self.plant)


@final
class UnknownMutantError(LookupError):
    """No mutant has this slug.

    Attributes:
        slug: what was asked for.
        nearest: the slugs that look like it, best first; all of them where none does.
    """

    def __init__(self, slug: str, nearest: Sequence[str]) -> None:
        self.slug = slug
        self.nearest = tuple(nearest)
        super().__init__(
            f"there is no mutant {slug!r}. Did you mean {', '.join(self.nearest)}? "
            "'python -m tests.mutants' lists them all."
        )


@final
class AnchorError(RuntimeError):
    """The engine's own code no longer has the place that a mutant changes.

    Attributes:
        anchor: what was looked for.
    """

    def __init__(self, anchor: str, where: str) -> None:
        self.anchor = anchor
        super().__init__(
            f"{where} has no {anchor!r} any more, so the mutant would plant nothing. "
            "Adapt the mutant to what stands there now."
        )
