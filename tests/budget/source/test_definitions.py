"""Which lines of two texts are one, and which functions they define."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cascade_budget.source.changes import align
from cascade_budget.source.definitions import constants, defines, definitions, renamed

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def test_lines_are_told_apart_by_their_text() -> None:
    assert align("a\nb\nc\n", "new\na\nB\nc\n") == {2: 1, 4: 3}
    assert align("", "a\n") == {}
    assert align("a\n", "a\n") == {1: 1}


LINES = st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=12)


@unhurried
@given(LINES, LINES)
def test_aligned_lines_are_equal_and_in_order(base: list[str], head: list[str]) -> None:
    found = align("\n".join(base), "\n".join(head))
    base_lines, head_lines = "\n".join(base).split("\n"), "\n".join(head).split("\n")
    assert all(
        head_lines[head_line - 1] == base_lines[base_line - 1]
        for head_line, base_line in found.items()
    )
    assert list(dict(sorted(found.items())).values()) == sorted(found.values())


TEXT = '''
class Cart:
    @property
    def total(self):
        """All of it."""
        def add(a, b):
            return a + b
        return add(1, 2)

async def load(): ...
'''


def test_definitions_are_found_by_their_qualified_names() -> None:
    found = definitions(TEXT)
    assert list(found) == ["Cart", "Cart.total", "Cart.total.<locals>.add", "load"]
    assert found["Cart.total"].lines == range(3, 9)
    assert definitions("def broken(:") == {}


def test_what_a_decorator_makes_for_a_class_is_defined_by_the_class() -> None:
    found = definitions(TEXT)
    assert defines(found, "Cart.__init__")
    assert not defines(found, "Cart.add")
    assert not defines(found, "load.__init__")


def test_a_function_is_known_by_its_body_after_a_rename() -> None:
    old = definitions("def walk(n):\n    return walk(n - 1) + 1\n")["walk"]
    new = definitions(
        'def steps(n):\n    """Count."""\n    return (\n        steps(n - 1) + 1\n    )\n'
    )
    assert renamed({"a:steps": new["steps"].fingerprint}, {"a:walk": old.fingerprint}) == {
        "a:steps": "a:walk"
    }


def test_a_function_is_known_by_its_name_after_a_move() -> None:
    assert renamed({"b:Cart.total": "new body"}, {"a:Cart.total": "old body"}) == {
        "b:Cart.total": "a:Cart.total"
    }


def test_two_candidates_with_one_body_are_no_rename() -> None:
    assert renamed({"a:x": "same"}, {"a:y": "same", "a:z": "same"}) == {}


def test_a_decorator_belongs_to_a_functions_fingerprint_and_comments_do_not() -> None:
    plain, cached, commented = (
        definitions(f"{before}def rate(n):\n    return n{after}\n")["rate"].fingerprint
        for before, after in (("", ""), ("@cache\n", ""), ("", "  # a week"))
    )
    assert plain == commented != cached


def test_constants_are_what_a_module_binds_with_how_and_where() -> None:
    found = constants("A = B = 1\nC: int = 2\nA += 3\n\ndef f():\n    D = 4\n")
    assert {name: lines for name, (_, lines) in found.items()} == {
        "A": range(3, 4),
        "B": range(1, 2),
        "C": range(2, 3),
    }
    assert found["A"][0] != found["B"][0]
    (value, _), (same_value, lines) = (
        constants(text)["A"] for text in ("A = (1, 2)\n", "A = (1,\n     2)\n")
    )
    assert (same_value, lines) == (value, range(1, 3))
