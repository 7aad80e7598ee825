"""A browser without a screen: requests, a cookie, the token of its login, and a stream of events."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.support.web_town import NAMES, PASSWORD

PATIENCE_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the server said."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The server's words of refusal."""
        return str(self.json()["error"])


class Client:
    """Talks to one server, as one person or as nobody."""

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url).netloc
        self.cookie: str | None = None
        self.token = ""

    def connect(self) -> http.client.HTTPConnection:
        """A connection to the server."""
        return http.client.HTTPConnection(self._address, timeout=PATIENCE_S)

    def send(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request with exactly these bytes."""
        connection = self.connect()
        try:
            cookie = {} if self.cookie is None else {"cookie": self.cookie}
            connection.request(method, path, body, {**cookie, **(headers or {})})
            told = connection.getresponse()
            return Answer(status=told.status, headers=told.headers, body=told.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        """A request that reads; headers by their names with ``_`` for ``-``."""
        return self.send("GET", path, None, _named(headers))

    def post(self, path: str, body: object = None, **headers: str) -> Answer:
        """A request that changes something, as a page of the server sends it."""
        given = {"content-type": "application/json", "x-csrf-token": self.token, **_named(headers)}
        return self.send("POST", path, json.dumps({} if body is None else body).encode(), given)

    def log_in(self, name: str, password: str = PASSWORD) -> Answer:
        """Log in, keeping cookie and token if it was allowed."""
        answer = self.post("/api/login", {"name": name, "password": password})
        if answer.status == 200:
            self.cookie = answer.headers["set-cookie"].partition(";")[0]
            self.token = answer.json()["token"]
        return answer

    @contextmanager
    def live(self, *, last: str = "") -> Iterator[Stream]:
        """The live stream, catching up after ``last``."""
        connection = self.connect()
        try:
            headers = {"cookie": self.cookie or "", **({"last-event-id": last} if last else {})}
            connection.request("GET", "/api/live", headers=headers)
            yield Stream(connection.getresponse())
        finally:
            connection.close()


@dataclass(frozen=True, kw_only=True)
class Event:
    """One event of a stream."""

    kind: str
    body: Any
    event_id: str


class Stream:
    """Server-sent events, read as they come."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self._response = response

    def next(self) -> Event | None:
        """The next event; None when the server has ended the stream."""
        fields: dict[str, str] = {}
        while line := self._response.readline():
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name:
                fields[name] = value
            elif "event" in fields:
                return Event(
                    kind=fields["event"], body=json.loads(fields["data"]), event_id=fields.get("id", "")
                )
        return None

    def until(self, wanted: Callable[[Event], bool]) -> list[Event]:
        """Events up to the first that is wanted, which is the last of the list."""
        seen: list[Event] = []
        while event := self.next():
            seen.append(event)
            if wanted(event):
                return seen
        raise AssertionError(f"the stream ended after {[each.kind for each in seen]}")


def logged_in(url: str, role: str) -> Client:
    """Somebody of this role."""
    client = Client(url)
    answer = client.log_in(NAMES[role])
    assert answer.status == 200, answer.body
    return client


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
