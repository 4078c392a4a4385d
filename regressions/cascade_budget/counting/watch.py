"""Patterns over functions: which of those that run are counted without being named one by one."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import repeat
from typing import TYPE_CHECKING, final

from cascade_budget.counting.targets import (
    did_you_mean,
    import_named,
    member_of,
    nearest_attribute,
    nearest_module,
    submodules,
)
from cascade_budget.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

DEFAULT_WATCH: tuple[str, ...] = (
    "ast:parse",
    "concurrent.futures.process:ProcessPoolExecutor.submit",
    "concurrent.futures.thread:ThreadPoolExecutor.submit",
    "copy:deepcopy",
    "importlib:import_module",
    "inspect:getsource",
    "inspect:signature",
    "re._compiler:compile",
    "threading:Thread.start",
    "uuid:uuid4",
)
"""The standard library's known culprits, whose calls should rarely grow with transactions.

`re._compiler:compile` is a regular expression compiled in earnest: a hit in the cache of `re` is
not one.
"""


@final
class WatchPatternError(UsageError):
    """A watch pattern that could never match a function.

    Attributes:
        pattern: The pattern as the user wrote it.
    """

    def __init__(self, fact: str, *, pattern: str, remedy: str) -> None:
        super().__init__(fact, place=f"watch pattern '{pattern}'", remedy=remedy)
        self.pattern = pattern


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Parsed patterns.

    Attributes:
        names: The patterns without a wildcard, "module:qualname": targets in all but their place.
        globs: The others, as the parts of module and qualname between the wildcards.
    """

    names: tuple[str, ...]
    globs: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]

    def matches(self, module: str, qualname: str) -> bool:
        """Whether a pattern with a wildcard covers the function `module:qualname`."""
        return any(
            _glob(in_module, module) and _glob(in_qualname, qualname)
            for in_module, in_qualname in self.globs
        )


def parse_watch(patterns: Iterable[str]) -> Watch:
    """Parse watch patterns.

    `*` stands for any text, dots included; it is the only wildcard. "shop.*" covers the package
    `shop` and all below it, "shop.cart" the module alone, "shop.cart:Cart.*" one class's methods,
    and "inspect:signature" one function.

    Args:
        patterns: "module" or "module:qualname", either with wildcards.

    Raises:
        WatchPatternError: A pattern is empty, a path, or uses another wildcard.
    """
    names: list[str] = []
    globs: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
    for pattern in patterns:
        module, colon, qualname = pattern.partition(":")
        _check(pattern, module, qualname if colon else "*")
        if colon and "*" not in pattern:
            names.append(pattern)
        else:
            # "shop.*" reads as the package whole, so its own __init__ is covered as well.
            globs += [
                (tuple(covered.split("*")), tuple((qualname or "*").split("*")))
                for covered in (module, module.removesuffix(".*"))
            ]
    return Watch(names=tuple(dict.fromkeys(names)), globs=tuple(dict.fromkeys(globs)))


def refuse_unmatched(patterns: Iterable[str], called: Collection[str]) -> None:
    """Refuse a pattern that never matches: nobody would learn that it watches nothing.

    A pattern that covers nothing that was called is looked up. That it could match is enough: a
    package that can be imported and isn't, a class whose methods nobody called.

    Args:
        patterns: As for `parse_watch`.
        called: "module:qualname" of the functions that were called.

    Raises:
        WatchPatternError: There is no such module, or nothing in it has such a name.
        TargetError: Its module can't be imported.
    """
    for pattern in patterns:
        watch = parse_watch([pattern])
        if not watch.names and not any(watch.matches(*name.split(":", 1)) for name in called):
            module, _, qualname = pattern.partition(":")
            _check_module(pattern, module)
            if "*" not in module:
                _check_qualname(pattern, module, qualname.partition("*")[0])


def _check_module(pattern: str, module: str) -> None:
    stem, star, _ = module.partition("*")
    if star and not stem.endswith("."):
        package, _, begun = stem.rpartition(".")
        if not any(name.startswith(begun) for name in submodules(package)):
            raise _nothing(f"no module's name begins with '{stem}'", pattern, None)
    elif not _is_module(name := stem.removesuffix(".")):
        nearest = nearest_module(name)
        rest = pattern[len(name) :]
        raise _nothing(f"there is no module '{name}'", pattern, nearest and nearest + rest)


def _is_module(name: str) -> bool:
    try:
        return name in sys.modules or find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _check_qualname(pattern: str, module: str, stem: str) -> None:
    owner: object = import_named(module, name=pattern) if stem else sys
    before, parts = f"{module}:", stem.split(".")
    for part in parts:
        names, last = dir(owner), part is parts[-1]
        # A private name of a class is another one among its attributes.
        if part == "<locals>" or (last and part.startswith("__")):
            return
        if not (any(map(str.startswith, names, repeat(part))) if last else part in names):
            nearest = nearest_attribute(part, names)
            rest = "*" if last else pattern.removeprefix(before + part)
            fact = "no name begins with" if last else "there is no"
            raise _nothing(f"{fact} '{before}{part}'", pattern, nearest and before + nearest + rest)
        before += f"{part}."
        owner = member_of(owner, part)


def _nothing(fact: str, pattern: str, nearest: str | None) -> WatchPatternError:
    fact = f"it matches nothing: {fact}"
    return WatchPatternError(fact, pattern=pattern, remedy=did_you_mean(nearest))


def _check(pattern: str, module: str, qualname: str) -> None:
    if not module or not qualname or ":" in qualname:
        raise WatchPatternError(
            "it is not of the form module or module:qualname",
            pattern=pattern,
            remedy="Write it as in 'shop.*' or 'shop.cart:Cart.*'",
        )
    if "/" in pattern or "\\" in pattern or module.endswith(".py"):
        dotted = module.removesuffix(".py").replace("/", ".").replace("\\", ".").strip(".")
        raise WatchPatternError(
            "it is a path, and modules are matched by their names",
            pattern=pattern,
            remedy=f"Write '{dotted}'",
        )
    if unknown := sorted(set("?[]!{}") & set(pattern)):
        raise WatchPatternError(
            f"it holds '{unknown[0]}', which is in no name of a function",
            pattern=pattern,
            remedy="Use *, the only wildcard",
        )


# Not fnmatch: it compiles a regular expression, which is itself on the default watch list, and
# opening one block must not count in another that is open around it.
def _glob(parts: tuple[str, ...], text: str) -> bool:
    """Whether `text` is the parts in order, with any text between them and none around."""
    if len(parts) == 1:
        return text == parts[0]
    first, *middle, last = parts
    if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
        return False
    position, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True
