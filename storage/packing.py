"""Packed positions: what an account holds as one row of bytes, so that a page of accounts is summed as columns.

An entry is what one component of the account holds of one security, or in cash: (component, security, quantity), the
first two by their numbers. A model's number is negative as a component, a security's of the managed sleeve positive,
and 0 is cash, as component and as security. Protected sleeves are in nobody's bands, and not among the entries.

`holdings` and `sleeves` stay what is true. Whoever writes positions packs them in the same transaction; triggers take
the row of an account away whenever its positions are written, so that a row is either the positions' or missing, and
what is missing is packed while it is read. `audit verify` compares all of them. They are read by `accounts.screening`.
"""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, text

# `packed_entries` is a function of the database (migration 0024): there is one way to pack.
PACK = text(
    "INSERT INTO packed_positions (account_id, entries) SELECT a.id, packed_entries(a.id)"
    " FROM unnest(CAST(:ids AS text[])) AS a (id)"
    " ON CONFLICT (account_id) DO UPDATE SET entries = excluded.entries"
)
PACK_MISSING = text(
    "WITH packed AS (INSERT INTO packed_positions (account_id, entries) SELECT a.id, packed_entries(a.id)"
    " FROM (SELECT id FROM accounts WHERE id > :after"
    " AND NOT EXISTS (SELECT FROM packed_positions p WHERE p.account_id = accounts.id)"
    " ORDER BY id LIMIT :most FOR NO KEY UPDATE SKIP LOCKED) a ON CONFLICT DO NOTHING RETURNING account_id)"
    " SELECT count(*), max(account_id) FROM packed"
)
UNEQUAL = text(
    "SELECT account_id FROM packed_positions WHERE entries <> packed_entries(account_id)"
    ' AND (CAST(:id AS text) IS NULL OR account_id = :id) ORDER BY account_id COLLATE "C"'
)
FORGET = text("DELETE FROM packed_positions WHERE account_id = ANY(CAST(:ids AS text[]))")


def pack(connection: Connection, ids: Collection[str]) -> None:
    """Packs the positions of accounts as they are now in the transaction, which holds the accounts."""
    if ids:
        connection.execute(PACK, {"ids": list(ids)})


def pack_missing(connection: Connection, most: int, after: str) -> tuple[int, str | None]:
    """Packs up to so many accounts behind `after` that have no row; returns how many, and the last of them."""
    return tuple(connection.execute(PACK_MISSING, {"most": most, "after": after}).one())


def unequal(connection: Connection, account_id: str | None = None) -> Sequence[str]:
    """Accounts, or whether the one, whose packed row is not what their positions are: somebody went past triggers."""
    return connection.scalars(UNEQUAL, {"id": account_id}).all()


def forget_unequal(connection: Connection) -> None:
    """Takes away rows that are not what the positions are: for who answers for having written past the triggers."""
    connection.execute(FORGET, {"ids": list(unequal(connection))})
