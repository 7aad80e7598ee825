"""Every address and who may use it: nobody without a login, each role no more than its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.routing import Mount, Route

from sensor.central.store.sqlite import SqliteStore
from sensor.central.web.app import create_app
from sensor.central.web.live import LiveFeed
from sensor.central.web.roles import may, permissions
from sensor.central.web.settings import WebSettings
from tests.support.web_client import Client
from tests.support.web_town import ROLES, Site

As = Callable[[str], Client]

EVERYBODY = frozenset(ROLES)
DESK = frozenset({"officer", "dispatcher", "reviewer"})
WATCH = frozenset({"auditor", "admin"})
ONE = "/api/incidents/inc-first"

PRIVATE: dict[tuple[str, str, str], frozenset[str]] = {
    ("GET", "/api/live", "/api/live"): EVERYBODY,
    ("GET", "/api/incidents", "/api/incidents"): EVERYBODY,
    ("GET", "/api/incidents.csv", "/api/incidents.csv"): EVERYBODY - {"viewer", "officer"},
    ("GET", "/api/incidents.geojson", "/api/incidents.geojson"): EVERYBODY - {"viewer", "officer"},
    ("GET", "/api/incidents/{incident_id}", ONE): EVERYBODY,
    ("POST", "/api/incidents/{incident_id}/acknowledge", f"{ONE}/acknowledge"): DESK,
    ("POST", "/api/incidents/{incident_id}/review", f"{ONE}/review"): DESK - {"officer"},
    ("POST", "/api/incidents/{incident_id}/disposition", f"{ONE}/disposition"): DESK,
    ("GET", "/api/incidents/{incident_id}/evidence/{event_id}", f"{ONE}/evidence/x"): frozenset(
        {"dispatcher", "reviewer", "auditor"}
    ),
    ("GET", "/api/nodes", "/api/nodes"): WATCH | {"reviewer"},
    ("GET", "/api/coverage", "/api/coverage"): EVERYBODY - {"viewer"},
    ("GET", "/api/audit", "/api/audit"): WATCH,
    ("GET", "/api/practice", "/api/practice"): DESK,
    ("POST", "/api/practice/start", "/api/practice/start"): DESK,
    ("POST", "/api/practice/next", "/api/practice/next"): DESK,
    ("POST", "/api/practice/acknowledge", "/api/practice/acknowledge"): DESK,
    ("POST", "/api/practice/decide", "/api/practice/decide"): DESK,
    ("POST", "/api/practice/stop", "/api/practice/stop"): DESK,
    ("POST", "/api/password", "/api/password"): EVERYBODY,
    ("POST", "/api/logout", "/api/logout"): EVERYBODY,
    ("GET", "/ground/streets.geojson", "/ground/streets.geojson"): EVERYBODY,
    ("GET", "/ground/map.pmtiles", "/ground/map.pmtiles"): EVERYBODY,
    ("GET", "/ground/tiles/{z}/{x}/{y}.png", "/ground/tiles/1/2/3.png"): EVERYBODY,
}
"""Method, address, an example of it -> the roles that may use it."""
OPEN = {
    ("GET", path)
    for path in [
        *("/", "/map", "/desk", "/history", "/practice", "/audit", "/incident/{incident_id}"),
        *("/healthz", "/api/session", "/static"),
    ]
} | {("POST", "/api/login")}
"""What a stranger gets: the empty page, its scripts, whether the server lives, and the way in."""

CASES = [pytest.param(*key, roles, id=f"{key[0]} {key[1]}") for key, roles in PRIVATE.items()]


def _ask(client: Client, method: str, path: str) -> int:
    """Status of a request that is well-formed and empty; a stream is not read."""
    if path == "/api/live":
        with client.live() as stream:
            return stream.status
    return (client.get(path) if method == "GET" else client.post(path)).status


@pytest.mark.parametrize(("method", "address", "path", "roles"), CASES)
def test_a_stranger_gets_nothing(
    town: Site, method: str, address: str, path: str, roles: frozenset[str]
) -> None:
    del address, roles
    assert _ask(Client(town.url), method, path) == 401


@pytest.mark.parametrize(
    ("method", "address", "path", "roles"), [case for case in CASES if case.values[3] != EVERYBODY]
)
def test_a_role_gets_no_more_than_its_own(
    town: Site, as_: As, method: str, address: str, path: str, roles: frozenset[str]
) -> None:
    del town, address
    refused = {role for role in ROLES if _ask(as_(role), method, path) == 403}
    assert refused == EVERYBODY - roles


@pytest.mark.parametrize(
    ("method", "address", "path", "roles"), [case for case in CASES if case.values[0] == "POST"]
)
def test_what_changes_something_wants_the_token_of_the_login_and_no_foreign_page(
    as_: As, method: str, address: str, path: str, roles: frozenset[str]
) -> None:
    del method, address, roles
    client = as_("reviewer")
    assert client.post(path, x_csrf_token="").status == 403
    assert client.post(path, x_csrf_token=as_("dispatcher").token).status == 403
    assert client.post(path, origin="https://elsewhere.example").status == 403
    assert client.post(path, sec_fetch_site="cross-site").status == 403


def test_every_address_of_the_application_is_judged_here(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "record.db")
    try:
        routes = create_app(store, LiveFeed(), WebSettings()).routes
    finally:
        store.close()
    served = set()
    for route in routes:
        assert isinstance(route, Route | Mount)
        methods = {"GET"} if isinstance(route, Mount) else (route.methods or set()) - {"HEAD"}
        served |= {(method, route.path) for method in methods}
    assert served == OPEN | {(method, address) for method, address, _ in PRIVATE}


def test_the_server_itself_says_who_is_asked_for_by_name(town: Site, as_: As) -> None:
    answer = as_("viewer").get("/api/audit")
    assert answer.error == "your role (viewer) does not include “audit”; ask an administrator if it should"
    assert Client(town.url).get("/api/audit").error == "log in first"


def test_a_page_of_the_server_is_taken_for_one(as_: As, town: Site) -> None:
    told = as_("dispatcher").post("/api/practice/stop", origin=town.url, sec_fetch_site="same-origin")
    assert told.status == 200


def test_settings_say_who_sees_sensors_and_hears_sound() -> None:
    strict = WebSettings(node_roles=("admin",), audio_roles=())
    assert {role for role in ROLES if may(role, "nodes", strict)} == {"admin"}
    assert not any(may(role, "audio", strict) for role in ROLES)
    assert permissions("nobody", WebSettings()) == ()
    assert not may("admin", "no such thing", WebSettings())


def test_an_admin_manages_and_hears_no_evidence_and_decides_nothing() -> None:
    assert {"audio", "review", "acknowledge", "disposition"}.isdisjoint(permissions("admin", WebSettings()))
