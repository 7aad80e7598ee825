"""What is believed of what comes off the wire, and why the rest is not."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor import events
from sensor.central.consumer.chain import signed_text
from sensor.central.consumer.intake import Intake, Note, Refused
from sensor.central.consumer.refusals import Refusal
from sensor.central.incidents.signing import CentreKey
from sensor.central.node_keys import NodeKeys
from sensor.central.settings import IntakeSettings
from sensor.central.store import ArrivalRow
from tests.support.rooftops import Rooftops

NOW_NS = 1_800_000_000 * 10**9
NODE = "roof-00"


def read(
    intake: Intake, body: dict[str, Any] | bytes, *, now_ns: int = NOW_NS, topic: str | None = None
) -> ArrivalRow | Note:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = topic or events.topic("town", NODE, "candidate")
    return intake.read(named, payload, retained=False, now_ns=now_ns)


def candidate(**changes: Any) -> dict[str, Any]:
    return Rooftops().candidate(NODE, NOW_NS) | changes


def refusal(intake: Intake, body: dict[str, Any] | bytes, **how: Any) -> Refusal:
    before = intake.refused.copy()
    with pytest.raises(Refused) as caught:
        read(intake, body, **how)
    assert intake.refused - before == {caught.value.reason: 1}
    return caught.value.reason


def test_a_good_candidate_is_kept_to_the_letter() -> None:
    body = candidate()
    row = read(Intake(IntakeSettings()), body)
    assert isinstance(row, ArrivalRow)
    assert row.body == json.dumps(body)
    assert (row.seq, row.chain_id) == (body["seq"], body["chain_id"])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"utc_ns": NOW_NS + 31 * 10**9}, Refusal.FUTURE),
        ({"utc_ns": NOW_NS - 31 * 86400 * 10**9}, Refusal.TOO_OLD),
        ({"utc_ns": NOW_NS / 1e9}, Refusal.TOO_OLD),
        ({"sigma_ns": 0}, Refusal.MALFORMED),
        ({"sigma_ns": float("nan")}, Refusal.MALFORMED),
        ({"p_gunshot": float("inf")}, Refusal.MALFORMED),
        ({"a field nobody knows": [1.0, float("nan")]}, Refusal.MALFORMED),
        ({"position": None}, Refusal.MALFORMED),
        (
            {"position": {"lat_deg": 100.0, "lon_deg": 0.0, "height_m": 0.0, "sigma_m": 1.0}},
            Refusal.MALFORMED,
        ),
        ({"position": {"lat_deg": 0.0, "lon_deg": 0.0, "height_m": 0.0, "sigma_m": 1.0}}, Refusal.NOWHERE),
        ({"node": "roof-01"}, Refusal.FORGED_TOPIC),
        ({"site": "elsewhere"}, Refusal.FORGED_TOPIC),
        ({"schema": "gunshot.candidate.v9"}, Refusal.OTHER_SCHEMA),
        ({"event_id": "\ud800"}, Refusal.MALFORMED),
        ({"event_id": "a\0b"}, Refusal.MALFORMED),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(changes: dict[str, Any], reason: Refusal) -> None:
    assert refusal(Intake(IntakeSettings()), candidate(**changes)) is reason


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xfe{",
        "{}".encode("utf-16"),
        b"[1, 2]",
        b'{"a": 1e999}',
        b"[" * 100_000,
        b'{"a":' * 40 + b"1" + b"}" * 40,
        b"9" * 5000,
    ],
)
def test_rubbish_is_refused(payload: bytes) -> None:
    assert refusal(Intake(IntakeSettings()), payload) is Refusal.MALFORMED


@given(st.binary(max_size=200) | st.from_regex(r'\{"(utc_ns|site|position)": ?.{0,40}\}').map(str.encode))
def test_no_bytes_bring_anything_but_a_refusal(payload: bytes) -> None:
    with pytest.raises(Refused) as caught:
        read(Intake(IntakeSettings()), payload)
    assert caught.value.reason is not Refusal.UNEXPECTED


@pytest.mark.parametrize("topic", ["gunshot/v1/town/roof-00", "gunshot/v1/TOWN/roof-00/candidate", "x", ""])
def test_a_topic_that_is_no_nodes_is_refused(topic: str) -> None:
    assert refusal(Intake(IntakeSettings()), candidate(), topic=topic or "/") is Refusal.FORGED_TOPIC


def test_one_who_floods_is_bounded_and_counted_and_others_are_heard() -> None:
    town, intake = Rooftops(), Intake(IntakeSettings(burst_max=50, per_minute_max=60.0))
    for number in range(80):
        body = town.candidate(NODE, NOW_NS + number)
        if number < 50:
            read(intake, body)
        else:
            assert refusal(intake, body) is Refusal.RATE_LIMITED
    other = town.candidate("roof-01", NOW_NS)
    assert read(intake, other, topic=events.topic("town", "roof-01", "candidate"))
    assert read(intake, town.candidate(NODE, NOW_NS), now_ns=NOW_NS + 2 * 10**9)
    assert intake.refused[Refusal.RATE_LIMITED] == 30


def test_names_that_are_invented_without_end_are_refused() -> None:
    intake = Intake(IntakeSettings(nodes_max=3))
    for number in range(3):
        read(intake, candidate(node=f"n-{number}"), topic=f"gunshot/v1/town/n-{number}/candidate")
    assert (
        refusal(intake, candidate(node="n-3"), topic="gunshot/v1/town/n-3/candidate")
        is Refusal.TOO_MANY_NODES
    )
    assert read(intake, candidate(node="n-1"), topic="gunshot/v1/town/n-1/candidate")


def test_only_known_nodes_are_heard_where_they_are_named() -> None:
    intake = Intake(IntakeSettings(known_nodes=("town/roof-01",)))
    assert refusal(intake, candidate()) is Refusal.UNKNOWN_NODE


def test_a_candidate_from_far_off_where_its_node_announced_itself_is_refused() -> None:
    town, intake = Rooftops(), Intake(IntakeSettings())
    note = read(intake, town.status(NODE), topic=events.topic("town", NODE, "status"))
    assert isinstance(note, Note)
    moved = town.position("roof-23")
    assert refusal(intake, candidate(position=moved)) is Refusal.MOVED
    assert read(intake, candidate())


def test_a_node_with_two_outboxes_in_turn_is_doubted_once() -> None:
    intake = Intake(IntakeSettings())
    for number in range(8):
        read(intake, candidate(chain_id=f"chain-{number % 2}"))
    assert intake.take_doubts() == [f"town/{NODE}"]
    assert intake.take_doubts() == []


def test_a_backup_that_was_put_back_is_no_second_machine() -> None:
    intake = Intake(IntakeSettings())
    for chain in ("old", "new", "old", "old"):
        read(intake, candidate(chain_id=chain))
    assert intake.take_doubts() == []


class TestSignatures:
    """A signature that does not hold is refused always, one that is missing where the policy says so."""

    @pytest.fixture
    def key(self, tmp_path: Path) -> CentreKey:
        key = CentreKey.new()
        (tmp_path / "town").mkdir()
        (tmp_path / "town" / f"{NODE}.pem").write_text(key.public_pem())
        return key

    def intake(self, folder: Path, **settings: Any) -> Intake:
        return Intake(IntakeSettings(node_keys_dir=folder, **settings), verifier_of=NodeKeys(folder).verifier)

    def signed(self, key: CentreKey, **changes: Any) -> dict[str, Any]:
        body = candidate(**changes)
        return body | {"signature": key.sign(signed_text(body))}

    def test_one_that_holds_is_taken(self, tmp_path: Path, key: CentreKey) -> None:
        assert read(self.intake(tmp_path, unsigned="refuse"), self.signed(key))

    def test_a_changed_figure_is_noticed(self, tmp_path: Path, key: CentreKey) -> None:
        forged = self.signed(key) | {"utc_ns": NOW_NS + 1}
        assert refusal(self.intake(tmp_path), forged) is Refusal.BAD_SIGNATURE

    @pytest.mark.parametrize("signature", ["", "rubbish", "ed25519:00:!!", 7])
    def test_what_is_no_signature_is_noticed(self, tmp_path: Path, key: CentreKey, signature: object) -> None:
        del key
        assert refusal(self.intake(tmp_path), candidate(signature=signature)) is Refusal.BAD_SIGNATURE

    def test_another_nodes_key_does_not_do(self, tmp_path: Path, key: CentreKey) -> None:
        del key
        assert refusal(self.intake(tmp_path), self.signed(CentreKey.new())) is Refusal.BAD_SIGNATURE

    def test_the_policy_says_whether_unsigned_nodes_are_heard(self, tmp_path: Path, key: CentreKey) -> None:
        del key
        assert read(self.intake(tmp_path), candidate())
        assert refusal(self.intake(tmp_path, unsigned="refuse"), candidate()) is Refusal.UNSIGNED

    def test_a_new_key_is_read_without_a_restart(self, tmp_path: Path, key: CentreKey) -> None:
        intake, new = self.intake(tmp_path), CentreKey.new()
        assert read(intake, self.signed(key))
        path = tmp_path / "town" / f"{NODE}.pem"
        path.write_text(new.public_pem())
        os.utime(path, ns=(1, 1))
        assert read(intake, self.signed(new))

    def test_a_damaged_key_file_is_told_and_lets_nothing_signed_pass(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (tmp_path / "town").mkdir()
        (tmp_path / "town" / f"{NODE}.pem").write_text("rubbish")
        intake = self.intake(tmp_path, unsigned="refuse")
        assert refusal(intake, self.signed(CentreKey.new())) is Refusal.BAD_SIGNATURE
        assert "is no public key" in caplog.text
