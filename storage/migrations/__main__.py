"""`python -m storage.migrations`: migrates the database of REBALANCER_DATABASE_URL and says what it did.

    python -m storage.migrations
    python -m storage.migrations attest --why "restored from the backup of 2026-11-26"

`attest` answers, in the record and under the name of its database user, for the guard around it as it stands now
(docs/auditors-guide.md).
"""

import argparse
import os
import sys
from collections.abc import Sequence

from sqlalchemy.exc import ArgumentError, DBAPIError

from storage import migrations
from storage.engine import DATABASE_URL
from storage.faults import first_line

_SAYS = "Brings a database to the tables of this release, or answers for its guard."


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0 where the database is at this release's tables, 1 where it could not be brought there."""
    options = argparse.ArgumentParser(prog="python -m storage.migrations", description=_SAYS)
    options.add_argument("command", nargs="?", choices=("upgrade", "attest"), default="upgrade")
    options.add_argument("--why", help="with attest: the reason, which is recorded")
    given = options.parse_args(arguments)
    url = os.environ.get(DATABASE_URL)
    if given.command == "attest" and not (given.why or "").strip():
        return _refused('attest needs a reason, which is recorded. Next: give it as --why "…"')
    if not url:
        return _refused(f"{DATABASE_URL} is not set. Next: set it to the URL of a PostgreSQL database")
    try:
        if given.command == "attest":
            rows = migrations.attest(url, given.why.strip())
            sys.stdout.write(f"the guard is attested as it stands, and {rows:,} rows without a record with it\n")
            return 0
        applied = migrations.upgrade(url)
    except ArgumentError:
        return _refused(f"{DATABASE_URL} is not a database URL. Next: give it as postgresql://user:password@host/name")
    except DBAPIError as flaw:
        return _refused(f"the database can't be migrated: {first_line(flaw)}")
    done = f"applied {', '.join(applied)}" if applied else "nothing to do"
    sys.stdout.write(f"database at revision {migrations.head()}: {done}\n")
    return 0


def _refused(why: str) -> int:
    sys.stderr.write(f"migrations: {why}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
