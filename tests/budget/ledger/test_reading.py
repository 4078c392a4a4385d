"""A ledger that can't be read is refused with the place and the remedy."""

from __future__ import annotations

import pytest

from cascade_budget.errors import LedgerFormatError
from cascade_budget.judge.coarse import RecordedCost
from cascade_budget.ledger import Entry, read_ledger
from cascade_budget.model.laws import parse_law

REWRITE = "Correct it, or delete the line and run pytest --cascade-budget-update"


@pytest.fixture
def read(tmp_path):
    def reader(content):
        path = tmp_path / "cascade-budget.toml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_ledger(path, "cascade-budget.toml")

    return reader


def test_every_kind_of_line_is_read(read):
    ledger = read(
        """
        version = 1

        ["tests/test_a.py::test_x[a\\"b]"]
        watch = ["shop.*", "inspect:signature"]
        "inspect:signature" = "n + 1"
        "shop:price" = "unstable"
        "cpython-3.11" = { calibrated_cost = 6.205, machine = "linux-x86_64-1663daa4" }
        """
    )
    assert ledger == {
        'tests/test_a.py::test_x[a"b]': Entry(
            watch=("shop.*", "inspect:signature"),
            laws={"inspect:signature": parse_law("n + 1"), "shop:price": None},
            costs={
                "cpython-3.11": RecordedCost(calibrated_cost=6.205, machine="linux-x86_64-1663daa4")
            },
        )
    }


@pytest.mark.parametrize("content", ["", "# nothing yet\n"])
def test_an_empty_file_is_an_empty_ledger(read, content):
    assert read(content) == {}


def test_no_file_is_an_empty_ledger(tmp_path):
    assert read_ledger(tmp_path / "cascade-budget.toml", "cascade-budget.toml") == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            'version = 2\n["a::x"]\n"m:f" = "1"\n',
            (
                "cascade-budget.toml: its version is 2, this release reads version 1. "
                "Upgrade pytest-cascade-budget, or restore the file from version control"
            ),
        ),
        (
            '["a::x"]\n"m:f" = "1"\n',
            (
                "cascade-budget.toml: it has no version, this release reads version 1. "
                "Write version = 1 into it"
            ),
        ),
        (
            'version = 1\n["a::x"]\n"m:f" = 3\n',
            "cascade-budget.toml: 'm:f' of 'a::x' is 3, not a formula in quotes. " + REWRITE,
        ),
        (
            'version = 1\n["a::x"]\n"m:f" = "2n"\n',
            "cascade-budget.toml: 'm:f' of 'a::x': formula '2n' does not parse: "
            "a product is written with *, as in '2*n'. " + REWRITE,
        ),
        (
            'version = 1\n["a::x"]\nwatch = "shop.*"\n',
            "cascade-budget.toml: watch of 'a::x' is 'shop.*', not a list of patterns. " + REWRITE,
        ),
        (
            'version = 1\n["a::x"]\n"cpython-3.11" = 6.2\n',
            "cascade-budget.toml: 'cpython-3.11' of 'a::x' is neither module:qualname with a "
            "formula nor a Python version with calibrated_cost and machine. " + REWRITE,
        ),
        (
            'version = 1\n["a::x"]\n"cpython-3.11" = { calibrated_cost = -1, machine = "linux" }\n',
            "cascade-budget.toml: 'cpython-3.11' of 'a::x' is neither module:qualname with a "
            "formula nor a Python version with calibrated_cost and machine. " + REWRITE,
        ),
        (
            'version = 1\n"a::x" = "n"\n',
            "cascade-budget.toml: 'a::x' is 'n', not the table of a test. " + REWRITE,
        ),
        (
            b"version = 1 # \xff\n",
            (
                "cascade-budget.toml: it can't be read: byte 14 is no UTF-8. "
                "It is a UTF-8 text file; restore it from version control"
            ),
        ),
    ],
    ids=[
        "unknown version",
        "no version",
        "a bare number",
        "no formula",
        "no list",
        "no cost",
        "a cost below 0",
        "no table",
        "no UTF-8",
    ],
)
def test_a_wrong_ledger_is_refused(read, content, message):
    with pytest.raises(LedgerFormatError) as caught:
        read(content)
    assert str(caught.value) == message
    assert caught.value.ledger == "cascade-budget.toml"


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ('version = 1\n["a::x"\n', "line 2"),
        ('version = 1\n["a::x"]\n"m:f" = "1"\n["a::x"]\n"m:f" = "2"\n', "line 4"),
        ('version = 1\n["a::x"]\n"m:f" = "1"\n"m:f" = "2"\n', "line 4"),
        ('version = 1\n<<<<<<< ours\n["a::x"]\n', "line 2"),
    ],
    ids=["no TOML", "a test twice", "a function twice", "merge markers"],
)
def test_a_ledger_that_is_no_toml_is_refused_with_the_line(read, content, where):
    with pytest.raises(LedgerFormatError) as caught:
        read(content)
    message = str(caught.value)
    assert message.startswith("cascade-budget.toml: it is no TOML: ")
    assert where in message
    assert message.endswith(
        ". Correct it; after a merge, take either side and run pytest --cascade-budget-update"
    )
