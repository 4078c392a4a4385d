"""The document as one HTML page that needs nothing else: no network, no framework, no file."""

from __future__ import annotations

import base64
import hashlib
import re
import urllib.parse
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import jinja2
from markupsafe import Markup

from cascade_budget.report import text
from cascade_budget.report.pictures import (
    Axis,
    counts_picture,
    history_picture,
    interval_picture,
)

if TYPE_CHECKING:
    from cascade_budget.model.document import (
        Document,
        WorkloadEntry,
    )

_PAGE: Final = "page"
_STATE: Final = {
    "as budgeted": "good",
    "recorded": "good",
    "unstable": "unsure",
    "uncountable": "unsure",
    "unresolved": "unsure",
}


def render_html(document: Document) -> str:
    """The page.

    Every value is escaped where it is put in, and made visible first: what would not be drawn, or
    would turn the text around it, is written as its escape. A content security policy allows the
    page's own style and script by their hashes and nothing else, so that even what slipped through
    could neither run nor load anything.
    """
    resources = files(__package__).joinpath(_PAGE)
    style = resources.joinpath("page.css").read_text(encoding="utf-8")
    script = resources.joinpath("page.js").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(
            lambda name: resources.joinpath(name).read_text(encoding="utf-8")
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters.update(
        tps=text.tps,
        duration=text.duration,
        signed_duration=text.signed_duration,
        percent=text.percent,
        link=_link,
        breakable=_breakable,
    )
    axis = Axis.over(
        test.throughput.paired
        for test in document.tests
        if test.throughput is not None and test.throughput.paired is not None
    )
    return environment.get_template("page.html.j2").render(
        document=document,
        axis=axis,
        style=Markup(style),  # noqa: S704  the package's own file
        script=Markup(script),  # noqa: S704  the same
        style_hash=_hash(style),
        script_hash=_hash(script),
        state=state,
        words=_words,
        counted=text.counted,
        interval=text.interval,
        interval_picture=interval_picture,
        counts_picture=counts_picture,
        history_picture=history_picture,
    )


def state(test: WorkloadEntry) -> str:
    """`bad`, `unsure` or `good`: how the verdict is coloured, beside its words."""
    return "bad" if test.fails else _STATE.get(test.verdict, "unsure")


def _words(test: WorkloadEntry) -> str:
    """What the page's search looks through."""
    return " ".join((test.key, test.verdict, *(call.target for call in test.calls))).lower()


def _breakable(name: str) -> Markup:
    """A name that may be broken where people would break it: behind `::`, `/`, `.` and `_`."""
    parts = re.split(r"(?<=[/._])(?=\w)|(?<=::)", text.visible(name))
    return Markup("<wbr>").join(parts)


def _link(path: str) -> str:
    """A path relative to the page as a reference that names no other scheme or host."""
    return "./" + urllib.parse.quote(text.visible(path))


def _shown(value: Any) -> Any:
    return text.visible(value) if type(value) is str else value


def _hash(content: str) -> str:
    """Source: W3C, Content Security Policy Level 3, section 2.3.1 (hash-source)."""
    digest = hashlib.sha256(content.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
