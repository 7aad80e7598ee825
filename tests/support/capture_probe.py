"""A process that records, and its observer.

PortAudio reads its surroundings once per process and may hang in a dead driver, so real captures run in
a process of their own, which reports every block and every state as a line of JSON.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from tests.support.patience import PATIENCE_S

STATS_S = 0.05


class CaptureProbe:
    """Records with ``PortAudioSource(CaptureSettings(**settings))`` in a process with ``env``.

    Args:
        env: the process's environment, as :class:`tests.support.virtual_mic.VirtualMic` makes it.
        folder: for its files.
        dawdle_s: how long it takes over each block, s.
        **settings: of the source.
    """

    def __init__(
        self, env: dict[str, str], folder: Path, *, dawdle_s: float = 0.0, **settings: object
    ) -> None:
        self._raw = folder / "samples.f32"
        self._log = folder / "probe.log"
        self.blocks: list[dict[str, Any]] = []
        self.stats: dict[str, Any] = {}
        self.error: dict[str, str] | None = None
        self._news = threading.Condition()
        self._ended = False
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, __file__, str(self._raw), json.dumps(settings), str(dawdle_s)],
                env={**env, "PYTHONPATH": str(Path(__file__).parents[2])},
                stdout=subprocess.PIPE,
                stderr=log,
            )
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        self._thread.join()
        assert self.process.stdout is not None
        self.process.stdout.close()

    @property
    def log(self) -> str:
        """What it wrote to stderr."""
        return self._log.read_text(errors="replace")

    def wait_for(
        self, condition: Callable[[Self], bool], what: str, *, deadline_s: float = PATIENCE_S
    ) -> None:
        """Wait until ``condition`` holds; fail, saying ``what`` was waited for, if it never does."""
        with self._news:
            self._news.wait_for(lambda: self._ended or condition(self), deadline_s)
            if not condition(self):
                raise AssertionError(f"no {what}; last: {self.stats} {self.error} {self.log}")

    def wait_for_blocks(self, count: int, *, deadline_s: float = PATIENCE_S) -> None:
        """Wait for that many further blocks."""
        wanted = len(self.blocks) + count
        self.wait_for(
            lambda probe: len(probe.blocks) >= wanted, f"{count} further blocks", deadline_s=deadline_s
        )

    def stop(self) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Close the source; return what was captured, shape (channels, n), lost samples left out."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE_S) == 0, self.log
        self._thread.join()
        channels = self.stats["channels"]
        return np.fromfile(self._raw, dtype=np.float32).reshape(-1, channels).T

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            message = json.loads(line)
            with self._news:
                if "block" in message:
                    self.blocks.append(message["block"])
                elif "stats" in message:
                    self.stats = message["stats"]
                else:
                    self.error = message["error"]
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()


def _say(**message: object) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _main(raw: Path, settings: dict[str, Any], dawdle_s: float) -> int:
    from sensor.capture.portaudio import PortAudioSource  # noqa: PLC0415  only in the child
    from sensor.capture.settings import CaptureSettings  # noqa: PLC0415  same
    from sensor.errors import CaptureError  # noqa: PLC0415  same

    source = PortAudioSource(CaptureSettings(**settings))
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=source.close, name="close").start())
    code = []

    def record() -> None:
        try:
            with raw.open("wb") as file:
                for block in source.blocks():
                    file.write(block.samples.T.tobytes())
                    now_ns = time.monotonic_ns()
                    about = {"first": block.first, "end": block.end, "lost": block.lost}
                    _say(block={**about, "mono_ns": block.mono_ns, "now_ns": now_ns})
                    time.sleep(dawdle_s)
        except CaptureError as error:
            _say(error={"type": type(error).__name__, "message": str(error)})
            code.append(3)

    thread = threading.Thread(target=record)
    thread.start()
    while thread.is_alive():
        _say(stats=asdict(source.stats()))
        thread.join(STATS_S)
    _say(stats=asdict(source.stats()))
    return code[0] if code else 0


if __name__ == "__main__":
    import logging

    logging.basicConfig(level=logging.INFO)
    sys.exit(_main(Path(sys.argv[1]), json.loads(sys.argv[2]), float(sys.argv[3])))
