"""Identifiers: shapes and check digits, and what a line's names mean together."""

from datetime import date

import pytest

from domain.books.identifiers import Directory, Identifier, Name, Unfound, flaw_of

DAY = date(2026, 11, 20)
SOUND = (
    ("cusip", "037833100"), ("cusip", "191216100"), ("cusip", "17275R102"), ("cusip", "38259P508"),
    ("isin", "US0378331005"), ("isin", "US0846707026"), ("isin", "GB0002634946"), ("isin", "JP3633400001"),
    ("sedol", "2046251"), ("sedol", "0263494"), ("sedol", "B0YBKJ7"), ("figi", "BBG000B9XRY4"),
    ("figi", "BBG000BLNNH6"), ("occ", "AAPL  270115P00200000"), ("alias", "BRK/B"), ("alias", "BRK B"),
)  # fmt: skip


@pytest.mark.parametrize(("scheme", "value"), SOUND)
def test_a_sound_one_is_taken(scheme: str, value: str) -> None:
    assert flaw_of(scheme, value) is None


@pytest.mark.parametrize(("scheme", "value"), [each for each in SOUND if each[0] in {"cusip", "isin", "sedol", "figi"}])
def test_every_other_check_digit_is_refused_with_the_right_one(scheme: str, value: str) -> None:
    for digit in set("0123456789") - {value[-1]}:
        flaw = flaw_of(scheme, value[:-1] + digit)
        assert flaw == f"{value[:-1]}{digit} is no {scheme}: its check digit is {digit}, and {value[-1]} would be right"


@pytest.mark.parametrize(
    ("scheme", "value"),
    [("cusip", "03783310"), ("isin", "us0378331005"), ("sedol", "A046251"), ("figi", "BBX000B9XRY4"), ("occ", "AAPL"),
     ("alias", "a\nb"), ("isin", "US037833100५"), ("cusip", "")],
)  # fmt: skip
def test_another_shape_is_refused(scheme: str, value: str) -> None:
    assert f"is no {scheme}:" in str(flaw_of(scheme, value))


KNOWN = (
    Identifier("isin", "US0846707026", "BRK.B"),
    Identifier("alias", "BRK/B", "BRK.B"),
    Identifier("alias", "TWO", "KO"),
    Identifier("alias", "TWO", "PEP"),
    Identifier("isin", "US1912161007", "KO"),
    Identifier("alias", "FB", "META", None, date(2022, 6, 8)),
    Identifier("alias", "FB", "PEP", date(2022, 6, 9), None),
)


@pytest.mark.parametrize(
    ("names", "means"),
    [
        ([("symbol", "KO")], "KO"),
        ([("symbol", "BRK/B")], "BRK.B"),
        ([("isin", "US0846707026")], "BRK.B"),
        ([("symbol", "NEW"), ("isin", "US1912161007")], "KO"),  # a name that nobody knows, beside one that is known
        ([("symbol", "FB")], "PEP"),  # on this day
        ([("symbol", "NOBODY")], "'NOBODY': no security is known by it"),
        ([("isin", "US0378331005")], "isin US0378331005: no security is known by it"),
        ([("symbol", "TWO")], "'TWO' could be KO or PEP"),
        ([("symbol", "PEP"), ("isin", "US1912161007")], "'PEP' is PEP and isin US1912161007 is KO"),
        ([("symbol", "KO"), ("isin", "US0378331005")], "isin US0378331005 is not that of KO, which is US1912161007"),
        ([("isin", "US1912161008")], "US1912161008 is no isin: its check digit is 8, and 7 would be right"),
    ],
)
def test_what_names_mean_together(names: list[Name], means: str) -> None:
    found = Directory({"KO", "PEP", "BRK.B", "META"}, KNOWN, DAY).find(names)
    assert (found.why if isinstance(found, Unfound) else found) == means


def test_a_name_is_of_its_days() -> None:
    symbols = {"META", "PEP"}
    assert Directory(symbols, KNOWN, date(2022, 6, 8)).find([("symbol", "FB")]) == "META"
    assert Directory(symbols, KNOWN, date(2022, 6, 9)).find([("symbol", "FB")]) == "PEP"
