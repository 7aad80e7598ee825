#!/usr/bin/env python3
"""A simulated town through the real programs: nodes, broker, centre and pages (scripts/run --demo)."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import tempfile
import time
import webbrowser
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import in_venv

in_venv.ensure()
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import yaml

from scripts.demo_parts import (
    START_S,
    DemoError,
    Part,
    Parts,
    Stop,
    Stopped,
    address_in,
)
from scripts.demo_score import (
    SAME_S,
    Result,
    not_scripted,
    score,
)
from scripts.demo_town import (
    DIES,
    SITE,
    Scripted,
    configure,
    render,
    script,
    shortened,
)
from sensor.central.config import load_config
from sensor.central.store import Store, User, open_store
from sensor.central.types import IncidentVersion
from sensor.central.web.passwords import hash_password
from sensor.cli.local_broker import local_broker
from sensor.cli.simulate import named_scene
from sensor.errors import SensorError
from sensor.sim.render import iso_utc
from sensor.sim.scene import Scene, bundled_scene, load_scene

USER, ROLE = "demo", "reviewer"
LEAD_S = 4.0
"""From the last node's start to the scene's second 0. A node that is slower takes its recording's time and
catches up."""
SETTLE_S = 5.0
"""How long it looks on once all are located: the last rounds are still on their way."""
LOOK_S = 0.5


@dataclass(slots=True)
class Demo:
    """A town that runs."""

    scene: Scene
    parts: Parts
    store: Store
    address: str
    begin_ns: int
    nodes: dict[str, Part]
    seconds: float | None
    """What comes later is not looked at; None: it goes on."""
    complete_at: float | None = None
    """Second at which every node had been heard of."""
    told: dict[str, tuple[object, ...]] = field(default_factory=dict)
    """Incident -> what was printed of it last."""

    @property
    def second(self) -> float:
        """Seconds since the scene began."""
        return (time.time_ns() - self.begin_ns) / 1e9

    def incidents(self) -> list[IncidentVersion]:
        """The last version of each, oldest first."""
        until_ns = None if self.seconds is None else self.begin_ns + round((self.seconds + SAME_S) * 1e9)
        found = self.store.latest(since_ns=self.begin_ns, until_ns=until_ns, limit=10_000)
        return sorted(found, key=lambda item: item.utc_ns)

    def look(self, say: Callable[[str], None]) -> None:
        """Tell what is new, pull the plug of a node once it is known, and see that all programs run."""
        self.parts.check()
        self._muster()
        victim = self.nodes[DIES]
        if victim.expected_to_run and self.second > 1.0 and self.store.node(SITE, DIES) is not None:
            self.parts.unplug(victim)
            say(f"{self.second:6.1f} s  node {DIES} lost its power; the fleet page shows it as silent")
        results = score(self.script(min(self.second, self.seconds or self.second)), self.incidents())
        for result in results:
            version = result.found
            if version is None:
                continue
            key = (version.place, version.incident_class, len(version.rounds))
            if self.told.get(version.incident_id) != key:
                self.told[version.incident_id] = key
                say(result.words())

    def _muster(self) -> None:
        if self.complete_at is not None:
            return
        missing = self.nodes.keys() - {state.node for state in self.store.nodes()}
        if not missing:
            self.complete_at = self.second
        elif self.second > START_S:
            raise DemoError(f"{', '.join(sorted(missing))}: not one word within {START_S:.0f} s")

    def script(self, seconds: float) -> list[Scripted]:
        """What was to happen until then."""
        return list(script(self.scene, self.begin_ns, seconds))


def main() -> int:
    """Run the demo; return the exit code."""
    options = _options()
    stop = Stop()
    stop.obey_signals()
    try:
        with ExitStack() as stack:
            demo = _start(stack, stop, options)
            return _run(demo, options.seconds, options.patience)
    except Stopped:
        say("stopped")
        return 0 if options.seconds is None else 130
    except (DemoError, SensorError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1


def say(text: str) -> None:
    """One line, at once."""
    print(text, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/run --demo", description=__doc__)
    parser.add_argument(
        "--for",
        dest="seconds",
        type=float,
        metavar="SECONDS",
        help="end after so many seconds of the town's time: exit 0 if every shot until then was located "
        "(within 25 m or within its own 95 %% ellipse), else 1 and what was missed",
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=90.0,
        metavar="SECONDS",
        help="with --for: longest wait after that for the last answers (90; two do on an idle machine)",
    )
    parser.add_argument("--scene", type=Path, help="a YAML file, or the name of a bundled scene (town)")
    parser.add_argument("--state", type=Path, help="keep record, logs and configurations in this new folder")
    parser.add_argument("--no-browser", action="store_true", help="open no browser even on a display")
    options = parser.parse_args()
    if options.seconds is not None and not 1.0 <= options.seconds <= 86_400.0:
        parser.error("--for: 1 to 86400 seconds")
    return options


def _start(stack: ExitStack, stop: Stop, options: argparse.Namespace) -> Demo:
    """Start everything; what was started ends with the stack, in reverse."""
    whole = named_scene(options.scene) if options.scene else load_scene(bundled_scene("town"))
    scene = shortened(whole, options.seconds)
    if DIES not in {node.name for node in scene.sensors}:
        raise DemoError(f"scene {scene.name} has no node {DIES}, which is to lose its power; town has one")
    folder = _folder(stack, options.state)
    broker_port = stack.enter_context(local_broker())
    parts = stack.enter_context(Parts(folder, stop))
    config, password = _configure_centre(scene, folder, broker_port)
    centre = parts.start("centre", "sensor.central", "run", "-c", config)
    say(f"rendering {scene.duration_s:.0f} s of the town at {len(scene.sensors)} roofs (some seconds) ...")
    recordings = render(scene, folder / "sound", parts.check)
    parts.wait_for("the centre starts", lambda: address_in(centre) and "listening at" in centre.text())
    address = address_in(centre) or ""
    begin_ns = time.time_ns() + round((LEAD_S + 0.2 * len(scene.sensors)) * 1e9)
    nodes = {}
    for node in scene.sensors:
        start_ns = begin_ns + round(node.clock.offset_ms * 1e6)
        path = configure(scene, node, folder / "nodes" / node.name, broker_port)
        words = ("--play", recordings[node.name], "--from", iso_utc(start_ns), "--repeat")
        nodes[node.name] = parts.start(node.name, "sensor", "run", "-c", path, *words)
    settings = load_config(config)
    store = open_store(settings.record, settings.paths.state_dir)
    stack.callback(store.close)
    say(f"\n  map and review desk: {address}\n  user: {USER}   password: {password}\n")
    say(f"  the broker listens on 127.0.0.1:{broker_port}; gunshot-central verify -c {config}\n")
    _open_browser(address, wanted=not options.no_browser and options.seconds is None)
    return Demo(scene, parts, store, address, begin_ns, nodes, options.seconds)


def _folder(stack: ExitStack, wanted: Path | None) -> Path:
    if wanted is None:
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gunshot-demo-")))
    if wanted.exists():
        raise DemoError(f"--state {wanted}: is there already; name a new folder")
    wanted.mkdir(parents=True)
    return wanted.resolve()


def _configure_centre(scene: Scene, folder: Path, broker_port: int) -> tuple[Path, str]:
    """Write the centre's configuration and its one user; return the file and the password."""
    state = folder / "centre"
    state.mkdir()
    settings = {
        "mqtt": {"host": "127.0.0.1", "port": broker_port, "sites": [SITE]},
        "air": {
            "temperature_c": scene.air.temperature_c,
            "wind_east_m_s": scene.air.wind_east_ms,
            "wind_north_m_s": scene.air.wind_north_ms,
        },
        "fleet": {"coverage_interval_s": 10.0},
        "web": {"port": 0, "title": "Simulated town (demo)"},
        "paths": {"state_dir": str(state)},
    }
    path = folder / "central.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    config = load_config(path)
    password = secrets.token_urlsafe(12)
    store = open_store(config.record, config.paths.state_dir)
    hashed = hash_password(password)
    store.put_user(User(name=USER, role=ROLE, password_hash=hashed, created_ns=time.time_ns()))
    store.close()
    return path, password


