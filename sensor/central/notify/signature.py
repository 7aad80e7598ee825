"""The signature on what is posted: HMAC-SHA256 over time, key and body, against forgery and replay.

``Gunshot-Key``        what the message is, ``incident_id/version``: the same in every attempt
``Gunshot-Timestamp``  when this attempt was made, seconds since 1970
``Gunshot-Signature``  ``v1=`` and the hexadecimal HMAC-SHA256 over ``timestamp.key.body``

A receiver recomputes the signature over the bytes as they came, refuses what is older or newer than five
minutes, and takes each key once.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Mapping, Sequence

from sensor.errors import AccessError

KEY = "Gunshot-Key"
TIMESTAMP = "Gunshot-Timestamp"
SIGNATURE = "Gunshot-Signature"
MAX_AGE_S = 300
_KEY_MAX = 200


def sign(secret: str, *, key: str, timestamp_s: int, body: bytes) -> str:
    """``v1=`` and the HMAC in hexadecimal digits."""
    message = f"{timestamp_s}.{key}.".encode() + body
    return "v1=" + hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def signed_headers(secret: str, *, key: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """The three headers of one attempt."""
    signature = sign(secret, key=key, timestamp_s=timestamp_s, body=body)
    return {KEY: key, TIMESTAMP: str(timestamp_s), SIGNATURE: signature}


def check(
    headers: Mapping[str, str],
    body: bytes,
    secrets: Sequence[str],
    *,
    now_s: float,
    max_age_s: float = MAX_AGE_S,
) -> tuple[str, int]:
    """Key and time stamp of a signed message. Several secrets are for the time of changing one.

    Raises:
        AccessError: a header is missing, the time is off, or no secret gives this signature.
    """
    given = {name.lower(): value for name, value in headers.items()}
    missing = [name for name in (KEY, TIMESTAMP, SIGNATURE) if not given.get(name.lower())]
    if missing:
        raise AccessError(f"not signed: {', '.join(missing)} is missing; docs/cad.md says how to sign")
    key, stamp, signature = (given[name.lower()] for name in (KEY, TIMESTAMP, SIGNATURE))
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        raise AccessError(f"{TIMESTAMP} is not a number of seconds since 1970")
    if len(key) > _KEY_MAX:
        raise AccessError(f"{KEY} has more than {_KEY_MAX} characters")
    expected = [sign(secret, key=key, timestamp_s=int(stamp), body=body) for secret in secrets]
    # Every one is compared, so that the time taken does not tell which fits.
    fits = [hmac.compare_digest(each.encode(), signature.encode()) for each in expected]
    if not any(fits):
        raise AccessError("the signature does not fit: wrong secret, or the body was changed on its way")
    age_s = now_s - int(stamp)
    if abs(age_s) > max_age_s:
        raise AccessError(
            f"signed {abs(age_s):.0f} s {'ago' if age_s > 0 else 'ahead'}; {max_age_s:.0f} s are allowed: "
            "set the clock, and sign each attempt anew"
        )
    return key, int(stamp)


class Replays:
    """Remembers signatures for as long as they would be accepted, so that none is accepted twice."""

    def __init__(self, max_age_s: float = MAX_AGE_S) -> None:
        self._max_age_s = max_age_s
        self._seen: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def admit(self, source: str, signature: str, *, now_s: float) -> None:
        """Raise AccessError when this very message of ``source`` was admitted before."""
        with self._lock:
            for old in [name for name, until_s in self._seen.items() if until_s < now_s]:
                del self._seen[old]
            if (source, signature) in self._seen:
                raise AccessError("this message was received before: sign each attempt anew")
            # A stamp may lie ahead by the same margin, so it stays acceptable for twice as long.
            self._seen[source, signature] = now_s + 2.0 * self._max_age_s
