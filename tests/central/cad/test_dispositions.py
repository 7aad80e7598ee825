"""What comes back from dispatch: read strictly, kept once, never changing history."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.central.cad.dispositions import CAD_NUMBER, accept, parse
from sensor.central.cad.inbox import DispositionInbox
from sensor.central.cad.settings import DispositionSettings
from sensor.central.notify.settings import NotifySettings
from sensor.central.notify.signature import signed_headers
from sensor.central.store.sqlite import SqliteStore
from sensor.errors import AccessError, NotifyError, WireError
from tests.support.incident_examples import FIRED_NS, LOCATED, located
from tests.support.record import append, record

SETTINGS = DispositionSettings()
NOW_NS = FIRED_NS + 3600 * 10**9
ID = LOCATED.incident_id


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with record(tmp_path) as opened:
        append(opened, located())
        yield opened


def _plain(**fields: Any) -> bytes:
    return json.dumps({"incident_id": ID, **fields}).encode()


def _eido(code: str = "Founded", urn: str = ID, **component: Any) -> bytes:
    said = {"$id": "d-1", "dispositionCommonRegistryCode": code, **component}
    incident = {"internalIncidentId": "26-000123", "dispositionComponent": [said]}
    return json.dumps(
        {
            "$id": f"urn:emergency:uid:incidentid:{urn}:centre.example",
            "eidoVersion": "1.0",
            "incidentComponent": incident,
        }
    ).encode()


def _take(store: SqliteStore, body: bytes) -> list[str]:
    outcomes = accept(store, parse(body, SETTINGS), source="cad/city", author="city", now_ns=NOW_NS)
    return [outcome.result for outcome in outcomes]


def test_a_plain_statement_becomes_a_label_and_history_stays(store: SqliteStore) -> None:
    before = store.versions(ID)
    body = _plain(disposition="Confirmed", text="3 casings", at="2025-11-25T00:10:00-05:00", number="26-7")
    assert _take(store, body) == ["recorded"]
    verdict, number = store.labels(ID)
    assert (verdict.label, verdict.reason, verdict.source, verdict.author) == (
        "confirmed",
        "Confirmed: 3 casings",
        "cad/city",
        "city",
    )
    assert verdict.at_ns == 1_764_047_400 * 10**9
    assert (number.label, number.reason) == (CAD_NUMBER, "26-7")
    assert store.versions(ID) == before


def test_an_eido_disposition_says_the_same(store: SqliteStore) -> None:
    body = _eido(dispositionDescriptionText="casings", lastUpdateTimeStamp="2025-11-25T05:10:00.500Z")
    assert _take(store, body) == ["recorded"]
    verdict = store.labels(ID)[0]
    assert (verdict.label, verdict.reason) == ("confirmed", "Founded: casings")
    assert verdict.at_ns == 1_764_047_400_500_000_000


@pytest.mark.parametrize(
    ("code", "label"),
    [
        ("UNFOUNDED", "false"),
        ("fireworks", "false"),
        ("No Evidence", "unknown"),
        ("GOA", "unknown"),
        ("founded", "confirmed"),
    ],
)
def test_codes_count_in_any_case_and_one_that_nobody_explained_says_unknown(code: str, label: str) -> None:
    (said,) = parse(_plain(disposition=code), SETTINGS)
    assert said.label == label
    assert said.text == code


def test_the_agencys_own_codes_are_a_matter_of_settings() -> None:
    (said,) = parse(_plain(disposition="10-8X"), DispositionSettings(codes={"10-8x": "false"}))
    assert said.label == "false"


def test_what_comes_twice_is_kept_once_and_a_change_of_mind_is_kept_too(store: SqliteStore) -> None:
    assert _take(store, _plain(disposition="unknown", at=NOW_NS)) == ["recorded"]
    assert _take(store, _plain(disposition="unknown", at=NOW_NS)) == ["duplicate"]
    assert _take(store, _plain(disposition="confirmed", at=NOW_NS + 1)) == ["recorded"]
    assert [label.label for label in store.labels(ID)] == ["unknown", "confirmed"]
    assert _take(store, _plain(disposition="confirmed", id="7")) == ["recorded"]
    assert _take(store, _plain(disposition="confirmed", id="7", at=NOW_NS + 5)) == ["duplicate"]
    assert _take(store, _eido()) == ["recorded"]
    assert _take(store, _eido()) == ["duplicate"]


def test_dispatch_and_arrival_times_are_labels_of_their_own(store: SqliteStore) -> None:
    body = _plain(dispatched="2025-11-25T04:33:10Z", on_scene="2025-11-25T04:37:40Z")
    assert _take(store, body) == ["recorded", "recorded"]
    assert [(item.label, item.at_ns) for item in store.labels(ID)] == [
        ("dispatched", 1_764_045_190 * 10**9),
        ("on_scene", 1_764_045_460 * 10**9),
    ]


def test_the_dispatch_centres_number_alone_finds_the_incident(store: SqliteStore) -> None:
    store.add_label(ID, source="cad/city", label=CAD_NUMBER, reason="26-9", author="city", at_ns=1)
    assert _take(store, json.dumps({"number": "26-9", "disposition": "false"}).encode()) == ["recorded"]
    assert _take(store, _eido(urn="somebody-elses")) == ["unknown_incident"]


def test_an_unknown_incident_is_said_in_words_and_written_down(store: SqliteStore) -> None:
    body = json.dumps({"incident_id": "nope", "disposition": "false"}).encode()
    (outcome,) = accept(store, parse(body, SETTINGS), source="cad/city", author="city", now_ns=NOW_NS)
    assert outcome.result == "unknown_incident"
    assert outcome.words.startswith("there is no incident nope; check the number")
    assert store.labels() == []
    (entry,) = store.audit_log(action="disposition_refused")
    assert entry.subject == "nope"


def test_a_missed_shooting_is_kept_by_time_and_place(store: SqliteStore) -> None:
    missed = {"at": "2025-11-20T01:00:00Z", "lat_deg": 36.0, "lon_deg": -78.9}
    body = json.dumps({"missed": missed, "number": "26-11", "text": "two casings"}).encode()
    assert _take(store, body) == ["recorded"]
    assert _take(store, body) == ["duplicate"]
    (label,) = store.labels()
    assert label.label == "missed"
    assert label.incident_id.startswith("missed/")
    assert json.loads(label.reason) == {
        "lat_deg": 36.0,
        "lon_deg": -78.9,
        "number": "26-11",
        "text": "two casings",
    }
    assert label.at_ns == 1_763_600_400 * 10**9


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"7", "is a JSON object"),
        (b"[1]", r"\[0\]: a disposition is a JSON object"),
        (b"{}", "names no incident"),
        (b'{"incident_id": "x"}', "says nothing"),
        (b'{"incident_id": ["x"], "disposition": "false"}', r"incident_id: is no text"),
        (b'{"incident_id": "x", "disposition": true}', r"disposition.disposition: is no text"),
        (b'{"incident_id": "x", "disposition": "false", "at": "yesterday"}', "is no time"),
        (b'{"incident_id": "x", "disposition": "false", "at": "2025-11-25T05:00:00"}', "no offset from UTC"),
        (b'{"incident_id": "x", "disposition": "false", "at": 1e18}', "is no time"),
        (b'{"incident_id": "x", "disposition": "false", "at": -5}', "is no time"),
        (b'{"incident_id": "x", "on_scene": true}', "on_scene: True is no time"),
        (b'{"missed": {"lat_deg": 1, "lon_deg": 2}}', "missed.at: missing"),
        (b'{"missed": {"at": 5, "lat_deg": "1", "lon_deg": 2}}', "lat_deg: is no number"),
        (b'{"missed": {"at": 5, "lat_deg": 91, "lon_deg": 2}}', "no place on the earth"),
        (b'{"missed": {"at": 5, "lat_deg": NaN, "lon_deg": 2}}', "lat_deg: is no number"),
        (b'{"missed": 5}', "is an object with at"),
        (b'{"eidoVersion": "1.0"}', "incidentComponent: missing"),
        (b'{"eidoVersion": "1.0", "incidentComponent": {}}', "dispositionComponent: missing"),
        (b'{"eidoVersion": "1.0", "incidentComponent": {"dispositionComponent": [7]}}', "is no object"),
        (
            b'{"$id": "x", "eidoVersion": "1.0", "incidentComponent": {"dispositionComponent": [{}]}}',
            "dispositionCommonRegistryCode: missing",
        ),
        (b" " * 1_000_001, "at most 1000000 bytes"),
    ],
)
def test_what_is_no_disposition_is_refused_with_the_place_of_the_fault(body: bytes, told: str) -> None:
    with pytest.raises(WireError, match=told):
        parse(body, SETTINGS)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "incident_id",
                        "disposition",
                        "at",
                        "missed",
                        "number",
                        "eidoVersion",
                        "$id",
                        "incidentComponent",
                        "dispositionComponent",
                        "dispositionCommonRegistryCode",
                        "lat_deg",
                        "lon_deg",
                        "dispatched",
                    ]
                ),
                inner,
            )
        ),
        max_leaves=20,
    )
)
def test_whatever_comes_it_is_read_or_refused_in_our_words(body: Any) -> None:
    try:
        found = parse(json.dumps(body).encode(), SETTINGS)
    except WireError:
        return
    assert all(
        item.label in {"confirmed", "false", "unknown", "dispatched", "on_scene", "missed"} for item in found
    )


@pytest.mark.parametrize(
    "body",
    [
        b'{"missed": {"at": 5, "lat_deg": 1' + b"0" * 400 + b', "lon_deg": 0}}',
        b'{"missed": {"at": 5, "lat_deg": NaN, "lon_deg": 0}}',
    ],
)
def test_numbers_that_are_none_are_refused(body: bytes) -> None:
    with pytest.raises(WireError, match="lat_deg: is no number"):
        parse(body, SETTINGS)


def test_half_characters_and_control_codes_do_not_get_into_the_record(store: SqliteStore) -> None:
    body = json.dumps(
        {"incident_id": ID, "disposition": "false\x00", "text": "\ud800 \x1b[2J\r\nred", "number": "\udfff7"}
    ).encode()
    assert _take(store, body) == ["recorded"]
    for label in store.labels(ID):
        assert label.reason.isprintable()
    assert store.labels(ID)[-1].reason == "7"


def test_of_two_dispatch_centres_with_one_number_each_means_its_own(store: SqliteStore) -> None:
    append(store, located(incident_id="other"))
    for incident_id, cad in ((ID, "city"), ("other", "county")):
        store.add_label(
            incident_id, source=f"cad/{cad}", label="cad_number", reason="101", author=cad, at_ns=1
        )
    for cad, meant in (("city", ID), ("county", "other"), ("third", "other")):
        said = parse(b'{"number": 101, "disposition": "false"}', SETTINGS)
        (outcome,) = accept(store, said, source=f"cad/{cad}", author=cad, now_ns=NOW_NS)
        assert outcome.incident_id == meant


SECRET = "a long enough secret"  # noqa: S105  a test's


@pytest.fixture
def inbox(store: SqliteStore, tmp_path: Path) -> DispositionInbox:
    (tmp_path / "city").write_text(f"{SECRET}\n")
    (tmp_path / "other").write_text("another long secret\n")
    secrets = {"other": tmp_path / "other", "city": tmp_path / "city"}
    return DispositionInbox(NotifySettings(disposition_secrets=secrets), store, clock_ns=lambda: NOW_NS)


def _headers(body: bytes, secret: str = SECRET, off_s: int = 0) -> dict[str, str]:
    return signed_headers(secret, key="d-1", timestamp_s=NOW_NS // 10**9 + off_s, body=body)


def test_the_secret_says_who_sent_it_and_the_same_message_does_not_pass_twice(
    inbox: DispositionInbox, store: SqliteStore
) -> None:
    body = _plain(disposition="false")
    (outcome,) = inbox.post(_headers(body), body)
    assert outcome.result == "recorded"
    assert store.labels(ID)[0].author == "city"
    with pytest.raises(AccessError, match="received before"):
        inbox.post(_headers(body), body)
    (again,) = inbox.post(_headers(body, off_s=1), body)
    assert again.result == "duplicate"


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({}, "not signed"),
        (_headers(b"other"), "does not fit"),
        (_headers(_plain(disposition="false"), off_s=-400), "400 s ago"),
    ],
)
def test_nobody_unknown_gets_in(
    inbox: DispositionInbox, store: SqliteStore, headers: dict[str, str], told: str
) -> None:
    with pytest.raises(AccessError, match=told):
        inbox.post(headers, _plain(disposition="false"))
    assert store.labels() == []


def test_without_senders_in_the_settings_nobody_gets_in(store: SqliteStore) -> None:
    body = _plain(disposition="false")
    with pytest.raises(AccessError, match=r"name senders in notify\.disposition_secrets"):
        DispositionInbox(NotifySettings(), store).post(_headers(body), body)


def test_a_secret_that_cannot_be_read_is_our_fault_and_said(store: SqliteStore, tmp_path: Path) -> None:
    settings = NotifySettings(disposition_secrets={"city": tmp_path / "absent"})
    with pytest.raises(NotifyError, match=r"disposition_secrets\.city .*No such file"):
        DispositionInbox(settings, store).post({}, b"{}")


def test_a_file_is_taken_in_somebodys_name(
    inbox: DispositionInbox, store: SqliteStore, tmp_path: Path
) -> None:
    path = tmp_path / "dispositions.json"
    path.write_bytes(b"[" + _plain(disposition="false") + b"," + _plain(disposition="confirmed") + b"]")
    assert [item.result for item in inbox.file(path, author="sergeant")] == ["recorded", "recorded"]
    assert {(label.source, label.author) for label in store.labels(ID)} == {("file", "sergeant")}
    with pytest.raises(WireError, match="absent: No such file"):
        inbox.file(tmp_path / "absent", author="sergeant")
