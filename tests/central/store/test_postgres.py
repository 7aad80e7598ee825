"""What is particular to PostgreSQL: faults of a server, several workers, rights, and that nobody rewrites."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from sensor.central.store import NodeSample, NodeState, User
from sensor.central.store.database import Session
from sensor.central.store.postgres import PostgresStore
from sensor.central.store.sqlite import SqliteStore
from sensor.errors import ChainError, StoreError
from tests.support.incidents import arrival_row, incident_version
from tests.support.mosquitto import wait_until
from tests.support.postgres import PostgresServer, meddle
from tests.support.record import fill

ROOT = Path(__file__).parents[3]
HASH = "scrypt$..."
WORKER = """
import sys
from sensor.central.store import VersionConflict
from sensor.central.store.postgres import PostgresStore
from tests.support.incidents import arrival_row, incident_version, next_version
store, name, shared = PostgresStore(sys.argv[1]), sys.argv[2], int(sys.argv[3])
for number in range(shared):
    last = store.latest_of("incident-1")
    following = incident_version(1) if last is None else next_version(last, author=name)
    try:
        store.append_version(following)
        print("stored")
    except VersionConflict:
        print("told")
    store.audit(actor=name, action="a", subject="s", detail={"n": number}, at_ns=number)
"""
WRITER = """
import sys
from sensor.central.store.postgres import PostgresStore
from tests.support.incidents import arrival_row, incident_version, next_version
store, last = PostgresStore(sys.argv[1]), incident_version(1)
while True:
    store.append_version(last)
    print(last.version, flush=True)
    last = next_version(last)
