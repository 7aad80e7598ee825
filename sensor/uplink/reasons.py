"""What goes wrong between a node and its broker, in words that say how to mend it. Standard library only."""

from __future__ import annotations

import socket
import ssl
import stat
import time
from typing import TYPE_CHECKING

from sensor.errors import UplinkError

if TYPE_CHECKING:
    from sensor.uplink.settings import MqttSettings

SESSION_TAKEN_OVER = 0x8E
_GREETINGS = {
    0x80: "the broker refuses without a reason; look into its log",
    0x81: "the broker does not understand our greeting; is it an MQTT 5 broker?",
    0x82: "the broker does not understand our greeting; is it an MQTT 5 broker?",
    0x84: "the broker does not speak MQTT 5; Mosquitto does from version 1.6 on",
    0x85: "the broker refuses the client id {client_id!r}",
    0x86: "wrong user name or password for {user}: check username and password_file",
    0x87: "{user} is not authorized to connect: check username, password_file and the broker's access rules",
    0x88: "the broker is not available at present",
    0x89: "the broker is busy",
    0x8A: "the broker has banned this node",
    0x97: "the broker's quota is exceeded",
    0x9A: "the broker does not retain messages; status and health need that: allow it",
    0x9B: "the broker does not take QoS 1; candidates need that: allow it",
    0x9F: "the broker limits the rate of connections",
}
_ALERTS = {
    "CERTIFICATE_REQUIRED": "the broker asks for a certificate of this node: set cert_file and key_file",
    "CERTIFICATE_EXPIRED": "the broker says that this node's certificate has expired: renew cert_file",
    "UNKNOWN_CA": "the broker does not trust this node's certificate: check its authority and cert_file",
    "BAD_CERTIFICATE": "the broker refuses this node's certificate: check cert_file",
    "HANDSHAKE_FAILURE": "the broker refuses the handshake: it may ask for a certificate; set cert_file",
    "PROTOCOL_VERSION": "the broker does not offer TLS 1.2 or later",
}
_X509_NOT_YET_VALID = 9  # OpenSSL's X509_V_ERR_*
_X509_EXPIRED = 10
_X509_HOSTNAME_MISMATCH = 62
_X509_IP_MISMATCH = 64


def greeting_refused(code: int, name: str, settings: MqttSettings, client_id: str) -> str:
    """Why the broker refused CONNECT, from its MQTT 5 reason code."""
    text = _GREETINGS.get(code, f"the broker refuses: {name} (0x{code:02x})")
    user = f"user {settings.username!r}" if settings.username else "this node, which gives no user name,"
    return text.format(client_id=client_id, user=user)


def connecting_failed(error: Exception, settings: MqttSettings) -> str:
    """Why no connection came about, from what ``socket`` or ``ssl`` raised."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate_refused(error, settings)
    if isinstance(error, ssl.SSLError):
        return _tls_failed(error)
    if isinstance(error, socket.gaierror):
        return f"the name {settings.host!r} cannot be resolved ({error.strerror}): check host and DNS"
    if isinstance(error, TimeoutError):
        return f"no answer within {settings.connect_timeout_s:g} s: check host, port and firewall"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused: is the broker running, and is the port right?"
    text = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
    return f"{text}: does the port speak TLS?" if isinstance(error, ConnectionResetError) else text


def ended_early(settings: MqttSettings) -> str:
    """Why a broker may hang up, or say what is not MQTT, before it has answered CONNECT."""
    if settings.tls is None:
        return "the broker ended the connection before its greeting: does the port want TLS?"
    return (
        "the broker ended the connection before its greeting: it may ask for a certificate of this node"
        " (set cert_file and key_file); its log says why"
    )


def _tls_failed(error: ssl.SSLError) -> str:
    reason = error.reason or str(error)
    if "WRONG_VERSION_NUMBER" in reason or "RECORD_LAYER" in reason:
        return "TLS: the broker answers without TLS on this port: check port and tls"
    return alert(reason) or f"TLS: {error}"


def alert(text: str) -> str | None:
    """What a TLS alert of the broker means, if ``text`` names one."""
    for name, meaning in _ALERTS.items():
        if name in text.upper():
            return f"TLS: {meaning}"
    return None


def _certificate_refused(error: ssl.SSLCertVerificationError, settings: MqttSettings) -> str:
    now = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    if error.verify_code == _X509_NOT_YET_VALID:
        return (
            f"TLS: the broker's certificate is not yet valid by this node's clock, which says {now};"
            " most likely the clock is not set yet"
        )
    if error.verify_code == _X509_EXPIRED:
        return (
            f"TLS: the broker's certificate has expired by this node's clock, which says {now}:"
            " renew the certificate, or set the clock"
        )
    if error.verify_code in (_X509_HOSTNAME_MISMATCH, _X509_IP_MISMATCH):
        return f"TLS: the broker's certificate is not for {settings.host!r}: {error.verify_message}"
    authority = settings.tls.ca_file if settings.tls is not None else None
    return f"TLS: the broker's certificate is not trusted ({error.verify_message}): check ca_file {authority}"


def tls_context(settings: MqttSettings) -> ssl.SSLContext | None:
    """Verifying TLS 1.2+ context from the files of the settings, read anew; None without TLS.

    Raises:
        UplinkError: a file is missing or is no certificate or key.
    """
    tls = settings.tls
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


def password(settings: MqttSettings) -> tuple[str | None, str | None]:
    """First line of the password file, and a warning if others may read it; None for what is not there.

    Raises:
        UplinkError: the file cannot be read, or is empty.
    """
    path = settings.password_file
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
