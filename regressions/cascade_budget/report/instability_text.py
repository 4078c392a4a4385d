"""What counts follow, as text. Plain at 80 columns."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from cascade_budget.model.comparison import Influence
from cascade_budget.report.text import WIDTH, counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cascade_budget.model.comparison import Diagnosis

_INDENT: Final = "    "

_VARIED: Final = {
    Influence.CHANCE: "in runs in which nothing was varied",
    Influence.RANDOM: "where random is seeded otherwise",
    Influence.THREADS: "in runs in which nothing was varied, of a test that starts threads",
    Influence.HASH_SEED: "under other hash seeds",
    Influence.COLLECTOR: "while the garbage collector runs",
    Influence.ORDER: "among the other tests of its file",
    Influence.COLD_START: "in a first run in a fresh process",
}

_REMEDIES: Final = {
    Influence.CHANCE: "It follows the clock, I/O or another process: give the test a clock or a "
    "stand-in.",
    Influence.RANDOM: "The gate seeds a test before it is set up, not between two runs of a "
    "workload: draw what is worked on before, or seed it there.",
    Influence.THREADS: "Wait for the threads in the test, and count what does not depend on who is "
    "first.",
    Influence.HASH_SEED: "A set or a dict of strings is gone through in the order of their hashes: "
    "sort it first.",
    Influence.COLLECTOR: "A finalizer or a weak reference's callback calls it: close or delete in "
    "the test what it opens.",
    Influence.ORDER: "Other tests leave something behind, a filled cache or a changed global: "
    "clear it in a fixture.",
    Influence.COLD_START: "A cache is filled in the first run. The gate counts warm; cold=True "
    "counts the first run.",
}


def diagnosis_text(found: Mapping[str, Sequence[Diagnosis]]) -> str:
    """What each test's counts follow, and what to do about it.

    Args:
        found: Diagnoses by test.
    """
    blocks = ["\n".join(_test_lines(test, diagnoses)) for test, diagnoses in found.items()]
    return "\n\n".join(blocks)


def _test_lines(test: str, diagnoses: Sequence[Diagnosis]) -> Iterator[str]:
    unstable = {one.function for one in diagnoses if one.influence.unstable}
    if not unstable:
        yield f"{test}: every count is stable"
    else:
        yield f"{test}: {counted(len(unstable), 'count is', 'counts are')} unstable"
    for influence in Influence:
        members = [one for one in diagnoses if one.influence is influence]
        if members:
            title = influence.value if influence.unstable else "for information"
            yield f"  {title}"
            for one in members:
                yield f"    {one.function}"
                yield f"      {_counts(one)} {_VARIED[influence]}"
            yield from textwrap.wrap(
                _REMEDIES[influence], WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT
            )


def _counts(one: Diagnosis) -> str:
    others = sorted({calls for calls in one.others if calls != one.reference})
    told = ", ".join(f"{calls:,}" for calls in others)
    return f"{counted(one.reference, 'call')}; {told}"
