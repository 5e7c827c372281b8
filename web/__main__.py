"""`python -m web`: the console, until it is told to stop."""

import logging
import os
import socket
import sys
from dataclasses import replace
from pathlib import Path

import uvicorn
from sqlalchemy.exc import SQLAlchemyError

from identity import keys
from identity.keys import SIGNING_KEY, NoKey
from reading import people
from storage.connection import Books
from storage.engine import DATABASE_URL, connect
from storage.faults import first_line
from web import oidc
from web.app import create
from web.console import Console, Temporal
from web.session import SignedIn
from web.settings import Settings, from_environment
from workflows.connection import connect as connect_temporal


def main() -> int:
    """Exit status 1 with one line where it can't begin."""
    url = os.environ.get(DATABASE_URL)
    if not url:
        return _refused(
            f"{DATABASE_URL} is not set: name the database, like postgresql://user:password@host/rebalancer"
        )
    try:
        settings = from_environment(os.environ)
    except ValueError as flaw:
        return _refused(str(flaw))
    door = _door(settings)
    if door is None:
        other = f"REBALANCER_CONSOLE_PORT={settings.port + 100}"
        return _refused(f"port {settings.port} is used by another program: stop that, or choose another: {other}")
    engine = connect(url, pool_size=10, lock_timeout="5s")
    try:
        console = _console(Books(engine), settings)
        app = create(console)
    except (NoKey, ValueError, SQLAlchemyError) as flaw:
        return _refused(str(flaw) if not isinstance(flaw, SQLAlchemyError) else first_line(flaw))
    # Behind a proxy of ours the address of who asks is in its header; an open page must not hold up the end.
    config = uvicorn.Config(
        app,
        timeout_graceful_shutdown=3,
        server_header=False,
        access_log=False,
        log_level="warning",
        proxy_headers=settings.is_secure,
        forwarded_allow_ips=os.environ.get("REBALANCER_CONSOLE_PROXIES", "127.0.0.1"),
    )
    logging.getLogger("console").info("the console is at %s", settings.origin)
    uvicorn.Server(config).run(sockets=[door])
    engine.dispose()
    return 0


def _console(books: Books, settings: Settings) -> Console:
    """The console, which signs where decisions have to be signed: the database says so. Raises NoKey, ValueError."""
    with books.reading() as work:
        signed, known = people.is_signed(work), people.signing(work)
    settings = replace(settings, identity="signed" if signed else "asserted")
    console = Console(books, Temporal(connect_temporal), settings)
    if signed:
        where = Path(os.environ.get(SIGNING_KEY) or "")
        console.key = keys.read(where)
        if keys.name(console.key) not in known:
            raise ValueError(f"the key at {where} is not the one that signs here: rebalancer keys list, keys rotate")
        console.sessions = SignedIn(books, console.clock, settings.is_secure)
        console.oidc = oidc.from_environment(os.environ, settings.origin)
    return console


def _door(settings: Settings) -> socket.socket | None:
    """The port, taken before anything else is begun; None where another program has it.

    It says that it is TCP's: only then does asyncio send what there is at once. Otherwise the end of a short page waits
    for the 40 ms after which a client acknowledges its beginning.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    door = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind((settings.host, settings.port))
    except OSError:
        door.close()
        return None
    return door


def _refused(why: str) -> int:
    sys.stderr.write(f"console: {why}\n")
    return 1


if __name__ == "__main__":
    logging.basicConfig(
        level=os.environ.get("LOG_LEVEL", "INFO"), format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    sys.exit(main())
