"""Databases that PostgreSQL will not open to us, or that are not ours: each is refused in words."""

from __future__ import annotations

import pytest

from sensor.central.store.postgres import PostgresStore
from sensor.errors import StoreError
from tests.support.postgres import PostgresServer, meddle


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"user": "locked", "password": "wrong"}, "password authentication failed.*check user and password"),
        ({"user": "locked"}, "no password supplied.*check user and password"),
        ({"user": "nobody-known"}, "does not exist.*check user and password"),
        ({"dbname": "nowhere"}, "does not exist.*make it with createdb"),
        ({"host": "127.0.0.1", "port": "1"}, "refused.*is the server running, and are host and port right"),
        ({"host": "/nowhere"}, "No such file.*is the server running"),
        ({"schema": "nowhere"}, "search_path names no schema"),
    ],
)
def test_what_keeps_us_out_is_worded(server: PostgresServer, changes: dict[str, str], told: str) -> None:
    _make_locked(server)
    with pytest.raises(StoreError, match=told) as caught:
        PostgresStore(server.dsn(**changes))
    assert "wrong" not in str(caught.value)


def _make_locked(server: PostgresServer) -> None:
    server.execute(
        "SET password_encryption = 'scram-sha-256'",
        "DO $$ BEGIN CREATE ROLE locked LOGIN PASSWORD 'right'; EXCEPTION WHEN duplicate_object THEN END $$",
    )


@pytest.mark.parametrize("dsn", ["host", "colour=red", "postgresql://[::1"])
def test_a_dsn_that_is_none_is_refused(dsn: str) -> None:
    with pytest.raises(StoreError, match="the DSN is not one of PostgreSQL"):
        PostgresStore(dsn)


def test_another_programs_tables_are_left_alone(dsn: str) -> None:
    meddle(dsn, "CREATE TABLE node (id integer)")
    with pytest.raises(StoreError, match="has tables of another program"):
        PostgresStore(dsn)


def test_another_layout_is_left_alone(dsn: str) -> None:
    PostgresStore(dsn).close()
    meddle(dsn, "COMMENT ON TABLE mark IS 'record of gunshot-central, layout 99'")
    with pytest.raises(StoreError, match="has layout 99, this software knows"):
        PostgresStore(dsn)


def test_a_database_that_cannot_hold_every_name_is_refused(server: PostgresServer) -> None:
    server.execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    with pytest.raises(StoreError, match=r"is in LATIN1.*createdb --encoding UTF8"):
        PostgresStore(server.dsn(dbname="latin"))
