"""`python -m venues.fix SESSION`: the gateway of a session. One works; a second one waits for its lease.

Ends with 0 when it is told to (SIGTERM, Ctrl-C), with 1 and a sentence where it can't be set up, with 70 where it
must not go on: whoever looks after it starts it again, and it goes on where it was.
"""

import logging
import os
import signal
import sys

from policy.clock import the_clock
from storage.engine import DATABASE_URL, connect
from venues.fix.sessions import SessionRefused, named

CRASHED = 70


def main(arguments: list[str]) -> int:
    """Runs the gateway of the session that is named."""
    if len(arguments) != 1:
        print("usage: python -m venues.fix SESSION", file=sys.stderr)  # noqa: T201
        return 2
    logging.basicConfig(
        level=os.environ.get("LOG_LEVEL", "INFO"), format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    try:
        from venues.fix.engine import secrets_of
        from venues.fix.gateway import Gateway

        session = named(arguments[0])
        secrets_of(session, dict(os.environ))
        url = os.environ.get(DATABASE_URL)
        if not url:
            raise ValueError(f"{DATABASE_URL} is not set: name the database, like postgresql://user@host/rebalancer")
    except (SessionRefused, ModuleNotFoundError, ValueError) as flaw:
        print(f"fix: {flaw}", file=sys.stderr)  # noqa: T201
        return 1
    gateway = Gateway(session, connect(url, pool_size=4, lock_timeout="10s"), the_clock())
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: gateway.stopping.set())
    try:
        gateway.run()
    except Exception:
        logging.getLogger("fix").exception("%s: the gateway can't go on", session.session)
        os._exit(CRASHED)  # threads of the engine may be anywhere
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
