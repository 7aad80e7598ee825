"""A notifying process to be killed: tells a webhook what the record holds, until it is stopped.

python -m tests.support.teller RECORD URL SECRET_FILE
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from sensor.central.notify.build import build_dispatcher
from sensor.central.notify.settings import (
    HttpSettings,
    MqttTopicSettings,
    NotifySettings,
    RetrySettings,
    RuleSettings,
    WebhookSettings,
)
from sensor.central.store.sqlite import SqliteStore


def main() -> None:
    """Run as the command line says."""
    hook = WebhookSettings(
        name="desk",
        http=HttpSettings(url=sys.argv[2], timeout_s=60.0),
        secret_file=Path(sys.argv[3]),
        rule=RuleSettings(max_age_s=31_536_000.0 - 1.0, updates="all"),
        retry=RetrySettings(backoff_min_s=0.02, backoff_max_s=0.1, attempts_max=1000),
    )
    settings = NotifySettings(mqtt=MqttTopicSettings(enabled=False), webhooks=(hook,))
    build_dispatcher(settings, SqliteStore(Path(sys.argv[1]))).start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
