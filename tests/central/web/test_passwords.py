"""Hashes, keys of cookies, and how often one may be wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sensor.central.web.passwords import hash_password, verify_password
from sensor.central.web.sessions import Sessions
from sensor.central.web.throttle import Throttle, TooOften, network_of
from sensor.errors import AccessError, ConfigError


def test_a_hash_is_dear_salted_and_knows_its_password() -> None:
    first, second = hash_password("correct horse battery"), hash_password("correct horse battery")
    assert first.startswith("scrypt$32768$8$3$")
    assert first != second
    assert verify_password("correct horse battery", first)
    assert not verify_password("correct horse batterx", first)


@pytest.mark.parametrize("stored", [None, "", "scrypt$1$2$3$x$y", "plain$1$1$1$$", "scrypt$a$b$c$d$e"])
def test_a_hash_that_is_none_fits_nothing(stored: str | None) -> None:
    assert not verify_password("correct horse battery", stored)


@pytest.mark.parametrize("text", ["short", "x" * 257, ""])
def test_a_password_has_a_length(text: str) -> None:
    with pytest.raises(AccessError, match="a password has 12 to 256 characters"):
        hash_password(text)


class Clock:
    def __init__(self) -> None:
        self.s = 1000.0

    def __call__(self) -> float:
        return self.s


def test_failures_are_forgotten_in_time_and_by_success() -> None:
    clock = Clock()
    throttle = Throttle(failures_max=2, window_s=60.0, mono_s=clock)
    for _ in range(2):
        throttle.attempt("10.0.0.1", "kim")
    with pytest.raises(TooOften) as told:
        throttle.attempt("10.0.0.1", "kim")
    assert told.value.wait_s == pytest.approx(60.0)
    throttle.attempt("10.0.0.2", "kim")  # the name alone is not locked
    clock.s += 61.0
    throttle.attempt("10.0.0.1", "kim")
    throttle.succeeded("10.0.0.1", "kim")
    for _ in range(2):
        throttle.attempt("10.0.0.1", "kim")


def test_one_address_does_not_try_all_names() -> None:
    throttle = Throttle(failures_max=2, window_s=60.0, per_address=3, mono_s=Clock())
    for number in range(6):
        throttle.attempt("10.0.0.1", f"name-{number}")
    with pytest.raises(TooOften):
        throttle.attempt("10.0.0.1", "kim")


def test_a_login_that_went_well_does_not_count_against_the_room_behind_one_address() -> None:
    throttle = Throttle(failures_max=2, window_s=60.0, per_address=3, mono_s=Clock())
    for number in range(100):
        throttle.attempt("10.0.0.1", f"name-{number}")
        throttle.succeeded("10.0.0.1", f"name-{number}")


def test_all_addresses_of_one_ipv6_network_are_one() -> None:
    assert network_of("2001:db8:1:2:aaaa::1") == network_of("2001:db8:1:2:ffff::9")
    assert network_of("2001:db8:1:2::1") != network_of("2001:db8:1:3::1")
    assert (network_of("10.0.0.1"), network_of("unknown")) == ("10.0.0.1", "unknown")


def test_many_names_do_not_fill_the_memory() -> None:
    throttle = Throttle(failures_max=2, window_s=60.0, per_address=10**6, mono_s=Clock())
    for number in range(25_000):
        throttle.attempt("10.0.0.1", f"name-{number}")
    assert len(throttle._failures) <= 10_001


def sessions(path: Path, clock: Clock) -> Sessions:
    return Sessions(secret_path=str(path), lifetime_s=3600.0, wall_s=clock)


def test_a_cookie_lasts_a_shift(tmp_path: Path) -> None:
    clock = Clock()
    held = sessions(tmp_path / "key", clock)
    cookie, login = held.issue("kim", "hash")
    assert held.read(cookie) == login
    clock.s += 3601.0
    with pytest.raises(AccessError, match="has ended"):
        held.read(cookie)


def test_logins_that_ended_are_forgotten_once_they_would_have_expired(tmp_path: Path) -> None:
    clock = Clock()
    held = sessions(tmp_path / "key", clock)
    held.end(held.issue("kim", "hash")[1])
    clock.s += 3700.0
    held.end(held.issue("ada", "hash")[1])
    assert len(held._ended) == 1
    sessions(tmp_path / "key", clock)
    assert len((tmp_path / "key.ended").read_text().splitlines()) == 1


@pytest.mark.parametrize("text", ["", "abcd", "not hexadecimal"])
def test_a_key_that_is_none_is_told_with_its_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "key").write_text(text)
    with pytest.raises(ConfigError, match=r"web\.secret_path: .*key"):
        sessions(tmp_path / "key", Clock())


def test_a_folder_that_cannot_be_written_is_told() -> None:
    with pytest.raises(ConfigError, match=r"web\.secret_path"):
        sessions(Path(os.devnull) / "key", Clock())


def test_a_logout_that_cannot_be_written_down_holds_all_the_same(tmp_path: Path) -> None:
    held = sessions(tmp_path / "key", Clock())
    cookie, login = held.issue("kim", "hash")
    (tmp_path / "key.ended").mkdir()
    held.end(login)
    with pytest.raises(AccessError):
        held.read(cookie)
