"""`python -m storage.migrations`: migrates the database of REBALANCER_DATABASE_URL and says what it did."""

import os
import sys

from sqlalchemy.exc import ArgumentError, DBAPIError

from storage import migrations
from storage.connection import DATABASE_URL
from storage.faults import first_line


def main() -> int:
    """Exit status 0 where the database is at this release's tables, 1 where it could not be brought there."""
    url = os.environ.get(DATABASE_URL)
    if not url:
        return _refused(f"{DATABASE_URL} is not set. Next: set it to the URL of a PostgreSQL database")
    try:
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
