"""The files that prove who we are to the broker, and who it is to us. Standard library only."""

from __future__ import annotations

import ssl
import stat
from typing import TYPE_CHECKING

from sensor.errors import UplinkError

if TYPE_CHECKING:
    from sensor.broker.settings import BrokerAccess


def tls_context(access: BrokerAccess) -> ssl.SSLContext | None:
    """Verifying TLS 1.2+ context from the files of the settings, read anew; None without TLS.

    Raises:
        UplinkError: a file is missing or is no certificate or key.
    """
    tls = access.tls
    if tls is None:
        return None
    try:
        context = ssl.create_default_context(cafile=None if tls.ca_file is None else str(tls.ca_file))
    except OSError as error:  # ssl.SSLError is one
        raise UplinkError(f"TLS: ca_file {tls.ca_file}: {_file_fault(error)}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = _ClosingSocket
    if tls.cert_file is not None:
        try:
            context.load_cert_chain(tls.cert_file, tls.key_file, password=_refuse_to_ask)
        except OSError as error:
            raise UplinkError(
                f"TLS: cert_file {tls.cert_file}, key_file {tls.key_file}: {_file_fault(error)}"
            ) from error
    return context


class _ClosingSocket(ssl.SSLSocket):
    """Closed when the handshake fails; paho drops it unclosed."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002  the standard library's signature
        """As the standard library does, and closed by whatever ends it early."""
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


def _refuse_to_ask() -> str:
    """Called by OpenSSL for the pass phrase of a key; without this it asks on the terminal."""
    raise UplinkError(
        "TLS: key_file has a pass phrase: store it without, readable by the daemon's user alone"
    )


def _file_fault(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return f"not a usable PEM file ({error.reason or error})"
    return error.strerror or str(error)


def password(access: BrokerAccess) -> tuple[str | None, str | None]:
    """First line of the password file, and a warning if others may read it; None for what is not there.

    Raises:
        UplinkError: the file cannot be read, or is empty.
    """
    path = access.password_file
    if path is None:
        return None, None
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(path.stat().st_mode)
            secret = file.readline().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        fault = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise UplinkError(f"password_file {path}: {fault}") from error
    if not secret:
        raise UplinkError(f"password_file {path}: the first line is empty")
    if mode & (stat.S_IRGRP | stat.S_IROTH | stat.S_IWGRP | stat.S_IWOTH) & ~stat.S_IRGRP:
        return secret, f"password_file {path} has mode {mode:04o}: others may read it; chmod 640 or less"
    return secret, None
