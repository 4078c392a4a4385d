"""What two processes say to each other: one JSON object a line, over a pair of sockets."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Message: TypeAlias = dict[str, Any]

_PIECE = 1 << 16


class Channel:
    """One end of a connection that carries messages.

    Args:
        end: Owned, and closed with the channel.
    """

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._received = bytearray()

    @classmethod
    def inherited(cls, handle: int) -> Channel:
        """The end whose file descriptor, on Windows its handle, this process was started with."""
        end = socket.socket(fileno=handle)
        # What a test starts must not hold the connection open after this process has gone.
        end.set_inheritable(False)
        return cls(end)

    def pass_on(self) -> int:
        """Let the next process that is started inherit it. Returns what `inherited` takes."""
        self._end.set_inheritable(True)
        return self._end.fileno()

    def send(self, message: Mapping[str, Any]) -> None:
        """Send one message; a set is sent as a list.

        Raises:
            EOFError: The other end is gone.
        """
        line = json.dumps(message, default=sorted, separators=(",", ":")).encode() + b"\n"
        try:
            self._end.settimeout(None)
            self._end.sendall(line)
        except OSError as error:
            raise EOFError from error

    def receive(self, timeout_seconds: float | None = None) -> Message:
        """Wait for one message.

        Raises:
            EOFError: The other end is gone.
            TimeoutError: Nothing came within `timeout_seconds`.
        """
        seen = 0
        while (end := self._received.find(b"\n", seen)) < 0:
            seen = len(self._received)
            self._received += self._piece(timeout_seconds)
        message: Message = json.loads(self._received[:end])
        del self._received[: end + 1]
        return message

    def _piece(self, timeout_seconds: float | None) -> bytes:
        try:
            self._end.settimeout(None if timeout_seconds is None else max(0.0, timeout_seconds))
            piece = self._end.recv(_PIECE)
        except (BlockingIOError, TimeoutError):
            raise TimeoutError from None
        except OSError as error:
            raise EOFError from error
        if not piece:
            raise EOFError
        return piece

    def close(self) -> None:
        """Close this end."""
        self._end.close()


def channel_pair() -> tuple[Channel, Channel]:
    """Two ends of a new connection."""
    ours, theirs = socket.socketpair()
    return Channel(ours), Channel(theirs)
