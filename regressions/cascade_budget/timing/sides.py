"""Base and head laid out on disk, so that workers can run the same test against either's code."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, final

from cascade_budget.process.job import Imports
from cascade_budget.source.cache import cache_room, scratch_folder
from cascade_budget.source.copies import Source, checkout_source, find_source, make_tree
from cascade_budget.source.repository import Repository, RevisionError
from cascade_budget.source.requirement import InstalledBase, install_base, parse_requirement
from cascade_budget.timing.pairs import timing_job

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cascade_budget.process.job import Job
    from cascade_budget.source.copies import Tree

Base = Source | InstalledBase
"""What a word given as base stands for: the files of a revision or folder, or a release."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Where each side runs and what it imports.

    Attributes:
        label: What reports call base: "main (3f2a1bc)", "jsonschema 4.17.3".
        project: The project's root as the gate knows it.
        base_root: Its counterpart for base.
        head_root: Its counterpart for head.
        base_imports: Where base's code comes from.
        head_imports: Where head's code comes from.
        commit: The full name of base's commit; empty where base is none.
    """

    label: str
    project: Path
    base_root: Path
    head_root: Path
    base_imports: Imports
    head_imports: Imports
    commit: str = ""

    def specs(
        self,
        node: str,
        arguments: Sequence[str],
        ordinal: int = 1,
        *,
        started_in: Path | None = None,
    ) -> tuple[Job, Job]:
        """What a process of base and one of head are asked to do.

        Args:
            node: The test's id.
            arguments: Of pytest. Where they name the project's root, each side gets its own
                counterpart.
            ordinal: Which call of the fixture in the test, from 1.
            started_in: The folder that the arguments hold for; None for the project's root.
        """
        below = Path()
        if started_in is not None and started_in.is_relative_to(self.project):
            below = started_in.relative_to(self.project)
        elif started_in is not None:
            # From there the paths among them lead into the project, from the root they would not.
            arguments = [
                str(started_in / word) if (started_in / word).exists() else word
                for word in arguments
            ]

        def job(name: str, root: Path, imports: Imports) -> Job:
            return timing_job(
                name=name,
                root=str(root),
                folder=str(root / below),
                node=node,
                arguments=[_moved(word, self.project, root) for word in arguments],
                ordinal=ordinal,
                imports=imports,
            )

        return (
            job("base", self.base_root, self.base_imports),
            job("head", self.head_root, self.head_imports),
        )


def _moved(argument: str, project: Path, root: Path) -> str:
    """An argument of pytest with the project's root, where it names it, replaced.

    It begins a path: the whole argument, what follows `=`, or what follows an option's letter. And
    it ends with one of its parts: `/app` is not in `/app-config`.
    """
    named = rf"(^|^-\w|[=:,;\s]){re.escape(str(project))}(?=$|[/\\:;,\s])"
    return re.sub(named, lambda found: found[1] + str(root), argument)


def find_base(word: str, project: Path) -> Base:
    """What a word stands for. A release is installed, into the cache.

    Args:
        word: A revision, a folder, or a requirement such as `name==1.2`.
        project: The project's root, that of pytest.

    Raises:
        RevisionError: There is no such revision; a shallow clone is told.
        BaseInstallError: The release cannot be installed.
        UsageError: The cache cannot be written.
    """
    requirement = parse_requirement(word)
    if requirement is not None:
        return install_base(requirement, cache_room("packages"))
    return find_source(word, here=project.resolve())


@contextlib.contextmanager
def lay_out_sides(base: Base, project: Path) -> Iterator[Sides]:
    """Copies of both sides, for as long as the block lasts.

    Head is a copy too: the two differ in nothing but the code under test, and no worker can touch
    the checkout. The tests are head's on both sides.

    Args:
        base: What to compare with.
        project: The project's root, that of pytest.

    Raises:
        RevisionError: The revision cannot be read in full.
        UsageError: The cache cannot be written.
        OSError: A file cannot be read or written.
    """
    here = project.resolve()
    with scratch_folder() as scratch:
        head_source = _project_source(here)
        head = make_tree(head_source, scratch / "head")
        inside = here.relative_to(head_source.folder)
        head_imports = base_imports = _imports(head)
        tree, commit = head, None
        if isinstance(base, Source):
            tree, commit = make_tree(base, scratch / "base", tests_of=head), base.commit
            base_imports = _imports(tree)
        else:
            head_imports = replace(head_imports, forgotten=base.packages)
            base_imports = replace(
                head_imports,
                package_folder=str(base.folder),
                packages=base.packages,
                distribution=base.distribution,
            )
        yield Sides(
            label=base.label,
            project=project,
            base_root=tree.folder / inside,
            head_root=head.folder / inside,
            base_imports=base_imports,
            head_imports=head_imports,
            commit=commit.sha if commit else "",
        )


def _project_source(project: Path) -> Source:
    try:
        return checkout_source(Repository.at(project))
    except RevisionError:
        return Source(name="this folder", label="this folder", folder=project)


def _imports(tree: Tree) -> Imports:
    return Imports(
        roots=tuple(str(root) for root in tree.roots),
        origins=tuple(str(origin) for origin in tree.origins),
    )
