"""What is particular to the record in a file: it cannot be rewritten, and its disk may play tricks."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from sensor.central.incidents.chain import seal
from sensor.central.incidents.signing import CentreKey, CentreKeys
from sensor.central.store.sqlite import SqliteStore
from sensor.central.types import IncidentVersion
from sensor.errors import ChainError, StoreError
from tests.support.incidents import arrival_row, incident_version, next_version
from tests.support.mosquitto import wait_until
from tests.support.record import fill, meddle

ROOT = Path(__file__).parents[3]
WRITER = """
import sys
from pathlib import Path
from sensor.central.store.sqlite import SqliteStore
from tests.support.incidents import incident_version, next_version
store = SqliteStore(Path(sys.argv[1]))
last = incident_version(1)
while True:
    store.append_version(last)
    print(last.version, flush=True)
    last = next_version(last)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "record.db"


@pytest.fixture
def filled(path: Path) -> Path:
    store = SqliteStore(path)
    fill(store)
    store.close()
    return path


@pytest.mark.parametrize("table", ["version", "audit", "label"])
@pytest.mark.parametrize("verb", ["DELETE FROM {}", "UPDATE {} SET number = number + 10"])
def test_the_database_refuses_to_rewrite_the_record(filled: Path, table: str, verb: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="only ever appended to"):
        meddle(filled, verb.format(table))


UNLOCK = ["DROP TRIGGER version_refuses_update", "DROP TRIGGER version_refuses_delete"]
UNLOCK_AUDIT = ["DROP TRIGGER audit_refuses_update", "DROP TRIGGER audit_refuses_delete"]


@pytest.mark.parametrize(
    "forgery",
    [
        "UPDATE version SET body = replace(body, '\"rounds_hi\":2', '\"rounds_hi\":3') WHERE number = 2",
        "DELETE FROM version WHERE number = 2",
        "DELETE FROM version WHERE incident_id = 'incident-2'",
        "DELETE FROM version WHERE number = 4",
        "UPDATE version SET ledger = 'x' WHERE number = 1",
        "UPDATE incident SET number = 1 WHERE incident_id = 'incident-1'",
        "DELETE FROM incident WHERE incident_id = 'incident-2'",
        "UPDATE incident SET exercise = 1 WHERE incident_id = 'incident-2'",
        "UPDATE incident SET class = 'fireworks', words = '' WHERE incident_id = 'incident-1'",
        "UPDATE version SET incident_id = 'incident-1', version = 3 WHERE number = 3",
        "UPDATE version SET created_ns = created_ns + 1 WHERE number = 4",
        "UPDATE version SET body = replace(body, '{\"', '{\"aside\":1,\"') WHERE number = 1",
        'UPDATE version SET body = replace(body, \'"class":\', \'"class":"fireworks","class":\')',
        "UPDATE version SET body = substr(body, 9) WHERE number = 2",
        "UPDATE mark SET number = 9 WHERE name = 'number/version'",
    ],
)
def test_whoever_takes_the_lock_off_is_found_out(filled: Path, forgery: str) -> None:
    store = SqliteStore(filled)
    assert store.verify_ledger() == 4
    meddle(filled, *UNLOCK, forgery)
    with pytest.raises(ChainError):
        store.verify_ledger()
    store.close()


@pytest.mark.parametrize(
    "forgery",
    [
        "UPDATE audit SET actor = 'bob' WHERE number = 1",
        "DELETE FROM audit WHERE number = 1",
        "DELETE FROM audit WHERE number = 2",
        "DELETE FROM audit",
    ],
)
def test_a_changed_audit_is_found_out(filled: Path, forgery: str) -> None:
    store = SqliteStore(filled)
    assert store.verify_audit() == 2
    meddle(filled, *UNLOCK_AUDIT, forgery)
    with pytest.raises(ChainError, match="audit"):
        store.verify_audit()
    store.close()


@pytest.mark.parametrize(
    "forgery",
    [
        "UPDATE label SET label = 'unfounded'",
        "UPDATE label SET at_ns = 7 WHERE number = 2",
        "DELETE FROM label WHERE number = 1",
        "DELETE FROM label WHERE number = 2",
        "DELETE FROM label",
    ],
)
def test_changed_labels_are_found_out(filled: Path, forgery: str) -> None:
    store = SqliteStore(filled)
    store.add_label("incident-2", source="cad", label="unfounded", reason="", author="a", at_ns=1, key="k")
    assert store.verify_labels() == 2
    meddle(filled, "DROP TRIGGER label_refuses_update", "DROP TRIGGER label_refuses_delete", forgery)
    with pytest.raises(ChainError, match="label"):
        store.verify_labels()
    store.close()


def test_another_programs_database_is_left_alone(path: Path) -> None:
    meddle(path, "CREATE TABLE notes (text TEXT)")
    with pytest.raises(StoreError, match="another program"):
        SqliteStore(path)