"""


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """A server that is stopped and killed, and runs again after each test."""
    with PostgresServer() as started:
        yield started


@pytest.fixture
def filled(dsn: str) -> Iterator[PostgresStore]:
    store = PostgresStore(dsn)
    fill(store)
    yield store
    store.close()


def schema_dsn(server: PostgresServer) -> str:
    """How to reach a new, empty schema of ``server``."""
    return server.dsn(schema=server.new_schema())


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("table", ["version", "audit", "label"])
def test_the_database_refuses_to_rewrite_the_record(dsn: str, table: str) -> None:
    for verb in ("DELETE FROM {}", "UPDATE {} SET number = number + 10", "TRUNCATE {}"):
        with pytest.raises(
            psycopg.errors.RaiseException, match=f"record of {table}s is only ever appended to"
        ):
            meddle(dsn, verb.format(table))


@pytest.mark.parametrize(
    "forgery",
    [
        "UPDATE version SET body = replace(body, '\"rounds_hi\":2', '\"rounds_hi\":3') WHERE number = 2",
        "DELETE FROM version WHERE number = 2",
        "DELETE FROM version WHERE number = 4",
        "UPDATE incident SET number = 1 WHERE incident_id = 'incident-1'",
    ],
)
def test_whoever_takes_the_lock_off_is_found_out(filled: PostgresStore, dsn: str, forgery: str) -> None:
    assert filled.verify_ledger() == 4
    meddle(dsn, "DROP TRIGGER version_refuses_rewriting ON version", forgery)
    with pytest.raises(ChainError):
        filled.verify_ledger()


def test_the_documented_rights_are_enough_and_do_not_open_the_lock(
    server: PostgresServer, filled: PostgresStore, dsn: str, tmp_path: Path
) -> None:
    """A worker who is not the owner of the tables."""
    schema = dsn.partition("search_path=")[2].rstrip("'")
    text = (ROOT / "docs/record.md").read_text(encoding="utf-8")
    grants = text.partition("```sql")[2].partition("```")[0].replace("central;", f"worker_{schema};")
    meddle(
        dsn,
        f"CREATE ROLE worker_{schema} LOGIN",
        f"GRANT USAGE ON SCHEMA {schema} TO worker_{schema}",
        grants,
    )
    worker_dsn = server.dsn(user=f"worker_{schema}", schema=schema)
    worker = PostgresStore(worker_dsn)
    assert "takes writes" in worker.check()
    worker.append_version(incident_version(3))
    worker.append_arrivals([arrival_row(1)], received_ns=0)
    assert worker.forget_arrivals(2**62) == 1
    worker.audit(actor="a", action="b", subject="c", detail={}, at_ns=0)
    assert worker.add_label("incident-1", source="s", label="x", reason="", author="a", at_ns=9)
    worker.put_node(NodeState(site="town", node="roof", state="alive", utc_ns=5))
    worker.add_node_samples([NodeSample(site="town", node="roof", utc_ns=1, kind="health", values={})])
    assert worker.forget_node_samples(2) == 1
    worker.put_user(User(name="ann", role="admin", password_hash=HASH))
    assert worker.remove_user("ann")
    delivery = worker.add_delivery("siren", "incident-1", 1, due_ns=1)
    worker.settle_delivery(delivery, state="delivered", attempts=1, due_ns=1, reason="", at_ns=1)
    worker.backup(tmp_path / "backup.db")
    worker.close()
    for statement in (
        "DROP TRIGGER version_refuses_rewriting ON version",
        "ALTER TABLE version DISABLE TRIGGER ALL",
        "DELETE FROM version",
        "SET session_replication_role = replica",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            meddle(worker_dsn, statement)
    assert filled.verify_ledger() == 5


def test_several_workers_share_one_record(dsn: str) -> None:
    command = [sys.executable, "-c", WORKER, dsn]
    workers = [
        subprocess.Popen([*command, name, "15"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for name in ("ann", "bob", "cid")
    ]
    said = [line for worker in workers for line in worker.communicate()[0].split()]
    assert [worker.returncode for worker in workers] == [0, 0, 0]
    store = PostgresStore(dsn)
    versions = store.versions("incident-1")
    assert len(said) == 45
    assert len(versions) == said.count("stored")
    assert [version.version for version in versions] == list(range(1, len(versions) + 1))
    assert (store.verify_ledger(), store.verify_audit()) == (len(versions), 45)
    store.close()


def test_what_was_stored_survives_a_kill_of_worker_and_server(
    own_server: PostgresServer, tmp_path: Path
) -> None:
    dsn = schema_dsn(own_server)
    said = tmp_path / "said"
    with said.open("wb") as file:
        process = subprocess.Popen([sys.executable, "-c", WRITER, dsn], cwd=ROOT, stdout=file)
    try:
        wait_until(lambda: said.read_text().count("\n") >= 20, what="the writer has stored 20 versions")
    finally:
        process.kill()
        process.wait()
    own_server.stop("immediate")
    own_server.start()
    promised = said.read_text().count("\n")
    store = PostgresStore(dsn)
    kept = store.versions("incident-1")
    assert len(kept) in (promised, promised + 1)
    assert store.verify_ledger() == len(kept)
    store.close()


def test_a_restarted_server_is_taken_up_again(own_server: PostgresServer) -> None:
    store = PostgresStore(schema_dsn(own_server))
    _leave_idle_connections(store, 3)
    own_server.stop()
    for _ in range(2):
        with pytest.raises(StoreError, match="is the server running, and are host and port right"):
            store.append_version(incident_version(1))
        with pytest.raises(StoreError, match=r"record PostgreSQL postgres on .*: "):
            store.latest()
    own_server.start()
    assert store.append_version(incident_version(1)) == 1
    _leave_idle_connections(store, 3)
    own_server.stop()
    own_server.start()  # nobody asked meanwhile: its idle connections are dead and it does not know
    assert store.append_version(incident_version(2)) == 2
    store.close()


def _leave_idle_connections(store: PostgresStore, count: int) -> None:
    if count:
        with store._postgres.read():
            _leave_idle_connections(store, count - 1)


def test_a_connection_that_breaks_half_way_undoes_the_write_and_says_so(
    server: PostgresServer, dsn: str
) -> None:
    store = PostgresStore(dsn)

    def write() -> None:
        with store._postgres.write() as session:
            session.run("INSERT INTO person VALUES ('ann', 'admin', '', 0, 0)")
            _cut(server, session)
            session.all("SELECT 1")

    with pytest.raises(StoreError, match="it is tried again"):
        write()
    assert store.users() == []
    store.close()


def test_a_connection_that_breaks_during_the_commit_leaves_a_doubt_and_says_so(
    server: PostgresServer, dsn: str
) -> None:
    store = PostgresStore(dsn)

    def write() -> None:
        with store._postgres.write() as session:
            _cut(server, session)

    with pytest.raises(StoreError, match="look before repeating it"):
        write()
    assert store.users() == []
    store.close()


def _cut(server: PostgresServer, session: Session) -> None:
    """End a session from the server's side."""
    (pid,) = session.one("SELECT pg_backend_pid()") or (0,)
    server.execute(f"SELECT pg_terminate_backend({pid})")
    wait_until(lambda: _is_gone(server, pid), what="the connection has ended")


