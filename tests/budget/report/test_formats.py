from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from typing import TYPE_CHECKING

import jsonschema
import pytest

from cascade_budget.model.profiles import ChangedFunction, FunctionKey
from cascade_budget.report.github import (
    MESSAGE_BYTES,
    SUMMARY_BYTES,
    Annotation,
    annotate,
    render_summary,
)
from cascade_budget.report.html import render_html
from cascade_budget.report.json import render_json
from cascade_budget.report.markdown import code, escape, render_markdown
from cascade_budget.report.text import duration, signed_duration, tps, visible

if TYPE_CHECKING:
    from cascade_budget.model.report import Report

SCHEMA = json.loads(files("cascade_budget.report").joinpath("report-1.schema.json").read_bytes())
INVISIBLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def check_against_schema(text: str) -> dict:
    value = json.loads(text)
    validator = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker())
    validator.validate(value)
    return value


def test_the_schema_is_itself_a_valid_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_json_of_a_failed_run_follows_the_schema_and_holds_every_figure(failed_document) -> None:
    value = check_against_schema(render_json(failed_document))

    assert (value["format"], value["version"], value["passed"]) == (
        "cascade-budget-report",
        1,
        False,
    )
    assert value["totals"] == {"as budgeted": 1, "over budget": 1}
    failed = value["tests"][1]
    signature = failed["targets"][0]
    assert (signature["target"], signature["measured"], signature["budget"]) == (
        "inspect:signature",
        "n + 1",
        "0",
    )
    assert signature["first"] == {"100": 101, "200": 201, "300": 301, "400": 401}
    assert signature["second"] == signature["first"]
    assert signature["sites"][1] == {
        "path": "app/resolve.py",
        "line": 41,
        "function": "resolve",
        "calls": 400,
        "changed_since": "main",
    }
    assert failed["time"]["paired"]["verdict"]["interval"]["lower"] == 0.447
    assert failed["time"]["paired"]["slowdowns"] == pytest.approx(
        [0.41, 0.452, 0.448, 0.47, 0.455, 0.449, 0.46, 0.458, 0.444, 0.45, 0.462, 0.457]
    )
    assert failed["profile"]["difference"]["functions"][0]["head_ns"] == 3100.0
    assert value["history"][0]["points"][-1]["value"] == 6.4e-6


