"""`rebalancer audit verify` and `audit seal`: is the record what was recorded, and a seal over what is recorded now."""

from typing import TYPE_CHECKING, Any

import click

from cli import persons, say
from reading import words

if TYPE_CHECKING:
    from reading.record.walked import Verified


@click.command()
@click.option("--account", "account_id", metavar="ID", default=None, help="Only this account's records.")
@click.option("--seal", "kept", metavar="HASH", default=None, help="A seal's hash that you kept: it must be there.")
@say.format_option
def verify(account_id: str | None, kept: str | None, form: str) -> int:
    """Walk all chains and seals, and name the first record that was changed, removed or inserted."""
    from cli import connections
    from reading.record.verify import as_json, where
    from reading.record.verify import verify as walked

    done, found = walked(connections.books(), account_id, kept)
    if form == "json":
        say.as_json(as_json(done))
    else:
        say.show(*_page(done))
        if found is not None:
            say.show(f"The hash that you kept is that of seal {found[0]}, {_at(found[1])}.")
    for fault in done.faults[:1]:
        more = f"; {len(done.faults) - 1} more are listed" if len(done.faults) > 1 else ""
        say.message(
            f"rebalancer: the record is not what was recorded. First: {where(fault)}: {fault.says}{more}. Keep the "
            "database as it is, and compare with a backup or an export from before"
        )
    return 1 if done.faults else 0


@click.command()
@say.by_option
@say.format_option
def seal(by: str | None, form: str) -> None:
    """Seal what is recorded now. The hash, kept elsewhere, proves later that nothing up to here was changed."""
    from acting.seals import seal
    from cli import connections
    from reading.record.verify import seal_as_json

    done = seal(connections.books(), persons.person(by, "prove"))
    made, last, anchored = done.made, done.last, done.anchored
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
    if done.failed:
        say.message(f"rebalancer: not anchored, and tried again with the next seal: {'; '.join(done.failed)}")


def _page(done: "Verified") -> list[object]:
    from reading.record.verify import where

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
        rows = [[where(fault), str(fault.seq), fault.kind, fault.says] for fault in done.faults]
        parts += ["", say.table("", ("of", "place", "kind", "what is wrong first"), rows, right=(1,))]
    return parts


def _at(at: Any) -> str:
    return words.moment(words.utc(at))