def _is_gone(server: PostgresServer, pid: int) -> bool:
    with psycopg.connect(server.dsn()) as connection:
        return connection.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone() is None


def test_a_standby_is_read_and_not_written(own_server: PostgresServer) -> None:
    store = PostgresStore(schema_dsn(own_server))
    store.append_version(incident_version(1))
    own_server.stop()
    own_server.start(standby=True)
    assert len(store.latest()) == 1
    with pytest.raises(StoreError, match=r"it is read-only: a standby.*name the primary server"):
        store.append_version(incident_version(2))
    own_server.stop()
    own_server.start()
    assert store.append_version(incident_version(2)) == 2
    store.close()


def test_workers_that_start_together_make_the_tables_once(dsn: str) -> None:
    faults: list[BaseException] = []

    def start() -> None:
        try:
            PostgresStore(dsn).close()
        except BaseException as error:  # noqa: BLE001  a thread's failure is the test's
            faults.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_a_worker_that_holds_on_is_named_and_the_other_goes_on_reading(
    filled: PostgresStore, dsn: str
) -> None:
    hasty = PostgresStore(dsn.replace("lock_timeout=120s", "lock_timeout=50ms"))
    with filled._postgres.write():
        with pytest.raises(StoreError, match="another worker holds the record"):
            hasty.put_mark("x", 1)
        assert len(hasty.latest()) == 2
    hasty.put_mark("x", 1)
    hasty.close()


def test_a_text_that_postgresql_cannot_hold_is_refused_and_harms_nothing(filled: PostgresStore) -> None:
    with pytest.raises(StoreError, match="cannot contain NUL"):
        filled.add_label("incident-1", source="a\0b", label="x", reason="", author="a", at_ns=1)
    nul = incident_version(3, reason="a\0b")  # in the record itself it stands escaped
    assert filled.append_version(nul) == 5
    assert filled.latest_of("incident-3") == nul


def test_a_backup_is_of_one_moment_while_another_writes(
    filled: PostgresStore, dsn: str, tmp_path: Path
) -> None:
    stop = threading.Event()
    writer = PostgresStore(dsn)

    def write() -> None:
        number = 10
        while not stop.is_set():
            writer.append_version(incident_version(number))
            writer.audit(actor="x", action="a", subject="s", detail={}, at_ns=number)
            number += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        wait_until(lambda: len(filled.latest()) > 4, what="the writer writes")
        filled.backup(tmp_path / "backup.db")
    finally:
        stop.set()
        thread.join()
    copy = SqliteStore(tmp_path / "backup.db", read_only=True)
    assert copy.verify_ledger() >= 6
    assert copy.verify_audit() >= 2
    copy.close()
    writer.close()


def test_a_backup_fills_an_empty_record_of_either_kind(
    filled: PostgresStore, server: PostgresServer, tmp_path: Path
) -> None:
    backup = tmp_path / "backup.db"
    filled.backup(backup)
    before = backup.read_bytes()
    other = PostgresStore(schema_dsn(server))
    other.put_mark("check", 3)
    assert other.fill(backup) > 6
    assert other.versions("incident-2") == filled.versions("incident-2")
    assert (other.verify_ledger(), other.verify_audit()) == (4, 2)
    assert other.mark("check") is None
    assert other.append_version(incident_version(3)) == 5
    with pytest.raises(StoreError, match="is not empty"):
        other.fill(backup)
    assert other.verify_ledger() == 5
    assert backup.read_bytes() == before
    other.close()


def test_limits_are_ours_unless_somebody_set_others(dsn: str) -> None:
    shown = "SELECT current_setting('lock_timeout'), current_setting('synchronous_commit')"
    for options, told in (
        ("", ("10s", "on")),
        ("-c synchronous_commit=off -c lock_timeout=3s ", ("3s", "on")),
        ("-c synchronous_commit=remote_apply ", ("10s", "remote_apply")),
    ):
        store = PostgresStore(dsn.replace("-c lock_timeout=120s ", options))
        with store._postgres.read() as session:
            assert session.one(shown) == told
        store.close()
