"""One revision under the tests of another: prepared, counted, and kept for the next time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cascade_budget.errors import UsageError
from cascade_budget.judge.causes import Evidence
from cascade_budget.process.suite_run import (
    CensusRequest,
    take_census,
)
from cascade_budget.process.suite_store import (
    CensusStore,
    census_key,
)
from cascade_budget.source.aligned_lines import align
from cascade_budget.source.cache import cache_folder
from cascade_budget.source.layout import (
    USUAL_ROOTS,
    importable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cascade_budget.commands.progress_line import ProgressLine
    from cascade_budget.model.suite_counts import Census
    from cascade_budget.source.copies import Tree


class ImportedElsewhereError(UsageError):
    """The code that ran was not the code of the revision to be measured.

    Attributes:
        module: A module that came from elsewhere.
        path: Where it came from.
    """

    def __init__(self, fact: str, *, module: str, path: str, remedy: str) -> None:
        super().__init__(fact, place=f"{module} is imported from {path}", remedy=remedy)
        self.module = module
        self.path = path


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A revision that can be counted.

    Attributes:
        tree: Its copy.
        request: How a plain run of it is asked for.
        store: Where its counts are kept.
    """

    tree: Tree
    request: CensusRequest
    store: CensusStore

    @property
    def label(self) -> str:
        """What messages call it."""
        return self.tree.source.label

    def count(
        self,
        progress: ProgressLine,
        *,
        text: str = "",
        attribute: bool | frozenset[str] = False,
        only: frozenset[str] | None = None,
        seed: int = 0,
    ) -> Census:
        """Counts of its tests, from the store where they are there.

        Args:
            progress: Where to say what is going on.
            text: What to say.
            attribute: Tests whose callers are wanted.
            only: The tests to run; None for all.
            seed: Decides what chance would: the order of sets, and what `random` draws in a test.
                Two sides under one seed differ by their code alone, also where an earlier test
                drew more on one of them; what a side counts under two seeds tells what is chance.

        Raises:
            CensusError: The tests could not be run.
            ImportedElsewhereError: They ran against code from outside its copy.
        """
        request = replace(
            self.request, attribute=attribute, only=only, hash_seed=seed, random_seed=seed
        )
        key = census_key(request, self.tree.digest)
        text = text or f"counting on {self.label}"
        kept = self.store.find(key)
        if kept is not None:
            progress.step(f"{text}: kept from an earlier run")
            return kept
        progress.step(text)
        census = take_census(request, lambda done, total: progress.count(text, done, total))
        check_origin(census, self)
        self.store.keep(key, census)
        return census


def make_side(tree: Tree, *, below: Path, arguments: Sequence[str]) -> Side:
    """A side that runs pytest in one folder of its copy.

    Args:
        tree: The copy.
        below: The folder to start in, relative to the project's top.
        arguments: For pytest; absolute paths into the project are turned to the copy.
    """
    folder = tree.folder / below
    origins = [origin.resolve() for origin in tree.origins]
    return Side(
        tree=tree,
        request=CensusRequest(
            label=tree.source.label,
            project=tree.folder,
            working_folder=folder if folder.is_dir() else tree.folder,
            arguments=tuple(_in_copy(word, tree.folder, origins) for word in arguments),
            roots=tree.roots,
            packages=_packages(tree),
            origins=tuple(origins),
            tests=tree.test_files(),
        ),
        store=CensusStore(folder=cache_folder() / "counts"),
    )


def check_origin(census: Census, side: Side) -> None:
    """Raise ImportedElsewhereError where a run did not import the copy it was to measure."""
    if census.astray:
        module, path = next(iter(census.astray.items()))
        raise ImportedElsewhereError(
            f"the tests on {side.label} import the project as it is installed, not this revision",
            module=module,
            path=path,
            remedy="Install the project in editable mode (pip install -e .), or name its folder in "
            "pytest's pythonpath setting",
        )


def evidence(census: Census) -> dict[str, Evidence]:
    """What a census with callers says, test by test."""
    modules = {path: name for name, path in census.modules.items()}
    return {
        test: Evidence(calls=record.calls, sites=record.sites, modules=modules)
        for test, record in census.tests.items()
    }


def line_map(base: Tree, head: Tree) -> Callable[[str], Mapping[int, int] | None]:
    """For a path, the lines of head's file that base's has too; None outside the project."""
    known: dict[str, Mapping[int, int] | None] = {}

    def aligned(path: str) -> Mapping[int, int] | None:
        if path not in known:
            text = None if not path or Path(path).is_absolute() else head.text(path)
            known[path] = None if text is None else align(base.text(path) or "", text)
        return known[path]

    return aligned


def _packages(tree: Tree) -> tuple[str, ...]:
    # The usual folders too: what lies there and is imported from elsewhere is an installed copy.
    roots = {*tree.roots, *(tree.folder / usual for usual in USUAL_ROOTS)}
    found = {name for root in roots for name in importable(root)}
    return tuple(sorted(name for name in found if name.isidentifier()))


def _in_copy(word: str, copy: Path, origins: Sequence[Path]) -> str:
    path, colons, rest = word.partition("::")
    if Path(path).is_absolute():
        resolved = Path(path).resolve()
        for origin in origins:
            if resolved.is_relative_to(origin):
                return f"{copy / resolved.relative_to(origin)}{colons}{rest}"
    return word
