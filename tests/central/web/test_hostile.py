"""What strangers and broken programs send."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from sensor.central.web.headers import HEADERS
from sensor.central.web.settings import WebSettings
from tests.support.web_client import Client, logged_in
from tests.support.web_town import Site, served

As = Callable[[str], Client]
JSON = {"content-type": "application/json"}


def policy(text: str) -> dict[str, str]:
    return {rule.split(" ", 1)[0]: rule.partition(" ")[2] for rule in text.split("; ")}


@pytest.mark.parametrize("path", ["/", "/static/app/main.js", "/api/incidents", "/nowhere", "/healthz"])
def test_every_answer_forbids_what_pages_do_not_need(town: Site, path: str) -> None:
    headers = Client(town.url).get(path).headers
    for name, value in HEADERS.items():
        assert headers[name] == value
    rules = policy(headers["content-security-policy"])
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["connect-src"] == "'self'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["cache-control"] == ("no-cache" if path in ("/", "/static/app/main.js") else "no-store")
    assert "server" not in headers


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        (b"x" * 65_537, 413, "the body is larger than 65536 bytes (web.body_max_bytes)"),
        (b"[" * 60_000, 400, "not JSON"),
        (b"{", 400, "not JSON"),
        (b"\xff\xfe", 400, "not JSON"),
        (b"[]", 400, "a message is a JSON object, this is a list"),
        (b'{"name": 7}', 400, "name: text is wanted, not int"),
        (b'{"name": ""}', 400, "name: please give it"),
        (b'{"name": "kim", "password": NaN}', 401, "name or password is wrong"),
        (b'{"name": "\\ud800\\u0000", "password": "x"}', 400, "name: please give it"),
        (json.dumps({"name": "k" * 101, "password": "x"}).encode(), 400, "name: 101 characters"),
    ],
)
def test_a_body_that_is_none_is_refused_in_words(town: Site, body: bytes, status: int, told: str) -> None:
    answer = Client(town.url).send("POST", "/api/login", body, JSON)
    assert answer.status == status
    assert told in answer.error


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_a_form_of_another_site_cannot_send_what_changes_something(town: Site, kind: str) -> None:
    answer = Client(town.url).send("POST", "/api/login", b'{"name": "kim"}', {"content-type": kind})
    assert (answer.status, answer.error) == (400, "send the body as content-type application/json")


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static/app/%2e%2e%2f%2e%2e%2fapp.py",
        "/static//etc/passwd",
        "/static/app\\..\\..\\app.py",
        "/static/app",
        "/static/%00",
        "/static/" + "a" * 5000,
        "/.git/config",
        "//elsewhere.example/",
        "/" + "%c0%ae" * 10,
    ],
)
def test_no_path_leads_out_of_the_folder_of_pages(town: Site, path: str) -> None:
    answer = Client(town.url).get(path)
    assert answer.status == 404
    assert b"import" not in answer.body
    assert b"root:" not in answer.body


@pytest.mark.parametrize(
    "incident_id",
    [
        "x" * 5000,
        "%00",
        "%ff%fe",
        quote("' OR 1=1 --"),
        quote("<script>alert(1)</script>"),
        "..%2f..",
        "%F0%9F%92%A5",
    ],
)
def test_an_id_of_nothing_is_answered_as_text(as_: As, incident_id: str) -> None:
    answer = as_("reviewer").get(f"/api/incidents/{incident_id}")
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/json"
    assert len(answer.body) < 400


@pytest.mark.parametrize(
    ("z", "x", "y"),
    [("1", "2", "9"), ("..", "..", "key"), ("1", "1", "9" * 300), ("9" * 5000, "1", "1"), ("a", "b", "c")],
)
def test_tiles_are_read_from_their_folder_alone(tmp_path: Path, z: str, x: str, y: str) -> None:
    folder = tmp_path / "tiles"
    (folder / "1" / "2").mkdir(parents=True)
    (folder / "1" / "2" / "3.png").write_bytes(b"a tile")
    with served(tmp_path / "town", incidents=False, map_tiles=str(folder)) as site:
        client = logged_in(site.url, "viewer")
        assert client.get("/ground/tiles/1/2/3.png").body == b"a tile"
        assert client.get(f"/ground/tiles/{quote(z, safe='')}/{quote(x, safe='')}/{y}.png").status == 404


def test_markup_in_what_people_write_stays_text(own_town: Site) -> None:
    kim = logged_in(own_town.url, "dispatcher")
    reason = "<img src=x onerror=alert(1)> \u202e\x1b[31m\n\r & 'quoted'"
    kim.post(
        "/api/incidents/inc-first/review",
        {"action": "retract", "reason": reason, "expected_version": 1},
    )
    answer = kim.get("/api/incidents/inc-first")
    assert answer.headers["content-type"] == "application/json"
    told = answer.json()["incident"]["reason"]
    assert (
        told == "<img src=x onerror=alert(1)>   [31m   & 'quoted'"
    )  # text, without what hides or moves text


def test_what_an_address_does_not_take_is_refused(as_: As) -> None:
    answer = as_("viewer").send("DELETE", "/api/incidents/inc-first")
    assert (answer.status, answer.error) == (405, "/api/incidents/inc-first does not take DELETE")


def test_a_fault_of_the_program_tells_nothing_of_it(own_town: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    client = logged_in(own_town.url, "viewer")

    def broken(**_: object) -> None:
        raise RuntimeError("/srv/secret/path")

    monkeypatch.setattr(own_town.store, "latest", broken)
    answer = client.get("/api/incidents")
    assert (answer.status, "secret" in answer.error) == (500, False)
    assert answer.headers["content-security-policy"] == HEADERS["content-security-policy"]


def raw(site: Site, data: bytes) -> bytes:
    """What the server says to these very bytes."""
    address = urlsplit(site.url)
    with socket.create_connection((address.hostname, address.port), timeout=60) as link:
        link.sendall(data)
        link.shutdown(socket.SHUT_WR)
        answer = b""
        while part := link.recv(65_536):
            answer += part
    return answer


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_what_is_no_request_is_closed_and_the_next_one_is_served(town: Site, data: bytes) -> None:
    assert b" 200 " not in raw(town, data).partition(b"\r\n")[0]
    assert Client(town.url).get("/healthz").status == 200


def test_behind_a_proxy_the_caller_is_who_the_proxy_saw(tmp_path: Path) -> None:
    with served(tmp_path, incidents=False, behind_tls_proxy=True, login_failures_max=1) as site:
        body = json.dumps({"name": "kim", "password": "guess"}).encode()

        def guess(forwarded: str) -> int:
            return (
                Client(site.url)
                .send("POST", "/api/login", body, {**JSON, "x-forwarded-for": forwarded})
                .status
            )

        assert [guess("203.0.113.5"), guess("203.0.113.5")] == [401, 429]
        assert guess("1.2.3.4, 203.0.113.5") == 429  # what the caller claims to be does not count
        assert guess("198.51.100.7") == 401
        assert site.store.audit_log(action="login.refused")[0].detail["address"] == "198.51.100.7"


def test_a_header_of_a_stranger_is_not_believed_without_a_proxy(own_town: Site) -> None:
    Client(own_town.url).post("/api/login", {"name": "kim", "password": "guess"}, x_forwarded_for="6.6.6.6")
    assert own_town.store.audit_log(action="login.refused")[0].detail["address"] == "127.0.0.1"


def test_the_server_listens_to_its_own_machine_unless_told_otherwise() -> None:
    assert WebSettings().host == "127.0.0.1"
