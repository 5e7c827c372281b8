"""`python -m devstack up` keeps the stack running; `demo` runs the main job once, `certify` a FIX session."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from shlex import quote
from types import FrameType
from typing import NoReturn

from devstack.connection import PROJECT, StackConnection
from devstack.errors import StackError
from devstack.processes import ENDING_SIGNALS
from devstack.stack import TEMPORAL_PORT, AlreadyRunning, Stack, say_on_stderr

PAGE = """
The rebalancer is up.

  Temporal      {temporal}
  Temporal UI   {ui}
  Console       {console}
  PostgreSQL    {postgres}
  data, logs    {home}

In another terminal:

{which}  {bin}/rebalancer status                        is everything working
  {bin}/rebalancer load examples/demo.yaml       a dozen accounts on real prices
  {bin}/rebalancer queue                         who needs a rebalance, and why
  {bin}/rebalancer --help                        all commands
  {bin}/temporal workflow list{address}

{ending}"""


def main(arguments: list[str]) -> int:
    """Exit code: 0 done or stopped as asked, 1 trouble, told in a line, 130 interrupted before it was up."""
    parser = argparse.ArgumentParser(prog="python -m devstack", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up_parser = commands.add_parser("up", help="run the stack until Ctrl-C")
    up_parser.add_argument("--workers", type=int, default=1, metavar="N", help="worker processes (1)")
    demo_parser = commands.add_parser("demo", help="run the main job once, from nothing to the printed result")
    demo_parser.add_argument("--fix", action="store_true", help="orders go by FIX to a broker in another process")
    certify_parser = commands.add_parser("certify", help="what a broker asks for before it lets a FIX session in")
    certify_parser.add_argument("session", metavar="SESSION")
    chosen = parser.parse_args(arguments)
    for number in ENDING_SIGNALS:
        signal.signal(number, _interrupt)
    if chosen.command == "demo":
        return _told(lambda: _demo(by_fix=chosen.fix))
    if chosen.command == "certify":
        return _told(lambda: _certify(chosen.session))
    return _told(lambda: up(chosen.workers))


def up(workers: int) -> int:
    """Start the stack, say where it is, and keep it whole until we are asked to stop."""
    temporal_port = _port("TEMPORAL_PORT", TEMPORAL_PORT)
    stack = Stack(
        temporal_port=temporal_port,
        ui_port=_port("TEMPORAL_UI_PORT", temporal_port + 1000),
        console_port=_port("REBALANCER_CONSOLE_PORT", temporal_port + 1001),
        workers=workers,
    )
    running = False
    try:
        stack.start()
        running = True
        print(page(stack.connection, "Ctrl-C stops it; the data stays."), flush=True)
        stack.watch()
    except AlreadyRunning as already:
        print(
            page(already.running, f"It was up already, since {already.running.started_at} (pid {already.running.pid}).")
        )
        return 0
    except KeyboardInterrupt:
        if not running:
            raise
        say_on_stderr("\nstopping")
    finally:
        stack.stop()
    say_on_stderr(f"stopped; the data is in {_short(stack.home)}")
    return 0


def page(stack: StackConnection, ending: str) -> str:
    """What a person needs to know who has just started it."""
    port = stack.temporal_address.rpartition(":")[2]
    host, _, database = stack.database_url.rpartition("@")[2].partition("/")
    return PAGE.format(
        temporal=stack.temporal_address,
        ui=stack.ui_url,
        console=f"{stack.console_url}: choose a person there; ben approves" if stack.console_url else "none",
        postgres=f"{host}, database {database} (URL with password: {_short(stack.home / 'stack.json')})",
        home=_short(stack.home),
        which=_which(stack.home),
        bin=_short(Path(sys.executable).parent),
        address="" if int(port) == TEMPORAL_PORT else f" --address {stack.temporal_address}",
        ending=ending,
    )


def _which(home: Path) -> str:
    """The line after which commands find a stack that is not where they look by themselves."""
    return "" if home == PROJECT / ".rebalancer" else f"  export REBALANCER_HOME={quote(_short(home))}\n"


def _demo(*, by_fix: bool) -> int:
    from devstack import demo  # type: ignore[attr-defined,unused-ignore]

    return demo.main(by_fix=by_fix) or 0


def _certify(session: str) -> int:
    from devstack import certify

    return certify.main(session)


def _told(command: Callable[[], int]) -> int:
    try:
        return command()
    except StackError as error:
        say_on_stderr(str(error))
        return 1
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        say_on_stderr(
            f"The stack can't run: {error.strerror}{where}. "
            "Next: check that folder's owner and free space, or use another: REBALANCER_HOME=<folder> make up"
        )
        return 1
    except KeyboardInterrupt:
        say_on_stderr("\nstopped before it was done")
        return 130


def _port(variable: str, default: int) -> int:
    given = os.environ.get(variable) or str(default)
    if not given.isdecimal() or not 0 < int(given) < 65536:
        raise StackError(f"{variable}={given} is not a port. Next: give a number from 1024 to 65535.")
    return int(given)


def _short(path: os.PathLike[str] | str) -> str:
    """Relative to where we are, where that is shorter."""
    return min(os.path.relpath(path), os.fspath(path), key=len)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
