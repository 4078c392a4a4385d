"""What the gate and its workers say to each other: one JSON object a message, over a pipe.

The gate asks (`run`, `result`, `done`), the worker answers each request with one message whose
`event` says what it is: `ready`, `cost`, `result`, `failed` or `ended`.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from multiprocessing import connection
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Channel", "Failure", "Imports", "Message", "SideSpec", "open_channel"]

Message: TypeAlias = dict[str, Any]


class Channel:
    """One end of a pipe that carries messages.

    Args:
        end: The connection; owned, and closed with the channel.
    """

    def __init__(self, end: connection.Connection[Any, Any]) -> None:
        self._end = end

    def send(self, message: Mapping[str, Any]) -> None:
        """Send one message.

        Raises:
            EOFError: The other end is gone.
        """
        try:
            self._end.send_bytes(json.dumps(message).encode())
        except OSError as error:
            raise EOFError from error

    def receive(self, timeout_seconds: float | None = None) -> Message:
        """Wait for one message.

        Raises:
            EOFError: The other end is gone.
            TimeoutError: Nothing came within `timeout_seconds`.
        """
        try:
            expired = timeout_seconds is not None and not self._end.poll(timeout_seconds)
            received = b"" if expired else self._end.recv_bytes()
        except OSError as error:
            raise EOFError from error
        if expired:
            raise TimeoutError
        message: Message = json.loads(received)
        return message

    def close(self) -> None:
        """Close this end."""
        self._end.close()


def open_channel(handle: int) -> Channel:
    """The worker's end, from the file descriptor (on Windows: the handle) that it inherited."""
    if sys.platform == "win32":
        os.set_handle_inheritable(handle, False)
        return Channel(connection.PipeConnection(handle))
    # What the workload starts must not hold the pipe open after the worker has gone.
    os.set_inheritable(handle, False)
    return Channel(connection.Connection(handle))


@dataclass(frozen=True, slots=True, kw_only=True)
class Imports:
    """Where a side's code comes from, if not from where the environment says.

    Attributes:
        roots: Folders to import from, first.
        origins: Folders that nothing is imported from: where the project is installed from.
        package_folder: A folder of installed packages that `packages` come from; empty for none.
        packages: Top-level import names that come from `package_folder`, whatever else offers them.
        distribution: The distribution whose metadata comes from `package_folder`.
        forgotten: Top-level import names that are imported anew, on both sides alike, where the
            worker has imported them for itself (as pytest does with some libraries).
    """

    roots: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    package_folder: str = ""
    packages: tuple[str, ...] = ()
    distribution: str = ""
    forgotten: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SideSpec:
    """All that a worker needs to know to reach a workload.

    Attributes:
        name: "base" or "head".
        root: Folder to run pytest in.
        node: The test's id, relative to `root`.
        arguments: Further pytest arguments.
        ordinal: Which call of the fixture in the test, from 1.
        imports: Where the code under test comes from.
        cpu: The processor to stay on; None to leave that to the system.
        seed: Of random numbers; the same on both sides of a pair.
    """

    name: str
    root: str
    node: str
    arguments: tuple[str, ...] = ()
    ordinal: int = 1
    imports: Imports = Imports()
    cpu: int | None = None
    seed: int = 0

    def as_message(self) -> Message:
        """As it goes over the pipe."""
        return asdict(self)

    @classmethod
    def from_message(cls, message: Message) -> SideSpec:
        """As it comes out of it."""
        imports: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in message.pop("imports").items()
        }
        message["arguments"] = tuple(message["arguments"])
        return cls(imports=Imports(**imports), **message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a side has no workload, or none that ends well.

    Attributes:
        kind: The exception's type, or "skipped" or "not found".
        message: Its text, one line.
        where: "path:line" relative to the side's root; may be empty.
        missing: Whether it says that the code lacks a name which the test uses.
    """

    kind: str
    message: str
    where: str = ""
    missing: bool = False

    def __str__(self) -> str:
        text = f"{self.kind}: {self.message}" if self.message else self.kind
        return f"{text} ({self.where})" if self.where else text
