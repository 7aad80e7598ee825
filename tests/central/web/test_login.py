"""Logging in: cookies, sessions, wrong passwords, changed ones."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from http.cookies import SimpleCookie
from pathlib import Path

import pytest

from tests.support.web_client import Client, logged_in
from tests.support.web_town import PASSWORD, Site, served

As = Callable[[str], Client]


def test_a_login_tells_the_page_what_it_needs(town: Site) -> None:
    told = Client(town.url).log_in("kim").json()
    assert (told["name"], told["role"], told["title"]) == ("kim", "dispatcher", "Riverside")
    assert "review" in told["permissions"]
    assert "nodes" not in told["permissions"]


def test_the_cookie_is_for_this_server_alone_and_no_script_reads_it(town: Site) -> None:
    cookie = SimpleCookie(Client(town.url).log_in("kim").headers["set-cookie"])["gunshot_session"]
    assert cookie["httponly"]
    assert (cookie["samesite"], cookie["path"], cookie["max-age"]) == ("strict", "/", "43200")
    assert not cookie["secure"]  # plain HTTP on the loopback: a browser would never send it back


def test_behind_tls_the_cookie_never_travels_in_the_clear(tmp_path: Path) -> None:
    with served(tmp_path, incidents=False, behind_tls_proxy=True) as site:
        answer = Client(site.url).log_in("kim")
    assert SimpleCookie(answer.headers["set-cookie"])["gunshot_session"]["secure"]
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize(
    ("name", "password"),
    [("kim", "wrong password"), ("nobody", PASSWORD), ("kim", ""), ("kim", "x" * 5000), ("kim", "\ud800")],
)
def test_a_wrong_name_and_a_wrong_password_are_told_alike(town: Site, name: str, password: str) -> None:
    answer = Client(town.url).log_in(name, password)
    assert (answer.status, answer.error) == (401, "name or password is wrong")
    assert "set-cookie" not in answer.headers
    assert Client(town.url).log_in("kim").status == 200  # and counts no longer


def test_a_session_that_is_none_says_so_without_an_error(town: Site) -> None:
    assert Client(town.url).get("/api/session").json() == {"name": None, "title": "Riverside"}


def test_wrong_passwords_make_one_wait_and_others_not(own_town: Site) -> None:
    guesser = Client(own_town.url)
    assert [guesser.log_in("kim", "guess").status for _ in range(6)] == [401] * 5 + [429]
    answer = guesser.log_in("kim")
    assert answer.status == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 301
    assert "try again in" in answer.error
    assert guesser.log_in("ada").status == 200
    refused = own_town.store.audit_log(action="login.refused")
    assert [entry.actor for entry in refused] == ["kim"] * 5


def test_guesses_sent_at_once_get_no_further_than_guesses_one_by_one(own_town: Site) -> None:
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(Client(own_town.url).log_in("kim", "guess").status))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [401] * 5 + [429] * 7


def test_who_logs_out_is_out_with_every_copy_of_the_cookie(own_town: Site) -> None:
    client = logged_in(own_town.url, "dispatcher")
    copy = Client(own_town.url)
    copy.cookie = client.cookie
    assert copy.get("/api/incidents").status == 200
    assert client.post("/api/logout").status == 200
    assert copy.get("/api/incidents").error == "this login has ended; log in again"


def test_a_login_survives_a_restart_and_one_that_was_ended_does_not_come_back(tmp_path: Path) -> None:
    with served(tmp_path, incidents=False) as site:
        stays, ends = logged_in(site.url, "dispatcher"), logged_in(site.url, "reviewer")
        ends.post("/api/logout")
    with served(tmp_path, incidents=False) as again:
        for before, status in ((stays, 200), (ends, 401)):
            after = Client(again.url)
            after.cookie = before.cookie
            assert after.get("/api/incidents").status == status
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_a_user_who_is_disabled_is_out_at_once(own_town: Site) -> None:
    client = logged_in(own_town.url, "dispatcher")
    user = own_town.store.user("kim")
    assert user is not None
    own_town.store.put_user(replace(user, disabled=True))
    assert client.get("/api/incidents").status == 401
    assert client.log_in("kim").status == 401


def test_a_role_that_is_taken_away_is_gone_at_once(own_town: Site) -> None:
    client = logged_in(own_town.url, "auditor")
    user = own_town.store.user("otto")
    assert user is not None
    own_town.store.put_user(replace(user, role="viewer"))
    assert client.get("/api/audit").status == 403


def test_a_new_password_ends_the_logins_with_the_old_one(own_town: Site) -> None:
    client, elsewhere = logged_in(own_town.url, "dispatcher"), logged_in(own_town.url, "dispatcher")
    answer = client.post("/api/password", {"old": PASSWORD, "new": "quite another phrase"})
    assert answer.status == 200
    assert elsewhere.get("/api/incidents").status == 401
    assert Client(own_town.url).log_in("kim").status == 401
    assert Client(own_town.url).log_in("kim", "quite another phrase").status == 200
    assert own_town.store.audit_log(action="password.change")[0].actor == "kim"


@pytest.mark.parametrize(
    ("old", "new", "status", "told"),
    [
        ("not mine", "quite another phrase", 403, "the old password is wrong"),
        (PASSWORD, "short", 403, "a password has 12 to 256 characters, this one has 5"),
        (PASSWORD, 12, 400, "old, new: give the old and the new password"),
    ],
)
def test_a_password_is_changed_by_its_owner_to_a_good_one(
    own_town: Site, old: str, new: object, status: int, told: str
) -> None:
    answer = logged_in(own_town.url, "dispatcher").post("/api/password", {"old": old, "new": new})
    assert (answer.status, answer.error) == (status, told)


@pytest.mark.parametrize(
    "cookie",
    [
        "gunshot_session=",
        "gunshot_session=abc.def",
        "gunshot_session=" + "A" * 4000,
        "gunshot_session=%00.%ff",
        "gunshot_session=W10=." + "0" * 64,
    ],
)
def test_a_cookie_that_was_not_made_here_is_nobody(town: Site, cookie: str) -> None:
    client = Client(town.url)
    client.cookie = cookie
    assert client.get("/api/incidents").status == 401


def test_a_cookie_whose_name_was_changed_is_nobody(town: Site, as_: As) -> None:
    signed = as_("viewer").cookie
    assert signed is not None
    client = Client(town.url)
    client.cookie = signed.replace("gunshot_session=", "gunshot_session=X", 1)
    assert client.get("/api/incidents").status == 401
