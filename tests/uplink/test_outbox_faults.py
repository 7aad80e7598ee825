"""A damaged file, a full, locked or read-only disk: counted, said, and no candidate lost."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sensor.errors import OutboxError
from sensor.uplink import outbox as module
from sensor.uplink.outbox import Outbox
from sensor.uplink.settings import OutboxSettings
from tests.support.messages import NODE, SITE, candidate


@pytest.fixture(autouse=True)
def _retry_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


def open_outbox(path: Path, **changes: float) -> Outbox:
    return Outbox(OutboxSettings(path=path, **changes), SITE, NODE)  # type: ignore[arg-type]  # each key has its own type


def ids(outbox: Outbox) -> list[str]:
    return [row.event_id for row in outbox.pending(10_000)]


def full_database(outbox: Outbox) -> None:
    """Let SQLite refuse to grow the file: the same error as a full disk."""
    assert outbox._disk is not None
    outbox._disk._db.execute("PRAGMA max_page_count=1")


def space_again(outbox: Outbox) -> None:
    assert outbox._disk is not None
    outbox._disk._db.execute("PRAGMA max_page_count=1000000")


def test_rubbish_instead_of_a_database_is_set_aside_and_a_new_chain_begun(path: Path) -> None:
    path.write_bytes(b"not a database" * 1000)
    with open_outbox(path) as outbox:
        assert outbox.append(candidate()).seq == 1
        assert outbox.stats().set_aside == 1
        assert outbox.stats().problem is None
    [kept] = path.parent.glob("outbox.db.damaged-*")
    assert kept.read_bytes() == b"not a database" * 1000


def test_a_file_cut_short_is_set_aside_and_its_readable_candidates_are_carried_over(path: Path) -> None:
    with open_outbox(path) as outbox:
        stored = [str(outbox.append(candidate(n)).event_id) for n in range(200)]
        chain = outbox.stats().chain_id
    os.truncate(path, path.stat().st_size // 2 // 4096 * 4096)
    with open_outbox(path) as outbox:
        found = ids(outbox)
        assert outbox.stats().set_aside == 1
        assert outbox.stats().chain_id != chain
        assert found == stored[: len(found)]
        assert len(found) > 20


def test_damage_under_a_running_sensor_loses_no_new_candidate(path: Path) -> None:
    with open_outbox(path) as outbox:
        old = [str(outbox.append(candidate(n)).event_id) for n in range(50)]
        assert outbox._disk is not None
        outbox._disk._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with path.open("r+b") as file:
            for page in range(1, path.stat().st_size // 4096):
                file.seek(page * 4096)
                file.write(os.urandom(4096))
        outbox._disk._db.execute("PRAGMA shrink_memory")
        new = [str(outbox.append(candidate(n)).event_id) for n in range(50, 60)]
        outbox.pending(100)
        assert set(new) <= set(ids(outbox)) <= set(old + new)
        assert outbox.stats().set_aside == 1
        assert outbox.stats().problem is None


def test_a_newer_layout_is_set_aside_whole(path: Path) -> None:
    open_outbox(path).close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version=99")
    with open_outbox(path) as outbox:
        assert outbox.append(candidate()).seq == 1
        assert outbox.stats().set_aside == 1


def test_another_programs_database_is_refused_and_not_touched(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE photos (id INTEGER)")
        database.commit()
    before = path.read_bytes()
    with pytest.raises(OutboxError, match="another program"):
        open_outbox(path)
    assert path.read_bytes() == before


def test_a_full_disk_costs_no_candidate_and_is_made_up_for(path: Path) -> None:
    with open_outbox(path) as outbox:
        first = outbox.append(candidate(0))
        full_database(outbox)
        kept = [outbox.append(candidate(n)) for n in range(1, 40)]
        stats = outbox.stats()
        assert "full" in str(stats.problem)
        assert stats.in_memory > 0
        assert stats.uncommitted == stats.in_memory
        numbers = [item.seq for item in kept if item.chain_id != first.chain_id]
        assert numbers == list(range(1, len(numbers) + 1))
        space_again(outbox)
        last = outbox.append(candidate(40))
        stats = outbox.stats()
        assert (stats.problem, stats.in_memory, stats.depth) == (None, 0, 41)
        assert last.chain_id == first.chain_id
        everything = [str(item.event_id) for item in (first, *kept, last)]
        assert sorted(ids(outbox)) == sorted(everything)
    with open_outbox(path) as outbox:
        assert sorted(ids(outbox)) == sorted(everything)


def test_what_was_sent_while_the_disk_was_full_is_not_sent_again(path: Path) -> None:
    with open_outbox(path) as outbox:
        stored = [outbox.append(candidate(n)) for n in range(3)]
        full_database(outbox)
        while outbox.stats().in_memory == 0:
            stored.append(outbox.append(candidate(len(stored))))
        outbox.delete(ids(outbox))
        assert ids(outbox) == []
        space_again(outbox)
        outbox.tend()
        assert ids(outbox) == []
        assert outbox.stats().bytes == 0


def test_memory_has_a_cap_and_what_falls_out_is_counted(path: Path) -> None:
    with open_outbox(path, max_memory_bytes=16 * 1024) as outbox:
        full_database(outbox)
        for n in range(100):
            outbox.append(candidate(n))
        stats = outbox.stats()
        assert stats.dropped + stats.depth == 100
        assert stats.dropped > 0


def test_a_lock_of_another_program_delays_and_does_not_lose(path: Path) -> None:
    with open_outbox(path, busy_timeout_s=0.02) as outbox, closing(sqlite3.connect(path)) as other:
        first = outbox.append(candidate(0))
        other.execute("BEGIN IMMEDIATE")
        second = outbox.append(candidate(1))
        assert "locked" in str(outbox.stats().problem)
        assert second.chain_id != first.chain_id
        other.rollback()
        third = outbox.append(candidate(2))
        assert outbox.stats().problem is None
        assert (third.chain_id, third.seq) == (first.chain_id, 2)
        assert len(ids(outbox)) == 3


def test_a_refused_deletion_does_not_hand_out_again_and_is_made_up_for(path: Path) -> None:
    with open_outbox(path, busy_timeout_s=0.0) as outbox, closing(sqlite3.connect(path)) as other:
        first, second = (str(outbox.append(candidate(n)).event_id) for n in range(2))
        other.execute("BEGIN IMMEDIATE")
        outbox.delete([first])
        outbox.quarantine(second, "refused")
        assert ids(outbox) == []
        other.rollback()
        outbox.tend()
        assert outbox.stats().depth == 0
    with open_outbox(path) as outbox:
        assert ids(outbox) == []
        assert outbox.requeue("refused") == 1
        assert ids(outbox) == [second]


def test_a_file_removed_under_a_running_sensor_is_noticed_and_written_anew(path: Path) -> None:
    with open_outbox(path) as outbox:
        first = str(outbox.append(candidate(0)).event_id)
        for file in path.parent.glob("outbox.db*"):
            file.unlink()
        second = str(outbox.append(candidate(1)).event_id)
    with open_outbox(path) as outbox:
        assert ids(outbox) == [first, second]


def test_a_folder_that_cannot_be_made_leaves_the_sensor_alerting_from_memory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with open_outbox(tmp_path / "file" / "outbox.db") as outbox:
        stored = outbox.append(candidate())
        assert ids(outbox) == [stored.event_id]
        assert str(tmp_path / "file") in str(outbox.stats().problem)


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB of its own."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root; the same error is tested without it above")
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(f"mounting is not allowed here: {done.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_really_full_disk_costs_no_candidate(mounted: Path) -> None:
    with open_outbox(mounted / "outbox.db") as outbox:
        ballast = mounted / "ballast"
        stored = [str(outbox.append(candidate(0)).event_id)]
        free_bytes = os.statvfs(mounted).f_bavail * os.statvfs(mounted).f_frsize
        ballast.write_bytes(bytes(free_bytes))
        stored += [str(outbox.append(candidate(n)).event_id) for n in range(1, 30)]
        assert outbox.stats().in_memory > 0
        assert "full" in str(outbox.stats().problem)
        assert sorted(ids(outbox)) == sorted(stored)
        ballast.unlink()
        stored.append(str(outbox.append(candidate(30)).event_id))
        assert outbox.stats().problem is None
        assert outbox.stats().in_memory == 0
    with open_outbox(mounted / "outbox.db") as outbox:
        assert sorted(ids(outbox)) == sorted(stored)


def test_a_disk_that_turns_read_only_and_back_costs_no_candidate(mounted: Path) -> None:
    with open_outbox(mounted / "outbox.db") as outbox:
        stored = [str(outbox.append(candidate(n)).event_id) for n in range(3)]
        # A file system that is in use for writing cannot be remounted read-only by hand, so SQLite is asked
        # to give the answer that it gives then.
        assert outbox._disk is not None
        outbox._disk._db.execute("PRAGMA query_only=1")
        stored += [str(outbox.append(candidate(n)).event_id) for n in range(3, 6)]
        assert "read" in str(outbox.stats().problem)
        outbox.delete(stored[:1])
        assert ids(outbox) == stored[1:]
        outbox._disk._db.execute("PRAGMA query_only=0")
        outbox.tend()
        assert outbox.stats().problem is None
        assert ids(outbox) == stored[1:]


def test_an_outbox_on_a_read_only_disk_works_from_memory_until_it_is_writable(mounted: Path) -> None:
    with open_outbox(mounted / "outbox.db") as outbox:
        old = str(outbox.append(candidate(0)).event_id)
    subprocess.run(["mount", "-o", "remount,ro", str(mounted)], check=True)
    with open_outbox(mounted / "outbox.db") as outbox:
        new = str(outbox.append(candidate(1)).event_id)
        assert "ead-only" in str(outbox.stats().problem)
        assert new in ids(outbox)
        subprocess.run(["mount", "-o", "remount,rw", str(mounted)], check=True)
        outbox.tend()
        assert outbox.stats().problem is None
        assert sorted(ids(outbox)) == sorted([old, new])
