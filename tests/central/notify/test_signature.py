"""The signature: right ones pass, anything changed does not, old ones and repeated ones do not."""

from __future__ import annotations

import hashlib
import hmac
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.central.notify.signature import KEY, SIGNATURE, TIMESTAMP, Replays, check, sign, signed_headers
from sensor.errors import AccessError

SECRET = "correct horse battery"  # noqa: S105  a test's
NOW_S = 1_764_045_200
ROOT = Path(__file__).parents[3]


def test_the_signature_is_what_the_documentation_says() -> None:
    expected = hmac.new(SECRET.encode(), b"1764045200.inc-1/2.{}", hashlib.sha256).hexdigest()
    assert sign(SECRET, key="inc-1/2", timestamp_s=NOW_S, body=b"{}") == f"v1={expected}"


@given(key=st.from_regex(r"[A-Za-z0-9/-]{1,60}", fullmatch=True), body=st.binary(max_size=200))
def test_what_was_signed_is_accepted_whatever_the_case_of_the_headers(key: str, body: bytes) -> None:
    headers = signed_headers(SECRET, key=key, timestamp_s=NOW_S, body=body)
    assert check(headers, body, [SECRET], now_s=NOW_S) == (key, NOW_S)
    lower = {name.lower(): value for name, value in headers.items()}
    assert check(lower, body, ["older secret here", SECRET], now_s=NOW_S + 299) == (key, NOW_S)


@given(data=st.data(), body=st.binary(min_size=1, max_size=100))
def test_one_changed_bit_anywhere_is_found(data: st.DataObject, body: bytes) -> None:
    headers = signed_headers(SECRET, key="inc-1/2", timestamp_s=NOW_S, body=body)
    position = data.draw(st.integers(0, len(body) * 8 - 1))
    changed = bytearray(body)
    changed[position // 8] ^= 1 << position % 8
    with pytest.raises(AccessError, match="does not fit"):
        check(headers, bytes(changed), [SECRET], now_s=NOW_S)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({KEY: "inc-1/3"}, "does not fit"),
        ({KEY: "x" * 201}, "more than 200"),
        ({KEY: ""}, "missing"),
        ({TIMESTAMP: str(NOW_S + 1)}, "does not fit"),
        ({TIMESTAMP: "now"}, "not a number"),
        ({TIMESTAMP: "-1"}, "not a number"),
        ({TIMESTAMP: "１２３"}, "not a number"),
        ({TIMESTAMP: "9" * 40}, "not a number"),
        ({SIGNATURE: "v1=" + "0" * 64}, "does not fit"),
        ({SIGNATURE: "v2=ünïcode"}, "does not fit"),
    ],
)
def test_a_changed_header_is_refused_in_words(change: dict[str, str], told: str) -> None:
    headers = {**signed_headers(SECRET, key="inc-1/2", timestamp_s=NOW_S, body=b"{}"), **change}
    with pytest.raises(AccessError, match=told):
        check(headers, b"{}", [SECRET], now_s=NOW_S)


def test_openssl_makes_the_same_as_docs_cad_tells(tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(b'{"a": "\xc3\xbc"}\n')
    text = (ROOT / "docs/cad.md").read_text(encoding="utf-8")
    command = next(line for line in text.splitlines() if "openssl dgst" in line)
    values = {"TIMESTAMP": "1764045169", "KEY": "incident/2", "SECRET": "a secret with spaces"}
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=tmp_path,
        env={**os.environ, **values},
        check=True,
        capture_output=True,
        text=True,
    )
    made = sign("a secret with spaces", key="incident/2", timestamp_s=1764045169, body=b'{"a": "\xc3\xbc"}\n')
    assert done.stdout.split()[-1] == made.removeprefix("v1=")


def test_unsigned_and_wrongly_keyed_messages_are_refused() -> None:
    with pytest.raises(AccessError, match="Gunshot-Key, Gunshot-Timestamp, Gunshot-Signature is missing"):
        check({}, b"{}", [SECRET], now_s=NOW_S)
    headers = signed_headers("another secret!!", key="k", timestamp_s=NOW_S, body=b"{}")
    with pytest.raises(AccessError, match="wrong secret"):
        check(headers, b"{}", [SECRET], now_s=NOW_S)
    with pytest.raises(AccessError, match="wrong secret"):
        check(headers, b"{}", [], now_s=NOW_S)


@pytest.mark.parametrize(("off_s", "told"), [(301, "301 s ago"), (-301, "301 s ahead")])
def test_what_is_older_or_newer_than_five_minutes_is_refused(off_s: int, told: str) -> None:
    headers = signed_headers(SECRET, key="k", timestamp_s=NOW_S, body=b"{}")
    with pytest.raises(AccessError, match=told):
        check(headers, b"{}", [SECRET], now_s=NOW_S + off_s)


def test_a_message_that_was_caught_on_its_way_is_not_accepted_twice() -> None:
    replays = Replays()
    replays.admit("cad", "v1=aa", now_s=NOW_S)
    replays.admit("cad", "v1=bb", now_s=NOW_S)
    replays.admit("other", "v1=aa", now_s=NOW_S)
    for later_s in (0, 299, 599):
        with pytest.raises(AccessError, match="received before"):
            replays.admit("cad", "v1=aa", now_s=NOW_S + later_s)
    replays.admit("cad", "v1=aa", now_s=NOW_S + 601)
