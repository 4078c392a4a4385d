"""Judge the results that asv has stored for two revisions.

Counts are exact: one call more is a regression. Times are judged by the
interval over processes that the gate uses; record them with rounds enough and
with their samples:

  asv continuous --interleave-rounds --record-samples -a rounds=12 main HEAD
  cascade-budget asv main HEAD
  cascade-budget asv v1.0 v2.0 --bench time_parse

Where a benchmark's `repeat` was changed with -a, give it again with --repeat:
asv does not record it.

Exit code 0: nothing regressed. 1: a benchmark regressed; with --strict, also
when one is unresolved or without data. 2: it could not be told: wrong usage, or
not one benchmark could be compared.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cascade_budget.commands.arguments import percentage, whole_number
from cascade_budget.commands.console import show
from cascade_budget.errors import UsageError
from cascade_budget.extras import require_throughput
from cascade_budget.interop.asv_config import AsvError, find_config, results_folder
from cascade_budget.interop.asv_results import (
    Results,
    describe,
    read_benchmarks,
    result_files,
    results_of,
)
from cascade_budget.judge.stored_results import judge_pairs
from cascade_budget.model.benchmarks import Judged, Pair, Verdict
from cascade_budget.report.stored_results_text import results
from cascade_budget.source.repository import Repository, RevisionError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from cascade_budget.model.benchmarks import Benchmark

REGRESSED: Final = 1
GOOD: Final = 0
UNTOLD: Final = 2
_SHOWN_DIGITS: Final = 8


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("base", metavar="BASE", help="a revision that asv has results for")
    parser.add_argument("head", metavar="HEAD", help="the revision to judge")
    parser.add_argument(
        "--bench",
        action="append",
        default=[],
        metavar="REGEX",
        help="judge only benchmarks whose name, parameters included, has a match; repeatable",
    )
    parser.add_argument(
        "--exact",
        action="append",
        default=[],
        metavar="REGEX",
        help="numbers that are exact though their unit does not say so; repeatable",
    )
    parser.add_argument("--machine", metavar="NAME", help="judge only this machine's results")
    parser.add_argument(
        "--repeat",
        type=whole_number,
        metavar="N",
        help="samples that each process took, where asv was given -a repeat=N",
    )
    parser.add_argument(
        "--tolerance",
        type=percentage,
        default=0.01,
        metavar="PERCENT",
        help="slowdown that is no regression (default: 1)",
    )
    parser.add_argument(
        "--memory-tolerance",
        type=percentage,
        default=0.05,
        metavar="PERCENT",
        help="growth of memory that is no regression (default: 5)",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="asv's configuration")
    parser.add_argument("--all", action="store_true", help="list what is unchanged, too")
    parser.add_argument(
        "--strict", action="store_true", help="fail on what is unresolved or has no data"
    )


def run(arguments: argparse.Namespace) -> int:
    """Read, judge, print, and return the exit code.

    Raises:
        UsageError: scipy is not installed.
        UsageError: A revision is unknown or has no results, a regular expression is none or finds
            nothing, or asv's files are not there or broken.
    """
    require_throughput("judging times")
    chosen, exact = _patterns("--bench", arguments.bench), _patterns("--exact", arguments.exact)
    folder = results_folder(_config(arguments.config))
    if not folder.is_dir():
        raise AsvError(
            "there is no folder of results",
            place=str(folder),
            remedy="Measure first: asv continuous --record-samples -a rounds=12 "
            f"{arguments.base} {arguments.head}",
        )
    base, head = sides = [
        _side(revision, folder=folder, machine=arguments.machine)
        for revision in (arguments.base, arguments.head)
    ]
    if base.commit == head.commit:
        raise UsageError(
            f"{base.name} and {head.name} are the same commit, {base.short}",
            place=str(folder),
            remedy="Name two revisions",
        )
    benchmarks = read_benchmarks(folder)
    names = {name for side in sides for found in side.results for name, _ in found.measured}
    described = {
        name: describe(
            name,
            benchmarks,
            exact=any(pattern.search(name) for pattern in exact),
            repeat=arguments.repeat,
        )
        for name in names
    }
    by_place = _judged(
        base.results,
        head.results,
        described,
        chosen=chosen,
        tolerance=arguments.tolerance,
        memory_tolerance=arguments.memory_tolerance,
    )
    verdicts = {one.verdict for found in by_place.values() for one in found}
    if not verdicts:
        raise UsageError(
            "no benchmark's name has a match for " + " or ".join(arguments.bench),
            place=str(folder),
            remedy="asv show lists the names" if names else "Measure the revisions with asv run",
        )
    show(*results(by_place, base=base.title, head=head.title, full=arguments.all))
    untold = {Verdict.NO_DATA, Verdict.UNRESOLVED}
    if Verdict.REGRESSED in verdicts or (arguments.strict and verdicts & untold):
        return REGRESSED
    return UNTOLD if verdicts == {Verdict.NO_DATA} else GOOD


def _judged(
    base: Sequence[Results],
    head: Sequence[Results],
    described: Mapping[str, Benchmark],
    *,
    chosen: Sequence[re.Pattern[str]],
    tolerance: float,
    memory_tolerance: float,
) -> Mapping[str, Sequence[Judged]]:
    """Every verdict on benchmarks that were chosen, under "machine, environment"."""
    before, after = ({(one.machine, one.environment): one for one in s} for s in (base, head))
    paired: list[tuple[str, Pair]] = []
    by_place: dict[str, list[Judged]] = {}
    for place in sorted({*before, *after}):
        name, left, right = ", ".join(place), before.get(place), after.get(place)
        keys = sorted({key for one in (left, right) if one is not None for key in one.measured})
        if chosen:
            keys = [key for key in keys if any(each.search("".join(key)) for each in chosen)]
        if left is not None and right is not None:
            for key in keys:
                pair = Pair(
                    benchmark=described[key[0]],
                    parameters=key[1],
                    base=left.measured.get(key),
                    head=right.measured.get(key),
                )
                paired.append((name, pair))
        elif keys:
            by_place[name] = [
                Judged(
                    name="1 benchmark" if len(keys) == 1 else f"all {len(keys)} benchmarks",
                    verdict=Verdict.NO_DATA,
                    reason=f"{'base' if left is None else 'head'} has no results of this machine "
                    "and environment",
                )
            ]
    judged = judge_pairs(
        [pair for _, pair in paired], tolerance=tolerance, memory_tolerance=memory_tolerance
    )
    for (name, _), one in zip(paired, judged, strict=True):
        by_place.setdefault(name, []).append(one)
    return dict(sorted(by_place.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """A revision with its results.

    Attributes:
        name: As it was given.
        commit: In full.
        results: What asv has stored for it, one a machine and environment.
    """

    name: str
    commit: str
    results: Sequence[Results]

    @property
    def short(self) -> str:
        return self.commit[:_SHOWN_DIGITS]

    @property
    def title(self) -> str:
        """The revision, and when it was measured: results may be older than one thinks."""
        name = self.short if self.commit.startswith(self.name) else f"{self.name} ({self.short})"
        recorded = [each.recorded for each in self.results if each.recorded is not None]
        return f"{name}, measured {max(recorded):%Y-%m-%d %H:%M} UTC" if recorded else name


def _config(given: Path | None) -> Path:
    if given is not None:
        return given
    here = Path.cwd()
    try:
        return find_config(here, Repository.at(here).root)
    except RevisionError:
        return find_config(here)


def _side(revision: str, *, folder: Path, machine: str | None) -> _Side:
    commit = _commit(revision, folder)
    results = results_of(folder, commit)
    if not results:
        raise AsvError(
            f"asv has no results for {revision} ({commit[:_SHOWN_DIGITS]})",
            place=str(folder),
            remedy=f"Measure it: asv run --record-samples -a rounds=12 '{revision}^!'",
        )
    here = [each for each in results if machine in (None, each.machine)]
    if not here:
        machines = ", ".join(sorted({each.machine for each in results}))
        raise AsvError(
            f"asv has no results for {revision} ({commit[:_SHOWN_DIGITS]}) on machine {machine!r}",
            place=str(folder),
            remedy=f"There are results of {machines}",
        )
    return _Side(name=revision, commit=here[0].commit, results=here)


def _commit(revision: str, folder: Path) -> str:
    """The commit a revision names; one that has results may be gone from the repository."""
    try:
        return Repository.at(Path.cwd()).commit(revision).sha
    except RevisionError:
        digits = revision.lower()[:_SHOWN_DIGITS]
        if re.fullmatch(r"[0-9a-f]{4,40}", revision.lower()):
            found = {path.name.partition("-")[0] for path in result_files(folder, digits)}
            if len(found) == 1:
                return found.pop()
        raise


def _patterns(option: str, texts: Sequence[str]) -> list[re.Pattern[str]]:
    found = []
    for text in texts:
        try:
            found.append(re.compile(text))
        except re.error as broken:
            raise UsageError(
                f"{text!r} is an invalid regular expression: {broken}",
                place=option,
                remedy="Escape what is meant literally with a backslash",
            ) from None
    return found
