"""What `status` asks the database: does it answer, what is known of the day, and what waits for somebody."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from reading import words
from reading.actions import MIGRATE, do, shell, tell
from reading.health.checks import Check, act, good, unknown
from reading.refused import Refused
from storage.work.attention import NAMED

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from storage.connection import Transaction
    from venues.fix.standing import Standing

UP = "start the stack with `make up`"
AS_WANTED = frozenset({"ACCOUNT_FROZEN", "ACCOUNT_CLOSED"})  # whose accounts somebody wants out of the way
# In the order in which they are told: how the rebalancer works, and what waits for somebody.
WORKS = ("sending", "identity", "last_evaluation", "prices", "queue", "archive", "seals")
WAITS = ("accounts", "missing_prices", "breaks", "approvals", "plans", "signals")
NAMES = (*WORKS, *WAITS)


def checks(connect: Callable[[], "Engine"], today: date, names: Sequence[str] = NAMES) -> list[Check]:
    """The database, then the checks of these names. `connect` gives its engine; Refused where none is named."""
    from sqlalchemy.exc import SQLAlchemyError

    from storage import migrations
    from storage.connection import Books
    from storage.faults import first_line

    try:
        engine = connect()
        with engine.connect() as connection:
            revision, needed = migrations.current(connection), migrations.head()
    except Refused as flaw:
        named = tell(f"{UP}, or set REBALANCER_DATABASE_URL")
        return _without(names, act("database", str(flaw).partition(":")[0], named))
    except SQLAlchemyError as flaw:
        answers = tell(f"{UP}, or check REBALANCER_DATABASE_URL")
        return _without(names, act("database", f"does not answer: {first_line(flaw)}", answers))
    if revision != needed:
        has = f"is at migration {revision}" if revision else "was never migrated"
        migrate = shell(MIGRATE)
        return _without(names, act("database", f"{has}, this release needs {needed}", migrate))
    try:
        with Books(engine).transaction() as books:
            asked = [_ASKED[name](books, today) for name in names]
            return [_months(books, revision), *asked, *_webhooks(books)]
    except SQLAlchemyError as flaw:
        rights = tell("check the rights of its user")
        return _without(names, act("database", f"answers, but not to this: {first_line(flaw)}", rights))


def _months(books: "Transaction", revision: str) -> Check:
    """The database, which lacks nothing but perhaps a partition for the month that comes."""
    from storage.work import partitions

    lacking = partitions.lacking(books.connection)
    if not lacking:
        return good("database", f"answers, at migration {revision}")
    told = f"answers, at migration {revision}, but next month has no partition of {' and '.join(lacking)}"
    return act("database", told, shell(MIGRATE))


def _without(names: Sequence[str], database: Check) -> list[Check]:
    """What can't be said without the database."""
    return [database, *(unknown(name, "not known without the database") for name in names)]


# --- is it working -----------------------------------------------------------------------------------------------


def _sending(books: "Transaction", today: date) -> Check:
    """The kill switch: who halted sending, and why; and FIX sessions that do not send."""
    from reading.words import utc
    from venues.fix import standing

    halts = books.halts.open()
    if not halts:
        sessions = standing.sessions(books.connection)
        troubled = [each for each in sessions if each.troubled]
        if troubled:
            told = "; ".join(_session(each) for each in troubled)
            return act("sending", told, do("fix status", troubled[0].session))
        by_fix = f", {len(sessions)} of the venues by FIX" if sessions else ""
        return good("sending", f"orders are sent as they are approved{by_fix}")
    told = "; ".join(f"halted {words.moment(utc(each.halted_at))} by {each.halted_by}: {each.why}" for each in halts)
    return act("sending", told, do("resume", by="WHO", why="TEXT", told="once that is put right, somebody else: {}"))


def _session(each: "Standing") -> str:
    """What keeps a FIX session from sending, or leaves orders of it in doubt."""
    doubts = f", {words.counted(len(each.doubts), 'order')} in doubt" if each.doubts else ""
    return f"FIX session {each.session}: {each.state}{doubts}"


def _identity(books: "Transaction", today: date) -> Check:
    """Whether who decides is proven, or a name that was typed."""
    if books.proof.identity() == "asserted":
        return good("identity", "asserted: whoever decides types a name, which nothing proves")
    keys = books.proof.keys()
    if not keys:
        makes_one = "{}, with REBALANCER_IDENTITY=signed and REBALANCER_SIGNING_KEY=FILE, makes one"
        return act("identity", "signed, and no key signs: nobody can decide anything", shell(MIGRATE, makes_one))
    named = ", ".join(each[:12] for each in sorted(keys))
    return good("identity", f"signed: whoever decides has signed in; key {named}")


