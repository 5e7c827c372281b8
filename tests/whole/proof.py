"""What holds of every story when it is over, by arithmetic of its own: rows, sums and fractions; no code of the desk.

Shares and cash are conserved to the cent between the venue's ledger, the blocks, and the accounts; nobody has less than
the day before, more than ordered, or is 2 units (3 lots) from pro rata; who is told FILLED has all; each rebalance ends
with a status, and says why where it is not COMPLETE.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Any

from reading.record.block_recompute import reallocate
from tests.whole.story import Story

CENT, ZERO = Decimal("0.01"), Decimal(0)
SIGN = {"buy": 1, "sell": -1}
Filled = Mapping[str, tuple[Decimal, Decimal]]  # the venue's ledger


def proved(story: Story, venue: Filled, charged: Mapping[str, Decimal], ordered: list[str], name_of: Any) -> None:
    """Everything."""
    assert sorted(ordered) == sorted(set(ordered)), "an order is there twice"
    _ended(story)
    _sent_once(story, venue, ordered, name_of)
    moved = _conserved(story, venue, charged, name_of)
    _in_the_books(story, moved)
    for block in story.rows("SELECT * FROM blocks ORDER BY id"):
        _fair(story, block)
        with story.books.reading() as books:
            assert reallocate(books, block.id).wrong == ()


def _ended(story: Story) -> None:
    rows = story.rows("SELECT id, status, issue, stage, result FROM rebalances")
    for row in rows:
        assert (row.stage, row.result["status"]) == ("ENDED", row.status), row
        assert row.status == "COMPLETE" or row.issue or row.result["issue"], f"{row.id} ended {row.status} without why"
        story.seen[row.status] += 1
    assert not story.rows("SELECT 1 FROM orders WHERE status IN ('NEW', 'SENT', 'WORKING')")
    assert not story.rows("SELECT 1 FROM desk_legs WHERE ended_at IS NULL OR told_at IS NULL")
    assert not story.rows("SELECT 1 FROM blocks WHERE status <> 'ENDED'")
    assert not story.rows("SELECT 1 FROM block_allocations WHERE state = 'GIVEN'")
    assert not story.rows("SELECT 1 FROM block_orders WHERE changed_at IS NOT NULL")


def _sent_once(story: Story, venue: Filled, ordered: list[str], name_of: Any) -> None:
    """What is at the venue is what was written down as sent before; whole units in blocks, tails alone (BLOCK-2)."""
    children = {name_of(row.client_order_id) for row in story.rows("SELECT * FROM block_orders WHERE sent_at NOTNULL")}
    own = story.rows("SELECT o.*, d.leg AS at_desk FROM orders AS o LEFT JOIN desk_legs AS d USING (rebalance_id, leg)")
    alone = {name_of(row.client_order_id) for row in own if row.at_desk is None and row.sent_at is not None}
    assert set(ordered) <= children | alone, set(ordered) - children - alone
    tails = [row for row in own if row.at_desk is None]
    assert all(0 < row.quantity < 1 for row in tails if row.status != "CANCELED"), "a whole share went by itself"
    story.seen["tails"] += len(alone)


def _conserved(
    story: Story, venue: Filled, charged: Mapping[str, Decimal], name_of: Any
) -> dict[tuple[str, str], tuple[Decimal, Decimal]]:
    """What each account has more of each security, and paid for it in all: the sums are the venue's, to the share and
    cent, of what was traded as of what that cost (ALLOC-5).
    """
    moved: dict[tuple[str, str], tuple[Decimal, Decimal]] = defaultdict(lambda: (ZERO, ZERO))
    for row in story.rows(
        "SELECT r.account_id, o.* FROM orders AS o JOIN rebalances AS r ON r.id = o.rebalance_id"
        " LEFT JOIN desk_legs AS d USING (rebalance_id, leg) WHERE d.leg IS NULL"
    ):
        there = venue.get(name_of(row.client_order_id), (ZERO, ZERO))
        assert (row.filled_quantity, row.filled_amount) == (there[0], _cents(there[1])), row
        assert row.costs == _cents(charged.get(name_of(row.client_order_id), ZERO)), row
        _add(moved, row.account_id, row.symbol, SIGN[row.side], row.filled_quantity, row.filled_amount, row.costs)
    for block in story.rows("SELECT * FROM blocks"):
        children = [
            name_of(row.client_order_id)
            for row in story.rows("SELECT client_order_id FROM block_orders WHERE block_id = :of", of=block.id)
        ]
        theirs = [venue.get(each, (ZERO, ZERO)) for each in children]
        parts = story.rows("SELECT * FROM block_allocations WHERE block_id = :of", of=block.id)
        shares = sum((part.units for part in parts), 0) * block.unit
        cash = sum((part.amount for part in parts), ZERO)
        assert shares == sum((each[0] for each in theirs), ZERO), (block.id, shares, theirs)
        assert cash == sum((_cents(each[1]) for each in theirs), ZERO), (block.id, cash, theirs)
        costs = sum((_cents(charged.get(each, ZERO)) for each in children), ZERO)
        assert sum((part.costs for part in parts), ZERO) == costs, (block.id, costs)
        story.seen["charged"] += bool(costs)
        for part in parts:
            if part.state == "BOOKED":
                units = part.units * block.unit
                _add(moved, part.account_id, block.symbol, SIGN[block.side], units, part.amount, part.costs)
        story.seen["refused parts"] += sum(part.state == "REFUSED" for part in parts)
        story.seen["filled in part"] += (
            0
            < shares
            < sum((row.units for row in story.rows("SELECT units FROM desk_legs WHERE block_id = :of", of=block.id)), 0)
        )
    return dict(moved)


def _add(moved: Any, account: str, symbol: str, sign: int, shares: Decimal, cash: Decimal, costs: Decimal) -> None:
    had = moved[account, symbol]
    moved[account, symbol] = (had[0] + sign * shares, had[1] + sign * cash + costs)


def _in_the_books(story: Story, moved: Mapping[tuple[str, str], tuple[Decimal, Decimal]]) -> None:
    """Each account's books are what it began with and what it traded, or a break says so; nobody owes anything."""
    broken = {row.account_id for row in story.rows("SELECT account_id FROM breaks WHERE resolved_at IS NULL")}
    for account, began in story.held.items():
        mine = {symbol: each for (name, symbol), each in moved.items() if name == account}
        cash = began.cash - sum((each[1] for each in mine.values()), ZERO)
        shares = defaultdict(lambda: ZERO, began.shares)
        for symbol, (units, _) in mine.items():
            shares[symbol] += units
        wanted = {symbol: units for symbol, units in shares.items() if units}
        held = story.desk.snapshot(account).account
        have: dict[str, Decimal] = defaultdict(lambda: ZERO)
        for sleeve in held.sleeves:
            for each in sleeve.holdings:
                have[each.symbol] += each.quantity
        books = (sum((sleeve.cash for sleeve in held.sleeves), ZERO), {key: of for key, of in have.items() if of})
        if books != (cash, wanted):
            assert account in broken, f"{account}: the books have {books}, it traded to {(cash, wanted)}"
            story.seen["in a break"] += 1
        if account not in broken and not story.seen["bust"] and not story.seen["wire: change"]:
            assert cash >= 0, f"{account} owes {cash}"
            story.seen["owes nothing"] += 1
        if story.market.custodian == "PAPER":
            ((theirs,),) = story.rows("SELECT cash FROM paper.accounts WHERE account_id = :of", of=account)
            positions = story.rows("SELECT symbol, quantity FROM paper.positions WHERE account_id = :of", of=account)
            assert (theirs, {row.symbol: row.quantity for row in positions}) == (cash, wanted), account


