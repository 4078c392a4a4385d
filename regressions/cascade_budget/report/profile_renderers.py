"""A recorded profile as a page, as text, and in speedscope's format with base beside head."""

from __future__ import annotations

import html
import json
import sys
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from pyinstrument.renderers import ConsoleRenderer
from pyinstrument.renderers.html import JSONForHTMLRenderer
from pyinstrument.session import Session

from cascade_budget.report.text import visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cascade_budget.model.profiles import ProfileSession

_FONT: Final = "https://fonts.googleapis.com/css"
"""What pyinstrument's page would ask the network for."""

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<div id="app"></div>
<script>{script}</script>
<script>
const sessionData = {session};
pyinstrumentHTMLRenderer.render(document.getElementById("app"), sessionData);
</script>
</body>
</html>
"""


def render_profile_html(sessions: Sequence[ProfileSession], *, title: str) -> str:
    """Pyinstrument's interactive page of all sessions together, without its web font.

    Args:
        sessions: At least one.
        title: What was profiled.
    """
    merged = _merge(sessions, title=title)
    resources = files("pyinstrument.renderers").joinpath("html_resources")
    # In JSON `<` stands in strings only; written as an escape it can't end the script.
    session = JSONForHTMLRenderer().render(merged).replace("<", "\\u003c")
    return _PAGE.format(
        title=html.escape(visible(title), quote=False),
        style=resources.joinpath("app.css").read_text(encoding="utf-8"),
        script=resources.joinpath("app.js").read_text(encoding="utf-8").replace(_FONT, "data:,"),
        session=session,
    )


def render_profile_text(sessions: Sequence[ProfileSession], *, title: str) -> str:
    """The call tree as text, unessential frames hidden; each line of it can be seen.

    Args:
        sessions: At least one.
        title: What was profiled.
    """
    merged = _merge(sessions, title=title)
    renderer = ConsoleRenderer(unicode=False, color=False, short_mode=True)
    tree = renderer.render(merged)
    lines = [visible(line.rstrip()) for line in tree.splitlines()]
    return "\n".join(line for line in lines if line.strip(". ")) + "\n"


def render_speedscope(profiles: Mapping[str, Sequence[ProfileSession]], *, title: str) -> str:
    """Profiles side by side in one file, in ns a transaction, for https://www.speedscope.app.

    Args:
        profiles: Sessions by name, such as "base" and "head"; each at least one.
        title: What was profiled.

    Source: speedscope, file format schema (profile type "sampled").
    """
    indexes: dict[str, int] = {}
    frames: list[dict[str, Any]] = []

    def index_of(session: ProfileSession, frame: int) -> int:
        named = session.frames[frame]
        if named.record not in indexes:
            indexes[named.record] = len(frames)
            frames.append(
                {"name": named.function, "file": named.path or None, "line": named.line or None}
            )
        return indexes[named.record]

    sampled = []
    for name, sessions in profiles.items():
        transactions = sum(session.transactions for session in sessions)
        weights: dict[tuple[int, ...], float] = {}
        for session in sessions:
            for stack, self_ns in session.stacks.items():
                key = tuple(index_of(session, frame) for frame in stack)
                weights[key] = weights.get(key, 0.0) + self_ns / transactions
        ordered = sorted(weights.items())
        sampled.append(
            {
                "type": "sampled",
                "name": name,
                "unit": "nanoseconds",
                "startValue": 0,
                "endValue": sum(weights.values()),
                "samples": [list(stack) for stack, _ in ordered],
                "weights": [weight for _, weight in ordered],
            }
        )
    document = {
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "name": title,
        "exporter": "pytest-cascade-budget",
        "activeProfileIndex": len(sampled) - 1,
        "shared": {"frames": frames},
        "profiles": sampled,
    }
    return json.dumps(document) + "\n"


def _merge(sessions: Sequence[ProfileSession], *, title: str) -> Session:
    """All sessions as one of pyinstrument's, in seconds of the clock they were recorded by."""
    records: dict[tuple[str, ...], float] = {}
    for session in sessions:
        for stack, self_ns in session.stacks.items():
            key = tuple(session.frames[index].record for index in stack)
            records[key] = records.get(key, 0.0) + self_ns / 1e9
    total_s = sum(records.values())
    samples = sum(
        round(session.total_ns / session.sample_ns) for session in sessions if session.sample_ns
    )
    return Session(
        frame_records=[(list(stack), seconds) for stack, seconds in sorted(records.items())],
        start_time=0.0,
        duration=total_s,
        min_interval=sessions[0].sample_ns / 1e9 or 0.001,
        max_interval=sessions[0].sample_ns / 1e9 or 0.001,
        sample_count=samples,
        start_call_stack=[""],
        target_description=visible(title),
        cpu_time=total_s if sessions[0].clock == "cpu" else 0.0,
        sys_path=sys.path,
        sys_prefixes=Session.current_sys_prefixes(),
    )
