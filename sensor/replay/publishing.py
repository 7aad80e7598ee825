"""Candidates of recordings on the way a microphone's go: into the outbox, then to the broker."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Self

from sensor import __version__
from sensor.config import Config
from sensor.errors import ConfigError, UplinkError
from sensor.events import Candidate, Status, Versions
from sensor.uplink.mqtt import Uplink
from sensor.uplink.outbox import Outbox

PATIENCE_S = 60.0
"""Longest wait for one more acknowledgement before the rest is left in the outbox."""
STOP_S = 5.0


class Publisher:
    """One outbox and one connection per node.

    Those of the configuration serve its own node, so that a running daemon and a replay cannot speak for the
    same node at once; other nodes get theirs beside it.
    """

    def __init__(self, config: Config, say: Callable[[str], None]) -> None:
        """Prepare; connections are made when the first candidate of a node comes."""
        if not config.mqtt.host:
            raise ConfigError("mqtt.host: is not set; --publish needs a broker to send to")
        self._config = config
        self._say = say
        self._nodes: dict[str, tuple[Outbox, Uplink]] = {}

    def append(self, candidate: Candidate) -> Candidate:
        """Store for sending; return the candidate as it will be sent, numbered by the node's own chain."""
        outbox, uplink = self._nodes.get(candidate.node) or self._open(candidate)
        unnumbered = replace(candidate, chain_id=None, seq=None, event_id=None)
        stored = outbox.append(unnumbered)
        uplink.notify()
        return stored

    def wait(self) -> None:
        """Return when the broker has acknowledged everything.

        Raises:
            UplinkError: it did not acknowledge anything for a minute, or refuses some for good.
        """
        waiting, since_s, told = self._waiting(), time.monotonic(), ""
        while waiting:
            time.sleep(0.05)
            now = self._waiting()
            if now < waiting:
                waiting, since_s = now, time.monotonic()
            problem = next(
                (text for _, uplink in self._nodes.values() if (text := uplink.stats().problem)), ""
            )
            if problem and problem != told and time.monotonic() - since_s > 1.0:
                told = problem
                self._say(f"waiting for the broker: {problem}")
            if time.monotonic() - since_s > PATIENCE_S:
                raise UplinkError(
                    f"{waiting} candidates were not acknowledged and stay in the outbox: {problem}"
                )
        held = sum(outbox.stats().quarantined for outbox, _ in self._nodes.values())
        if held:
            raise UplinkError(f"the broker refuses {held} candidates; they are held back in the outbox")

    def __enter__(self) -> Self:
        """Return the publisher."""
        return self

    def __exit__(self, *_: object) -> None:
        """Disconnect; what is not acknowledged stays in the outbox for the next time."""
        for outbox, uplink in self._nodes.values():
            uplink.stop(STOP_S)
            outbox.close()

    def _waiting(self) -> int:
        return sum(outbox.stats().depth for outbox, _ in self._nodes.values())

    def _open(self, candidate: Candidate) -> tuple[Outbox, Uplink]:
        config, node = self._config, candidate.node
        settings, mqtt = config.outbox, config.mqtt
        if node != config.node:
            settings = replace(
                settings, path=settings.path.with_name(f"{settings.path.stem}-{node}{settings.path.suffix}")
            )
            mqtt = replace(mqtt, client_id=None)
        boot_id = str(uuid.uuid4())

        def status(state: str, reason: str) -> Status:
            return Status(
                site=config.site,
                node=node,
                state=state,
                reason=reason,
                boot_id=boot_id,
                position=candidate.position,
                versions=Versions(software=__version__, model=candidate.versions.model, config=config.digest),
            )

        outbox = Outbox(settings, config.site, node)
        uplink = Uplink(
            mqtt,
            outbox,
            config.site,
            node,
            birth=lambda: status("online", "connected"),
            will=status("offline", "lost"),
        )
        uplink.start()
        self._nodes[node] = (outbox, uplink)
        return outbox, uplink
