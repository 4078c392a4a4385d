"""The `cascade-budget` console script: what is not a test run."""

from __future__ import annotations

import argparse
import importlib
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, Final, Protocol, cast

from cascade_budget.errors import BudgetError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

#: As a shell reports a process that ended by SIGINT.
COMMANDS: Final = ("asv", "bisect", "diff", "doctor", "selfcheck")
"""Modules of `cascade_budget.commands` that are commands."""

INTERRUPTED = 130
USAGE = 2


class Command(Protocol):
    """What a module of `cascade_budget.commands` provides."""

    __doc__: str | None

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Carry the command out and return the exit code."""


def load_command(name: str) -> Command:
    """The module of a command; imported only when it is asked for."""
    return cast("Command", importlib.import_module(f"cascade_budget.commands.{name}"))


def build_parser(names: Sequence[str]) -> argparse.ArgumentParser:
    """The parser with the given commands, each module imported."""
    parser = argparse.ArgumentParser(
        prog="cascade-budget",
        description="Performance regressions: what is not a run of pytest --cascade-budget.",
    )
    parser.add_argument(
        "--version", action="version", version=f"%(prog)s {version('pytest-cascade-budget')}"
    )
    rooms = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in names:
        command = load_command(name)
        text = (command.__doc__ or "").strip()
        summary = text.partition("\n")[0].rstrip(".")
        command.configure(
            rooms.add_parser(
                name,
                help=summary[:1].lower() + summary[1:],
                description=text,
                formatter_class=argparse.RawDescriptionHelpFormatter,
            )
        )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: Arguments after the program's name; the process's own when None.

    Returns:
        The exit code: 0 for good news, 1 for bad news, 2 for wrong usage, 130 after Ctrl-C.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    names = COMMANDS
    # One command is one import; only help and mistakes need them all.
    chosen = [name for name in names if words and name == words[0]] or names
    arguments = build_parser(chosen).parse_args(words)
    try:
        return load_command(arguments.command).run(arguments)
    except BudgetError as error:
        print(f"cascade-budget {arguments.command}: {error}", file=sys.stderr)  # noqa: T201
        return USAGE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)  # noqa: T201
        return INTERRUPTED
