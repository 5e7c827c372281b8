"""`python -m storage.migrations`: migrates the database of REBALANCER_DATABASE_URL and says what it did.

    python -m storage.migrations
    python -m storage.migrations months
    python -m storage.migrations attest --why "restored from the backup of 2026-11-26"
    python -m storage.migrations link --why "ann lost her password and passkey, and nobody else administers"

`months` makes the partitions ahead and drops those of months that policy (`notes_kept_months`) keeps no more, as the
hourly sweep does. `attest` answers, in the record and under the name of its database user, for the guard around it as
it stands now (docs/auditors-guide.md). `link` prints a link by which the first person, `admin`, sets a password: the
way back in where nobody is left who administers. It is recorded, with the reason.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import ArgumentError, DBAPIError

from identity.keys import SIGNING_KEY, NoKey
from policy.clock import the_clock
from storage import migrations
from storage.actor import Actor
from storage.connection import Books, Transaction
from storage.engine import DATABASE_URL, connect
from storage.faults import first_line
from storage.people import setup
from storage.people.people import UnknownPerson
from storage.people.proof import Identity
from storage.work import partitions

_SAYS = "Brings a database to the tables of this release, or answers for its guard."


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0 where the database is at this release's tables, 1 where it could not be brought there."""
    options = argparse.ArgumentParser(prog="python -m storage.migrations", description=_SAYS)
    options.add_argument("command", nargs="?", choices=("upgrade", "months", "attest", "link"), default="upgrade")
    options.add_argument("--why", help="with attest and link: the reason, which is recorded")
    given = options.parse_args(arguments)
    url = os.environ.get(DATABASE_URL)
    why = (given.why or "").strip()
    if given.command in {"attest", "link"} and not why:
        return _refused(f'{given.command} needs a reason, which is recorded. Next: give it as --why "…"')
    if not url:
        return _refused(f"{DATABASE_URL} is not set. Next: set it to the URL of a PostgreSQL database")
    try:
        if given.command == "attest":
            rows = migrations.attest(url, why)
            sys.stdout.write(f"the guard is attested as it stands, and {rows:,} rows without a record with it\n")
            return 0
        if given.command == "months":
            sys.stdout.write(_months(url))
            return 0
        if given.command == "link":
            sys.stdout.write(_link(url, why))
            return 0
        identity = setup.wanted(os.environ)
        applied = migrations.upgrade(url)
        said = _people(url, identity) if identity is not None else ""
    except (NoKey, UnknownPerson, ValueError, OSError) as flaw:
        return _refused(str(flaw))
    except ArgumentError:
        return _refused(f"{DATABASE_URL} is not a database URL. Next: give it as postgresql://user:password@host/name")
    except DBAPIError as flaw:
        return _refused(f"the database can't be migrated: {first_line(flaw)}")
    done = f"applied {', '.join(applied)}" if applied else "nothing to do"
    sys.stdout.write(f"database at revision {migrations.head()}: {done}\n{said}")
    return 0


def _months(url: str) -> str:
    """Sees to the months now; what was made and dropped, in a line."""
    with _transaction(url) as work:
        kept = partitions.keep(work.connection, work.audit)
    return f"made: {', '.join(kept.made) or 'nothing'}; dropped: {', '.join(kept.dropped) or 'nothing'}\n"


def _link(url: str, why: str) -> str:
    """The link by which the first person sets a password, in a line."""
    with _transaction(url) as work:
        link = setup.way_back_in(work, why, the_clock().now())
    return f"{setup.ADMIN} sets a password, once, within a day: {setup.link_of(link, os.environ)}\n"


def _people(url: str, identity: Identity) -> str:
    """Sets whether decisions have to be signed, as the environment asks; what a person has to know of it."""
    file = os.environ.get(SIGNING_KEY)
    if identity == "signed" and not file:
        raise ValueError(f"{SIGNING_KEY} is not set. Next: name the file of the console's private key")
    with _transaction(url) as work:
        ready = setup.prepare(work, identity, Path(file or ""), the_clock().now())
    key = f"identity: signed, by key {ready.key[:12]}\n" if ready.key else "identity: asserted\n"
    link = (
        f"the first person, {setup.ADMIN}, sets a password: {setup.link_of(ready.link, os.environ)}\n"
        if ready.link
        else ""
    )
    return key + link


@contextmanager
def _transaction(url: str) -> Iterator[Transaction]:
    """One transaction of the migrations; nothing of it stays connected."""
    engine = connect(url, pool_size=1)
    try:
        with Books(engine).transaction(Actor("migrations")) as work:
            yield work
    finally:
        engine.dispose()


def _refused(why: str) -> int:
    sys.stderr.write(f"migrations: {why}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
