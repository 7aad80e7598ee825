"""Passwords as scrypt hashes. Nothing but the standard library: the command line imports it, too."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os

from sensor.errors import AccessError

SHORTEST = 12
"""Characters that a password needs at least (NIST SP 800-63B-4 asks for 15 where it is the only factor, 8
as the floor; a control room types it once a shift)."""
LONGEST = 256
"""Characters that are hashed at most: hashing is meant to be dear, and strangers choose the length."""
_COST, _BLOCK, _LANES = 2**15, 8, 3
"""32 MB and some 0.2 s a guess: one of the equivalent minimums of OWASP's password storage cheat sheet."""


def _scrypt(text: str, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    # Half a surrogate pair is no text, yet a stranger can send one: it is hashed like any other wrong guess.
    plain = text.encode(errors="surrogatepass")
    return hashlib.scrypt(plain, salt=salt, n=cost, r=block, p=lanes, maxmem=256 * cost * block, dklen=32)


def hash_password(text: str) -> str:
    """``scrypt$n$r$p$salt$hash`` of a new password.

    Raises:
        AccessError: the password is shorter than `SHORTEST` or longer than `LONGEST` characters.
    """
    if not SHORTEST <= len(text) <= LONGEST:
        raise AccessError(f"a password has {SHORTEST} to {LONGEST} characters, this one has {len(text)}")
    salt = os.urandom(16)
    digest = _scrypt(text, salt, _COST, _BLOCK, _LANES)
    shown = [base64.b64encode(part).decode() for part in (salt, digest)]
    return f"scrypt${_COST}${_BLOCK}${_LANES}${shown[0]}${shown[1]}"


def verify_password(text: str, stored: str | None) -> bool:
    """Whether ``text`` is the password behind ``stored``.

    It takes the same time for a name that does not exist (``stored`` None) as for one that does.
    """
    if len(text) > LONGEST:
        return False
    try:
        kind, cost, block, lanes, salt, digest = (stored or "").split("$")
        known = kind == "scrypt"
        expected = base64.b64decode(digest)
        found = _scrypt(text, base64.b64decode(salt), int(cost), int(block), int(lanes))
    except ValueError:
        known, expected = False, b"\0" * 32
        found = _scrypt(text, b"\0" * 16, _COST, _BLOCK, _LANES)
    return hmac.compare_digest(found, expected) and known
