"""E-mail over the standard library: encrypted, verified, one thread per incident in the reader's program.

The only file of the centre that imports ``smtplib``; its errors leave as NotifyError.
"""

from __future__ import annotations

import smtplib
import ssl
import time
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import format_datetime

from sensor.central.cad.words import description, headline, utc_datetime
from sensor.central.notify.bodies import Bodies
from sensor.central.notify.failure import RefusedError
from sensor.central.notify.http import cut_off, tls_context
from sensor.central.notify.secret import read_secret
from sensor.central.notify.settings import MailSettings
from sensor.central.types import IncidentVersion
from sensor.errors import NotifyError

_PORTS = {"starttls": 587, "tls": 465, "none": 25}


class Mail:
    """Sends one message per told version; updates are answers to the first."""

    def __init__(self, settings: MailSettings, bodies: Bodies) -> None:
        self._settings = settings
        self._bodies = bodies

    def deliver(self, version: IncidentVersion, *, former: Sequence[IncidentVersion] = ()) -> str:
        """Send, and say whom the server refused, if anybody."""
        settings = self._settings
        where = f"mail server {settings.host}"
        try:
            refused = self._send(self._message(version, former))
        except TimeoutError as error:
            raise NotifyError(f"{where}: not done within {settings.timeout_s:g} s") from error
        except ssl.SSLCertVerificationError as error:
            raise NotifyError(f"{where}: its certificate is not accepted: {error.verify_message}") from error
        except smtplib.SMTPRecipientsRefused as error:
            raise _refusal(f"{where}: refused every recipient", error.recipients) from error
        except smtplib.SMTPResponseException as error:
            kind = RefusedError if 550 <= error.smtp_code <= 554 else NotifyError
            raise kind(f"{where}: answered {error.smtp_code} {_text(error.smtp_error)}") from error
        except smtplib.SMTPException as error:
            raise NotifyError(f"{where}: {error}") from error
        except (OSError, ValueError) as error:
            raise NotifyError(f"{where}: {getattr(error, 'strerror', None) or error}") from error
        if refused:
            return f"taken, but not for {', '.join(sorted(refused))}"
        return "taken"

    def _send(self, message: EmailMessage) -> dict[str, tuple[int, bytes]]:
        settings = self._settings
        deadline_s = time.monotonic() + settings.timeout_s
        port = settings.port or _PORTS[settings.security]
        server: smtplib.SMTP
        if settings.security == "tls":
            server = smtplib.SMTP_SSL(timeout=settings.timeout_s, context=tls_context(settings.ca_file))
        else:
            server = smtplib.SMTP(timeout=settings.timeout_s)
        # A host given to the constructor would be greeted there, and a greeting that drips not be cut off.
        server._host = settings.host  # type: ignore[attr-defined]  # noqa: SLF001  the name that TLS checks
        try:
            with cut_off(lambda: server.sock, deadline_s):
                server.connect(settings.host, port)
                if settings.security == "starttls":
                    server.starttls(context=tls_context(settings.ca_file))
                self._log_in(server)
                return server.send_message(message, settings.sender, list(settings.recipients))
        finally:
            server.close()

    def _log_in(self, server: smtplib.SMTP) -> None:
        settings = self._settings
        if settings.username is not None and settings.password_file is not None:
            server.login(settings.username, read_secret(settings.password_file, "password_file"))

    def _message(self, version: IncidentVersion, former: Sequence[IncidentVersion]) -> EmailMessage:
        message = EmailMessage()
        message["Subject"] = f"{headline(version)} [{version.site}]"
        message["From"] = self._settings.sender
        message["To"] = ", ".join(self._settings.recipients)
        message["Date"] = format_datetime(utc_datetime(version.created_ns or version.utc_ns))
        message["Message-ID"] = self._name(version)
        message["Auto-Submitted"] = "auto-generated"
        if former:
            message["In-Reply-To"] = self._name(former[-1])
            message["References"] = " ".join(self._name(item) for item in former)
        message.set_content("\n\n".join(self._paragraphs(version)) + "\n")
        return message

    def _paragraphs(self, version: IncidentVersion) -> list[str]:
        paragraphs = [description(version)]
        if version.place is not None and version.ellipse_95 is not None:
            place, radius_m = version.place, version.ellipse_95.semi_major_m
            paragraphs.append(f"geo:{place.lat_deg:.6f},{place.lon_deg:.6f};u={radius_m:.0f}")
        url = self._bodies.url_of(version)
        return [*paragraphs, url] if url else paragraphs

    def _name(self, version: IncidentVersion) -> str:
        """The same for every attempt, so that a mail program shows a repeated message once."""
        domain = self._settings.sender.rpartition("@")[2].strip(" <>") or "gunshot.invalid"
        return f"<{version.incident_id}.{version.version}@{domain}>"


def _refusal(text: str, recipients: dict[str, tuple[int, bytes]]) -> NotifyError:
    """For good only where no recipient was put off for a while (4xx)."""
    told = "; ".join(f"{name}: {code} {_text(words)}" for name, (code, words) in sorted(recipients.items()))
    kind = RefusedError if all(code >= 500 for code, _ in recipients.values()) else NotifyError
    return kind(f"{text} ({told})")


def _text(words: bytes | str) -> str:
    return words.decode("utf-8", "replace") if isinstance(words, bytes) else words
