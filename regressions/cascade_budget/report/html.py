"""A report as one HTML page that needs nothing else: no network, no framework, no file."""

from __future__ import annotations

import base64
import hashlib
import re
import urllib.parse
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import jinja2
from markupsafe import Markup

from cascade_budget.model.findings import Verdict
from cascade_budget.model.throughput import slowdown_text, slowdowns_text
from cascade_budget.report import text
from cascade_budget.report.pictures import Axis, counts_picture, history_picture, interval_picture

if TYPE_CHECKING:
    from cascade_budget.model.findings import WorkloadFinding
    from cascade_budget.model.report import Report

_PAGE: Final = "page"
_GOOD: Final = (Verdict.AS_BUDGETED, Verdict.RECORDED)


def render_html(report: Report) -> str:
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
        slowdown=slowdown_text,
        link=_link,
        breakable=_breakable,
    )
    axis = Axis.over(
        test.time.paired.verdict
        for test in report.tests
        if test.time is not None and test.time.paired is not None
    )
    return environment.get_template("page.html.j2").render(
        report=report,
        axis=axis,
        style=Markup(style),  # noqa: S704  the package's own file
        script=Markup(script),  # noqa: S704  the same
        style_hash=_hash(style),
        script_hash=_hash(script),
        state=state,
        words=_words,
        counted=text.counted,
        evidence_lines=text.evidence_lines,
        slowdowns_text=slowdowns_text,
        interval_picture=interval_picture,
        counts_picture=counts_picture,
        history_picture=history_picture,
    )


def state(test: WorkloadFinding) -> str:
    """`bad`, `unsure` or `good`: how the verdict is coloured, beside its words."""
    if test.fails:
        return "bad"
    return "good" if test.verdict in _GOOD else "unsure"


def _words(test: WorkloadFinding) -> str:
    """What the page's search looks through."""
    return " ".join((test.key, test.verdict, *(call.target for call in test.targets))).lower()


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
