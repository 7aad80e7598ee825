"""A real Mosquitto for tests: its own port and folder, started, stopped, killed and frozen at will."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.support.patience import PATIENCE_S, wait_until
from tests.support.ports import free_port

__all__ = [
    "Broker",
    "Got",
    "Subscriber",
    "free_port",
    "make_certificates",
    "tcp_server",
    "wait_until",
]


class Broker:
    """One Mosquitto on a port of its own; a context manager.

    Args:
        options: lines of mosquitto.conf for the listener, such as ``max_packet_size 1000``.
        passwords: user -> password; None = anonymous.
        acl: content of an access list.
        certificates: what `make_certificates` made; the listener then speaks TLS.
        client_certificates: ask clients for a certificate.
        persistent: keep retained messages and sessions over `kill` and `start`.
    """

    def __init__(
        self,
        *,
        options: tuple[str, ...] = (),
        passwords: dict[str, str] | None = None,
        acl: str | None = None,
        certificates: Path | None = None,
        server: str = "server",
        client_certificates: bool = False,
        persistent: bool = False,
    ) -> None:
        if shutil.which("mosquitto") is None:
            pytest.skip("mosquitto is not installed: apt-get install mosquitto")
        self.folder = Path(tempfile.mkdtemp(prefix="mosquitto-"))
        self.host = "127.0.0.1"
        self.port = free_port()
        self.log = self.folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        lines = [
            "per_listener_settings false",
            f"log_dest file {self.log}",
            "log_type all",
            "connection_messages true",
            *(["user root"] if os.geteuid() == 0 else []),
            f"listener {self.port} {self.host}",
            *options,
        ]
        lines += self._login(passwords)
        if acl is not None:
            lines.append(f"acl_file {self.folder / 'acl'}")
            self.write_acl(acl)
        if certificates is not None:
            lines += [
                f"cafile {certificates / 'ca.crt'}",
                f"certfile {certificates / server}.crt",
                f"keyfile {certificates / server}.key",
                "tls_version tlsv1.2",
            ]
            if client_certificates:
                lines += ["require_certificate true", "use_identity_as_username true"]
        if persistent:
            lines += [
                "persistence true",
                f"persistence_location {self.folder}/",
                "autosave_interval 1",
                "autosave_on_changes true",
            ]
        (self.folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")

    def _login(self, passwords: dict[str, str] | None) -> list[str]:
        """The lines that let in anybody, or whoever knows one of ``passwords``, which are stored."""
        if passwords is None:
            return ["allow_anonymous true"]
        file = self.folder / "passwords"
        file.touch()
        for user, password in passwords.items():
            command = ["mosquitto_passwd", "-b", str(file), user, password]
            subprocess.run(command, check=True, capture_output=True)
        return ["allow_anonymous false", f"password_file {file}"]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start, and return once it listens."""
        assert self._process is None
        self._process = subprocess.Popen(
            ["mosquitto", "-c", str(self.folder / "mosquitto.conf")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self._listens, what="mosquitto listens")

    def _listens(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            pytest.fail(f"mosquitto ended: {self.log.read_text() if self.log.exists() else 'no log'}")
        with suppress(OSError), socket.create_connection((self.host, self.port), 0.2):
            return True
        return False

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.send_signal(signal.SIGCONT)
            self._process.wait(PATIENCE_S)
            self._process = None

    def stop(self) -> None:
        """Stop as an operator would: SIGTERM."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Stop as a power cut would: SIGKILL."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Stop answering with all connections open: SIGSTOP."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on after `freeze`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def write_acl(self, text: str) -> None:
        """Replace the access list; a running broker reads it after `reload`."""
        (self.folder / "acl").write_text(text)
        (self.folder / "acl").chmod(0o600)

    def reload(self) -> None:
        """Let it read its password file and access list again: SIGHUP."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)


@dataclass(frozen=True)
class Got:
    """A message as a subscriber received it."""

    topic: str
    body: bytes
    retained: bool
    at_s: float
    """time.monotonic() at reception."""
    properties: Properties | None = field(default=None, repr=False)


class Subscriber:
    """Collects what a broker delivers, in a session that survives the broker's restarts."""

    def __init__(
        self,
        broker: Broker,
        pattern: str = "gunshot/#",
        *,
        username: str | None = None,
        password: str | None = None,
        ca_file: Path | None = None,
        client_id: str = "subscriber",
    ) -> None:
        self.got: list[Got] = []
        self.subscriptions = 0
        """How often the broker has accepted the subscription: once more after each reconnection."""
        client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv5
        )
        if username is not None:
            client.username_pw_set(username, password)
        if ca_file is not None:
            client.tls_set(str(ca_file))
        client.reconnect_delay_set(1, 1)
        client.on_connect = lambda c, *_: c.subscribe(pattern, qos=1)
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it untyped
        properties.SessionExpiryInterval = 3600
        client.connect(broker.host, broker.port, keepalive=60, clean_start=False, properties=properties)
        client.loop_start()
        self._client = client
        wait_until(lambda: self.subscriptions, what="the broker accepts the subscription")

    def _on_subscribe(self, *_: object) -> None:
        self.subscriptions += 1

    def _on_message(self, _client: object, _user: object, message: paho.MQTTMessage) -> None:
        self.got.append(
            Got(
                message.topic,
                bytes(message.payload),
                message.retain,
                time.monotonic(),
                message.properties,
            )
        )

    def bodies(self, kind: str) -> list[bytes]:
        """What came on the topics of one kind, in order."""
        return [got.body for got in self.got if got.topic.endswith(f"/{kind}")]

    def publish(self, topic: str, body: bytes | str, *, retain: bool = False) -> None:
        """Publish at QoS 1 and wait for the broker's acknowledgement."""
        self._client.publish(topic, body, qos=1, retain=retain).wait_for_publish(PATIENCE_S)

    def post(self, topic: str, body: bytes | str) -> None:
        """Publish at QoS 1 without waiting."""
        self._client.publish(topic, body, qos=1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def make_certificates(folder: Path) -> Path:
    """Make an authority and certificates in ``folder``: ca, other_ca, server, expired, client; return it.

    ``server`` is valid for localhost and 127.0.0.1, ``wrong_name`` for elsewhere.example only.
    """
    folder.mkdir(parents=True, exist_ok=True)

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    for name in ("ca", "other_ca"):
        openssl(
            "req", "-x509", *key, "-days", "30", "-keyout", f"{name}.key", "-out", f"{name}.crt",
            "-subj", f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )  # fmt: skip
    local = "DNS:localhost,IP:127.0.0.1"
    for name, names, usage, valid in (
        ("server", local, "serverAuth", ()),
        ("wrong_name", "DNS:elsewhere.example", "serverAuth", ()),
        ("expired", local, "serverAuth", ("200101000000Z", "200201000000Z")),
        ("early", local, "serverAuth", ("480101000000Z", "490101000000Z")),
        ("client", "DNS:client", "clientAuth", ()),
    ):
        openssl("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        (folder / f"{name}.ext").write_text(
            f"basicConstraints=CA:FALSE\nsubjectAltName={names}\nextendedKeyUsage={usage}\n"
            "keyUsage=digitalSignature\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n"
        )
        _sign(openssl, folder, name, valid)
    return folder


def _sign(openssl: Callable[..., None], folder: Path, name: str, valid: tuple[str, ...]) -> None:
    """Sign ``name``.csr; ``valid`` is (from, to), which only ``openssl ca`` can set in old versions."""
    signed_by = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial")
    extensions = ("-extfile", f"{name}.ext")
    if not valid:
        openssl(
            "x509",
            "-req",
            "-in",
            f"{name}.csr",
            *signed_by,
            "-days",
            "30",
            "-out",
            f"{name}.crt",
            *extensions,
        )
        return
    (folder / "ca.cnf").write_text(
        "[ca]\ndefault_ca=c\n[c]\ndatabase=index.txt\nserial=serial.txt\nnew_certs_dir=.\n"
        "default_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n"
    )
    (folder / "index.txt").touch()
    (folder / "serial.txt").write_text(f"{os.urandom(4).hex()}\n")
    openssl(
        "ca", "-batch", "-config", "ca.cnf", "-cert", "ca.crt", "-keyfile", "ca.key",
        "-in", f"{name}.csr", "-out", f"{name}.crt", "-notext",
        "-startdate", valid[0], "-enddate", valid[1], *extensions,
    )  # fmt: skip


def tcp_server(handle: Callable[[socket.socket], None]) -> Iterator[int]:
    """Yield the port of a server that gives each connection to ``handle``: a broker that misbehaves."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        ending = threading.Event()
        connections: list[socket.socket] = []

        def serve() -> None:
            while not ending.is_set():
                with suppress(OSError):
                    connection, _ = server.accept()
                    connections.append(connection)
                    handle(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        ending.set()
        thread.join()
        for connection in connections:
            connection.close()
