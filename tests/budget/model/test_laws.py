"""Laws are exact: what is fitted can be written, read back, and gives the counts it came from."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade_budget.errors import LawSyntaxError
from cascade_budget.model.laws import (
    MAX_DENOMINATOR,
    Law,
    calls_text,
    describe_change,
    fit_law,
    frequency,
    parse_law,
)

coefficients = st.builds(Fraction, st.integers(-50, 50), st.integers(1, MAX_DENOMINATOR))
# Of a law that is not 0 some coefficient is above 0: no other counts calls at any n.
laws = (
    st.lists(coefficients, max_size=5)
    .filter(lambda each: not any(each) or max(each) > 0)
    .map(lambda each: Law.polynomial(*each))
)
counts = st.dictionaries(st.integers(1, 10_000), st.integers(0, 10**9), min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("counted", "law"),
    [
        ({100: 0, 200: 0, 300: 0, 400: 0}, "0"),
        ({100: 1, 200: 1, 300: 1, 400: 1}, "1"),
        ({100: 101, 200: 201, 300: 301, 400: 401}, "n + 1"),
        ({100: 1100, 200: 2200, 300: 3300, 400: 4400}, "11*n"),
        ({1: 1, 2: 4, 3: 9, 4: 16}, "n*n"),
        ({2: 1, 4: 6, 6: 15, 8: 28}, "n*n/2 - n/2"),
        ({100: 50, 200: 100, 300: 150, 400: 200}, "n/2"),
        ({100: 99, 200: 199, 300: 299, 400: 399}, "n - 1"),
        ({10: 90, 20: 80, 30: 70, 40: 60}, "-n + 100"),
        ({1: 1, 3: 3, 7: 7, 50: 50}, "n"),
        ({1: 1, 2: 8, 3: 27, 4: 64, 5: 125}, "n*n*n"),
        ({0: 7}, "7"),
    ],
)
def test_counts_give_their_law(counted, law):
    assert str(fit_law(counted)) == law


@pytest.mark.parametrize(
    ("counted", "law"),
    [
        ({100: 3, 200: 5, 300: 9, 400: 11}, "irregular 100: 3, 200: 5, 300: 9, 400: 11"),
        ({1: 1, 2: 8, 3: 27, 4: 64}, "irregular 1: 1, 2: 8, 3: 27, 4: 64"),
        ({100: 1, 200: 3}, "irregular 100: 1, 200: 3"),
        (
            {1000: 1001, 2000: 2003, 3000: 3005, 4000: 4007},
            "irregular 1000: 1001, 2000: 2003, 3000: 3005, 4000: 4007",
        ),
    ],
    ids=["no polynomial", "no point left to check a cube", "two points", "coefficients too fine"],
)
def test_counts_without_a_law_are_kept_as_they_are(counted, law):
    assert str(fit_law(counted)) == law


def test_no_counts_have_no_law():
    with pytest.raises(ValueError, match="a law needs at least one count"):
        fit_law({})


@given(laws)
def test_a_law_is_read_back_from_its_text(law):
    assert parse_law(str(law)) == law


@given(counts)
def test_a_fitted_law_gives_the_counts_it_came_from_and_survives_its_text(counted):
    law = fit_law(counted)
    again = parse_law(str(law))
    assert {n: again.at(n) for n in counted} == counted


@given(
    st.lists(st.integers(0, 50), min_size=1, max_size=3),
    st.lists(st.integers(1, 10_000), min_size=4, max_size=8, unique=True),
)
def test_any_parabola_is_found_from_any_four_sizes(parabola, sizes):
    law = Law.polynomial(*parabola)
    assert fit_law({n: law.at(n) for n in sizes}) == law


@pytest.mark.parametrize(
    ("text", "law"),
    [
        (" n+1 ", "n + 1"),
        ("1 + n", "n + 1"),
        ("2*(n + 3)", "2*n + 6"),
        ("n**2", "n*n"),
        ("n*(n - 1)/2", "n*n/2 - n/2"),
        ("+n", "n"),
        ("-n + 10", "-n + 10"),
        ("3*n/6", "n/2"),
        ("n - n", "0"),
    ],
)
def test_a_formula_is_written_in_one_way(text, law):
    assert str(parse_law(text)) == law


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("", "it is empty"),
        ("n +", "it is no arithmetic expression"),
        ("2n", "a product is written with *, as in '2*n'"),
        ("m + 1", "'m' has no meaning here, only n has"),
        ("n^2", "^ is no power here, write n*n"),
        ("1.5*n", "1.5 is no integer"),
        ("True", "True is no integer"),
        ("'n'", "'n' is no integer"),
        ("n/0", "it divides by 0"),
        ("1/n", "a divisor is a number, not a formula"),
        pytest.param(
            "(" * 11 + "2" + ")**4" * 11, "it holds a number of more than 30 digits", id="powers"
        ),
        pytest.param(
            "(" * 11 + "1/2" + ")**4" * 11, "it holds a number of more than 30 digits", id="roots"
        ),
        ("irregular 1: \u0663, 2: 4", 'an irregular law is written "irregular 100: 3, 200: 5"'),
        ("-n", "it is below 0 for every n"),
        ("-1", "it is below 0 for every n"),
        ("0 - n*n - 1", "it is below 0 for every n"),
        pytest.param("n" + "+n" * 1_900, "it is nested too deeply", id="nested"),
        ("2**n", "an exponent is a number, not a formula"),
        ("n**5", "an exponent is an integer from 0 to 4"),
        ("n**2*n**3", "its degree is above 4"),
        ("n // 2", "it uses an operator other than + - * / **"),
        ("max(n, 3)", "'max(n, 3)' is no polynomial"),
        ("irregular", 'an irregular law is written "irregular 100: 3, 200: 5"'),
        ("irregular 200: 1, 100: 2", "its sizes are not in rising order"),
    ],
)
def test_what_is_no_polynomial_is_refused_with_the_reason(text, detail):
    with pytest.raises(LawSyntaxError) as caught:
        parse_law(text)
    assert str(caught.value) == (
        f"formula {text!r} does not parse: {detail}. "
        'Write a polynomial in n, such as "0", "n + 1", "11*n" or "n*n"'
    )
    assert (caught.value.formula, caught.value.detail) == (text, detail)


def test_a_text_of_a_megabyte_is_refused_unread():
    with pytest.raises(LawSyntaxError, match="it has more than 4,000 characters"):
        parse_law("n+" * 500_000 + "n")


def test_a_law_between_integers_rounds_down():
    law = parse_law("n/2")
    assert [law.at(n) for n in (1, 2, 3, 100)] == [0, 1, 1, 50]


def test_an_irregular_law_knows_only_its_points():
    law = Law.irregular({100: 3, 200: 5})
    assert law.at(200) == 5
    with pytest.raises(KeyError):
        law.at(300)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("0", "n + 1", "was never called, is now called once per transaction"),
        ("1", "2", "was called once, is now called twice"),
        ("1", "n", "was called once, is now called once per transaction"),
        ("n + 1", "1", "was called once per transaction, is now called once"),
        (
            "11*n",
            "12*n",
            "was called 11 times, is now called 12 times per transaction",
        ),
        ("n", "n + 1", "was n, is now n + 1"),
        ("n/100", "n", "was called once in 100 transactions, is now called once per transaction"),
        (
            "3*n/2",
            "n*n",
            "was called 3 times in 2 transactions, is now called with the square of the transactions",
        ),
        ("0", "1000", "was never called, is now called 1,000 times"),
        ("0", "n*n*n", "was never called, is now called with the transactions to the power of 3"),
        ("1", "-n + 100", "was called once, is now called -n + 100 times"),
        ("1", "irregular 1: 3, 2: 4", "was called once, is now called irregularly often"),
    ],
)
def test_a_change_is_told_in_words(old, new, sentence):
    assert describe_change(parse_law(old), parse_law(new)) == sentence


def test_calls_are_counted_in_good_english():
    texts = ["0", "1", "n + 1", "irregular 1: 3, 2: 4"]
    assert [calls_text(parse_law(text)) for text in texts] == [
        "0 calls",
        "1 call",
        "n + 1 calls",
        "3, 4 calls at n = 1, 2",
    ]
    assert frequency(parse_law("0")) == "never"
