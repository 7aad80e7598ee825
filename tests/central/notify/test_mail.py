"""E-mail to a real SMTP server: encrypted or not sent, threaded, bounded, refusals told apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sensor.central.notify.bodies import Bodies
from sensor.central.notify.failure import RefusedError
from sensor.central.notify.mail import Mail
from sensor.central.notify.settings import MailSettings, NotifySettings
from sensor.errors import NotifyError
from tests.support.incident_examples import AWKWARD, heard_only, later, located, retracted
from tests.support.mosquitto import make_certificates
from tests.support.smtp_receiver import Script, SmtpReceiver

URL = "https://centre.example/incidents/{incident_id}"


def _mail(server: SmtpReceiver, **changes: Any) -> Mail:
    values: dict[str, Any] = {
        "name": "desk",
        "host": "127.0.0.1",
        "port": server.port,
        "security": "none",
        "sender": "centre@durham.example",
        "recipients": ("desk@durham.example", "chief@durham.example"),
        "timeout_s": 30.0,
    }
    return Mail(MailSettings(**{**values, **changes}), Bodies(NotifySettings(incident_url=URL)))


def test_a_mail_says_what_happened_where_and_how_sure() -> None:
    with SmtpReceiver() as server:
        assert _mail(server).deliver(located()) == "taken"
    (message,) = server.messages
    assert message["Subject"] == "Gunshot, 2 to 3 rounds, confidence high [durham]"
    assert message["To"] == "desk@durham.example, chief@durham.example"
    assert message["Date"] == "Tue, 25 Nov 2025 04:32:39 +0000"
    assert message["Auto-Submitted"] == "auto-generated"
    text = message.get_content()
    assert "At 35.98765 N, 78.90123 W, within 15 m at 95 %." in text
    assert "geo:35.987654,-78.901235;u=14" in text or "u=15" in text
    assert URL.replace("{incident_id}", located().incident_id) in text


def test_updates_and_retraction_answer_what_was_sent_and_a_repetition_has_the_same_name() -> None:
    first = located()
    second = later(first)
    with SmtpReceiver() as server:
        mail = _mail(server)
        mail.deliver(first)
        mail.deliver(first)
        mail.deliver(second, former=[first])
        mail.deliver(retracted(second), former=[first, second])
    names = [message["Message-ID"] for message in server.messages]
    assert names[0] == names[1]
    assert len(set(names)) == 3
    assert [message["In-Reply-To"] for message in server.messages] == [None, None, names[0], names[2]]
    assert server.messages[3]["References"] == f"{names[0]} {names[2]}"
    assert server.messages[3]["Subject"].startswith("RETRACTED: Gunshot")


def test_what_was_not_located_is_mailed_without_a_place() -> None:
    with SmtpReceiver() as server:
        _mail(server).deliver(heard_only())
    assert "geo:" not in server.messages[0].get_content()
    assert "no point on a map would be honest" in server.messages[0].get_content()


def test_awkward_words_and_lone_dots_arrive_as_they_are() -> None:
    version = located(state="reviewed", author="ann", reason=f"{AWKWARD}\n.\nend")
    with SmtpReceiver() as server:
        _mail(server).deliver(version)
    assert "Ümlaut" in server.messages[0].get_content()
    assert "\n.\nend" in server.messages[0].get_content().replace("\r\n", "\n")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificates(tmp_path_factory.mktemp("tls"))


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_encrypted_and_logged_in(certificates: Path, tmp_path: Path, security: str) -> None:
    (tmp_path / "password").write_text("s3cret\n")
    with SmtpReceiver(certificates=certificates, tls_at_once=security == "tls") as server:
        mail = _mail(
            server,
            security=security,
            ca_file=certificates / "ca.crt",
            username="centre",
            password_file=tmp_path / "password",
        )
        assert mail.deliver(located()) == "taken"
        assert server.encrypted == [True]
        assert server.logins == [("centre", "s3cret")]


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_an_unknown_certificate_gets_no_mail(certificates: Path, security: str) -> None:
    with (
        SmtpReceiver(certificates=certificates, tls_at_once=security == "tls") as server,
        pytest.raises(NotifyError, match="certificate is not accepted"),
    ):
        _mail(server, security=security, ca_file=certificates / "other_ca.crt").deliver(located())
    assert server.messages == []


def test_a_server_that_offers_no_encryption_gets_no_mail() -> None:
    with SmtpReceiver() as server, pytest.raises(NotifyError, match="STARTTLS"):
        _mail(server, security="starttls").deliver(located())
    assert server.messages == []


@pytest.mark.parametrize("command", ["greeting", "drip", "EHLO", "RCPT", "DATA"])
def test_a_server_that_stops_answering_is_left_at_the_deadline(command: str) -> None:
    with SmtpReceiver(Script(hang_at=command)) as server, pytest.raises(NotifyError) as caught:
        _mail(server, timeout_s=0.5).deliver(located())
    assert not isinstance(caught.value, RefusedError)


@pytest.mark.parametrize("command", ["greeting", "drip", "EHLO"])
def test_so_is_one_that_stops_behind_encryption(certificates: Path, command: str) -> None:
    with (
        SmtpReceiver(Script(hang_at=command), certificates=certificates, tls_at_once=True) as server,
        pytest.raises(NotifyError, match=r"not done within 0\.5 s"),
    ):
        _mail(server, security="tls", ca_file=certificates / "ca.crt", timeout_s=0.5).deliver(located())


@pytest.mark.parametrize(
    ("replies", "for_good", "told"),
    [
        ({"MAIL": "451 try later"}, False, "451 try later"),
        ({"MAIL": "421 going down"}, False, "421"),
        ({"DATA": "554 spam"}, True, "554 spam"),
        (
            {"RCPT desk@durham.example": "550 no", "RCPT chief@durham.example": "550 no"},
            True,
            "every recipient",
        ),
        ({"RCPT desk@durham.example": "450 busy", "RCPT chief@durham.example": "550 no"}, False, "450 busy"),
        ({"MAIL": "nonsense"}, False, "mail server"),
    ],
)
def test_not_now_and_never_are_told_apart(replies: dict[str, str], for_good: bool, told: str) -> None:  # noqa: FBT001  a column
    with SmtpReceiver(Script(replies=replies)) as server, pytest.raises(NotifyError, match=told) as caught:
        _mail(server).deliver(located())
    assert isinstance(caught.value, RefusedError) == for_good


def test_one_refused_recipient_does_not_keep_it_from_the_others() -> None:
    with SmtpReceiver(Script(replies={"RCPT chief@durham.example": "550 unknown"})) as server:
        assert _mail(server).deliver(located()) == "taken, but not for chief@durham.example"
    assert len(server.messages) == 1