def test_a_newer_layout_is_left_alone(filled: Path) -> None:
    meddle(filled, "PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="layout 99"):
        SqliteStore(filled)


def test_a_file_that_is_no_database_is_said_to_be_none(path: Path) -> None:
    path.write_bytes(b"not a database at all, but long enough to have a header" * 20)
    with pytest.raises(StoreError, match="no SQLite database"):
        SqliteStore(path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="folder exists"):
        SqliteStore(tmp_path / "nowhere" / "record.db")


def test_a_vanished_file_is_refused_and_taken_up_again_when_it_is_back(filled: Path, tmp_path: Path) -> None:
    store = SqliteStore(filled)
    aside = tmp_path / "aside.db"
    store.backup(aside)
    filled.unlink()
    for _ in range(2):
        with pytest.raises(StoreError, match="vanished"):
            store.append_version(incident_version(3))
        with pytest.raises(StoreError, match="vanished"):
            store.latest()
    assert not filled.exists()
    for left in filled.parent.glob("record.db-*"):
        left.unlink()
    aside.rename(filled)
    assert store.append_version(incident_version(3)) == 5
    assert store.verify_ledger() == 5
    store.close()


def test_a_record_that_turns_read_only_harms_nothing_and_is_retried(filled: Path) -> None:
    store = SqliteStore(filled)
    store._sqlite._idle[0].execute("PRAGMA query_only = 1")
    with pytest.raises(StoreError, match="it is read-only: check the mount"):
        store.append_version(incident_version(3))
    assert len(store.latest()) == 2
    assert store.append_version(incident_version(3)) == 5
    store.close()


def test_a_record_one_may_not_write_is_worded(filled: Path) -> None:
    with sqlite3.connect(filled) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    connection.close()
    filled.chmod(0o444)
    filled.parent.chmod(0o555)
    user = os.geteuid()
    closed = [folder for folder in filled.parents if not folder.stat().st_mode & 0o001]
    folders = closed if user == 0 else []
    modes = [folder.stat().st_mode for folder in folders]
    for folder in folders:
        folder.chmod(0o711 if folder != filled.parent else 0o555)
    try:
        if user == 0:
            os.seteuid(65534)  # root may write anywhere
        store = SqliteStore(filled)
        assert len(store.latest()) == 2
        with pytest.raises(StoreError, match="it is read-only: check the mount"):
            store.append_version(incident_version(3))
        store.close()
    finally:
        if user == 0:
            os.seteuid(0)
        filled.parent.chmod(0o755)
        for folder, mode in zip(folders, modes, strict=True):
            folder.chmod(mode)


def test_a_failed_write_leaves_nothing_half_done(filled: Path) -> None:
    store = SqliteStore(filled)
    meddle(
        filled,
        "CREATE TRIGGER full BEFORE INSERT ON arrival WHEN new.event_id = 'event-3'"
        " BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END",
    )
    with pytest.raises(StoreError, match="disk is full"):
        store.append_arrivals([arrival_row(n) for n in (1, 2, 3)], received_ns=0)
    assert store.arrivals() == []
    meddle(filled, "DROP TRIGGER full")
    assert len(store.append_arrivals([arrival_row(n) for n in (1, 2, 3)], received_ns=0)) == 3
    assert [item.row for item in store.arrivals()] == [1, 2, 3]
    store.close()


def test_what_was_stored_survives_a_kill(path: Path, tmp_path: Path) -> None:
    said = tmp_path / "said"
    with said.open("wb") as file:
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], cwd=ROOT, stdout=file)
    try:
        wait_until(lambda: said.read_text().count("\n") >= 20, what="the writer has stored 20 versions")
    finally:
        process.kill()
        process.wait()
    promised = said.read_text().count("\n")
    store = SqliteStore(path)
    kept = store.versions("incident-1")
    assert len(kept) in (promised, promised + 1)
    assert store.verify_ledger() == len(kept)
    store.close()


class Forger:
    """Somebody who may write to the file and has a key of their own, but not the centre's."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.key = CentreKey.new()

    def rewrite(
        self, change: Callable[[list[IncidentVersion]], list[IncidentVersion]], *, sign: bool
    ) -> None:
        """Write the whole record anew, consistent in every hash, from changed versions."""
        with closing(SqliteStore(self.path, read_only=True)) as store:
            versions = [version for _, version in store.versions_after(0)]
        self.path.unlink()
        heads: dict[str, IncidentVersion] = {}
        with closing(SqliteStore(self.path)) as store:
            for version in change(versions):
                last = heads.get(version.incident_id)
                heads[version.incident_id] = sealed = seal(
                    replace(
                        version,
                        version=1 if last is None else last.version + 1,
                        prev_hash=None if last is None else last.hash,
                    ),
                    self.key if sign else None,
                )
                store.append_version(sealed if sign else replace(sealed, signature=version.signature))
            assert store.verify_ledger() == len(change(versions))  # hashes alone show nothing


REWRITINGS: dict[str, Callable[[list[IncidentVersion]], list[IncidentVersion]]] = {
    "changed": lambda all_: [replace(item, rounds_hi=9) for item in all_],
    "reordered": lambda all_: [all_[0], all_[2], all_[1], *all_[3:]],
    "dropped": lambda all_: all_[1:],
    "added": lambda all_: [*all_, replace(all_[-1], reason="one more")],
}


@pytest.mark.parametrize("sign", [True, False], ids=["signed by the forger", "with the old signatures"])
@pytest.mark.parametrize("change", list(REWRITINGS))
def test_a_record_that_was_written_anew_without_the_centres_key_is_found_out(
    path: Path,
    change: str,
    sign: bool,  # noqa: FBT001  a column
) -> None:
    key = CentreKey.new()
    with closing(SqliteStore(path)) as store:
        for number in (1, 2):
            first = seal(incident_version(number), key)
            store.append_version(first)
            store.append_version(seal(next_version(first, state="closed"), key))
        keys = CentreKeys([key.public])
        assert store.verify_ledger(keys) == 4
    forger = Forger(path)
    forger.rewrite(REWRITINGS[change], sign=sign)
    with closing(SqliteStore(path)) as store:
        if change == "reordered" and not sign:
            assert store.verify_ledger(keys) == 4  # the order between incidents is the anchors' matter
            return
        with pytest.raises(ChainError, match="not known here" if sign else "does not hold"):
            store.verify_ledger(keys)
