"""What is stored comes out again, in order, once, whatever happened to the process."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.errors import OutboxError, WireError
from sensor.events import Candidate
from sensor.uplink.outbox import Outbox
from sensor.uplink.settings import OutboxSettings
from tests.support.messages import NODE, SITE, candidate


def open_outbox(path: Path, **limits: int) -> Outbox:
    return Outbox(OutboxSettings(path=path, **limits), SITE, NODE)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


def test_the_returned_candidate_is_the_stored_one(path: Path) -> None:
    with open_outbox(path) as outbox:
        stored = outbox.append(candidate())
        [row] = outbox.pending(10)
        assert Candidate.from_json(row.body) == stored
        assert (row.event_id, row.topic) == (stored.event_id, f"gunshot/v1/{SITE}/{NODE}/candidate")


def test_it_waits_in_the_order_of_arrival_and_over_a_restart(path: Path) -> None:
    with open_outbox(path) as outbox:
        stored = [outbox.append(candidate(n)) for n in range(5)]
    with open_outbox(path) as outbox:
        stored.append(outbox.append(candidate(5)))
        assert [row.event_id for row in outbox.pending(10)] == [item.event_id for item in stored]
        assert [item.seq for item in stored] == [1, 2, 3, 4, 5, 6]
        assert len({item.chain_id for item in stored}) == 1


def test_numbers_go_on_after_everything_was_deleted(path: Path) -> None:
    with open_outbox(path) as outbox:
        outbox.delete([str(outbox.append(candidate(n)).event_id) for n in range(3)])
        assert outbox.pending(10) == []
    with open_outbox(path) as outbox:
        assert outbox.append(candidate()).seq == 4


def test_a_node_of_another_name_begins_a_chain_and_the_old_ones_candidates_keep_their_topic(
    path: Path,
) -> None:
    with open_outbox(path) as outbox:
        old = outbox.append(candidate())
    with Outbox(OutboxSettings(path=path), SITE, "roof-08") as outbox:
        new = outbox.append(candidate(node="roof-08"))
        assert new.seq == 1
        assert new.chain_id != old.chain_id
        assert [row.topic.split("/")[3] for row in outbox.pending(10)] == [NODE, "roof-08"]


def test_a_value_that_json_cannot_carry_is_refused_and_uses_up_no_number(path: Path) -> None:
    with open_outbox(path) as outbox:
        with pytest.raises(WireError, match="snr_db"):
            outbox.append(candidate(snr_db=float("nan")))
        assert outbox.append(candidate()).seq == 1
        assert outbox.stats().depth == 1


def test_pending_leaves_out_what_is_asked_for(path: Path) -> None:
    with open_outbox(path) as outbox:
        ids = [str(outbox.append(candidate(n)).event_id) for n in range(4)]
        assert [row.event_id for row in outbox.pending(2, skip=ids[:1])] == ids[1:3]
        assert outbox.pending(9, held_topics=[f"gunshot/v1/{SITE}/{NODE}/candidate"]) == []


def test_what_is_held_back_stays_stored_with_its_reason_and_can_wait_again(path: Path) -> None:
    with open_outbox(path) as outbox:
        first, second = (str(outbox.append(candidate(n)).event_id) for n in range(2))
        outbox.quarantine(first, "too large: 5000 bytes")
        assert [row.event_id for row in outbox.pending(9)] == [second]
        assert (outbox.stats().depth, outbox.stats().quarantined) == (1, 1)
    with open_outbox(path) as outbox:
        assert outbox.stats().quarantined == 1
        assert outbox.requeue("refused") == 0
        assert outbox.requeue("too large", max_body_bytes=10) == 0
        assert outbox.requeue("too large") == 1
        assert [row.event_id for row in outbox.pending(9)] == [first, second]


def test_the_oldest_are_dropped_and_counted_only_beyond_the_cap(path: Path) -> None:
    limit = 16 * 1024
    with open_outbox(path, max_bytes=limit) as outbox:
        stored = [outbox.append(candidate(n)) for n in range(60)]
        stats = outbox.stats()
        left = [row.event_id for row in outbox.pending(100)]
        assert stats.bytes <= limit < stats.bytes + 1024
        assert stats.dropped == 60 - stats.depth > 0
        assert left == [item.event_id for item in stored[-stats.depth :]]
        assert stats.seq == 60


def test_the_sums_are_right_after_a_restart(path: Path) -> None:
    with open_outbox(path) as outbox:
        ids = [str(outbox.append(candidate(n)).event_id) for n in range(10)]
        outbox.delete(ids[:3])
        outbox.quarantine(ids[3], "refused")
        before = outbox.stats()
    with open_outbox(path) as outbox:
        after = outbox.stats()
    for name in ("depth", "bytes", "quarantined", "seq", "chain_id"):
        assert getattr(before, name) == getattr(after, name), name
    assert (before.depth, before.quarantined) == (6, 1)
    assert after.oldest_s is not None
    assert 0.0 <= after.oldest_s < 60.0


def test_a_second_process_is_refused_and_told_who_has_it(path: Path) -> None:
    with open_outbox(path), pytest.raises(OutboxError, match="in use by process"):
        open_outbox(path)
    open_outbox(path).close()


def test_a_closed_outbox_takes_nothing(path: Path) -> None:
    outbox = open_outbox(path)
    outbox.close()
    outbox.close()
    with pytest.raises(OutboxError, match="closed"):
        outbox.append(candidate())


def test_threads_that_append_and_delete_at_once_lose_and_repeat_nothing(path: Path) -> None:
    with open_outbox(path) as outbox:
        stored: list[Candidate] = []
        sent: list[str] = []

        def produce() -> None:
            stored.extend(outbox.append(candidate(n)) for n in range(150))

        thread = threading.Thread(target=produce)
        thread.start()
        while thread.is_alive() or outbox.stats().depth:
            ids = [row.event_id for row in outbox.pending(7)]
            sent += ids
            outbox.delete(ids)
        thread.join()
        assert sent == [item.event_id for item in stored]
        assert [item.seq for item in stored] == list(range(1, 151))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(["append", "delete", "quarantine", "requeue", "restart"]), max_size=30))
def test_any_sequence_of_uses_keeps_numbers_gapless_and_loses_nothing(
    tmp_path_factory: pytest.TempPathFactory, uses: list[str]
) -> None:
    path = tmp_path_factory.mktemp("outbox") / "outbox.db"
    outbox = open_outbox(path)
    waiting: list[str] = []
    held: list[str] = []
    seq = 0
    for use in uses:
        if use == "append":
            stored = outbox.append(candidate(seq))
            seq += 1
            assert stored.seq == seq
            waiting.append(str(stored.event_id))
        elif use == "delete" and waiting:
            outbox.delete([waiting.pop(0)])
        elif use == "quarantine" and waiting:
            held.append(waiting.pop(0))
            outbox.quarantine(held[-1], "refused")
        elif use == "requeue":
            assert outbox.requeue() == len(held)
            waiting = held + waiting  # held back from the front, so they return there
            held = []
        elif use == "restart":
            outbox.close()
            outbox = open_outbox(path)
        assert sorted(row.event_id for row in outbox.pending(99)) == sorted(waiting)
        assert (outbox.stats().depth, outbox.stats().quarantined) == (len(waiting), len(held))
    outbox.close()


def test_a_commit_waits_for_the_disk_even_after_a_deletion_that_does_not(path: Path) -> None:
    with open_outbox(path) as outbox:
        outbox.delete([str(outbox.append(candidate()).event_id)])
        assert outbox._disk is not None
        [[journal]] = outbox._disk._db.execute("PRAGMA journal_mode")
        [[synchronous]] = outbox._disk._db.execute("PRAGMA synchronous")
        assert (journal, synchronous) == ("wal", 2)  # 2 = FULL
