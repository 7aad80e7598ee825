"""A node to be killed: stores candidates, forwards them, and prints each id once it is committed.

    python -m tests.support.appender OUTBOX PORT COUNT

With COUNT 0 it only forwards what is stored, then stops by itself.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from sensor.uplink.mqtt import Uplink
from sensor.uplink.outbox import Outbox
from sensor.uplink.settings import MqttSettings, OutboxSettings
from tests.support.messages import NODE, SITE, candidate, status


def main() -> None:
    """Run as the command line says."""
    path, port, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    with Outbox(OutboxSettings(path=path), SITE, NODE) as outbox:
        uplink = Uplink(
            MqttSettings(host="127.0.0.1", port=port, backoff_min_s=0.02, backoff_max_s=0.2),
            outbox,
            SITE,
            NODE,
            birth=status,
            will=status("offline", "lost"),
        )
        uplink.start()
        print("ready", flush=True)  # noqa: T201  the parent reads it
        for number in range(count):
            stored = outbox.append(candidate(number))
            print(stored.event_id, flush=True)  # noqa: T201  as above
            uplink.notify()
            time.sleep(0.002)
        while outbox.stats().depth or not uplink.stats().connected:
            time.sleep(0.01)
        uplink.stop()


if __name__ == "__main__":
    main()