def closed(schema):
    """The schema, with every field of an object required and no other allowed."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: closed(each) for name, each in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        assert sorted(schema["required"]) == sorted(schema["properties"])
        return {**inner, "additionalProperties": False}
    return inner


def test_the_schema_has_every_field_and_no_other(failed_document, slower) -> None:
    for report in (failed_document, slower):
        jsonschema.validate(json.loads(render_json(report)), closed(SCHEMA))


def test_json_of_a_run_without_base_or_failures_follows_the_schema(kept_document) -> None:
    value = check_against_schema(render_json(kept_document))
    assert (value["passed"], value["session"]["base"]) == (True, None)


def test_a_document_that_leaves_a_field_out_breaks_the_schema(failed_document) -> None:
    value = json.loads(render_json(failed_document))
    del value["tests"][1]["targets"][0]["measured"]
    with pytest.raises(jsonschema.ValidationError, match="'measured' is a required property"):
        jsonschema.validate(value, SCHEMA)


def test_json_refuses_a_number_that_json_cannot_say(failed_document) -> None:
    (first, *rest) = failed_document.tests
    time = replace(first.time, cpu_ns_per_transaction=float("nan"))
    broken = replace(failed_document, tests=(replace(first, time=time), *rest))
    with pytest.raises(ValueError, match="Out of range float values"):
        render_json(broken)


def test_markdown_of_a_failed_run_reads_line_by_line(failed_document) -> None:
    assert render_markdown(failed_document).splitlines() == [
        "## Budgets broken in 1 of 2 workloads",
        "",
        "CPython 3.13.1, against `main` (`3f2a1bc`)",
        "",
        "### `tests/test_gate.py::test_simple_countdown`: over budget",
        "",
        "- `inspect:signature`: n + 1 calls, budget 0: was never called, is now called once per transaction",
        "  - `app/core.py:12` in `load`: 2 calls at n = 400",
        "  - `app/resolve.py:41` in `resolve`: 400 calls at n = 400 **changed since main**",
        "- throughput: 45.7 % slower than main (3f2a1bc), between 44.7 and 47.0 % slower",
        "  - bounds with a confidence of 99.9 %, 12 rounds",
        "  - 500,000 to 322,581 transactions a second of CPU time",
        "  - forked processes, 20 x 4 chunks of 300 transactions a round, 9 s",
        "- self time a transaction since `main`, by function:",
        "",
        "  | function | difference | error |",
        "  |:--|--:|--:|",
        "  | `app.resolve:resolve > inspect:signature` | +3.10 µs | ± 120 ns |",
        "",
        "| | verdict | calls | TPS (CPU) |",
        "|:--|:--|:--|--:|",
        "| `tests/test_gate.py::test_kept` | as budgeted | `app.build:build_graph` `1`<br>1 watched | 333,000 |",
    ]


@pytest.fixture
def slower(failed_document) -> Report:
    """A test that breaks no law, and is slower because a constant was changed."""
    failed = failed_document.failed[0]
    (one,) = failed.profile.difference.functions
    edit = ChangedFunction(
        function="app.core:weigh",
        path="app/core.py",
        line=3,
        read="ROUNDS",
        share=0.86,
        since="main",
    )
    profile = replace(
        failed.profile,
        difference=replace(
            failed.profile.difference,
            functions=(),
            entry=replace(one, key=FunctionKey("app.core:load"), path="app/core.py", line=8),
        ),
        changed=(edit, replace(edit, read="", function="app.core:load", line=9, share=0.1)),
    )
    return replace(
        failed_document,
        tests=(replace(failed, targets=failed.targets[1:], profile=profile),),
    )


def test_json_of_a_slower_test_has_the_entry_and_what_was_changed(slower) -> None:
    profile = check_against_schema(render_json(slower))["tests"][0]["profile"]
    assert profile["difference"]["entry"] == {
        "key": {"function": "app.core:load", "caller": ""},
        "path": "app/core.py",
        "line": 8,
        "base_ns": 0.0,
        "head_ns": 3_100.0,
        "error_ns": 120.0,
    }
    assert profile["changed"][0] == {
        "function": "app.core:weigh",
        "path": "app/core.py",
        "line": 3,
        "read": "ROUNDS",
        "share": 0.86,
        "since": "main",
    }


def test_markdown_of_a_slower_test_names_the_entry_and_what_was_changed(slower) -> None:
    lines = render_markdown(slower).splitlines()
    start = lines.index("  - forked processes, 20 x 4 chunks of 300 transactions a round, 9 s")
    assert lines[start + 1 :] == [
        "- +3.10 µs a transaction ± 120 ns in `app.core:load` and what it calls, `app/core.py:8`",
        "- changed since `main` and run here: `app/core.py:3` `ROUNDS`, read by `app.core:weigh`, 86 % of the time",
        "- changed since `main` and run here: `app/core.py:9` `app.core:load`, 10 % of the time",
    ]


def test_the_page_of_a_slower_test_names_the_entry_and_what_was_changed(slower) -> None:
    page = " ".join(re.sub(r"<[^>]+>", "", render_html(slower)).split())
    assert (
        "+3.10 µs a transaction ± 120 ns in app.core:load and what it calls app/core.py:8" in page
    )
    assert (
        "changed since main and run here: app/core.py:3 ROUNDS, read by app.core:weigh, 86 % of the time"
        in page
    )


def test_a_slower_test_is_annotated_on_the_line_that_changed_or_at_the_entry(slower) -> None:
    (annotation,) = annotate(slower)
    assert annotation.command() == (
        "::error file=app/core.py,line=3,title=test_simple_countdown%3A too slow::"
        "throughput: 45.7 %25 slower than main (3f2a1bc), between 44.7 and 47.0 %25 slower%0A"
        "  changed since main: app/core.py:3 ROUNDS, read by app.core:weigh%0A"
        "  changed since main: app/core.py:9 app.core:load"
    )
    (test,) = slower.tests
    entered = replace(test, profile=replace(test.profile, changed=()))
    (annotation,) = annotate(replace(slower, tests=(entered,)))
    assert (annotation.path, annotation.line) == ("app/core.py", 8)


def test_an_annotation_stands_on_the_line_that_changed_since_the_base(failed_document) -> None:
    (annotation,) = annotate(failed_document, prefix="backend")
    assert annotation.command() == (
        "::error file=backend/app/resolve.py,line=41,"
        "title=test_simple_countdown%3A over budget::"
        "inspect:signature: n + 1 calls, budget 0: was never called, is now called once per transaction%0A"
        "  app/core.py:12 in load: 2 calls%0A"
        "  app/resolve.py:41 in resolve: 400 calls, changed since main%0A"
        "throughput: 45.7 %25 slower than main (3f2a1bc), between 44.7 and 47.0 %25 slower"
    )


def test_a_test_without_call_sites_is_annotated_in_its_own_file(failed_document) -> None:
    failed = failed_document.failed[0]
    bare = replace(failed, targets=tuple(replace(each, sites=()) for each in failed.targets))
    (annotation,) = annotate(replace(failed_document, tests=(bare,)))
    assert (annotation.path, annotation.line) == ("tests/test_gate.py", 1)


def test_a_call_site_outside_the_project_is_annotated_without_a_file(failed_document) -> None:
    failed = failed_document.failed[0]
    sites = (replace(failed.targets[0].sites[0], path="/usr/lib/python3/json/encoder.py"),)
    outside = replace(failed, test="<doctest>", targets=(replace(failed.targets[0], sites=sites),))
    (annotation,) = annotate(replace(failed_document, tests=(outside,)))
    assert annotation.command().startswith("::error title=")


def test_eleven_failures_make_nine_annotations_and_one_that_names_the_rest(make_document) -> None:
    commands = [one.command() for one in annotate(make_document(110))]
    assert len(commands) == 10
    assert commands[-1] == (
        "::error title=2 more workloads broke a budget::"
        "GitHub shows 10 errors a step; the job's summary lists them all:%0A"
        "tests/test_gate.py::test_0090: over budget%0A"
        "tests/test_gate.py::test_0100: over budget"
    )


def test_ten_failures_make_ten_annotations(make_document) -> None:
    assert len(annotate(make_document(100))) == 10


def test_a_message_longer_than_github_takes_is_cut_and_says_so() -> None:
    command = Annotation(title="t" * 1000, message="µ" * MESSAGE_BYTES).command()
    title, _, message = command.removeprefix("::error title=").partition("::")
    assert len(title) == 255
    assert len(message.encode()) <= MESSAGE_BYTES + 2
    assert message.endswith("%0A(cut to what GitHub shows)")


def test_the_summary_of_many_tests_keeps_githubs_limit_and_says_that_it_was_cut(
    make_document,
) -> None:
    summary = render_summary(make_document(9000))
    assert len(summary.encode()) <= SUMMARY_BYTES
    assert summary.endswith("The rest did not fit here; the report's files hold all of it.\n")


def test_nothing_hostile_breaks_json(hostile) -> None:
    text = render_json(hostile)
    assert text.isascii()
    value = json.loads(text)
    assert value["tests"][0]["title"] == "<script>alert(1)</script>"


class Page(HTMLParser):
    """Every tag with its attributes, and the text between them."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


