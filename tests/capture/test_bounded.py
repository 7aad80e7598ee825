from __future__ import annotations

import threading
import time

import pytest

from sensor.capture.bounded import Hung, bounded

LONG_S = 60.0


def test_a_call_that_returns_gives_its_result() -> None:
    assert bounded(lambda: 42, LONG_S, "call") == 42


def test_a_call_that_raises_raises_here() -> None:
    def fail() -> None:
        raise KeyError("why")

    with pytest.raises(KeyError, match="why"):
        bounded(fail, LONG_S, "call")


def test_a_call_that_hangs_is_left_and_undone_once_it_returns() -> None:
    let_go, undone = threading.Event(), threading.Event()
    results = []

    def undo(result: str) -> None:
        results.append(result)
        undone.set()

    def hang() -> str:
        let_go.wait(LONG_S)
        return "late"

    with pytest.raises(Hung):
        bounded(hang, 0.05, "call", undo=undo)
    assert not results
    let_go.set()
    assert undone.wait(LONG_S)
    assert results == ["late"]


def test_a_call_is_given_up_on_request() -> None:
    let_go, give_up = threading.Event(), threading.Event()
    give_up.set()
    start_s = time.monotonic()
    with pytest.raises(Hung):
        bounded(lambda: let_go.wait(LONG_S), LONG_S, "call", give_up=give_up)
    assert time.monotonic() - start_s < LONG_S / 2
    let_go.set()


def test_a_hanging_call_does_not_keep_the_process_alive() -> None:
    let_go = threading.Event()
    with pytest.raises(Hung):
        bounded(lambda: let_go.wait(LONG_S), 0.0, "left behind")
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "left behind"]
    assert thread.daemon
    let_go.set()
    thread.join(LONG_S)