def _open_browser(address: str, *, wanted: bool) -> None:
    """Only where there is a display: a browser in a terminal would take it over."""
    if wanted and (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        webbrowser.open(address)


def _run(demo: Demo, seconds: float | None, patience_s: float) -> int:
    """Watch until told to stop, or until the time is over and the shots are accounted for."""
    if seconds is None:
        say("shots, fireworks and a dead node, again and again; Ctrl-C ends it")
    while seconds is None or demo.second < seconds:
        demo.look(say)
        time.sleep(LOOK_S)
    due = demo.script(seconds)
    found_at = None
    while True:
        demo.look(say)
        incidents = demo.incidents()
        results = score(due, incidents)
        missing = [item for item in results if item.scripted.is_gunfire and not item.located]
        if found_at is None and not missing:
            found_at = demo.second
        settled = not missing and found_at is not None and demo.second > found_at + SETTLE_S
        # A slow machine's nodes begin late and catch up.
        begun = None if demo.complete_at is None else max(seconds, demo.complete_at)
        if settled or (begun is not None and demo.second > begun + patience_s):
            return _report(results, missing, incidents)
        time.sleep(LOOK_S)


def _report(
    results: Sequence[Result], missing: Sequence[Result], incidents: Sequence[IncidentVersion]
) -> int:
    say("\nscripted, and what became of it:")
    for result in results:
        say(f"  {result.words()}")
    for line in not_scripted(results, incidents):
        say(f"  {line}")
    shots = sum(item.scripted.is_gunfire for item in results)
    if not shots:
        say("nothing was scripted to be fired in that time; give --for more seconds")
        return 1
    say(f"{shots - len(missing)} of {shots} scripted incidents were located")
    return int(bool(missing))


if __name__ == "__main__":
    sys.exit(main())
