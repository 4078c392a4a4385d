"""Options, their ini twins, and the values that they give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, final

from cascade_budget.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

DEFAULT_LEDGER: Final = "cascade-budget.toml"
DEFAULT_PROFILES: Final = "reports"
OFF: Final = "off"

MARKER_LINE: Final = (
    "cascade_budget(calls=None, watch=None, cold=False): budget the calls that the test makes, "
    "judged under --cascade-budget. calls: {'module:qualname': 'n + 1'} is a contract, "
    "['module:qualname'] leaves the number to the ledger. watch: patterns such as "
    "['package.module.*'] of functions that must not be called more often. cold: count the first "
    "run in a fresh process. Without calls and watch a built-in list is watched. With the "
    "cascade_budget fixture the workload is budgeted, without it the whole test."
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What options and ini file ask for.

    Attributes:
        enabled: whether budgets are counted and judged.
        update: whether the ledger takes what was counted.
        base: the revision or requirement to pair throughput with; None for the coarse check.
        report: where reports go; None for none.
        profile: where profiles of all tests go; None where not each is profiled.
        profile_failures: whether a test that breaks a budget is profiled without being asked for.
        watch: patterns for every budgeted test; None where the ini file has none.
        ledger: the ledger's path.
        ledger_shown: the same, relative to the project's root, for people.
        timeout_seconds: the longest that one run of a workload may take; None for no limit.
        coarse_tolerance: slowdown allowed without a base, 0.25 for a quarter; None for no check.
        coarse_tolerance_elsewhere: the same against a record from another kind of machine.
        tolerance: slowdown allowed against a base, 0.01 for one percent.
        unresolved_fails: whether a throughput that could not be resolved fails its test.
        time_limit_seconds: the longest that a workload is timed against a base.
        root: the project's root, that of pytest.
    """

    enabled: bool
    update: bool
    base: str | None
    report: Path | None
    profile: Path | None
    profile_failures: bool
    watch: tuple[str, ...] | None
    ledger: Path
    ledger_shown: str
    timeout_seconds: float | None
    coarse_tolerance: float | None
    coarse_tolerance_elsewhere: float
    tolerance: float
    unresolved_fails: bool
    time_limit_seconds: float
    root: Path


def add_options(parser: pytest.Parser) -> None:
    """Register every option with its ini twin, and the ini options that have none."""
    group = parser.getgroup("cascade-budget", "call budgets and throughput (cascade-budget)")

    def add(option: str, *, help: str, note: str = "", **how: Any) -> None:  # noqa: A002 - pytest's
        group.addoption(option, default=None, help=help, **how)
        kind: Literal["bool", "string"] = "bool" if "action" in how else "string"
        name = option.removeprefix("--").replace("-", "_")
        parser.addini(name, f"as {option}{note}", type=kind)

    add(
        "--cascade-budget",
        action="store_true",
        help="judge budgets: count calls, hold them against markers and ledger, check throughput",
    )
    add(
        "--cascade-budget-update",
        action="store_true",
        help="write what was counted to the ledger, for the tests that ran and only those",
    )
    add(
        "--cascade-budget-base",
        metavar="REF",
        help="pair throughput with a git revision, or a requirement such as jsonschema==4.17.3",
    )
    add(
        "--cascade-budget-report",
        metavar="DIR",
        help="write JSON, HTML, Markdown and profiles of the judged tests there",
    )
    add(
        "--cascade-profile",
        metavar="DIR",
        nargs="?",
        const="",
        help=f"profile each test that runs, budgeted or not; give DIR with = (default: "
        f"{DEFAULT_PROFILES}); off: not even one that breaks a budget",
        note=": the folder, or off",
    )
    parser.addini(
        "cascade_budget_watch",
        "patterns of functions to watch in every budgeted test, such as package.module.*; "
        "a marker's watch= replaces them",
        type="args",
    )
    for name, default, what in _INI_ALONE:
        parser.addini(
            f"cascade_budget_{name}", f"{what} (default: {default})", type="string", default=default
        )


