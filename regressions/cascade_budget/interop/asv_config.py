"""asv's configuration file, as far as it says where things are."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from cascade_budget.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

_NAMES: Final = ("asv.conf.json", "asv.conf.jsonc")
_RESULTS: Final = "results"
# A string, which stays; else a comment, or a comma that closes nothing.
_JSON5: Final = re.compile(
    r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/|,(?=(?:\s|//[^\n]*|/\*.*?\*/)*[}\]])', re.DOTALL
)


class AsvError(UsageError):
    """asv's files are not there, or not what asv writes."""


def find_config(*folders: Path) -> Path:
    """The configuration in the first of the folders that has one.

    Raises:
        AsvError: None has.
    """
    for folder in folders:
        for name in _NAMES:
            if (folder / name).is_file():
                return folder / name
    raise AsvError(
        f"there is no {_NAMES[0]}",
        place=" or ".join(dict.fromkeys(str(folder) for folder in folders)),
        remedy="Run where it is, name it with --config FILE, or make one with asv quickstart",
    )


def results_folder(path: Path) -> Path:
    """The folder of results that a configuration names; it may not be there.

    Raises:
        AsvError: It cannot be read, is no JSON object, or its `results_dir` is no text.

    Source: asv 0.6, "asv.conf.json reference": comments are allowed; `results_dir` is relative to
    the file, and "results" when left out.
    """
    try:
        loaded = load_json(path)
    except OSError as unreadable:
        raise AsvError(
            f"{path.name} cannot be read: {unreadable.strerror or unreadable}",
            place=str(path.parent),
            remedy="Name asv's configuration with --config FILE",
        ) from None
    except ValueError as broken:
        raise AsvError(
            f"{path.name} is not JSON: {broken}", place=str(path.parent), remedy="Correct the file"
        ) from None
    if not isinstance(loaded, dict):
        raise AsvError(
            f"{path.name} holds no JSON object",
            place=str(path.parent),
            remedy="Correct the file, or make one with asv quickstart",
        )
    folder = loaded.get("results_dir", _RESULTS)
    if not isinstance(folder, str):
        raise AsvError(
            f"results_dir of {path.name} is {folder!r}",
            place=str(path.parent),
            remedy="Give the folder's path as a string",
        )
    return path.parent / folder


def load_json(path: Path) -> Any:
    """What a file of JSON holds; comments and closing commas, which asv allows, are passed over.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no such file.
    """
    text = path.read_text(encoding="utf-8")
    try:
        return json.loads(text)
    except ValueError:
        return json.loads(_JSON5.sub(lambda found: found[1] or _blank(found[0]), text))


def _blank(text: str) -> str:
    """As many lines, so that an error still tells the right one."""
    return "\n" * text.count("\n")
