"""The existing name most like one that was not found. Only ever asked on the way to an error."""

from __future__ import annotations

import sys
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def nearest_attribute(name: str, existing: Iterable[str]) -> str | None:
    """The member of `existing` most like `name`, or None when none is alike."""
    # difflib is wanted only when a name was wrong; the plugin loads in every test run.
    from difflib import get_close_matches  # noqa: PLC0415

    candidates = [candidate for candidate in existing if not candidate.startswith("<")]
    if name in candidates:
        return name
    lower: dict[str, str] = {candidate.lower(): candidate for candidate in candidates}
    if name.lower() in lower:
        return lower[name.lower()]
    matches = get_close_matches(name, candidates, n=1, cutoff=0.6)
    return matches[0] if matches else None


def nearest_module(module_name: str) -> str | None:
    """The importable module most like `module_name`, corrected at its first wrong part.

    What follows a corrected part is kept as written, if it exists there.
    """
    found: list[str] = []
    for part in module_name.split("."):
        nearest = nearest_attribute(part, set(submodules(".".join(found))))
        if nearest is None:
            return None
        found.append(nearest)
    corrected = ".".join(found)
    return None if corrected == module_name else corrected


def submodules(package: str) -> Iterator[str]:
    """Names that `package.X` could import; without a package, the top level."""
    import pkgutil  # noqa: PLC0415

    prefix = f"{package}." if package else ""
    for loaded in tuple(sys.modules):
        if loaded.startswith(prefix):
            yield loaded.removeprefix(prefix).partition(".")[0]
    if not package:
        yield from sys.stdlib_module_names
        path = None
    else:
        try:
            __import__(package)
        except (Exception, SystemExit):  # noqa: BLE001  # a broken package has no more to suggest
            return
        path = getattr(sys.modules[package], "__path__", None)
        if path is None:
            return
    for module in pkgutil.iter_modules(path):
        yield module.name


def same_name_elsewhere(module_name: str, parts: list[str]) -> str | None:
    """The same qualname in another loaded module of the same top-level package: it has moved."""
    top = module_name.partition(".")[0]
    for other, module in sorted(sys.modules.items()):
        if other == module_name or not isinstance(module, ModuleType):
            continue
        if other != top and not other.startswith(f"{top}."):
            continue
        member: object = vars(module).get(parts[0])
        # Where it is defined, not every place that imports it.
        if isinstance(member, (FunctionType, type)) and member.__module__ == other:
            return f"{other}:{'.'.join(parts)}"
    return None


def with_colon(name: str) -> str | None:
    """Put the colon of module:qualname where the longest loaded module ends, or return None."""
    parts = name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        module_name = ".".join(parts[:length])
        if module_name in sys.modules or (length == 1 and module_name in sys.stdlib_module_names):
            return f"{module_name}:{'.'.join(parts[length:])}"
    return None
