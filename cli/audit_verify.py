"""`rebalancer audit verify` and `audit seal`: is the record what was recorded, and a seal over what is recorded now."""

from typing import TYPE_CHECKING, Any

import click

from cli import say
from reading import words
from reading.refused import Refused

if TYPE_CHECKING:
    from anchors.port import Anchor
    from storage.record.fault import Fault
    from storage.record.seals import Seal
    from storage.record.verification import Verified

Json = dict[str, Any]


@click.command()
@click.option("--account", "account_id", metavar="ID", default=None, help="Only this account's records.")
@click.option("--seal", "kept", metavar="HASH", default=None, help="A seal's hash that you kept: it must be there.")
@say.format_option
def verify(account_id: str | None, kept: str | None, form: str) -> int:
    """Walk all chains and seals, and name the first record that was changed, removed or inserted."""
    from cli import connections
    from storage.record.verification import NotSealed, find_seal, snapshot
    from storage.record.verification import verify as walked

    with snapshot(connections.books().engine) as connection:
        done = walked(connection, account_id)
        if kept is not None:
            try:
                found = find_seal(connection, kept)
            except NotSealed as flaw:
                raise Refused(
                    f"no seal has the hash {kept}: check how you noted it. If it was noted rightly, seals were removed "
                    "or changed, and all records with them are in doubt"
                ) from flaw
    done.faults[:0] = [] if account_id is not None else _as_anchored()
    if account_id is not None and not done.records and not done.faults:
        raise Refused(f"there is no record of account {account_id}: see `rebalancer history` for the accounts")
    if form == "json":
        say.as_json(as_json(done))
    else:
        say.show(*_page(done))
        if kept is not None:
            say.show(f"The hash that you kept is that of seal {found[0]}, {_at(found[1])}.")
    for fault in done.faults[:1]:
        more = f"; {len(done.faults) - 1} more are listed" if len(done.faults) > 1 else ""
        say.message(
            f"rebalancer: the record is not what was recorded. First: {_where(fault)}: {fault.says}{more}. Keep the "
            "database as it is, and compare with a backup or an export from before"
        )
    return 1 if done.faults else 0


@click.command()
@say.by_option
@say.format_option
def seal(by: str | None, form: str) -> None:
    """Seal what is recorded now. The hash, kept elsewhere, proves later that nothing up to here was changed."""
    from anchors.keeping import keep_seals
    from cli import connections
    from storage.actor import Actor

    desk, anchors = connections.books(), _anchors()
    with desk.transaction(Actor(say.who(by))) as books:
        made = books.seals.seal()
        last = books.seals.last()
    failed = keep_seals(desk, anchors)
    with desk.transaction() as books:
        anchored = books.seals.last_anchored()
    if form == "json":
        say.as_json(None if made is None else seal_as_json(made))
    elif made is None:
        of = (
            f"seal {last.id} of {_at(last.sealed_at)} has all of it: {last.hash.hex()}"
            if last
            else "nothing is recorded"
        )
        say.show(f"Nothing to seal: {of}")
    else:
        added = f"{words.counted(made.records, 'record')} in {words.counted(made.chains, 'chain')}"
        say.show(
            f"Seal {made.id} of {_at(made.sealed_at)}: {added}",
            f"hash {made.hash.hex()}",
            f"anchored in {anchored.anchor}"
            if anchored and anchored.seal == made.id
            else "Keep the hash where nobody who may write to the database can change it.",
        )
    if failed:
        say.message(f"rebalancer: not anchored, and tried again with the next seal: {'; '.join(failed)}")


def _anchors() -> "list[Anchor]":
    import os

    from anchors.settings import UnknownAnchor, configured

    try:
        return configured(os.environ)
    except UnknownAnchor as flaw:
        raise Refused(str(flaw)) from flaw


def _as_anchored() -> "list[Fault]":
    """Seals that an anchor has, and that are not in the database, or others."""
    from anchors.keeping import differing
    from cli import connections
    from storage.record.fault import Fault

    return [
        Fault("seals", seal, "seal", f"seal {seal} is not the one that {name} has: it was removed, or made anew")
        for seal, name in differing(connections.books(), _anchors())
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
                "account_id": _account(fault),
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


def _page(done: "Verified") -> list[object]:
    whole = "Whole" if not done.faults else "NOT WHOLE"
    sealed = "no seal yet: rebalancer audit seal"
    if done.sealed_at is not None and done.last_seal is not None:
        sealed = (
            f"{words.counted(done.seals, 'seal')}, the last of {_at(done.sealed_at)} with hash {done.last_seal.hex()}"
        )
    parts: list[object] = [
        f"{whole}: {words.counted(done.records, 'record')} in {words.counted(done.chains, 'chain')}; {sealed}",
        f"{words.counted(done.unsealed, 'record')} since, not sealed yet" if done.unsealed else "Everything is sealed.",
    ]
    if done.faults:
        rows = [[_where(fault), str(fault.seq), fault.kind, fault.says] for fault in done.faults]
        parts += ["", say.table("", ("of", "place", "kind", "what is wrong first"), rows, right=(1,))]
    return parts


def _where(fault: "Fault") -> str:
    account = _account(fault)
    return f"account {account}" if account else f"chain {fault.chain}" if "/" in fault.chain else f"the {fault.chain}"


def _account(fault: "Fault") -> str | None:
    kind, _, name = fault.chain.partition("/")
    return name if kind == "account" else None


def _at(at: Any) -> str:
    from storage.record.chain import moment

    return f"{words.moment(moment(at)[:19])}Z"
