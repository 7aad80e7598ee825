"""``backup`` while somebody writes, ``restore`` as an operator after a bad night."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sensor.central.incidents.signing import CentreKey
from sensor.central.store.sqlite import SqliteStore
from tests.support.command import central_here
from tests.support.incidents import arrival_row, incident_version, next_version
from tests.support.month import configuration
from tests.support.mosquitto import wait_until
from tests.support.postgres import PostgresServer
from tests.support.record import append, meddle, record

ROOT = Path(__file__).parents[3]
WRITER = """
import sys
from pathlib import Path
from sensor.central.store.sqlite import SqliteStore
from tests.support.incidents import arrival_row, incident_version, next_version
store, last = SqliteStore(Path(sys.argv[1])), incident_version(1)
while True:
    store.append_version(last)
    store.append_arrivals([arrival_row(last.version)], received_ns=0)
    print(last.version, flush=True)
    last = next_version(last)
"""


@pytest.fixture
def key(tmp_path: Path) -> CentreKey:
    made = CentreKey.new()
    made.write(tmp_path / "centre.key")
    return made


@pytest.fixture
def config(tmp_path: Path, key: CentreKey) -> Path:
    """A configuration with a signed record of two incidents."""
    with record(tmp_path) as store:
        append(store, incident_version(1), key)
        append(store, incident_version(1, state="closed"), key)
        append(store, incident_version(2), key)
        store.append_arrivals([arrival_row(1)], received_ns=0)
        store.audit(actor="ann", action="view", subject="incident-1", detail={}, at_ns=1)
    return configuration(tmp_path)


def kept_records(folder: Path) -> list[Path]:
    """Records that were put aside."""
    return sorted(folder.glob("record.db.replaced-*"))


def test_a_backup_while_a_writer_goes_on_is_whole_and_comes_back(tmp_path: Path) -> None:
    config, said, target = configuration(tmp_path), tmp_path / "said", tmp_path / "backup.db"
    with said.open("wb") as file:
        command = [sys.executable, "-c", WRITER, str(tmp_path / "record.db")]
        process = subprocess.Popen(command, cwd=ROOT, stdout=file)

    def written() -> int:
        return said.read_text().count("\n")

    try:
        wait_until(lambda: written() >= 10, what="the writer has stored 10 versions")
        before = written()
        done = central_here("backup", target, "-c", config)
        after = written()
        wait_until(lambda: written() > after, what="the writer goes on")
        refused = central_here("restore", target, "--force", "-c", config)
    finally:
        process.kill()
        process.wait()
    assert done.returncode == 0, done.stderr
    assert "the chain holds" in done.stdout
    assert "signatures are not checked" in done.stderr
    assert refused.returncode == 1
    assert "stop gunshot-central first" in refused.stderr
    assert target.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.glob("backup*")) == ["backup.db"]
    restored = central_here("restore", target, "--force", "-c", config)
    assert restored.returncode == 0, restored.stderr
    store = SqliteStore(tmp_path / "record.db")
    count = store.verify_ledger()
    assert before <= count <= after + 1
    assert store.append_version(next_version(store.versions("incident-1")[-1])) == count + 1
    store.close()
    (kept,) = kept_records(tmp_path)
    old = SqliteStore(kept, read_only=True)
    assert old.verify_ledger() > after
    old.close()


def test_restore_overwrites_nothing_without_force(config: Path, tmp_path: Path) -> None:
    backup = tmp_path / "backup.db"
    assert central_here("backup", backup, "-c", config).returncode == 0
    before = (tmp_path / "record.db").read_bytes()
    refused = central_here("restore", backup, "-c", config)
    assert refused.returncode == 1
    assert "say --force" in refused.stderr
    assert (tmp_path / "record.db").read_bytes() == before
    assert kept_records(tmp_path) == []
    same = central_here("restore", tmp_path / "record.db", "--force", "-c", config)
    assert same.returncode == 1
    assert "the very file" in same.stderr


def test_a_backup_is_no_file_that_is_there_already(config: Path, tmp_path: Path) -> None:
    (tmp_path / "backup.db").write_text("something of mine")
    refused = central_here("backup", tmp_path / "backup.db", "-c", config)
    assert refused.returncode == 1
    assert "exists already" in refused.stderr
    assert (tmp_path / "backup.db").read_text() == "something of mine"
    assert "No such file" in central_here("backup", tmp_path / "no" / "b.db", "-c", config).stderr


FORGERIES = {
    "changed": "UPDATE version SET body = replace(body, 'elevated', 'basement') WHERE number = 1",
    "dropped": "DELETE FROM version WHERE number = 2",
    "cut off": "DELETE FROM version WHERE number = 3",
    "audit": "UPDATE audit SET actor = 'bob'",
}


@pytest.mark.parametrize("forgery", list(FORGERIES))
def test_a_forged_backup_is_refused_and_changes_nothing(config: Path, tmp_path: Path, forgery: str) -> None:
    backup = tmp_path / "backup.db"
    assert central_here("backup", backup, "-c", config).returncode == 0
    locks = [
        f"DROP TRIGGER {table}_refuses_{verb}"
        for table in ("version", "audit")
        for verb in ("update", "delete")
    ]
    meddle(backup, *locks, FORGERIES[forgery])
    before = (tmp_path / "record.db").read_bytes()
    refused = central_here("restore", backup, "--force", "-c", config)
    assert refused.returncode == 1
    assert "its chain does not hold" in refused.stderr
    assert (tmp_path / "record.db").read_bytes() == before
    assert kept_records(tmp_path) == []


def test_a_backup_that_another_centre_signed_is_refused(config: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    forger = CentreKey.new()
    with record(tmp_path / "other") as store:
        append(store, incident_version(1), forger)
    refused = central_here("restore", tmp_path / "other" / "record.db", "--force", "-c", config)
    assert refused.returncode == 1
    assert f"is signed with key {forger.key_id}, which is not known here" in refused.stderr
    (tmp_path / "former.pem").write_text(forger.public_pem())
    named = ("--key", tmp_path / "former.pem")
    done = central_here("restore", tmp_path / "other" / "record.db", "--force", *named, "-c", config)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("damage", ["cut short", "overwritten", "text", "empty", "absent", "folder"])
def test_what_is_no_backup_is_refused_in_words(config: Path, tmp_path: Path, damage: str) -> None:
    backup = tmp_path / "backup.db"
    central_here("backup", backup, "-c", config)
    whole = backup.read_bytes()
    if damage == "cut short":
        backup.write_bytes(whole[: len(whole) // 2])
    elif damage == "overwritten":
        backup.write_bytes(whole[:8192] + os.urandom(8192) + whole[16384:])
    elif damage == "text":
        backup.write_text("my notes, which are long enough to be read as the head of a database" * 20)
    else:
        backup.unlink()
    if damage == "empty":
        backup.touch()
    if damage == "folder":
        backup.mkdir()
    before = (tmp_path / "record.db").read_bytes()
    refused = central_here("restore", backup, "--force", "-c", config)
    assert refused.returncode == 1
    assert f"{backup}: " in refused.stderr
    assert "Traceback" not in refused.stderr
    assert (tmp_path / "record.db").read_bytes() == before


def test_a_damaged_record_is_put_aside_as_it_is(config: Path, tmp_path: Path) -> None:
    backup, path = tmp_path / "backup.db", tmp_path / "record.db"
    assert central_here("backup", backup, "-c", config).returncode == 0
    path.write_bytes(b"\xffwhat the disk made of it" * 400)
    (tmp_path / "record.db-wal").write_bytes(b"and of its companion")
    done = central_here("restore", backup, "--force", "-c", config)
    assert done.returncode == 0, done.stderr
    assert kept_records(tmp_path)[0].read_bytes().startswith(b"\xffwhat the disk")
    assert not (tmp_path / "record.db-wal").exists()
    store = SqliteStore(path)
    assert store.verify_ledger() == 3
    store.close()


def test_what_is_left_of_a_record_that_was_deleted_does_not_get_into_the_new_one(
    config: Path, tmp_path: Path
) -> None:
    backup, path = tmp_path / "backup.db", tmp_path / "record.db"
    assert central_here("backup", backup, "-c", config).returncode == 0
    store = SqliteStore(path)
    store.append_version(incident_version(9))
    left = (tmp_path / "record.db-wal").read_bytes()
    store.close()
    path.unlink()
    (tmp_path / "record.db-wal").write_bytes(left)
    done = central_here("restore", backup, "-c", config)
    assert done.returncode == 0, done.stderr
    store = SqliteStore(path)
    assert store.verify_ledger() == 3
    store.close()
    assert [file.read_bytes() for file in kept_records(tmp_path)] == [left]


def test_on_a_new_machine_nothing_need_be_there(config: Path, tmp_path: Path) -> None:
    backup, new = tmp_path / "backup.db", tmp_path / "new"
    assert central_here("backup", backup, "-c", config).returncode == 0
    assert central_here("backup", new / "b", "-c", configuration(tmp_path)).returncode == 1
    (tmp_path / "elsewhere.yaml").write_text(f"paths: {{state_dir: {new}}}\n")
    done = central_here("restore", backup, "-c", tmp_path / "elsewhere.yaml")
    assert done.returncode == 0, done.stderr
    assert "signatures are not checked" in done.stderr
    assert (new / "record.db").stat().st_mode & 0o777 == 0o640
    store = SqliteStore(new / "record.db")
    assert (store.verify_ledger(), store.verify_audit(), len(store.arrivals())) == (3, 1, 1)
    store.close()


def test_a_postgresql_record_goes_into_such_a_file_and_comes_out_of_one(
    config: Path, tmp_path: Path, key: CentreKey, server: PostgresServer
) -> None:
    from_sqlite, from_postgres = tmp_path / "a.db", tmp_path / "b.db"
    assert central_here("backup", from_sqlite, "-c", config).returncode == 0
    (tmp_path / "dsn").write_text(server.dsn(schema=server.new_schema()))
    other = tmp_path / "postgres.yaml"
    other.write_text(f"paths: {{state_dir: {tmp_path}}}\nrecord: {{postgres_dsn_file: {tmp_path / 'dsn'}}}\n")
    moved = central_here("restore", from_sqlite, "-c", other)
    assert moved.returncode == 0, moved.stderr
    assert "holds the backup now" in moved.stdout
    again = central_here("restore", from_sqlite, "--force", "-c", other)
    assert again.returncode == 1
    assert "is not empty" in again.stderr
    assert central_here("backup", from_postgres, "-c", other).returncode == 0
    copy, original = (SqliteStore(path, read_only=True) for path in (from_postgres, from_sqlite))
    assert list(copy.all_bodies()) == list(original.all_bodies())
    assert copy.audit_log() == original.audit_log()
    assert copy.arrivals() == original.arrivals()
    assert copy.verify_ledger() == 3
    assert key.key_id in next(original.all_bodies())[1]
    for store in (copy, original):
        store.close()
