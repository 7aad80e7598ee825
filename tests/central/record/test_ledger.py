"""The whole record: what was tampered with is found, and former anchors pin it down."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from sensor.central.incidents.signing import CentreKey, CentreKeys
from sensor.central.record.ledger import read_anchor, verify_record
from sensor.central.store.sqlite import SqliteStore
from sensor.errors import CentralError, ChainError
from tests.support.incident_examples import later, located
from tests.support.record import append, record

KEY = CentreKey.new()
KEYS = CentreKeys([KEY.public])


def _fill(store: SqliteStore) -> None:
    for name in ("one", "two", "three"):
        first = append(store, located(incident_id=name), KEY)
        append(store, later(first, reason="more nodes"), KEY)
        store.audit(actor="ann", action="look", subject=name, detail={}, at_ns=1)


def test_a_whole_record_holds_and_so_do_former_anchors(tmp_path: Path) -> None:
    with record(tmp_path) as store:
        empty = verify_record(store).anchor
        _fill(store)
        before = verify_record(store, KEYS)
        append(store, located(incident_id="four"), KEY)
        after = verify_record(store, KEYS, [read_anchor(str(before.anchor))])
    assert str(empty) == "0:" or empty.versions == 0
    assert (before.versions, before.incidents, before.audit_entries, before.signed) == (6, 3, 3, True)
    assert (after.versions, after.anchors) == (7, 1)
    assert after.anchor != before.anchor


def _tampered(tmp_path: Path, *statements: str) -> SqliteStore:
    """A record into which somebody went with the rights of a database's owner."""
    with record(tmp_path) as store:
        _fill(store)
    with sqlite3.connect(tmp_path / "record.db") as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            assert connection.execute(statement).rowcount > 0
    connection.close()
    return SqliteStore(tmp_path / "record.db")


@pytest.mark.parametrize(
    ("statements", "told"),
    [
        (
            ("""UPDATE version SET body = replace(body, '"gunshot"', '"other"') WHERE number = 3""",),
            "two version 1: its hash is not that of its content",
        ),
        (("DELETE FROM version WHERE number = 3",), "place 3 of the record is missing"),
        (
            ("DELETE FROM version WHERE number = 6", "UPDATE incident SET number = 5 WHERE number = 6"),
            "the end of the record is missing",
        ),
        (
            ("UPDATE version SET ledger = hash WHERE number = 2",),
            "the record was changed at or before place 2",
        ),
        (
            ("UPDATE incident SET number = 5 WHERE incident_id = 'three'",),
            "three: its last version is not the one that is shown",
        ),
        (("UPDATE audit SET actor = 'bob' WHERE number = 2",), "the audit was changed at or before entry 2"),
        (("DELETE FROM audit WHERE number = 3",), "the end of the audit is missing"),
        (("DELETE FROM audit WHERE number = 1",), "the audit was changed at or before entry 1"),
    ],
)
def test_what_was_tampered_with_is_named(tmp_path: Path, statements: tuple[str, ...], told: str) -> None:
    store = _tampered(tmp_path, *statements)
    try:
        with pytest.raises(ChainError, match=told):
            verify_record(store, KEYS)
    finally:
        store.close()


def _rewritten(tmp_path: Path, build: Callable[[SqliteStore], object]) -> SqliteStore:
    folder = tmp_path / "again"
    folder.mkdir()
    with record(folder) as store:
        build(store)
    return SqliteStore(folder / "record.db")


def test_a_record_written_anew_with_the_centres_own_key_is_found_by_a_former_anchor(tmp_path: Path) -> None:
    with record(tmp_path) as store:
        _fill(store)
        anchor = verify_record(store).anchor

    def without_two(store: SqliteStore) -> None:
        for name in ("one", "three", "four", "five"):
            append(store, later(append(store, located(incident_id=name), KEY)), KEY)

    store = _rewritten(tmp_path, without_two)
    try:
        verify_record(store, KEYS)
        with pytest.raises(ChainError, match="rewritten at or before version 6"):
            verify_record(store, KEYS, [anchor])
    finally:
        store.close()


def test_a_record_whose_end_was_cut_off_cleanly_is_found_by_a_former_anchor(tmp_path: Path) -> None:
    with record(tmp_path) as store:
        _fill(store)
        anchor = verify_record(store).anchor
    store = _rewritten(tmp_path, lambda again: append(again, located(incident_id="one"), KEY))
    try:
        with pytest.raises(ChainError, match="only 1 versions are left; the end was cut off"):
            verify_record(store, KEYS, [anchor])
    finally:
        store.close()


def test_a_record_signed_by_somebody_else_does_not_pass(tmp_path: Path) -> None:
    with record(tmp_path) as store:
        append(store, located(), CentreKey.new())
        with pytest.raises(ChainError, match="which is not known here"):
            verify_record(store, KEYS)


def test_what_is_no_anchor_is_said() -> None:
    for text in ("", "12", "12:abc", f"-1:{'0' * 64}"):
        with pytest.raises(CentralError, match="is no anchor"):
            read_anchor(text)


def test_two_anchors_that_contradict_each_other_are_said(tmp_path: Path) -> None:
    with record(tmp_path) as store, pytest.raises(ChainError, match="one of them is forged"):
        verify_record(store, None, [read_anchor(f"1:{'0' * 64}"), read_anchor(f"1:{'1' * 64}")])
