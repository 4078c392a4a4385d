"""What a budget names: `module:qualname`, resolved to the bodies whose starts are the calls."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, final

from cascade_budget.counting.bodies import CO_OPTIMIZED, UncountableError, innermost, nested_codes
from cascade_budget.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MISSING = object()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A named function and the bodies that are its calls.

    Attributes:
        name: "module:qualname" as written.
        codes: Each start of one of these bodies is a call; empty for a C function.
        function: The C function, where there is no body, else None.
    """

    name: str
    codes: tuple[CodeType, ...]
    function: object | None


@final
class TargetError(UsageError):
    """A name that can't be counted: unknown, or not a function.

    Attributes:
        name: The name as the user wrote it.
        nearest: The existing name most like it, or None.
    """

    def __init__(
        self, fact: str, *, name: str, remedy: str = "", nearest: str | None = None
    ) -> None:
        remedy = remedy or did_you_mean(nearest)
        super().__init__(fact, place=f"target '{name}'", remedy=remedy)
        self.name = name
        self.nearest = nearest


def resolve_target(name: str) -> Target:
    """Find the function that `module:qualname` names, importing the module if need be.

    Layers around a function are seen through to its body: `functools.lru_cache` and `cache`,
    `functools.wraps`, `partial` and `partialmethod`, `staticmethod`, `classmethod`, `property` (its
    getter), `cached_property`, `singledispatch` (its registered implementations together), bound
    methods, and any object with `__wrapped__`. A class means its `__init__`, inherited or not. A
    function defined in another is named with `<locals>`: "module:outer.<locals>.inner".

    Functions are found as they are now and told by their bodies: an alias bound before counts, and
    so does each closure that shares a body; a function replaced later (monkeypatched) does not.

    Args:
        name: "module:qualname", for example "inspect:signature" or "shop.cart:Cart.total".

    Returns:
        The target, under the name as written.

    Raises:
        TargetError: The name is no `module:qualname`, or nothing is there, or what is there has no
            body of its own and is no C function either.
    """
    module_name, colon, qualname = name.partition(":")
    if not colon or ":" in qualname or not all((*module_name.split("."), *qualname.split("."))):
        nearest = with_colon(name) if not colon else None
        raise TargetError(
            "it is not of the form module:qualname",
            name=name,
            nearest=nearest,
            remedy=f"Write '{nearest}'" if nearest else "Write it as in 'inspect:signature'",
        )
    module = import_named(module_name, name=name)
    try:
        codes, functions = _walk(module, qualname.split("."), name=name)
    except UncountableError as error:
        remedy = f"{error.remedy[:1].upper()}{error.remedy[1:]}"
        raise TargetError(f"what it names {error.fact}", name=name, remedy=remedy) from None
    return Target(name=name, codes=codes, function=functions[0] if functions else None)


def import_named(module_name: str, *, name: str) -> ModuleType:
    """The module of a target or pattern. Raises TargetError where it can't be imported."""
    loaded = sys.modules.get(module_name)
    if isinstance(loaded, ModuleType):
        return loaded
    # Not importlib.import_module: that function is on the default watch list, and naming a target
    # in one block must not count in another that is open around it.
    try:
        __import__(module_name)
        return sys.modules[module_name]
    except (Exception, SystemExit) as error:
        missing = getattr(error, "name", None)
        if isinstance(error, ModuleNotFoundError) and _is_or_holds(missing, module_name):
            module = nearest_module(module_name)
            nearest = None if module is None else f"{module}:{name.partition(':')[2]}"
            remedy = did_you_mean(nearest, ", and that it can be imported from here")
            raise TargetError(
                f"there is no module '{missing}'", name=name, nearest=nearest, remedy=remedy
            ) from None
        raise TargetError(
            f"importing '{module_name}' raised {type(error).__name__}: {error}",
            name=name,
            remedy=f"Make `import {module_name}` work, or name another module",
        ) from error