def _webhooks(books: "Transaction") -> list[Check]:
    """Whether who asked for events gets them; nothing where nobody asked."""
    hooks = books.webhooks.listing()
    if not hooks:
        return []
    here = tell("see /webhooks of the console: repair the receiver, then enable the webhook there")
    told = "; ".join(
        f"{each.id} was disabled {_at(each.disabled_at)}, nothing taken since {_at(each.failing_since)}: {each.failure}"
        for each in hooks
        if each.disabled_at is not None
    )
    if told:
        return [act("webhooks", told, here)]
    failing = [each for each in hooks if each.failing_since is not None]
    if failing:
        first = min(failing, key=lambda each: each.failing_since)
        return [good("webhooks", f"{len(failing)} of {len(hooks)} take nothing and are tried again: {first.failure}")]
    return [good("webhooks", f"events are sent to {len(hooks)}, and taken")]


def _last_evaluation(books: "Transaction", today: date) -> Check:
    from domain.queue import in_order

    last = books.evaluations.last()
    if last is None:
        return good("last_evaluation", "none yet")
    queued = ", ".join(f"{last.queued[reason]:,} {reason}" for reason in in_order(last.queued)) or "none"
    when = f"{_at(last.ended_at)} for {last.as_of}"
    return good("last_evaluation", f"{when}: {words.counted(last.evaluated, 'account')}, queued {queued}")


def _prices(books: "Transaction", today: date) -> Check:
    """How old the prices of the business day are (DAY-3)."""
    day = books.market.book_day()
    if day is None:
        return good("prices", "none yet: no book is loaded")
    if day.historical:
        return good("prices", f"of {day.as_of}, a historical book: judged from its own day")
    allowed = books.market.policy(day.as_of).price_max_age_days
    oldest = books.market.fresh_from(day.as_of, today, False, allowed, day.as_of)
    told = f"of {day.as_of}; up to {allowed} trading days old are allowed"
    newer = do("prices", "FILE", told="{}, with newer ones")
    return good("prices", told) if day.as_of >= oldest else act("prices", told, newer)


def _queue(books: "Transaction", today: date) -> Check:
    depth = books.queue.depth()
    if not depth:
        return good("queue", "empty")
    listed = ", ".join(f"{count:,} {reason}" for reason, count in depth.items())
    return good("queue", f"{words.counted(sum(depth.values()), 'account')}: {listed}")


def _archive(books: "Transaction", today: date) -> Check:
    """Histories of ended rebalances that nobody has kept yet; Temporal forgets them one day."""
    from workflows.contract import ARCHIVE_ID

    count, oldest = books.attention.not_archived()
    if not count:
        return good("archive", "the histories of what ended are kept")
    told = f"it lags: {words.counted(count, 'rebalance')} without a kept history, the oldest ended {_at(oldest)}"
    return act("archive", told, shell(f"temporal schedule trigger --schedule-id {ARCHIVE_ID}"))


def _seals(books: "Transaction", today: date) -> Check:
    """When the record was last sealed, and where the hash was last kept outside of the database."""
    last, anchored = books.seals.last(), books.seals.last_anchored()
    if last is None:
        return good("seals", "none yet: the first sweep of a day makes one")
    told = f"the last is seal {last.id} of {_at(last.sealed_at)}"
    if anchored is None:
        anchor = do("audit seal", told="{}, with REBALANCER_SEAL_ANCHORS set")
        return act("seals", f"{told}, anchored nowhere", anchor)
    told = f"{told}; seal {anchored.seal} was anchored {_at(anchored.at)} in {anchored.anchor}"
    return good("seals", told) if anchored.seal == last.id else act("seals", told, do("audit seal"))


# --- what waits for somebody -------------------------------------------------------------------------------------


def _accounts(books: "Transaction", today: date) -> Check:
    """Those that the last evaluation could not check: how many of how many, by reason and by symbol (QUEUE-3)."""
    last = books.evaluations.last()
    if last is None:
        return good("accounts", "none evaluated yet")
    if not last.unable_to_check:
        return good("accounts", f"all {last.evaluated:,} could be checked")
    reasons = ", ".join(f"{count:,} {why}" for why, count in last.unable.items())
    symbols = books.attention.symbols_in_the_way(last.id)
    named = f"; by symbol: {_named(symbols)}" if symbols else ""
    told = f"{last.unable_to_check:,} of {last.evaluated:,} could not be checked: {reasons}{named}"
    if AS_WANTED.issuperset(last.unable):
        return good("accounts", told)
    first = next(books.evaluations.notes(last.id, "unable_to_check", 1, AS_WANTED), None)
    one = do("diagnose", first.account_id, told="{} says of one what to do") if first else do("diagnose", "ACCOUNT")
    return act("accounts", told, one, do("evaluate", told="; then {}"))


