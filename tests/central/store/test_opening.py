"""Settings to the right kind of record."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sensor.central.settings import RecordSettings
from sensor.central.store import open_store
from sensor.central.store.sqlite import SqliteStore
from sensor.errors import StoreError


def test_without_more_the_record_is_a_file_below_the_state_folder(tmp_path: Path) -> None:
    store = open_store(RecordSettings(), tmp_path)
    assert isinstance(store, SqliteStore)
    assert store.place == str(tmp_path / "record.db")
    store.close()
    store = open_store(RecordSettings(path=tmp_path / "elsewhere.db"), Path("/nowhere"))
    assert store.place == str(tmp_path / "elsewhere.db")
    store.close()


def test_the_file_is_not_for_everybody(tmp_path: Path) -> None:
    open_store(RecordSettings(), tmp_path).close()
    assert (tmp_path / "record.db").stat().st_mode & 0o007 == 0


def test_a_dsn_names_a_database(dsn: str, tmp_path: Path) -> None:
    file = tmp_path / "dsn"
    file.write_text(f"{dsn} password='secret'\n# the line above is read, this one is not\n")
    store = open_store(RecordSettings(postgres_dsn_file=file), tmp_path)
    said = store.check()
    assert said.startswith("PostgreSQL postgres on ")
    assert said.endswith(": takes writes, holds 0 incidents")
    assert "secret" not in said
    store.close()


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "No such file"), (b"\n", "first line is empty"), (b"\xff\xfe", "not UTF-8")],
)
def test_a_dsn_file_that_says_nothing_is_refused(tmp_path: Path, content: bytes | None, told: str) -> None:
    file = tmp_path / "dsn"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(StoreError, match=told):
        open_store(RecordSettings(postgres_dsn_file=file), tmp_path)


def test_without_the_library_it_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "sensor.central.store.postgres", raising=False)
    with pytest.raises(StoreError, match=r"pip install '\.\[postgres\]'"):
        open_store(RecordSettings(postgres_dsn_file=tmp_path / "dsn"), tmp_path)
