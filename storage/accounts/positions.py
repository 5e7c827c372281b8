"""Positions: writes what differs between two states of an account, sleeve by sleeve."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from domain.values.keys import named
from domain.values.snapshot import PROTECTED, Account, Holding, Sleeve
from storage.accounts.reading import sleeve_key
from storage.packing import pack
from storage.rows import given, insert_rows, made
from storage.schema.tables import holdings, lots, sleeves

NO_CASH = Decimal(0)
_PAID, _GONE = given(sleeves, ("id", "cash")), given(holdings, ("sleeve_id", "symbol"))
SET_CASH = made(update(sleeves).values(cash=_PAID.c.cash).where(sleeves.c.id == _PAID.c.id))
DELETE_HOLDINGS = made(
    delete(holdings).where(holdings.c.sleeve_id == _GONE.c.sleeve_id, holdings.c.symbol == _GONE.c.symbol)
)
OPEN_IDS = select(sleeves.c.id, sleeves.c.kind, sleeves.c.model_id).where(
    sleeves.c.account_id == bindparam("of"), sleeves.c.status == "open"
)
_Place = tuple[int, str]  # a sleeve's id, a symbol


@dataclass(slots=True)
class PositionChanges:
    """What changed, small enough for an audit record: by sleeve, its cash and the quantities that differ."""

    before: dict[str, object] = field(default_factory=dict)
    after: dict[str, object] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.before or self.after)


def all_sleeves(account: Account) -> Iterator[Sleeve]:
    """The account's sleeves as the books keep them: the protected one, where it holds anything, is one of them."""
    yield from account.sleeves
    if account.protected:
        yield Sleeve(PROTECTED, NO_CASH, account.protected)


def sleeve_row(key: str) -> tuple[str, str | None]:
    """The kind and the model of a sleeve."""
    kind, model = named(key)
    return kind, model or None


def store_positions(connection: Connection, account_id: str, before: Account, after: Account) -> PositionChanges:
    """Writes the difference; a model sleeve only in `before` is closed, one only in `after` is opened.

    A few statements, however many sleeves and holdings there are.
    """
    old = {sleeve.key: sleeve for sleeve in all_sleeves(before)}
    new = {sleeve.key: sleeve for sleeve in all_sleeves(after)}
    ids = _open_ids(connection, account_id)
    changes = PositionChanges()
    _close(connection, [ids.pop(key) for key in old.keys() - new.keys()])
    opened = new.keys() - ids.keys()
    paid = [key for key, sleeve in new.items() if key in ids and (key not in old or old[key].cash != sleeve.cash)]
    for key in sorted(opened):
        ids[key] = _open(connection, account_id, new[key])
    if paid:
        connection.execute(SET_CASH, {"id": [ids[key] for key in paid], "cash": [new[key].cash for key in paid]})
    gone, come = list[_Place](), list[tuple[int, Holding]]()
    for key in sorted(old.keys() | new.keys()):
        was, now = old.get(key), new.get(key)
        if was != now:
            _note(changes, key, was, now)
        if now is not None:
            less, more = _differing(was.holdings if was else (), now.holdings)
            gone += [(ids[key], symbol) for symbol in less]
            come += [(ids[key], holding) for holding in more]
    _replace_holdings(connection, gone, come)
    pack(connection, [account_id])
    return changes


def _open_ids(connection: Connection, account_id: str) -> dict[str, int]:
    rows = connection.execute(OPEN_IDS, {"of": account_id})
    return {sleeve_key(kind, model): number for number, kind, model in rows}


def _open(connection: Connection, account_id: str, sleeve: Sleeve) -> int:
    kind, model = sleeve_row(sleeve.key)
    opened: int = connection.execute(
        insert(sleeves)
        .values(account_id=account_id, kind=kind, model_id=model, cash=sleeve.cash)
        .returning(sleeves.c.id)
    ).scalar_one()
    return opened


def _close(connection: Connection, ids: Sequence[int]) -> None:
    if ids:
        connection.execute(delete(holdings).where(holdings.c.sleeve_id.in_(ids)))
        connection.execute(
            update(sleeves).where(sleeves.c.id.in_(ids)).values(status="closed", closed_at=func.now(), cash=NO_CASH)
        )


def _differing(was: tuple[Holding, ...], now: tuple[Holding, ...]) -> tuple[list[str], list[Holding]]:
    """Of a sleeve, the symbols whose holdings are no longer what they were, and the holdings that are new so."""
    old = {holding.symbol: holding for holding in was}
    new = {holding.symbol: holding for holding in now if holding.quantity}
    gone = [symbol for symbol, holding in old.items() if new.get(symbol) != holding]
    return gone, [holding for symbol, holding in new.items() if old.get(symbol) != holding]


def _replace_holdings(connection: Connection, gone: Sequence[_Place], come: Sequence[tuple[int, Holding]]) -> None:
    if gone:
        places = {"sleeve_id": [sleeve for sleeve, _ in gone], "symbol": [symbol for _, symbol in gone]}
        connection.execute(DELETE_HOLDINGS, places)
    rows = [{"sleeve_id": sleeve, "symbol": each.symbol, "quantity": each.quantity} for sleeve, each in come]
    insert_rows(connection, holdings, rows)
    insert_rows(connection, lots, [row for sleeve, each in come for row in lot_rows(sleeve, each)])


def lot_rows(sleeve_id: int, holding: Holding) -> list[dict[str, Any]]:
    """A holding's lots as rows, in their order."""
    return [
        {
            "sleeve_id": sleeve_id,
            "symbol": holding.symbol,
            "quantity": lot.quantity,
            "cost_per_share": lot.cost_per_share,
            "acquired": lot.acquired,
        }
        for lot in holding.lots
    ]


def _note(changes: PositionChanges, key: str, was: Sleeve | None, now: Sleeve | None) -> None:
    old = {each.symbol: each for each in was.holdings} if was else {}
    new = {each.symbol: each for each in now.holdings} if now else {}
    differing = sorted(symbol for symbol in old.keys() | new.keys() if old.get(symbol) != new.get(symbol))
    for told, sleeve, held in ((changes.before, was, old), (changes.after, now, new)):
        if sleeve is not None:
            quantities = {symbol: str(held[symbol].quantity) for symbol in differing if symbol in held}
            told[key] = {"cash": str(sleeve.cash), "holdings": quantities}
