"""One POST against real servers: taken, refused, hanging, dripping, garbled, redirecting, ill-certified."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from sensor.central.notify.failure import LaterError, RefusedError
from sensor.central.notify.http import ANSWER_MAX, Answer, post
from sensor.central.notify.settings import HttpSettings
from sensor.errors import ConfigError, NotifyError
from tests.support.http_receiver import Close, Drip, Garbage, Hang, Raw, Receiver, Reply
from tests.support.mosquitto import make_certificates


def _post(url: str, **settings: Any) -> Answer:
    http = HttpSettings(url=url, **{"timeout_s": 30.0, **settings})
    return post(http, b"body", content_type="text/plain", headers={"X-Mine": "1"})


def test_what_is_posted_arrives_and_the_answer_comes_back(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("t0k3n\nsecond line\n")
    with Receiver(Reply(201, b'{"n": 7}')) as receiver:
        answer = _post(f"{receiver.url}/in?x=1", token_file=token)
        assert (answer.status, answer.content_type, answer.body) == (201, "application/json", b'{"n": 7}')
        (request,) = receiver.requests
        assert (request.method, request.path, request.body) == ("POST", "/in?x=1", b"body")
        assert request.headers["X-Mine"] == "1"
        assert request.headers["Authorization"] == "Bearer t0k3n"
        assert request.headers["Content-Type"] == "text/plain"


@pytest.mark.parametrize("behaviour", [Hang, Drip])
def test_a_receiver_that_never_finishes_is_cut_off_at_the_deadline(behaviour: Any) -> None:
    with (
        Receiver(behaviour) as receiver,
        pytest.raises(NotifyError, match=r"no complete answer within 0\.5 s"),
    ):
        _post(receiver.url, timeout_s=0.5)


def test_a_listener_that_never_speaks_tls_is_cut_off() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(NotifyError, match=r"within 0\.5 s"):
            _post(url, timeout_s=0.5)


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        (Close, "not HTTP|reset|closed"),
        (Garbage, "answered what is not HTTP"),
        (Reply(500, b"boom\nline"), "answered 500: boom line"),
        (Reply(503), "answered 503"),
        (Reply(401), "answered 401"),
        (Reply(404), "answered 404"),
        (
            Reply(302, headers={"Location": "http://elsewhere.example/"}),
            "redirects to http://elsewhere.example/",
        ),
        (Reply(307, headers={"Location": "/other"}), "give the final address"),
        (Reply(304), "redirects to nowhere"),
    ],
)
def test_what_may_pass_is_worth_another_attempt(behaviour: Any, told: str) -> None:
    with Receiver(behaviour) as receiver, pytest.raises(NotifyError, match=told) as caught:
        _post(f"{receiver.url}/in?secret=x")
    assert not isinstance(caught.value, RefusedError)
    assert "secret" not in str(caught.value)
    assert len(receiver.requests) == 1


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(OK + b"Content-Length: 100\r\n\r\nhalf", id="closed half-way through the body"),
        pytest.param(
            OK + b"Transfer-Encoding: chunked\r\n\r\nff\r\nhalf", id="closed half-way through a chunk"
        ),
        pytest.param(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", id="a chunk without length"),
        pytest.param(b"HTTP/1.1 99999999999999999999 OK\r\n\r\n", id="no status that there is"),
        pytest.param(OK + b"X: " + b"y" * 70_000 + b"\r\n\r\n", id="a header without end"),
        pytest.param(OK + b"X: y\r\n" * 200 + b"\r\n", id="too many headers"),
        pytest.param(b"\xff\xfe\x00" * 30_000, id="bytes"),
    ],
)
def test_an_answer_that_breaks_off_or_makes_no_sense_is_worth_another_attempt(content: bytes) -> None:
    with Receiver(Raw(content)) as receiver, pytest.raises(NotifyError) as caught:
        _post(receiver.url)
    assert not isinstance(caught.value, RefusedError)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n", id="it asks to go on for ever"),
        pytest.param(
            OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 99, id="a body without end"
        ),
    ],
)
def test_an_answer_without_end_costs_no_more_than_the_deadline(content: bytes) -> None:
    with Receiver(Raw(content, endless=True)) as receiver, suppress(NotifyError):
        assert len(_post(receiver.url, timeout_s=0.5).body) <= ANSWER_MAX


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_what_a_receiver_will_never_take_is_refused_for_good(status: int) -> None:
    with (
        Receiver(Reply(status, b"no")) as receiver,
        pytest.raises(RefusedError, match=f"answered {status}: no"),
    ):
        _post(receiver.url)


def test_a_pause_that_the_receiver_asks_for_is_remembered() -> None:
    for told, least, most in [
        ("120", 120, 120),
        ("999999", 3600, 3600),
        (format_datetime(datetime.now(UTC) + timedelta(minutes=30)), 600, 1800),
        (format_datetime(datetime.now(UTC) - timedelta(days=1)), 0, 0),
    ]:
        reply = Reply(429, headers={"Retry-After": told})
        with Receiver(reply) as receiver, pytest.raises(LaterError) as caught:
            _post(receiver.url)
        assert least <= caught.value.after_s <= most
    with (
        Receiver(Reply(429, headers={"Retry-After": "soon"})) as receiver,
        pytest.raises(NotifyError) as plain,
    ):
        _post(receiver.url)
    assert not isinstance(plain.value, LaterError)


def test_only_the_beginning_of_a_huge_answer_is_read() -> None:
    with Receiver(Reply(200, b"x" * (ANSWER_MAX * 20))) as receiver:
        assert len(_post(receiver.url).body) == ANSWER_MAX


def test_nobody_there_is_said_in_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(NotifyError, match="refused"):
        _post(f"http://127.0.0.1:{port}/")


def test_an_unreadable_token_is_said_and_can_be_mended(tmp_path: Path) -> None:
    with Receiver() as receiver:
        with pytest.raises(NotifyError, match=r"token_file .*absent: No such file"):
            _post(receiver.url, token_file=tmp_path / "absent")
        assert receiver.requests == []


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificates(tmp_path_factory.mktemp("tls"))


def test_a_token_that_http_cannot_carry_is_said(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("t\u00f6ken\x07")
    with Receiver() as receiver, pytest.raises(NotifyError, match="printable ASCII only"):
        _post(receiver.url, token_file=token)
    assert receiver.requests == []


def test_over_tls_name_authority_and_date_must_fit(certificates: Path) -> None:
    with Receiver(certificates=certificates) as receiver:
        assert _post(receiver.url, ca_file=certificates / "ca.crt").status == 200
        with pytest.raises(NotifyError, match="certificate is not accepted"):
            _post(receiver.url, ca_file=certificates / "other_ca.crt")
        with pytest.raises(NotifyError, match="certificate is not accepted"):
            _post(receiver.url)
    for name in ("wrong_name", "expired"):
        with (
            Receiver(certificates=certificates, server_name=name) as receiver,
            pytest.raises(NotifyError, match="certificate is not accepted"),
        ):
            _post(receiver.url, ca_file=certificates / "ca.crt")


def test_a_hanging_receiver_over_tls_is_cut_off_too(certificates: Path) -> None:
    for behaviour in (Hang, Drip):
        with (
            Receiver(behaviour, certificates=certificates) as receiver,
            pytest.raises(NotifyError, match="no complete answer within 1 s"),
        ):
            _post(receiver.url, ca_file=certificates / "ca.crt", timeout_s=1.0)


def test_a_file_that_holds_no_certificate_is_said(tmp_path: Path) -> None:
    (tmp_path / "ca").write_text("nonsense")
    with pytest.raises(NotifyError, match="ca_file"):
        _post("https://127.0.0.1:1/", ca_file=tmp_path / "ca")
    with pytest.raises(NotifyError, match=r"ca_file .*No such file"):
        _post("https://127.0.0.1:1/", ca_file=tmp_path / "absent")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://cad.example/in", "not encrypted"),
        ("ftp://cad.example/", "no address to post to"),
        ("https:///path", "no address to post to"),
        ("https://user:pass@cad.example/", "must not hold a password"),
        ("https://cad.example/a b", "percent-encoded"),
        ("https://cad.example:99999/", "Port out of range"),
    ],
)
def test_an_address_that_cannot_be_posted_to_safely_is_refused_at_once(url: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        HttpSettings(url=url)


def test_plain_http_is_for_this_machine_or_by_explicit_wish() -> None:
    HttpSettings(url="http://127.0.0.1:8080/in")
    HttpSettings(url="http://[::1]:8080/in")
    HttpSettings(url="http://cad.example/in", allow_plain_http=True)


def test_environment_proxies_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9/")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9/")
    with Receiver() as receiver:
        started = time.monotonic()
        assert _post(receiver.url).status == 200
        assert time.monotonic() - started < 30.0