def _is_or_holds(missing: object, module_name: str) -> bool:
    return isinstance(missing, str) and f"{module_name}.".startswith(f"{missing}.")


def _walk(
    module: ModuleType, parts: list[str], *, name: str
) -> tuple[tuple[CodeType, ...], tuple[object, ...]]:
    """Follow a qualname from its module to bodies and C functions."""
    reached: object = module
    for index, part in enumerate(parts):
        if part == "<locals>" and index:
            functions = innermost(reached, name=name)
            codes = tuple(f.__code__ for f in functions if isinstance(f, FunctionType))
            return _walk_codes(codes, parts, index, name=name), ()
        held = member_of(reached, part)
        if held is _MISSING:
            raise _no_attribute(reached, parts, index, name=name)
        reached = held
    functions = innermost(reached, name=name)
    codes = tuple(dict.fromkeys(f.__code__ for f in functions if isinstance(f, FunctionType)))
    natives = tuple(f for f in functions if not isinstance(f, FunctionType))
    if codes and natives:
        raise UncountableError("is partly Python and partly C", "name one of its implementations")
    if len(natives) > 1:
        raise UncountableError(
            f"has {len(natives)} implementations in C", "name one of its implementations"
        )
    return codes, natives


def _walk_codes(
    codes: tuple[CodeType, ...], parts: list[str], index: int, *, name: str
) -> tuple[CodeType, ...]:
    """Follow the rest of a qualname through bodies; `parts[index]` is the first "<locals>"."""
    for position in range(index, len(parts)):
        part = parts[position]
        if part == "<locals>":
            continue
        inner = tuple(found for code in codes for found in nested_codes(code, part))
        if not inner:
            names = [c.co_name for code in codes for c in code.co_consts if isinstance(c, CodeType)]
            before = ".".join(parts[:position]).removesuffix(".<locals>")
            nearest = _rejoined(name, parts, position, nearest_attribute(part, names))
            where = f"'{before}' in '{name.partition(':')[0]}'"
            raise TargetError(f"{where} defines no '{part}'", name=name, nearest=nearest)
        codes = inner
    if parts[-1] == "<locals>":
        raise UncountableError("ends in <locals>", "name a function defined there")
    if any(not code.co_flags & CO_OPTIMIZED for code in codes):
        raise UncountableError(
            "is a class defined inside a function", f"name its __init__: '{name}.__init__'"
        )
    return codes


def member_of(owner: object, part: str) -> object:
    """`owner.part` without running descriptors, so that a property is found and not read."""
    if isinstance(owner, type):
        # Name mangling, as the compiler does it for names used inside the class.
        mangled = part.startswith("__") and not part.endswith("__")
        names = (part, f"_{owner.__name__.lstrip('_')}{part}") if mangled else (part,)
        for candidate in names:
            for base in owner.__mro__:
                if candidate in vars(base):
                    return vars(base)[candidate]
    try:
        return getattr(owner, part)
    except AttributeError:
        return _MISSING


def _no_attribute(owner: object, parts: list[str], index: int, *, name: str) -> TargetError:
    module_name = name.partition(":")[0]
    before = ".".join(parts[:index])
    where = f"'{before}' in '{module_name}'" if before else f"module '{module_name}'"
    elsewhere = same_name_elsewhere(module_name, parts) if index == 0 else None
    spelled = _rejoined(name, parts, index, nearest_attribute(parts[index], dir(owner)))
    return TargetError(f"{where} has no '{parts[index]}'", name=name, nearest=elsewhere or spelled)


def _rejoined(name: str, parts: list[str], index: int, nearest: str | None) -> str | None:
    if nearest is None:
        return None
    return f"{name.partition(':')[0]}:{'.'.join((*parts[:index], nearest, *parts[index + 1 :]))}"


def did_you_mean(nearest: str | None, besides: str = "") -> str:
    """A remedy: the name that was meant, or to check the spelling, and what besides."""
    return f"Did you mean '{nearest}'?" if nearest else f"Check the spelling{besides}"


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
