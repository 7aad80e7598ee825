"""The centre's Ed25519 key: made at the first start, kept on disk for the daemon's user alone.

The only file that imports cryptography for the record. A signature is ``ed25519:{key id}:{base64}``; the key
id is the first 16 hex digits of the SHA-256 of the raw public key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from sensor.errors import CentralError, ChainError

KIND = "ed25519"


def key_id_of(public: Ed25519PublicKey) -> str:
    """Short name of a public key."""
    raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()[:16]


class CentreKey:
    """The private key; signs."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.key_id = key_id_of(private.public_key())

    @classmethod
    def new(cls) -> CentreKey:
        """A fresh key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, path: Path) -> CentreKey:
        """The key in a PEM file.

        Raises:
            CentralError: it cannot be read, is no Ed25519 key, has a pass phrase, or others may read it.
        """
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
            data = path.read_bytes()
        except OSError as error:
            raise CentralError(f"key {path}: cannot be read: {error.strerror or error}") from error
        if mode & 0o077 & ~0o040:  # the group may be the daemon's, as with systemd
            raise CentralError(f"key {path}: has mode {mode:04o}, others may read it; chmod 600 {path}")
        try:
            private = load_pem_private_key(data, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise CentralError(
                f"key {path}: is no private key in PEM without pass phrase ({error}); "
                f"make one with: openssl genpkey -algorithm ed25519 -out {path}"
            ) from error
        if not isinstance(private, Ed25519PrivateKey):
            raise CentralError(f"key {path}: is not of kind Ed25519; make one with openssl genpkey")
        return cls(private)

    @classmethod
    def load_or_make(cls, path: Path) -> tuple[CentreKey, bool]:
        """The key at ``path``, made there where there is none; and whether it was made."""
        if path.exists():
            return cls.load(path), False
        key = cls.new()
        key.write(path)
        return key, True

    def write(self, path: Path) -> None:
        """Put the private key into a new file for its owner alone."""
        pem = self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        try:
            # Whole or not at all: a half written key would lock the next start out.
            unfinished = path.with_name(f"{path.name}.{os.getpid()}")
            handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(pem)
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(path)
        except OSError as error:
            raise CentralError(f"key {path}: cannot be made: {error.strerror}; check the folder") from error

    @property
    def public(self) -> Ed25519PublicKey:
        """The public key."""
        return self._private.public_key()

    def public_pem(self) -> str:
        """The public key as PEM: what others need to check the record."""
        return self.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def sign(self, data: bytes) -> str:
        """Signature of ``data``."""
        return f"{KIND}:{self.key_id}:{base64.b64encode(self._private.sign(data)).decode()}"


class CentreKeys:
    """Public keys, present and former; check."""

    def __init__(self, keys: Iterable[Ed25519PublicKey]) -> None:
        self._keys = {key_id_of(key): key for key in keys}

    @classmethod
    def load(cls, paths: Iterable[Path]) -> CentreKeys:
        """The keys in PEM files, public or private; raise CentralError where there is none."""
        return cls(_public_of(path) for path in paths)

    def verify(self, data: bytes, signature: str) -> None:
        """Raise ChainError unless ``signature`` is one of these keys' over ``data``."""
        kind, _, rest = signature.partition(":")
        key_id, _, text = rest.partition(":")
        try:
            raw = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise ChainError("its signature is not base64") from error
        if kind != KIND or not raw:
            raise ChainError("what it carries is not a signature of kind Ed25519")
        key = self._keys.get(key_id)
        if key is None:
            raise ChainError(f"it is signed with key {key_id}, which is not known here")
        try:
            key.verify(raw, data)
        except InvalidSignature as error:
            raise ChainError("its signature does not hold: it was changed, or signed for another") from error


def _public_of(path: Path) -> Ed25519PublicKey:
    try:
        data = path.read_bytes()
        if b"PRIVATE KEY" in data:
            return CentreKey.load(path).public
        public = load_pem_public_key(data)
    except OSError as error:
        raise CentralError(f"key {path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CentralError(f"key {path}: is no public key in PEM ({error})") from error
    if not isinstance(public, Ed25519PublicKey):
        raise CentralError(f"key {path}: is not of kind Ed25519")
    return public
