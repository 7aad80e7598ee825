"""What goes wrong on the way to the broker, in words that say how to mend it. Standard library only."""

from __future__ import annotations

import socket
import ssl
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sensor.broker.settings import BrokerAccess

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
    0x8A: "the broker has banned this client",
    0x97: "the broker's quota is exceeded",
    0x9A: "the broker does not retain messages; status and health need that: allow it",
    0x9B: "the broker does not take QoS 1; candidates need that: allow it",
    0x9F: "the broker limits the rate of connections",
}
_ALERTS = {
    "CERTIFICATE_REQUIRED": "the broker asks for a certificate: set cert_file and key_file",
    "CERTIFICATE_EXPIRED": "the broker says that our certificate has expired: renew cert_file",
    "UNKNOWN_CA": "the broker does not trust our certificate: check its authority and cert_file",
    "BAD_CERTIFICATE": "the broker refuses our certificate: check cert_file",
    "HANDSHAKE_FAILURE": "the broker refuses the handshake: it may ask for a certificate; set cert_file",
    "PROTOCOL_VERSION": "the broker does not offer TLS 1.2 or later",
}
_X509_NOT_YET_VALID = 9  # OpenSSL's X509_V_ERR_*
_X509_EXPIRED = 10
_X509_HOSTNAME_MISMATCH = 62
_X509_IP_MISMATCH = 64


def greeting_refused(code: int, name: str, access: BrokerAccess, client_id: str) -> str:
    """Why the broker refused CONNECT, from its MQTT 5 reason code."""
    text = _GREETINGS.get(code, f"the broker refuses: {name} (0x{code:02x})")
    user = f"user {access.username!r}" if access.username else "this client, which gives no user name,"
    return text.format(client_id=client_id, user=user)


def connecting_failed(error: Exception, access: BrokerAccess, timeout_s: float) -> str:
    """Why no connection came about, from what ``socket`` or ``ssl`` raised."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate_refused(error, access)
    if isinstance(error, ssl.SSLError):
        return _tls_failed(error)
    if isinstance(error, socket.gaierror):
        return f"the name {access.host!r} cannot be resolved ({error.strerror}): check host and DNS"
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout_s:g} s: check host, port and firewall"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused: is the broker running, and is the port right?"
    text = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
    return f"{text}: does the port speak TLS?" if isinstance(error, ConnectionResetError) else text


def ended_early(access: BrokerAccess) -> str:
    """Why a broker may hang up, or say what is not MQTT, before it has answered CONNECT."""
    if access.tls is None:
        return "the broker ended the connection before its greeting: does the port want TLS?"
    return (
        "the broker ended the connection before its greeting: it may ask for a certificate"
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


def _certificate_refused(error: ssl.SSLCertVerificationError, access: BrokerAccess) -> str:
    now = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    if error.verify_code == _X509_NOT_YET_VALID:
        return (
            f"TLS: the broker's certificate is not yet valid by this machine's clock, which says {now};"
            " most likely the clock is not set yet"
        )
    if error.verify_code == _X509_EXPIRED:
        return (
            f"TLS: the broker's certificate has expired by this machine's clock, which says {now}:"
            " renew the certificate, or set the clock"
        )
    if error.verify_code in (_X509_HOSTNAME_MISMATCH, _X509_IP_MISMATCH):
        return f"TLS: the broker's certificate is not for {access.host!r}: {error.verify_message}"
    authority = access.tls.ca_file if access.tls is not None else None
    return f"TLS: the broker's certificate is not trusted ({error.verify_message}): check ca_file {authority}"
