"""The page in headless Chromium: what a person would see, and that nothing is asked of a network."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from cascade_budget.model.profiles import CodeFrame, ProfileSession
from cascade_budget.report.html import render_html
from cascade_budget.report.profile_renderers import render_profile_html

if TYPE_CHECKING:
    from pathlib import Path

    from cascade_budget.model.report import Report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--virtual-time-budget=2000",
    "--dump-dom",
)

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium on the PATH (Debian: apt-get install chromium)"
)


class Visit:
    """The page's document after it ran, and what the browser's console said."""

    def __init__(self, page: Path, profile: Path, width: int) -> None:
        done = subprocess.run(
            [
                str(CHROMIUM),
                *FLAGS,
                f"--user-data-dir={profile}",
                f"--window-size={width},900",
                page.as_uri(),
            ],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        self.dom = done.stdout
        self.console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]

    def answer(self) -> str:
        """What an `ask`ed expression gave."""
        found = re.search(r'<pre id="answer">(.*?)</pre>', self.dom, re.DOTALL)
        assert found, self.console
        return html.unescape(found[1])


@pytest.fixture
def visit(tmp_path: Path):
    """Open a document's page; with `ask`, in a frame of that width, where it is evaluated."""

    def open_page(document: Report, *, ask: str = "", width: int = 1400) -> Visit:
        page = render_html(document)
        if ask:
            # A window has a least width, a frame has none.
            page = (
                f'<!doctype html><body style="margin:0"><pre id="answer"></pre><iframe id="frame" '
                f'style="border:0;width:{width}px;height:900px" srcdoc="{html.escape(page)}">'
                "</iframe><script>"
                f"const ask = (document, window) => {{ {ask} }};"
                'const frame = document.getElementById("frame");'
                'frame.addEventListener("load", () => {'
                'document.getElementById("answer").textContent ='
                "String(ask(frame.contentDocument, frame.contentWindow)); });</script>"
            )
        path = tmp_path / "page.html"
        path.write_text(page, encoding="utf-8")
        return Visit(path, tmp_path / "profile", max(width, 500))

    return open_page


def test_the_console_stays_empty_under_a_policy_that_forbids_the_network(
    visit, failed_document
) -> None:
    seen = visit(failed_document)
    assert seen.console == []
    assert '<form id="controls" role="search">' in seen.dom


def test_a_policy_that_is_broken_would_show_in_the_console(
    visit, failed_document, tmp_path
) -> None:
    page = render_html(failed_document).replace(
        "</body>", '<img src="http://127.0.0.1:9/x.png"></body>'
    )
    path = tmp_path / "broken.html"
    path.write_text(page, encoding="utf-8")
    console = Visit(path, tmp_path / "profile", 1400).console
    assert any("Content Security Policy" in line for line in console)


def test_nothing_hostile_runs_or_loads(visit, hostile) -> None:
    seen = visit(hostile)
    assert seen.console == []
    assert "<img" not in seen.dom
    assert seen.dom.count("<script") == 1


@pytest.mark.parametrize("width", [375, 1400])
def test_no_line_is_wider_than_the_window(visit, hostile, width) -> None:
    ask = """
        for (const test of document.querySelectorAll("details")) test.open = true;
        return window.innerWidth + ": " + [...document.querySelectorAll("body *")]
            .filter((one) => one.getBoundingClientRect().right > window.innerWidth)
            .map((one) => one.tagName + "." + one.className).join(" ");
    """
    assert visit(hostile, ask=ask, width=width).answer() == f"{width}: "


def test_search_finds_one_of_a_thousand_tests(visit, make_document) -> None:
    ask = """
        const search = document.getElementById("search");
        search.value = "OVER test_0990";
        search.dispatchEvent(new window.Event("input"));
        const left = [...document.querySelectorAll(".test:not([hidden]) .name")];
        return left.map((one) => one.textContent) + "; " + document.getElementById("shown").value;
    """
    assert visit(make_document(1000), ask=ask).answer() == (
        "tests/test_gate.py::test_0990; 1 of 1000 shown"
    )


def test_a_verdicts_button_leaves_only_its_tests(visit, make_document) -> None:
    ask = """
        document.querySelector('button[data-verdict="over budget"]').click();
        const pressed = document.querySelector('button[aria-pressed="true"]').textContent;
        return pressed + "; " + document.getElementById("shown").value;
    """
    assert visit(make_document(50), ask=ask).answer() == "over budget 5; 5 of 50 shown"


def test_failed_tests_come_first_and_are_open(visit, failed_document) -> None:
    ask = """
        return [...document.querySelectorAll(".test")].map(
            (one) => one.querySelector(".badge").textContent + ":" + one.open).join(" ");
    """
    assert visit(failed_document, ask=ask).answer() == "over budget:true as budgeted:false"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(visit, failed_document, scheme) -> None:
    """Source: W3C, WCAG 2.2, contrast ratio of at least 4.5 (success criterion 1.4.3)."""
    ask = f"""
        const style = [...document.styleSheets[0].cssRules].find(
            (rule) => rule.media && rule.conditionText.includes("dark"));
        const root = {"style.cssRules[0]" if scheme == "dark" else "document.styleSheets[0].cssRules[0]"}.style;
        const light = (hex) => {{
            const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
                .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        }};
        const ratio = (one, other) => {{
            const [low, high] = [one, other].map(
                (name) => light(root.getPropertyValue(name).trim())).sort((a, b) => a - b);
            return (high + 0.05) / (low + 0.05);
        }};
        const pairs = [["--ink", "--page"], ["--ink", "--card"], ["--soft", "--page"],
            ["--soft", "--card"], ["--bad", "--bad-wash"], ["--good", "--good-wash"],
            ["--unsure", "--unsure-wash"], ["--mark", "--card"], ["--bad", "--page"]];
        return pairs.filter(([one, other]) => !(ratio(one, other) >= 4.5)).join(" ");
    """
    assert visit(failed_document, ask=ask).answer() == ""


def test_a_profiles_page_draws_its_tree_with_an_empty_console(tmp_path) -> None:
    name = "</script><script>alert(1)</script>"
    session = ProfileSession(
        frames=(
            CodeFrame(function=name, path="a.py", line=1, own=True, record=f"{name}\x00a.py\x001"),
        ),
        stacks={(0,): 2e6},
        transactions=10,
        sample_ns=1e5,
        plain_ns_per_transaction=2e5,
        clock="cpu",
    )
    path = tmp_path / "profile.html"
    path.write_text(render_profile_html([session], title=name), encoding="utf-8")
    seen = Visit(path, tmp_path / "profile", 1400)
    assert seen.console == []
    assert html.escape(name, quote=False) in seen.dom