ALLOWED_TAGS = {
    "a",
    "b",
    "body",
    "button",
    "circle",
    "code",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "figcaption",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "head",
    "header",
    "html",
    "input",
    "label",
    "li",
    "line",
    "link",
    "main",
    "meta",
    "output",
    "p",
    "polyline",
    "rect",
    "script",
    "section",
    "span",
    "style",
    "summary",
    "svg",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "time",
    "title",
    "tr",
    "ul",
    "wbr",
}


def test_nothing_hostile_becomes_markup_in_html(hostile) -> None:
    page = Page(render_html(hostile))

    assert {tag for tag, _ in page.tags} <= ALLOWED_TAGS
    assert [tag for tag, _ in page.tags].count("script") == 1
    attributes = {name for _, attrs in page.tags for name in attrs}
    assert not {name for name in attributes if name.startswith("on")}
    links = {attrs.get("href") for tag, attrs in page.tags if tag in ("a", "link")}
    assert all(link == "data:," or link.startswith("./") for link in links)
    assert not {"src", "style", "action", "srcdoc"} & attributes
    assert "<script>alert(1)</script>" in "".join(page.text)
    assert "line one\\nline two" in "".join(page.text)


def test_nothing_hostile_is_invisible_in_html(hostile) -> None:
    page = render_html(hostile)
    page.encode()
    assert INVISIBLE.search(page) is None


