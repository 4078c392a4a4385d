"""Turning generated text into functions whose source stays visible to tracebacks and to people."""

from __future__ import annotations

import linecache
import types
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_TEXTS_KEPT = 512
_compiled: OrderedDict[str, types.CodeType] = OrderedDict()


def compile_text(text: str, name: str) -> types.CodeType:
    """Compile a module that holds one function and return that function's code.

    Equal texts share one compilation: the text names only positions, so that all tasks of one shape
    meet here. The texts used longest ago are dropped, and with them their lines in tracebacks.

    Args:
        text: source of one function definition.
        name: the function's name.
    """
    known = _compiled.get(text)
    if known is not None:
        _compiled.move_to_end(text)
        return known
    filename = f"<cascade {name} {hash(text) & 0xFFFFFFFF:08x}>"
    module = compile(text, filename, "exec", dont_inherit=True)
    (code,) = (item for item in module.co_consts if isinstance(item, types.CodeType))
    _compiled[text] = code
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    while len(_compiled) > _TEXTS_KEPT:
        _, dropped = _compiled.popitem(last=False)
        linecache.cache.pop(dropped.co_filename, None)
    return code


def function_from(
    text: str,
    name: str,
    namespace: Mapping[str, Any],
    *,
    label: str | None = None,
    attributes: Mapping[str, str] | None = None,
) -> types.FunctionType:
    """Return the function that `text` defines, with `namespace` as its globals.

    The code object is a copy: inline caches belong to code, and two tasks that shared one would
    undo each other's specialisation.

    Args:
        text: source of one function definition without defaults.
        name: the function's name in the text.
        namespace: the objects that the text names.
        label: the name that tracebacks and error messages show.
        attributes: the attribute that stands for each one in the text, so that texts that differ
            in no more than these are compiled once.
    """
    label = label or name
    code = compile_text(text, name)
    known = attributes or {}
    code = code.replace(
        co_name=label,
        co_qualname=label,
        co_names=tuple(known.get(each, each) for each in code.co_names),
    )
    function = types.FunctionType(code, {"__builtins__": __builtins__, **namespace}, label)
    function.__dict__["__source__"] = text
    return function


def source_of(function: types.FunctionType) -> str:
    """Return the text that a generated function was made from.

    Raises:
        KeyError: the function was not generated here.
    """
    text: str = function.__dict__["__source__"]
    return text
