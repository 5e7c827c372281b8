"""Is the record what was recorded: all chains and seals walked, and compared with what anchors keep."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from reading.actions import do
from reading.refused import Conflict, Refused, Unknown

if TYPE_CHECKING:
    from anchors.port import Anchor
    from storage.connection import Books, Transaction
    from storage.record.fault import Fault
    from storage.record.seals import Seal
    from storage.record.verification import Verified

Json = dict[str, Any]
Found = tuple[int, datetime]


def last_seal(books: "Transaction") -> Any:
    """The newest seal's row: its number, when, and its hash; None where nothing is sealed."""
    return books.seals.last()


def verify(books: "Books", account_id: str | None = None, kept: str | None = None) -> "tuple[Verified, Found | None]":
    """What was walked, of one account or of all; and which seal has the hash that somebody kept, made when.

    Raises Conflict where no seal has that hash, Unknown where there is no record of the account.
    """
    from storage.record.verification import NotSealed, find_seal, snapshot
    from storage.record.verification import verify as walked

    found = None
    with snapshot(books.engine) as connection:
        done = walked(connection, account_id)
        if kept is not None:
            try:
                found = find_seal(connection, kept)
            except NotSealed as flaw:
                raise Conflict(
                    f"no seal has the hash {kept}: check how you noted it. If it was noted rightly, seals were removed "
                    "or changed, and all records with them are in doubt"
                ) from flaw
    done.faults[:0] = [] if account_id is not None else _as_anchored(books)
    if account_id is not None and not done.records and not done.faults:
        raise Unknown(f"there is no record of account {account_id}: ", do("history", told="see `{}` for the accounts"))
    return done, found


def anchors() -> "list[Anchor]":
    """The outside witnesses that are configured. Refused where one of them is unknown."""
    import os

    from anchors.settings import UnknownAnchor, configured

    try:
        return configured(os.environ)
    except UnknownAnchor as flaw:
        raise Refused(str(flaw)) from flaw


def _as_anchored(books: "Books") -> "list[Fault]":
    """Seals that an anchor has, and that are not in the database, or others."""
    from anchors.keeping import differing
    from storage.record.fault import Fault

    return [
        Fault("seals", seal, "seal", f"seal {seal} is not the one that {name} has: it was removed, or made anew")
        for seal, name in differing(books, anchors())
    ]


def as_json(done: "Verified") -> Json:
    """What was walked and found, in its public form."""
    from storage.record.chain import moment

    return {
        "ok": not done.faults,
        "records": done.records,
        "chains": done.chains,
        "seals": done.seals,
        "last_seal": None
        if done.last_seal is None or done.sealed_at is None
        else {"sealed_at": moment(done.sealed_at), "hash": done.last_seal.hex()},
        "unsealed": done.unsealed,
        "faults": [
            {
                "chain": fault.chain,
                "account_id": account_of(fault),
                "place": fault.seq,
                "record_id": fault.record_id,
                "kind": fault.kind,
                "says": fault.says,
            }
            for fault in done.faults
        ],
    }


def seal_as_json(made: "Seal") -> Json:
    """A seal in its public form."""
    from storage.record.chain import moment

    return {
        "seal": made.id,
        "sealed_at": moment(made.sealed_at),
        "by": made.sealed_by,
        "chains": made.chains,
        "records": made.records,
        "hash": made.hash.hex(),
    }


def where(fault: "Fault") -> str:
    """Which chain a fault is in, in words."""
    account = account_of(fault)
    return f"account {account}" if account else f"chain {fault.chain}" if "/" in fault.chain else f"the {fault.chain}"


def account_of(fault: "Fault") -> str | None:
    """The account of a fault's chain, where it is an account's."""
    kind, _, name = fault.chain.partition("/")
    return name if kind == "account" else None
