"""`python -m web`: the console, until it is told to stop."""

import logging
import os
import socket
import sys

import uvicorn

from storage.connection import Books
from storage.engine import DATABASE_URL, connect
from web.app import create
from web.console import Console, Temporal
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
    console = Console(Books(engine), Temporal(connect_temporal), settings)
    # Behind a proxy of ours the address of who asks is in its header; an open page must not hold up the end.
    config = uvicorn.Config(
        create(console),
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


def _door(settings: Settings) -> socket.socket | None:
    """The port, taken before anything else is begun; None where another program has it."""
    door = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
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