def test_a_template_in_a_name_is_shown_and_not_run(hostile) -> None:
    assert "{{ 7*7 }} {% raw %}" in "".join(Page(render_html(hostile)).text)


def test_nothing_hostile_becomes_a_command_in_annotations(hostile) -> None:
    for annotation in annotate(hostile):
        command = annotation.command()
        assert len(command.splitlines()) == 1
        assert re.fullmatch(r"::error [^:\n\r]*::.*", command)
        properties = command.removeprefix("::error ").partition("::")[0]
        assert {field.partition("=")[0] for field in properties.split(",")} <= {
            "file",
            "line",
            "title",
        }
        assert INVISIBLE.search(command) is None
        assert re.search("%(?!25|0A|0D|3A|2C)", command) is None


def test_nothing_hostile_becomes_markup_in_markdown(hostile) -> None:
    text = render_markdown(hostile)
    text.encode()
    assert INVISIBLE.search(text) is None
    outside = re.sub(r"(?<!\\)(`+)(?!`).+?(?<!`)\1(?!`)", "", text).replace("<!-- -->", "")
    assert set(re.findall(r"<[^>\s]*", outside)) <= {"<br"}
    assert re.search(r"(?<!\\)\]\(", outside) is None
    assert "@someone" not in re.sub(r"`[^`\n]*`", "", text)


def test_a_code_span_holds_any_run_of_backticks() -> None:
    assert code("plain") == "`plain`"
    assert code("a `b` c") == "``a `b` c``"
    assert code("``") == "``` `` ```"
    assert code("a|b") == "`a|b`"
    assert code("a|b", in_table=True) == "`a\\|b`"


def test_escaped_text_is_no_markup_link_or_mention() -> None:
    assert escape("*a* <b> [c](d) `e`") == "\\*a\\* &lt;b&gt; \\[c\\](d) \\`e\\`"
    assert escape("see https://x.org #12 @me") == (
        "see https:<!-- -->//x.org #<!-- -->12 @<!-- -->me"
    )


def test_what_cannot_be_seen_is_written_as_its_escape() -> None:
    assert visible("a\nb\tc") == "a\\nb\\tc"
    assert visible("\x1b[31mred") == "\\x1b[31mred"
    assert visible("\u202egpj.exe") == "\\u202egpj.exe"
    assert visible("\ud800") == "\\ud800"
    assert visible("naïve café 模型") == "naïve café 模型"


def test_numbers_have_three_digits_and_the_unit_that_suits() -> None:
    assert [tps(value) for value in (None, 1.2345, 123456.0)] == ["", "1.23", "123,000"]
    assert [duration(ns) for ns in (0, 3.14159, 3141.59, 31415926.0, 3.2e9)] == [
        "0 ns",
        "3.14 ns",
        "3.14 µs",
        "31.4 ms",
        "3.20 s",
    ]
    assert [signed_duration(ns) for ns in (3100.0, -120.0)] == ["+3.10 µs", "-120 ns"]


def test_the_page_asks_for_nothing_from_the_network(failed_document) -> None:
    page = render_html(failed_document)
    assert "default-src 'none'" in page
    assert re.findall(r"(?:https?:)?//[a-z]", page) == []


def test_the_page_of_a_thousand_tests_stays_under_three_megabytes(make_document) -> None:
    assert len(render_html(make_document(1000)).encode()) < 3_000_000
