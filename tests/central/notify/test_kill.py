"""kill -9 in the middle of telling: nothing is lost, and what comes twice says so."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from sensor.central.store.sqlite import SqliteStore
from tests.support.http_receiver import Behaviour, Hang, Receiver, Reply, Request
from tests.support.incident_examples import located
from tests.support.mosquitto import wait_until
from tests.support.record import append

ROOT = Path(__file__).parents[3]
COUNT = 12


class Desk:
    """Takes a few, fails now and then, and hangs in the middle of one until the teller was killed."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.posts = 0
        self.hang_after = 4

    def __call__(self, request: Request) -> Behaviour:
        self.posts += 1
        if len(self.taken) == self.hang_after:
            return Hang
        if self.posts % 3 == 0:
            return Reply(503)
        self.taken.append(request.headers["Gunshot-Key"])
        return Reply()


def test_killed_in_the_middle_it_goes_on_where_it_was(tmp_path: Path) -> None:
    path, secret = tmp_path / "record.db", tmp_path / "secret"
    secret.write_text("a secret of the desk's own")
    with closing(SqliteStore(path)) as store:
        for number in range(COUNT):
            append(store, located(incident_id=f"incident-{number}", utc_ns=time.time_ns()))
        desk = Desk()
        with Receiver(desk) as receiver:
            for kill in range(2):
                desk.hang_after = 4 * (kill + 1)
                process = _teller(path, receiver.url, secret)
                try:
                    wait_until(
                        lambda: _in_flight(store) and len(desk.taken) == desk.hang_after,
                        what="the desk hangs in the middle of one",
                    )
                finally:
                    process.kill()
                    process.wait()
            desk.hang_after = -1
            process = _teller(path, receiver.url, secret)
            try:
                wait_until(lambda: len(store.deliveries(state="delivered")) == COUNT, what="all are told")
            finally:
                process.kill()
                process.wait()
        cut_off = [item for item in store.deliveries() if item.attempts > 1]
        assert {item.state for item in store.deliveries()} == {"delivered"}
        # Whoever was told twice was told under the same key, and the queue shows that it was tried again.
        twice = {key for key, times in Counter(desk.taken).items() if times > 1}
        assert set(desk.taken) == {f"incident-{number}/1" for number in range(COUNT)}
        assert twice <= {f"{item.incident_id}/{item.version}" for item in cut_off}
        assert len(cut_off) >= 2


def _teller(path: Path, url: str, secret: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.support.teller", str(path), url, str(secret)]
    return subprocess.Popen(command, cwd=ROOT)


def _in_flight(store: SqliteStore) -> bool:
    return any(item.reason == "being delivered" for item in store.deliveries(state="waiting"))