def _fair(story: Story, block: Any) -> None:
    """ALLOC-2 and BLOCK-5, day by day and segment by segment."""
    ordered = {row.account_id: int(row.units)
               for row in story.rows("SELECT * FROM desk_legs WHERE block_id = :of", of=block.id)}  # fmt: skip
    parts = story.rows("SELECT account_id, trade_date, sum(units) AS units, sum(amount) AS amount, sum(costs) AS costs"
                       " FROM block_allocations WHERE block_id = :of"
                       " GROUP BY 1, 2 ORDER BY 2", of=block.id)  # fmt: skip
    assert all(part.units >= 0 for part in parts), "less than the day before"
    _cents_are_even(parts)
    out = Counter({row.account_id: int(row.n) for row in story.rows(
        "SELECT account_id, sum(reduced) AS n FROM block_leavings WHERE block_id = :of AND filled NOTNULL GROUP BY 1",
        of=block.id)})  # fmt: skip
    segments = story.rows("SELECT * FROM block_segments WHERE block_id = :of ORDER BY number", of=block.id)
    got: Counter[str] = Counter()
    for part in parts:
        got[part.account_id] += int(part.units)
    for account, units in ordered.items():
        assert 0 <= got[account] <= units - out[account], (block.id, account)
    full = sum(ordered.values()) - sum(out.values())
    if sum(got.values()) == full and parts:
        assert all(got[account] == units - out[account] for account, units in ordered.items())
        story.seen["full"] += 1
    if not segments:  # all left before it was released
        assert not parts
        return
    if len(segments) > 1:
        story.seen["segments"] += 1
        _fair_since(block, segments, ordered, out, got)
        return
    most = 2 if segments[0].lot == 1 else 3 * segments[0].lot
    total, so_far = sum(ordered.values()), 0
    at: Counter[str] = Counter()
    for day in sorted({part.trade_date for part in parts}):
        for part in parts:
            if part.trade_date == day:
                at[part.account_id] += int(part.units)
                so_far += int(part.units)
        for account, units in ordered.items():
            assert abs(at[account] - Fraction(units * so_far, total)) < most, (block.id, day, account)
        story.seen["days proved"] += 1


def _cents_are_even(parts: list[Any]) -> None:
    """ALLOC-4, ALLOC-5: of each day's cash and costs everyone has what its shares are of the day's, within a cent."""
    for day in {part.trade_date for part in parts}:
        mine = [part for part in parts if part.trade_date == day]
        units = sum(int(part.units) for part in mine)
        for figure in ("amount", "costs"):
            whole = sum((getattr(part, figure) for part in mine), ZERO)
            for part in mine:
                exact = Fraction(whole) * int(part.units) / (units or 1)
                assert abs(Fraction(getattr(part, figure)) - exact) < Fraction(CENT), (day, part)


def _fair_since(block: Any, segments: list[Any], ordered: dict[str, int], out: Counter[str], got: Counter[str]) -> None:
    """In the last segment, of what each had when it began: what it ordered, less what it left with and lacks there.

    A segment that a bust has gone behind proves nothing.
    """
    last, filled = segments[-1], sum(got.values())
    if filled < last.starts_at or any(each.starts_at > last.starts_at for each in segments):
        return
    had = {account: units - out[account] - int(last.targets.get(account, 0)) for account, units in ordered.items()}
    assert sum(had.values()) + sum(last.moved.values()) == last.starts_at, (block.id, had)
    assert all(had[account] >= 0 for account in ordered), (block.id, had)
    total = sum(last.targets.values())
    most = 2 if last.lot == 1 else 3 * last.lot
    for account in ordered:
        since = Fraction(int(last.targets.get(account, 0)) * (filled - last.starts_at), total or 1)
        assert abs(got[account] - had[account] - since) < most, (block.id, account)


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_EVEN)
