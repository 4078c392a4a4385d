"""The `cascade-budget` console script: what is not a test run."""

from __future__ import annotations

import argparse
import ast
import importlib
import pkgutil
import sys
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

import cascade_budget
from cascade_budget.errors import BudgetError

if TYPE_CHECKING:
    from collections.abc import Sequence


COMMANDS: Final = ("asv", "bisect", "diff", "doctor", "selfcheck")
"""Modules of `cascade_budget.commands` that are commands."""

INTERRUPTED: Final = 130
"""As a shell reports a process that ended by SIGINT."""

USAGE: Final = 2


class Command(Protocol):
    """What a module of `cascade_budget.commands` provides."""

    __doc__: str | None

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Carry the command out and return the exit code."""


class ShowVersion(argparse.Action):
    """Looks the version up when it is asked for: that imports more than most commands."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        """Print the version and end the program."""
        print(parser.prog, cascade_budget.__version__)  # noqa: T201
        parser.exit()


def load_command(name: str) -> Command:
    """The module of a command; imported only when it is asked for."""
    return cast("Command", importlib.import_module(f"cascade_budget.commands.{name}"))


def summary_of(name: str) -> str:
    """The first line of a command's docstring, read without importing the command."""
    source = pkgutil.get_data("cascade_budget.commands", f"{name}.py")
    assert source is not None
    text = ast.get_docstring(ast.parse(source)) or ""
    line = text.partition("\n")[0].rstrip(".")
    return line[:1].lower() + line[1:]


def build_parser(asked: str | None) -> argparse.ArgumentParser:
    """The parser of all commands; of those only the one that is asked for is imported."""
    parser = argparse.ArgumentParser(
        prog="cascade-budget",
        description="Performance regressions: what is not a run of pytest --cascade-budget.",
    )
    parser.add_argument("--version", action=ShowVersion, nargs=0, help="show the version and exit")
    rooms = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        room = rooms.add_parser(
            name,
            help=summary_of(name) if asked is None else None,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name == asked:
            command = load_command(name)
            room.description = (command.__doc__ or "").strip()
            command.configure(room)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: Arguments after the program's name; the process's own when None.

    Returns:
        The exit code: 0 for good news, 1 for bad news, 2 for wrong usage, 130 after Ctrl-C,
        143 after SIGTERM.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    asked = next((word for word in words if word in COMMANDS), None)
    arguments = build_parser(asked).parse_args(words)
    try:
        return load_command(arguments.command).run(arguments)
    except (BudgetError, OSError) as error:
        # A full disk, a file that can't be read: 1 would say that something is called more often.
        print(f"cascade-budget {arguments.command}: {error}", file=sys.stderr)  # noqa: T201
        return USAGE
    except KeyboardInterrupt as error:
        print("interrupted", file=sys.stderr)  # noqa: T201
        return getattr(error, "code", INTERRUPTED)
