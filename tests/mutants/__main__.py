"""`python -m tests.mutants` lists the planted regressions, `python -m tests.mutants SLUG` shows one."""

from __future__ import annotations

import argparse
import sys
import textwrap
from typing import TYPE_CHECKING

from .mutant import COUNTDOWNS, Gate, UnknownMutantError
from .registry import MUTANTS, find_mutant

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .mutant import Mutant

WIDTH = 80


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the list, or one mutant.

    Args:
        arguments: of the command line.

    Returns:
        0, or 2 where there is no such mutant.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutants", description="List planted regressions, or show one."
    )
    parser.add_argument("slug", nargs="?", help="the one to show")
    slug = parser.parse_args(arguments).slug
    if slug is None:
        lines = list(listing())
    else:
        try:
            lines = list(shown(find_mutant(slug)))
        except UnknownMutantError as error:
            sys.stderr.write(f"{error}\n")
            return 2
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def listing() -> Iterator[str]:
    """The table of all mutants, 80 columns wide."""
    width = max(len(mutant.slug) for mutant in MUTANTS)
    for mutant in MUTANTS:
        yield from _hanging(f"{mutant.slug:{width}}  ", mutant.mistake)


def shown(mutant: Mutant) -> Iterator[str]:
    """One mutant: what it is, what catches it, how to plant it, and the lines that do."""
    yield mutant.slug
    yield from _hanging("  planted    ", mutant.mistake)
    yield from _hanging("  elsewhere  ", mutant.seen)
    for catch in mutant.caught_by:
        if isinstance(catch, Gate):
            yield f"  caught by  the budget of {catch.function}"
            yield f"             in {catch.test}"
        else:
            yield "  caught by  the check of"
            yield f"             {catch.node.replace('::', chr(10) + ' ' * 15 + '::')}"
    if mutant.timed is not None:
        yield "  slows      by timing alone, the difference has at its top"
        yield f"             {mutant.timed.top}"
    path = COUNTDOWNS
    option = "--cascade-budget "
    if not isinstance(mutant.caught_by[0], Gate):
        path, option = mutant.caught_by[0].node, ""
    yield "  plant it"
    yield f"    python -m pytest {option}-p tests.mutants.plant --plant {mutant.slug} \\"
    yield f"      {path}"
    yield ""
    yield from textwrap.indent(mutant.source.rstrip(), "    ").splitlines()


def _hanging(title: str, text: str) -> Iterator[str]:
    yield from textwrap.wrap(text, WIDTH, initial_indent=title, subsequent_indent=" " * len(title))


if __name__ == "__main__":
    sys.exit(main())
