"""The door through which dispositions come in: whoever sends one is known, and nothing comes in twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from sensor.central.cad.dispositions import Outcome, accept, parse
from sensor.central.notify.secret import HMAC_MIN, read_secret
from sensor.central.notify.settings import NotifySettings
from sensor.central.notify.signature import KEY, SIGNATURE, TIMESTAMP, Replays, check
from sensor.central.store import Store
from sensor.errors import AccessError, WireError


class DispositionInbox:
    """Takes signed dispositions from the senders that the settings name. May be used from several threads."""

    def __init__(
        self, settings: NotifySettings, store: Store, *, clock_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock_ns = clock_ns
        self._replays = Replays(settings.dispositions.max_age_s)

    def post(self, headers: Mapping[str, str], body: bytes) -> list[Outcome]:
        """Take the body of a signed POST.

        Raises:
            AccessError: it is not signed by anybody known, or came before.
            WireError: it is no disposition.
            NotifyError: a secret's file cannot be read.
            StoreError: the record cannot be written; the same can be sent again, signed anew.
        """
        source = self._sender(headers, body)
        dispositions = parse(body, self._settings.dispositions)
        return accept(
            self._store, dispositions, source=f"cad/{source}", author=source, now_ns=self._clock_ns()
        )

    def file(self, path: Path, *, author: str) -> list[Outcome]:
        """Take a file that somebody with access to this machine has; they are named as its author.

        Raises:
            WireError: it cannot be read or is no disposition.
            StoreError: the record cannot be written.
        """
        try:
            body = path.read_bytes()
        except OSError as error:
            raise WireError(f"{path}: {error.strerror}") from error
        dispositions = parse(body, self._settings.dispositions)
        return accept(self._store, dispositions, source="file", author=author, now_ns=self._clock_ns())

    def _sender(self, headers: Mapping[str, str], body: bytes) -> str:
        """Name of who signed this."""
        now_s = self._clock_ns() / 1e9
        refusal = AccessError("nobody may send dispositions yet: name senders in notify.disposition_secrets")
        for name, path in self._settings.disposition_secrets.items():
            secret = read_secret(path, f"disposition_secrets.{name}", least=HMAC_MIN)
            try:
                check(headers, body, [secret], now_s=now_s, max_age_s=self._settings.dispositions.max_age_s)
            except AccessError as error:
                refusal = error
                continue
            given = {header.lower(): value for header, value in headers.items()}
            self._replays.admit(name, given[SIGNATURE.lower()], now_s=now_s)
            return name
        raise refusal


SIGNED_HEADERS = (KEY, TIMESTAMP, SIGNATURE)
"""What a signed message carries."""