def _missing_prices(books: "Transaction", today: date) -> Check:
    """What is held without a price that counts (QUEUE-3); of prices that are all too old, `prices` tells."""
    day = books.market.book_day()
    if day is None:
        return good("missing_prices", "no book is loaded")
    allowed = books.market.policy(day.as_of).price_max_age_days
    judged_from = day.as_of if day.historical else today
    missing = books.attention.without_price(day.as_of, judged_from - timedelta(days=allowed))
    if missing:  # the calendar is heavy: asked only where calendar days don't do
        missing = books.attention.without_price(day.as_of, books.market.fresh_from(day.as_of, today, False, allowed))
    if not missing:
        return good("missing_prices", "none: all that is held has one that counts")
    told = f"{words.counted(len(missing), 'symbol')} held without one that counts: {_named(missing)}"
    return act("missing_prices", told, do("prices", "FILE", told="{}, with these symbols"))


def _breaks(books: "Transaction", today: date) -> Check:
    """Open breaks by age: each keeps its account from being rebalanced (CHECK-1)."""
    found = books.attention.breaks()
    if not found.count:
        return good("breaks", "none is open")
    young = found.count - found.over_a_day
    ages = ((young, "of the last day"), (found.over_a_day - found.over_a_week, "older than a day"),
            (found.over_a_week, "older than a week"))  # fmt: skip
    by_age = ", ".join(f"{count:,} {age}" for count, age in ages if count)
    whose = words.counted(found.accounts, "account")
    told = f"{found.count:,} open, of {whose}: {by_age}; the oldest since {_at(found.oldest)}"
    return act("breaks", told, do("breaks"))


def _approvals(books: "Transaction", today: date) -> Check:
    """Rebalances that wait for an approval; those that expire today need somebody (DAY-6)."""
    from policy.clock import EXCHANGE_ZONE

    tomorrow = datetime.combine(today + timedelta(days=1), time(), EXCHANGE_ZONE)
    found = books.attention.approvals(tomorrow)
    if not found.waiting:
        return good("approvals", "nothing waits for one")
    told = f"{words.counted(found.waiting, 'rebalance')} waiting"
    if not found.today:
        return good("approvals", f"{told}, none expires today; the first does {_at(found.first)}")
    told = f"{told}, {found.today:,} of them until today's close; the first expires {_at(found.first)}"
    return act("approvals", told, do("history", status="PENDING_APPROVAL"))


def _plans(books: "Transaction", today: date) -> Check:
    """Plans that a law refused: a fault of the rules, or of what they were given."""
    found = books.attention.refused_by_law()
    if not found:
        return good("plans", "none was refused by a law within 7 days")
    told = "; ".join(f"{each.rule} refused {each.number:,}: {', '.join(each.named)}" for each in found)
    has = do("show", found[0].named[0], told="{} has the plan and what it breaks; tell a developer")
    return act("plans", told, has)


def _signals(books: "Transaction", today: date) -> Check:
    """Model signals whose rebalance of some accounts failed, and that no later one has mended."""
    found = books.attention.failed_of_signals()
    if not found:
        return good("signals", "none failed for an account within 7 days")
    told = "; ".join(f"{each.signal} failed for {words.counted(each.number, 'account')}" for each in found[:NAMED])
    return act("signals", told, do("show", found[0].signal))


_ASKED = {
    "sending": _sending,
    "identity": _identity,
    "last_evaluation": _last_evaluation,
    "accounts": _accounts,
    "prices": _prices,
    "missing_prices": _missing_prices,
    "breaks": _breaks,
    "approvals": _approvals,
    "plans": _plans,
    "signals": _signals,
    "queue": _queue,
    "archive": _archive,
    "seals": _seals,
}


def _at(moment: datetime | None) -> str:
    from reading.words import utc

    return words.moment(utc(moment))


def _named(counts: Mapping[str, int]) -> str:
    """Symbols with how many accounts each, the first of them."""
    first = ", ".join(f"{symbol} ({words.counted(count, 'account')})" for symbol, count in list(counts.items())[:NAMED])
    return first if len(counts) <= NAMED else f"{first} and {len(counts) - NAMED:,} more"
