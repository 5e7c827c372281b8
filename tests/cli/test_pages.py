"""Every page over every example book and every case: what is printed is for people.

No Python value is in it, no line is wider than 80 columns, and no word is broken to fit into them.
"""

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from cli import explain_page, say
from cli.fitting import words
from cli.plan_page import page
from domain.books.book import BookRefused
from domain.telling import steps
from domain.telling.cash_lines import cash_of
from domain.telling.derivation import derive
from storage.connection import Books
from storage.schema.tables import accounts, models, targets
from tests.cli.conftest import Command
from tests.cli.every_book import EVERY_BOOK, load_book
from tests.cli.python_values import python_values
from tests.cli.rebalanced import REQUEST, executed, pending
from tests.cli.sums import checked
from tests.domain.cases import asked, cases

WIDE, NARROW = 1000, 80


def flaws(wide: str, narrow: str) -> Iterator[str]:
    """What of a page is not for people, given as wide as it asks and in 80 columns."""
    yield from python_values(wide)
    yield from (f"{len(line)} columns: {line}" for line in narrow.splitlines() if len(line.rstrip()) > NARROW)
    whole = set(words(wide.replace("─", " ")))
    for line in narrow.splitlines():
        broken = [each for each in words(line.replace("─", " ")) if each not in whole]
        if broken:
            yield f"broken: {' '.join(broken)} in: {line}"


def test_the_plan_of_every_case(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    seen, derived, summed, found = 0, 0, 0, []
    for case in cases():
        try:
            given = asked(case)
        except BookRefused:
            continue
        made = derive(*given)
        printed = []
        explains = seen % 4 == 0  # how a plan was come to is long, and its pages are alike
        derived += explains
        for width in (WIDE, NARROW):
            monkeypatch.setenv("COLUMNS", str(width))
            steps_too = explain_page.page_of(steps.as_json(made.steps)) if explains else ()
            say.show(*page(made.plan, cash_of(*given[:2])), *steps_too)
            printed.append(capsys.readouterr().out)
        seen += 1
        found += [f"{case.name}: {flaw}" for flaw in flaws(*printed)]
        sums = list(checked(printed[0]))
        summed += len(sums)
        found += [
            f"{case.name}: {what} is {shown}, and comes to {right}" for what, shown, right in sums if shown != right
        ]
    assert seen > 200
    assert derived > 50
    assert summed > 1500
    assert not found, "\n".join(found[:20]) + f"\n{len(found)} in all"


def pages(books: Books) -> list[tuple[str, ...]]:
    """Every page of what is loaded, with a rebalance of each account that can be planned: half of them executed."""
    with books.transaction() as read:
        everyone = list(read.connection.scalars(select(accounts.c.id).order_by(accounts.c.id)))
        of_models = list(read.connection.scalars(select(models.c.id).distinct()))
        of_targets = list(read.connection.scalars(select(targets.c.id).distinct()))
        day = read.market.book_day()
    assert day is not None
    made = [pending(books, each, day.as_of) for each in everyone]
    with books.transaction() as read:
        planned = [each for each in made if "orders" in read.rebalances.get(each).plan]
    assert planned
    for each in planned[::2]:
        executed(books, each)
    rebalances = [(*words, each) for each in made for words in (("show",), ("audit", "show"))]
    return [
        *((*words, each) for each in everyone for words in (("account", "show"), ("diagnose",))),
        *(("target", "show", each) for each in of_targets),
        *(("model", "show", each) for each in of_models),
        *rebalances,
        *((each, "list") for each in ("account", "model", "target", "request", "signal", "feed")),
        *((each,) for each in ("queue", "history", "status", "breaks", "policy", "rules")),
        ("breaks", "--all"),
        ("show", REQUEST),
        ("venue", "show"),
        ("audit", "verify"),
    ]


@pytest.mark.parametrize("name", EVERY_BOOK)
def test_every_page_of_every_example(inside: Command, books: Books, database_url: str, name: str) -> None:
    load_book(books, name)
    said, found = 0, []
    for asks in pages(books):
        wide = inside(*asks, REBALANCER_DATABASE_URL=database_url, COLUMNS=str(WIDE))
        narrow = inside(*asks, REBALANCER_DATABASE_URL=database_url, COLUMNS=str(NARROW))
        assert "Usage:" not in wide.err, wide.err
        said += bool(wide.out.strip())
        found += [f"{' '.join(asks)}: {flaw}" for flaw in flaws(wide.out, narrow.out)]
    assert said > 20
    assert not found, "\n".join(found[:40]) + f"\n{len(found)} in all"


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ("cash {'lower': Decimal('0.01')}", "cash"),
        ("the target is None", "the target is None"),
        ("a Consolidated fund", "a Consoli\ndated fund"),
        ("x " * 60, "x " * 60),
    ],
)
def test_what_is_not_for_people_is_found(wide: str, narrow: str) -> None:
    assert list(flaws(wide, narrow))


def test_what_is_for_people_is_not() -> None:
    assert list(flaws("a page of words", "a page\nof words")) == []


def test_a_name_is_parted_only_where_whole_words_do_not_fit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    issue = "account A-3 can't be valued: load newer prices"
    for width, whole in ((30, True), (27, False)):
        monkeypatch.setenv("COLUMNS", str(width))
        say.show(say.table("", ("account", "mode", "issue"), [("A-3", "best_fit", issue)]))
        assert ("best_fit" in capsys.readouterr().out) is whole
