"""A small real SMTP server: takes mail in the clear, by STARTTLS or over TLS, and misbehaves on demand."""

from __future__ import annotations

import base64
import socketserver
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Self


@dataclass
class Script:
    """How it behaves."""

    hang_at: str = ""
    """Command at which it stops answering: ``EHLO``, ``DATA``, ...; ``greeting`` = from the beginning;
    ``drip`` = it greets for ever, a letter at a time."""
    replies: dict[str, str] = field(default_factory=dict)
    """Command, or ``RCPT address``, -> what it answers instead of taking it."""


class SmtpReceiver:
    """Keeps what it takes in ``messages``."""

    def __init__(
        self, script: Script | None = None, *, certificates: Path | None = None, tls_at_once: bool = False
    ) -> None:
        self.script = script or Script()
        self.messages: list[EmailMessage] = []
        self.logins: list[tuple[str, str]] = []
        self.encrypted: list[bool] = []
        self.ending = threading.Event()
        self.context: ssl.SSLContext | None = None
        if certificates is not None:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificates / "server.crt", certificates / "server.key")
        self.tls_at_once = tls_at_once
        owner = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with suppress(OSError, ValueError):
                    dialogue = _Dialogue(owner, self.request)
                    try:
                        dialogue.run()
                    finally:
                        dialogue.close()

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        self._server.shutdown()
        self._server.server_close()


class _Dialogue:
    """One connection."""

    def __init__(self, owner: SmtpReceiver, sock: Any) -> None:
        self._owner = owner
        self._sock = sock
        self._tls = False
        if owner.tls_at_once:
            self._encrypt()
        self._file = self._sock.makefile("rb")

    def _encrypt(self) -> None:
        assert self._owner.context is not None
        self._sock = self._owner.context.wrap_socket(self._sock, server_side=True)
        self._tls = True

    def close(self) -> None:
        """Close what wrapping the socket has made; the server closes its own."""
        self._file.close()
        self._sock.close()

    def _say(self, text: str) -> None:
        self._sock.sendall(f"{text}\r\n".encode())

    def run(self) -> None:
        if self._owner.script.hang_at == "greeting":
            self._owner.ending.wait()
            return
        if self._owner.script.hang_at == "drip":
            while not self._owner.ending.wait(0.05):
                self._sock.sendall(b"2")
            return
        self._say("220 here")
        while line := self._file.readline().decode().rstrip("\r\n"):
            verb = line.split(" ")[0].upper()
            if verb == self._owner.script.hang_at:
                self._owner.ending.wait()
                return
            if not self._answer(verb, line):
                return

    def _answer(self, verb: str, line: str) -> bool:
        script = self._owner.script
        key = f"RCPT {line[8:].strip('<> ')}" if verb == "RCPT" else verb
        if key in script.replies:
            self._say(script.replies[key])
        elif verb == "EHLO":
            offer = "250-STARTTLS\r\n" if self._owner.context is not None and not self._tls else ""
            self._say(f"250-here\r\n{offer}250 AUTH PLAIN")
        elif verb == "STARTTLS":
            self._say("220 go ahead")
            self._encrypt()
            self._file = self._sock.makefile("rb")
        elif verb == "AUTH":
            _, user, password = base64.b64decode(line.split(" ")[2]).decode().split("\0")
            self._owner.logins.append((user, password))
            self._say("235 welcome")
        elif verb == "DATA":
            self._data()
        else:
            self._say("221 bye" if verb == "QUIT" else "250 ok")
        return verb != "QUIT"

    def _data(self) -> None:
        self._say("354 go ahead")
        lines = []
        while (line := self._file.readline()) != b".\r\n":
            lines.append(line[1:] if line.startswith(b".") else line)
        message = message_from_bytes(b"".join(lines), policy=policy.default)
        assert isinstance(message, EmailMessage)
        self._owner.encrypted.append(self._tls)
        self._owner.messages.append(message)
        self._say("250 taken")
