"""Following the record: everything is told once, what commits late too."""

from storage.actor import Actor
from storage.connection import Books
from storage.record.following import Changed, Follower

NOTHING = Changed(frozenset(), frozenset())


def look(books: Books, follower: Follower) -> Changed:
    with books.engine.connect() as connection:
        return follower.look(connection)


def test_what_was_there_before_is_no_news(books: Books) -> None:
    with books.transaction(Actor("ann")) as work:
        work.audit.record("something", account_id="A-1")
    assert look(books, Follower()) == NOTHING


def test_what_is_recorded_is_told_once(books: Books) -> None:
    follower = Follower()
    look(books, follower)
    with books.transaction(Actor("ann")) as work:
        work.audit.record("something", account_id="A-1", rebalance_id="R-1")
    assert look(books, follower) == Changed(frozenset({"A-1"}), frozenset({"R-1"}))
    assert look(books, follower) == NOTHING


def test_what_is_of_no_account_concerns_everybody(books: Books) -> None:
    follower = Follower()
    look(books, follower)
    with books.transaction(Actor("ann")) as work:
        work.audit.record("something")
    assert look(books, follower).everything


def test_what_commits_late_is_not_missed(books: Books) -> None:
    """
    slow   writes A-1, id 1, and does not commit yet
    quick  writes A-2, id 2, commits       told at once, though it is beyond the horizon
    slow   commits                         told then, though its id is behind
    """
    follower = Follower()
    look(books, follower)
    with books.transaction(Actor("slow")) as slow:
        slow.audit.record("something", account_id="A-1")
        slow.audit.write()
        with books.transaction(Actor("quick")) as quick:
            quick.audit.record("something", account_id="A-2")
        assert look(books, follower).accounts == {"A-2"}
        assert look(books, follower) == NOTHING
    assert look(books, follower).accounts == {"A-1"}
    assert look(books, follower) == NOTHING
