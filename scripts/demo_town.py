"""The demo's town: its recordings, the configuration of each node, and what was scripted to happen when."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import yaml

from sensor.geodesy import enu_from_llh
from sensor.sim.arrivals import emission_times_s
from sensor.sim.render import render_scene
from sensor.sim.scene import Node, Scene, Sound

SITE = "town"
DIES = "school"
"""The node that somebody unplugs."""
LOOK_S = 0.3
_TAIL_S = 6.0
"""After the last sound that is played: its way to the farthest roof and its echoes."""


@dataclass(frozen=True, slots=True)
class Scripted:
    """One incident of the script."""

    utc_ns: int
    """Of its first discharge."""
    second: float
    """The same in seconds of the demo."""
    sound: Sound
    lat_deg: float
    lon_deg: float

    @property
    def is_gunfire(self) -> bool:
        """Whether it has to be located."""
        return self.sound.kind == "gunshot"

    @property
    def words(self) -> str:
        """What it is."""
        what = (self.sound.weapon or "shot") if self.is_gunfire else self.sound.kind.replace("_", " ")
        return f"{what} x {self.sound.rounds}"

    def off_m(self, lat_deg: float, lon_deg: float) -> float:
        """Distance on the ground from where it was fired, metres."""
        return math.hypot(*enu_from_llh((lat_deg, lon_deg, 0.0), (self.lat_deg, self.lon_deg, 0.0))[:2])


def shortened(scene: Scene, seconds: float | None) -> Scene:
    """The scene as far as it is needed: all of it unless ``seconds`` end it before its own end."""
    if seconds is None or seconds + _TAIL_S >= scene.duration_s:
        return scene
    sources = tuple(sound for sound in scene.sources if sound.time_s <= seconds)
    return scene.model_copy(update={"duration_s": seconds + _TAIL_S, "sources": sources})


def render(scene: Scene, folder: Path, between: Callable[[], None]) -> dict[str, Path]:
    """Record the scene at every node, on all processors; node -> its recording.

    ``between`` is called a few times a second; what it raises ends the work.
    """
    with ProcessPoolExecutor(initializer=_leave_signals_to_the_parent) as pool:
        waiting = {
            pool.submit(render_scene, scene.model_copy(update={"sensors": (node,)}), folder / node.name)
            for node in scene.sensors
        }
        try:
            while waiting:
                done, waiting = wait(waiting, timeout=LOOK_S)
                for job in done:
                    job.result()
                between()
        finally:
            pool.shutdown(cancel_futures=True)
    return {node.name: folder / node.name / f"{node.name}.{scene.format}" for node in scene.sensors}


def _leave_signals_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def configure(scene: Scene, node: Node, folder: Path, broker_port: int) -> Path:
    """Write the configuration of one node; its state goes into ``folder``."""
    llh = scene.llh(node.metres(scene.origin))
    if llh is None:
        raise ValueError(f"scene {scene.name} is nowhere on Earth; give it an origin")
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "site": SITE,
        "node": node.name,
        "position": {"lat_deg": llh[0], "lon_deg": llh[1], "height_m": llh[2], "sigma_m": 0.5},
        "publish": {"health_interval_s": 10.0},
        "mqtt": {"host": "127.0.0.1", "port": broker_port},
        "paths": {"state_dir": str(folder), "runtime_dir": str(folder)},
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


def script(scene: Scene, begin_ns: int, seconds: float) -> Iterator[Scripted]:
    """What happens within the first ``seconds``, in order; the scene begins again at its end."""
    found = []
    for round_ in range(math.ceil(seconds / scene.duration_s)):
        for index, sound in enumerate(scene.sources):
            second = round_ * scene.duration_s + emission_times_s(scene, index)[0]
            llh = scene.llh(sound.metres(scene.origin))
            if second <= seconds and llh is not None:
                utc_ns = begin_ns + round(second * 1e9)
                found.append(Scripted(utc_ns, second, sound, llh[0], llh[1]))
    yield from sorted(found, key=lambda item: item.utc_ns)
