"""The catalogue is the rule book: every code of it, once, well formed, and shown by a test or a case."""

import re
from pathlib import Path

from domain.values.rules import catalogue

TESTS = Path(__file__).parents[1]
RULE_BOOK = {  # code: how many rules there are of it
    "TARGET": 6,
    "QUEUE": 6,
    "CHECK": 3,
    "MINIMUM": 3,
    "DESTINATION": 6,
    "SLEEVE": 5,
    "ORDER": 5,
    "RESTRICT": 3,
    "LOT": 2,
    "WASH": 2,
    "TAX": 1,
    "CASH": 3,
    "SIGNAL": 3,
    "EXEC": 3,
    "RECON": 2,
    "BLOCK": 7,
    "ALLOC": 9,
    "ROT": 1,
    "DECIDE": 2,
    "LAW": 8,
    "AUDIT": 1,
}
EXPECTED = {f"{family}-{number}" for family, count in RULE_BOOK.items() for number in range(1, count + 1)}
EXPECTED |= {"DAY-1", "DAY-2", "DAY-3", "DAY-4", "DAY-5", "DAY-6", "DAY-7", "DAY-8", "LOAD-1", "BREAK-1"}
FOUND = [rule for rule, _ in catalogue()]


def test_every_rule_of_the_book_is_in_the_catalogue_and_no_other() -> None:
    assert {rule.code for rule in FOUND} == EXPECTED


def test_every_code_is_there_once() -> None:
    codes = [rule.code for rule in FOUND]
    assert sorted(codes) == sorted(set(codes))


def test_every_code_and_sentence_is_well_formed() -> None:
    for rule in FOUND:
        assert re.fullmatch(r"[A-Z]+-[1-9]", rule.code)
        assert re.fullmatch(r"[A-Z`].*\.", rule.says), f"{rule.code} is no sentence: {rule.says}"


def test_every_rule_is_defined_in_the_file_that_it_is_listed_with() -> None:
    for rule, file in catalogue():
        source = (TESTS.parent / file).read_text(encoding="utf-8")
        assert f'"{rule.code}"' in source


def test_every_rule_is_shown_by_a_test_or_a_case() -> None:
    files = [*TESTS.rglob("*.py"), *TESTS.rglob("*.yaml")]
    shown = " ".join(path.read_text(encoding="utf-8") for path in files if path != Path(__file__))
    named = set(re.findall(r"[A-Z]+-[1-9]\b", shown))
    assert EXPECTED - named == set()
