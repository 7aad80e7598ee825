"""Secrets live in files of their own: one line, read again each time, so that a new one needs no restart."""

from __future__ import annotations

from pathlib import Path

from sensor.errors import NotifyError

HMAC_MIN = 16
"""Least characters of a key: shorter ones can be guessed."""


def read_secret(path: Path, what: str, *, least: int = 1) -> str:
    """First line of a secret's file.

    Raises:
        NotifyError: it cannot be read, is empty or too short; delivery is tried again, so it can be mended.
    """
    try:
        with path.open(encoding="utf-8") as file:
            secret = file.readline().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        fault = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise NotifyError(f"{what} {path}: {fault}") from error
    if len(secret) < least:
        raise NotifyError(f"{what} {path}: the first line has {len(secret)} characters, {least} are needed")
    return secret
