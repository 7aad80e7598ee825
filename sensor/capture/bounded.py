"""Calls that may never return, made so that the caller does.

PortAudio waits for the driver in ``Pa_AbortStream``, ``Pa_CloseStream`` and even ``Pa_OpenStream``: 30 s
each with a stopped sound server, for ever with a dead JACK. Nothing can interrupt it there; but it can
be left behind.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

TICK_S = 0.1


class Hung(Exception):  # noqa: N818  states what the call did; never leaves the capture stage
    """The call did not return in time; its thread is still inside."""


class _Call(Generic[T]):
    """One call in a daemon thread of its own, which never keeps the process alive."""

    def __init__(self, call: Callable[[], T], undo: Callable[[T], None] | None) -> None:
        self._call, self._undo = call, undo
        self._lock = threading.Lock()
        self._left = False
        self.done = threading.Event()
        self.result: T
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.result = self._call()
        except BaseException as error:  # noqa: BLE001  raised again in the thread that asked
            self.error = error
        with self._lock:
            self.done.set()
            undo = self._undo if self._left and self.error is None else None
        if undo is not None:
            undo(self.result)

    def leave(self) -> bool:
        """Wait no more; False if it has returned meanwhile."""
        with self._lock:
            self._left = not self.done.is_set()
            return self._left


def bounded(
    call: Callable[[], T],
    timeout_s: float,
    what: str,
    *,
    give_up: threading.Event | None = None,
    undo: Callable[[T], None] | None = None,
) -> T:
    """Return what ``call`` returns or raise what it raises, within ``timeout_s``.

    Args:
        call: made in a daemon thread of its own.
        timeout_s: how long it may take, s.
        what: name of that thread.
        give_up: once set, the call is left at once.
        undo: given the result of a call that came back after it was left.

    Raises:
        Hung: It did not return in time, or was given up.
    """
    task = _Call(call, undo)
    threading.Thread(target=task.run, name=what, daemon=True).start()
    deadline = time.monotonic() + timeout_s
    while not task.done.wait(max(0.0, min(TICK_S, deadline - time.monotonic()))):
        given_up = give_up is not None and give_up.is_set()
        if (given_up or time.monotonic() >= deadline) and task.leave():
            raise Hung(what)
    if task.error is not None:
        raise task.error
    return task.result
