"""The demo for real: shots through real nodes, a real broker and the real centre onto the pages."""

from __future__ import annotations

import re
import shutil
import signal
from pathlib import Path

import pytest

from tests.support.demo import SMALL, Browser, DemoProcess
from tests.support.mosquitto import wait_until

pytestmark = [
    pytest.mark.broker,
    pytest.mark.timeout(900),
    pytest.mark.skipif(shutil.which("mosquitto") is None, reason="mosquitto is not installed"),
]


def log_in(demo: DemoProcess) -> Browser:
    address = demo.wait_for_line(r"map and review desk: (http://127\.0\.0\.1:\d+)")[1]
    name, password = demo.wait_for_line(r"user: (\S+) +password: (\S+)").groups()
    return Browser(address, name, password)


def states(browser: Browser) -> dict[str, str]:
    return {node["node"]: node["state"] for node in browser.get("/api/nodes")["nodes"]}


def test_every_shot_until_then_is_located_and_seen_at_the_pages_and_nothing_is_left(tmp_path: Path) -> None:
    with DemoProcess("--for", "11", temporary=tmp_path / "t") as demo:
        browser = log_in(demo)
        wait_until(lambda: states(browser).get("school") == "silent", 500.0, "the dead node shows as silent")
        wait_until(
            lambda: any(item["position"] for item in browser.get("/api/incidents")["incidents"]),
            500.0,
            "a located incident is at the pages",
        )
        assert demo.wait() == 0, demo.text
    report = demo.text.partition("scripted, and what became of it:")[2]
    offs_m = [float(found) for found in re.findall(r"located ([\d.]+) m off", report)]
    assert len(offs_m) == 2, demo.text
    assert max(offs_m) <= 25.0
    assert report.count("within 25 m") == 2
    assert "2 of 2 scripted incidents were located" in report
    assert demo.left_behind() == []


def test_a_shot_that_was_not_located_is_told_and_ends_with_1(tmp_path: Path) -> None:
    scene = tmp_path / "scene.yaml"
    scene.write_text(SMALL)
    words = ("--scene", scene, "--for", "2", "--patience", "1", "--state", tmp_path / "kept")
    with DemoProcess(*words, temporary=tmp_path / "t") as demo:
        assert demo.wait() == 1, demo.text
    assert re.search(r"1\.0 s  9mm x 1 +MISSED", demo.text), demo.text
    assert "0 of 1 scripted incidents were located" in demo.text
    assert demo.left_behind() == []
    assert (tmp_path / "kept/centre/record.db").is_file()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_all_its_programs(tmp_path: Path, number: signal.Signals) -> None:
    scene = tmp_path / "scene.yaml"
    scene.write_text(SMALL)
    with DemoProcess("--scene", scene, temporary=tmp_path / "t") as demo:
        # Once while it is still rendering, once while everything runs.
        demo.wait_for_line("rendering" if number == signal.SIGINT else "Ctrl-C ends it")
        demo.signal(number)
        assert demo.wait() == 0, demo.text
    assert demo.lines[-1] == "stopped"
    assert demo.left_behind() == []


def test_a_bundled_scene_is_found_by_its_name(tmp_path: Path) -> None:
    with DemoProcess("--scene", "street", temporary=tmp_path / "t") as demo:
        assert demo.wait() == 1
    assert demo.text == "demo: scene street has no node school, which is to lose its power; town has one"


def test_a_folder_that_is_there_already_is_refused(tmp_path: Path) -> None:
    with DemoProcess("--state", tmp_path, temporary=tmp_path / "t") as demo:
        assert demo.wait() == 1
    assert "is there already; name a new folder" in demo.text