_INI_ALONE: Final = (
    ("ledger", DEFAULT_LEDGER, "the ledger, relative to rootdir"),
    ("timeout", "300", "seconds that one run of a workload may take, 0 for no limit"),
    (
        "coarse",
        "25",
        (
            "percent by which CPU time a transaction may exceed the ledger's when there is no "
            "base, or off"
        ),
    ),
    (
        "coarse_elsewhere",
        "200",
        "the same where the ledger's number is from another kind of machine",
    ),
    ("tolerance", "1", "percent by which cost a transaction may exceed the base's"),
    ("unresolved", "pass", "whether a throughput that noise left unresolved should pass or fail"),
    ("time_limit", "120", "seconds after which a workload is no longer timed against a base"),
)
"""Ini options that have no option on the command line: name, default and help."""


def read_settings(config: pytest.Config) -> Settings:
    """The settings of a run.

    Raises:
        UsageError: a value is out of its range, or asks for what this release does not hold.
    """
    root = config.rootpath
    update = _flag(config, "cascade_budget_update")
    report = _text(config, "cascade_budget_report")
    profile = _profile_folder(config)
    ledger = root / (_text(config, "cascade_budget_ledger") or DEFAULT_LEDGER)
    # Not by source.files: every pytest run reads this, and it imports as little as it can.
    shown_ledger = ledger.relative_to(root) if ledger.is_relative_to(root) else ledger
    coarse = _percent(config, "cascade_budget_coarse")
    elsewhere = _percent(config, "cascade_budget_coarse_elsewhere")
    return Settings(
        enabled=update
        or bool(config.getoption("cascade_budget_base"))
        or _flag(config, "cascade_budget"),
        update=update,
        base=_text(config, "cascade_budget_base"),
        report=root / report if report else None,
        profile=root / (profile or DEFAULT_PROFILES) if profile not in (None, OFF) else None,
        profile_failures=profile != OFF,
        watch=tuple(config.getini("cascade_budget_watch")) or None,
        ledger=ledger,
        ledger_shown=shown_ledger.as_posix(),
        timeout_seconds=_seconds(config, "cascade_budget_timeout"),
        coarse_tolerance=coarse,
        coarse_tolerance_elsewhere=(coarse or 0.0) if elsewhere is None else elsewhere,
        tolerance=_tolerance(config),
        unresolved_fails=_unresolved_fails(config),
        time_limit_seconds=_seconds(config, "cascade_budget_time_limit") or float("inf"),
        root=root,
    )


def _flag(config: pytest.Config, name: str) -> bool:
    return bool(config.getoption(name) or config.getini(name))


def _text(config: pytest.Config, name: str) -> str | None:
    given = config.getoption(name, default=None)
    if given is not None and not given.strip():
        raise UsageError(
            f"--{name.replace('_', '-')} is empty",
            remedy="Give it a value or leave it out: perhaps a variable in the command is not set",
        )
    return str(given or config.getini(name)) or None


def _profile_folder(config: pytest.Config) -> str | None:
    given = config.getoption("cascade_profile")
    if given and "--cascade-profile" in config.invocation_params.args:
        raise UsageError(
            f"--cascade-profile took {given!r} for its folder",
            remedy=f"Write --cascade-profile={given} if it is, or put --cascade-profile last",
        )
    return given if given is not None else config.getini("cascade_profile") or None


_CORRECT: Final = "Correct it in the ini file or behind -o"


def _seconds(config: pytest.Config, name: str) -> float | None:
    return _number(name, config.getini(name), "a number of seconds, 0 for no limit") or None


def _percent(config: pytest.Config, name: str) -> float | None:
    text = str(config.getini(name)).strip()
    if text == "off":
        return None
    return _number(name, text.removesuffix("%"), "a percentage such as 25, or off") / 100


def _tolerance(config: pytest.Config) -> float:
    name = "cascade_budget_tolerance"
    share = _percent(config, name)
    if not share:
        raise UsageError(
            f"{name} is {config.getini(name)!r}, not a percentage above 0",
            remedy="Two copies of the same code differ by tenths of a percent; leave it at 1",
        )
    return share


def _unresolved_fails(config: pytest.Config) -> bool:
    name = "cascade_budget_unresolved"
    text = str(config.getini(name)).strip()
    if text not in ("pass", "fail"):
        raise UsageError(f"{name} is {text!r}, not pass or fail", remedy=_CORRECT)
    return text == "fail"


def _number(name: str, text: str, what: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise UsageError(f"{name} is {text!r}, not {what}", remedy=_CORRECT)
    return number
