"""Encryption: what is verified, and what is said when it fails."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sensor.broker.settings import TlsSettings
from sensor.uplink.mqtt import Uplink
from sensor.uplink.outbox import Outbox
from tests.support.messages import candidate
from tests.support.mosquitto import Broker, Subscriber, make_certificates, wait_until

pytestmark = pytest.mark.broker

UplinkTo = Callable[..., Uplink]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_candidates_arrive_over_tls(
    certificates: Path, outbox: Outbox, uplink_to: UplinkTo, host: str
) -> None:
    ca_file = certificates / "ca.crt"
    with Broker(certificates=certificates) as broker, Subscriber(broker, ca_file=ca_file) as subscriber:
        for n in range(30):
            outbox.append(candidate(n))
        uplink_to(broker.port, host=host, tls=TlsSettings(ca_file=ca_file))
        wait_until(lambda: len(subscriber.bodies("candidate")) == 30)


@pytest.mark.parametrize(
    ("server", "ca", "says"),
    [
        ("server", "other_ca", "not trusted"),
        ("server", None, "not trusted"),
        ("expired", "ca", "has expired by this machine's clock, which says 2"),
        ("early", "ca", "most likely the clock is not set"),
        ("wrong_name", "ca", "not for '127.0.0.1'"),
    ],
)
def test_a_certificate_that_does_not_hold_is_refused_with_the_reason(
    certificates: Path, outbox: Outbox, uplink_to: UplinkTo, server: str, ca: str | None, says: str
) -> None:
    with Broker(certificates=certificates, server=server) as broker:
        outbox.append(candidate())
        tls = TlsSettings(ca_file=None if ca is None else certificates / f"{ca}.crt")
        uplink = uplink_to(broker.port, tls=tls)
        wait_until(lambda: uplink.stats().last_error)
        assert says in str(uplink.stats().last_error)
        assert uplink.stats().connects == 0
        assert outbox.stats().depth == 1


def test_a_broker_that_asks_for_a_certificate_gets_it(
    certificates: Path, outbox: Outbox, uplink_to: UplinkTo
) -> None:
    with Broker(certificates=certificates, client_certificates=True) as broker:
        outbox.append(candidate())
        own = {"cert_file": certificates / "client.crt", "key_file": certificates / "client.key"}
        uplink_to(broker.port, tls=TlsSettings(ca_file=certificates / "ca.crt", **own))
        wait_until(lambda: outbox.stats().depth == 0)


def test_without_the_certificate_that_the_broker_asks_for_it_says_so(
    certificates: Path, uplink_to: UplinkTo
) -> None:
    with Broker(certificates=certificates, client_certificates=True) as broker:
        uplink = uplink_to(broker.port, tls=TlsSettings(ca_file=certificates / "ca.crt"))
        wait_until(lambda: uplink.stats().last_error)
        assert "set cert_file and key_file" in str(uplink.stats().last_error)


def test_tls_to_a_port_without_and_no_tls_to_a_port_with_are_told(
    certificates: Path, uplink_to: UplinkTo
) -> None:
    with Broker() as plain, Broker(certificates=certificates) as encrypted:
        wrong = uplink_to(plain.port, tls=TlsSettings(ca_file=certificates / "ca.crt"))
        wait_until(lambda: wrong.stats().last_error)
        assert "does the port speak TLS" in str(wrong.stats().last_error)
        wrong.stop()
        bare = uplink_to(encrypted.port)
        wait_until(lambda: bare.stats().last_error)
        assert "does the port want TLS" in str(bare.stats().last_error)


@pytest.mark.parametrize("role", ["ca_file", "cert_file"])
@pytest.mark.parametrize("content", [None, "not a certificate"])
def test_a_certificate_file_that_is_none_is_named(
    uplink_to: UplinkTo, tmp_path: Path, role: str, content: str | None
) -> None:
    file = tmp_path / "file.pem"
    if content is not None:
        file.write_text(content)
    uplink = uplink_to(1, tls=TlsSettings(**{role: file}))
    wait_until(lambda: uplink.stats().last_error)
    assert str(file) in str(uplink.stats().last_error)
    assert ("No such file" if content is None else "PEM") in str(uplink.stats().last_error)


def test_a_key_with_a_pass_phrase_is_refused_instead_of_asked_for(
    certificates: Path, uplink_to: UplinkTo, tmp_path: Path
) -> None:
    locked = tmp_path / "locked.key"
    key = certificates / "client.key"
    subprocess.run(
        ["openssl", "ec", "-in", str(key), "-aes128", "-passout", "pass:x", "-out", str(locked)],
        check=True,
        capture_output=True,
    )
    uplink = uplink_to(1, tls=TlsSettings(cert_file=certificates / "client.crt", key_file=locked))
    wait_until(lambda: uplink.stats().last_error)
    assert "pass phrase" in str(uplink.stats().last_error)
