"""Logins as signed cookies, and the tokens that go with every change.

A cookie says who and since when; the role is looked up in the store at each request, so that a user who is
disabled or changed is so at once. A login that was ended is remembered until it would have expired.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sensor.errors import AccessError, ConfigError

logger = logging.getLogger(__name__)

COOKIE = "gunshot_session"
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What a cookie says."""

    name: str
    login_id: str
    issued_s: int
    fingerprint: str
    """Of the password in force when it was issued: a new password ends all logins with the old one."""


def fingerprint(password_hash: str) -> str:
    """A short digest by which a login knows that the password was changed."""
    return hashlib.sha256(password_hash.encode()).hexdigest()[:16]


class Sessions:
    """Issues, reads and ends logins.

    Args:
        secret_path: file with the signing key, made where it is absent; empty = a key of this process.
        lifetime_s: how long a login lasts.
        wall_s: the clock, seconds since 1970.

    Raises:
        ConfigError: the file cannot be read or made, or holds no key.
    """

    def __init__(
        self, *, secret_path: str, lifetime_s: float, wall_s: Callable[[], float] = time.time
    ) -> None:
        self._key = _key(Path(secret_path)) if secret_path else secrets.token_bytes(_KEY_BYTES)
        self._ended_path = Path(f"{secret_path}.ended") if secret_path else None
        self._lifetime_s = lifetime_s
        self._wall_s = wall_s
        self._lock = threading.Lock()
        self._ended = _read_ended(self._ended_path, wall_s() - lifetime_s)

    def issue(self, name: str, password_hash: str) -> tuple[str, Login]:
        """A cookie's value for a user who has just proved who they are."""
        login = Login(
            name=name,
            login_id=secrets.token_hex(12),
            issued_s=int(self._wall_s()),
            fingerprint=fingerprint(password_hash),
        )
        body = json.dumps([login.name, login.login_id, login.issued_s, login.fingerprint]).encode()
        text = base64.urlsafe_b64encode(body).decode()
        return f"{text}.{self._mac('cookie', text)}", login

    def read(self, cookie: str | None) -> Login:
        """Who a cookie says it is.

        Raises:
            AccessError: there is none, it was not made here, it is too old, or its login was ended.
        """
        text, _, mac = (cookie or "").partition(".")
        if not hmac.compare_digest(mac.encode(), self._mac("cookie", text).encode()):
            raise AccessError("log in first")
        name, login_id, issued_s, stamp = json.loads(base64.urlsafe_b64decode(text))
        age_s = self._wall_s() - issued_s
        if not -60.0 <= age_s <= self._lifetime_s or login_id in self._ended:
            raise AccessError("this login has ended; log in again")
        return Login(name=name, login_id=login_id, issued_s=issued_s, fingerprint=stamp)

    def end(self, login: Login) -> None:
        """Make a login's cookie worthless, also after a restart."""
        oldest_s = self._wall_s() - self._lifetime_s
        with self._lock:
            self._ended = {key: at_s for key, at_s in self._ended.items() if at_s >= oldest_s}
            self._ended[login.login_id] = login.issued_s
            if self._ended_path is None:
                return
            try:
                with self._ended_path.open("a", encoding="ascii") as file:
                    file.write(f"{login.login_id} {login.issued_s}\n")
            except OSError as error:  # it has ended all the same, until the next restart
                logger.warning("%s cannot be written: %s", self._ended_path, error.strerror or error)

    def token(self, login: Login) -> str:
        """What a page must send with every change, so that no other page can make its browser do so."""
        return self._mac("change", login.login_id)

    def check_token(self, login: Login, token: str | None) -> None:
        """Raise AccessError unless ``token`` is the login's."""
        if not hmac.compare_digest((token or "").encode(), self.token(login).encode()):
            raise AccessError(
                "the page is out of date: reload it and do that again (its token does not match)"
            )

    def _mac(self, purpose: str, text: str) -> str:
        return hmac.new(self._key, f"{purpose}:{text}".encode(), hashlib.sha256).hexdigest()


def _key(path: Path) -> bytes:
    """The key in ``path``; a new one where there is none."""
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(secrets.token_hex(_KEY_BYTES))
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"web.secret_path: {path} cannot be used as the key of logins ({error}); "
            "name a file in a folder that the service may write, or delete it to have a new one made"
        ) from error
    if len(key) < _KEY_BYTES:
        raise ConfigError(
            f"web.secret_path: {path} holds {len(key)} bytes, a key has {_KEY_BYTES}; delete it"
        )
    return key


def _read_ended(path: Path | None, oldest_s: float) -> dict[str, int]:
    """Logins that were ended and would still hold; the file is written anew without the others."""
    if path is None or not path.exists():
        return {}
    ended: dict[str, int] = {}
    try:
        for line in path.read_text(encoding="ascii", errors="replace").splitlines():
            login_id, _, issued_s = line.partition(" ")
            if issued_s.isascii() and issued_s.isdigit() and int(issued_s) >= oldest_s:
                ended[login_id] = int(issued_s)
        path.write_text("".join(f"{key} {value}\n" for key, value in ended.items()), encoding="ascii")
    except OSError as error:
        raise ConfigError(
            f"web.secret_path: {path} cannot be read and written anew ({error}); let the service own it"
        ) from error
    return ended
