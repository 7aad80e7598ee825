"""A real PostgreSQL for tests: its own folder and socket, no port; started, stopped and killed at will.

The server refuses to run as root: where the tests do, it runs as ``postgres`` or else ``nobody``.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from itertools import count
from pathlib import Path
from typing import Self

import psycopg
import pytest

from tests.support.patience import PATIENCE_S

START_S = 120
SETTINGS = {
    "listen_addresses": "",  # a port of the machine might be taken by another test at any moment
    "fsync": "off",  # a test's database need not survive the machine
    "full_page_writes": "off",
    "max_wal_size": "64MB",
    "shared_buffers": "16MB",
    "max_connections": "60",
    "log_min_messages": "fatal",
}
PATIENT = "-c lock_timeout=120s -c idle_in_transaction_session_timeout=600s"
HBA = """\
local all locked scram-sha-256
local all all trust
"""


def find_programs() -> Path:
    """Folder of initdb and pg_ctl; skips where PostgreSQL is not installed."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    named = shutil.which("initdb")
    if named:
        folders.append(Path(named).parent)
    if not folders:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    return folders[-1]


def server_user() -> str | None:
    """Whom the server runs as; None = whoever runs the tests."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


class PostgresServer:
    """One server in a folder of its own; a context manager."""

    def __init__(self) -> None:
        self._programs = find_programs()
        self._user = server_user()
        # Not below pytest's folders: they are for their owner alone, and a socket's path is at most 107 long.
        self.folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        self._data = self.folder / "data"
        self._names = count(1)
        if self._user is not None:
            shutil.chown(self.folder, self._user)

    def __enter__(self) -> Self:
        self._run(
            "initdb", "-D", self._data, "-U", "central", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"
        )
        lines = [f"{name} = '{value}'" for name, value in SETTINGS.items()]
        lines += [f"unix_socket_directories = '{self.folder}'"]
        with (self._data / "postgresql.conf").open("a") as file:
            file.write("\n".join(lines) + "\n")
        (self._data / "pg_hba.conf").write_text(HBA)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, *, standby: bool = False) -> None:
        """Start, and return once it answers; a standby waits for a primary for ever and is read-only."""
        signal = self._data / "standby.signal"
        signal.touch() if standby else signal.unlink(missing_ok=True)
        self._run("pg_ctl", "-D", self._data, "-l", self.folder / "log", "-w", "-t", START_S, "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop; ``immediate`` is a crash: no farewell, no checkpoint."""
        self._run("pg_ctl", "-D", self._data, "-m", mode, "-w", "-t", START_S, "stop")

    def _run(self, program: str, *arguments: object) -> None:
        result = subprocess.run(
            [str(self._programs / program), *map(str, arguments)],
            cwd=self.folder,
            user=self._user,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # the server would keep a pipe open
            stderr=subprocess.DEVNULL,
            check=False,
        )
        if result.returncode:
            log = self.folder / "log"
            pytest.fail(
                f"{program} {arguments}: {result.returncode}; {log.read_text() if log.exists() else ''}"
            )

    def dsn(self, schema: str = "public", **more: object) -> str:
        """How to reach the server over its socket; ``more`` is added to that or takes its place.

        A loaded machine is slow, not wrong, so no limit is shorter than a test's patience.
        """
        given = {
            "host": self.folder,
            "dbname": "postgres",
            "user": "central",
            "connect_timeout": round(PATIENCE_S),
            "options": f"{PATIENT} -c search_path={schema}",
        } | more
        return " ".join(f"{name}='{value}'" for name, value in given.items())

    def execute(self, *statements: str) -> None:
        """Run statements as the server's owner."""
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def new_schema(self) -> str:
        """Name of a new, empty schema: a tenth of what a database costs. It goes with the server."""
        name = f"record_{next(self._names)}"
        self.execute(f"CREATE SCHEMA {name}")
        return name


def meddle(dsn: str, *statements: str) -> None:
    """Change the record as somebody with a database editor would."""
    with psycopg.connect(dsn) as connection:
        for statement in statements:
            connection.execute(statement.encode())
