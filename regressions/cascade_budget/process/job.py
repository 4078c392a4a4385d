"""What a fresh interpreter is asked to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cascade_budget.process.channel import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Imports:
    """Where a process's code comes from, if not from where the environment says.

    Attributes:
        roots: Folders to import from, first.
        origins: Folders that nothing is imported from: where the project is installed from.
        package_folder: A folder of installed packages that `packages` come from; empty for none.
        packages: Top-level import names that come from `package_folder`, whatever else offers them.
        distribution: The distribution whose metadata comes from `package_folder`.
        forgotten: Top-level import names that are imported anew, on both sides alike, where the
            process has imported them for itself (as pytest does with some libraries).
    """

    roots: Sequence[str] = ()
    origins: Sequence[str] = ()
    package_folder: str = ""
    packages: Sequence[str] = ()
    distribution: str = ""
    forgotten: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run of pytest in a process of its own, and what is done with the tests there.

    Attributes:
        plugin: "module:class" of the `WorkerPlugin` that does it.
        name: What messages call the code under test: "base", "main (3f2a1bc)".
        root: The project's folder; places are told relative to it.
        folder: Where pytest is started; empty for `root`.
        arguments: For pytest.
        node: The id of the one test to run, relative to `root`; empty for all tests that the
            arguments select.
        imports: Where the code under test comes from.
        random_seed: Of the random numbers that tests draw.
        processor: The one to stay on; None to leave that to the system.
        task: What the plugin wants to know, in JSON's types.
        scratch: A folder that lives as long as the process; made by the launcher.
    """

    plugin: str
    name: str = ""
    root: str
    folder: str = ""
    arguments: Sequence[str] = ()
    node: str = ""
    imports: Imports = Imports()
    random_seed: int = 0
    processor: int | None = None
    task: Mapping[str, Any] = field(default_factory=dict)
    scratch: str = ""

    def as_message(self) -> Message:
        """As it is sent."""
        return asdict(self)

    @classmethod
    def from_message(cls, message: Message) -> Job:
        """As it was received."""
        return cls(imports=Imports(**message.pop("imports")), **message)
