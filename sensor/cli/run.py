"""``gunshot-sensor run``: the daemon, in the foreground as systemd wants it and as a first try shows it."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sensor.cli.main import config_option
from sensor.command_line import stop_on_signals
from sensor.errors import DeviceAbsent, DeviceError

if TYPE_CHECKING:
    from sensor.capture.source import Source
    from sensor.cli.console import Console
    from sensor.config import Config
    from sensor.daemon import Daemon


@click.command()
@config_option
@click.option(
    "--play",
    "recording",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Play this recording in real time instead of listening to a microphone; end with it.",
)
@click.option(
    "--from",
    "start",
    metavar="UTC",
    help="With --play: the recording begins at this moment, waited for. Nodes given the same "
    "one play a scene in step.",
)
@click.option("--repeat", is_flag=True, help="With --play: begin again at the end, until told to stop.")
@click.option("--local-broker", is_flag=True, help="Start a private Mosquitto if no broker is configured.")
@click.option("--or-scene", is_flag=True, help="Without a microphone play the bundled street scene.")
@click.option("--show", is_flag=True, help="Print each candidate, and on a terminal the level.")
def run(
    *,
    config_file: Path | None,
    recording: Path | None,
    start: str | None,
    repeat: bool,
    local_broker: bool,
    or_scene: bool,
    show: bool,
) -> int:
    """Listen and publish candidates until told to stop.

    Exit 0: stopped, or a recording was played to its end. 1: the microphone is gone for good. 78: bad
    configuration.
    """
    if recording is None and (start is not None or repeat):
        raise click.UsageError("--from and --repeat belong to --play, a recording")
    start_utc_ns = None if start is None else _utc_ns(start)
    # A reload that comes before there is anything to reload must not end the process.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # One thread does all the arithmetic; a pool of idle ones would only cost memory. Read at numpy's import.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from sensor import logs  # noqa: PLC0415  nothing is imported before it is needed
    from sensor.cli.console import Console  # noqa: PLC0415  same
    from sensor.config import find_config, load_config  # noqa: PLC0415  same
    from sensor.daemon import Daemon  # noqa: PLC0415  same

    config_file = config_file or find_config()
    config = load_config(config_file)
    logs.setup(config.log.level if not show else "warning", config.log.format)
    console = Console() if show else None
    with ExitStack() as stack:
        if console is not None:
            stack.callback(console.close)
        config = _with_broker(config, stack, console, wanted=local_broker)
        if recording is not None:
            source = _recording(recording, config.audio.block_s, start_utc_ns, repeat=repeat)
        else:
            source = _source(config, stack, console, or_scene=or_scene)
        daemon = Daemon(
            config,
            source,
            config_file=config_file,
            on_candidate=console.candidate if console else None,
            start_utc_ns=start_utc_ns,
        )
        stop_on_signals(daemon.stop)
        signal.signal(signal.SIGHUP, lambda _number, _frame: daemon.reload.set())
        if console is not None:
            console.watch(daemon)
        code = daemon.run()
        if console is not None:
            _summary(daemon, console)
    return code


def _with_broker(config: Config, stack: ExitStack, console: Console | None, *, wanted: bool) -> Config:
    """The configuration with a private broker where one is wanted and none is named."""
    from sensor.cli.local_broker import local_broker as private_broker  # noqa: PLC0415  rarely needed

    if not wanted or config.mqtt.host:
        return config
    port = stack.enter_context(private_broker())
    if console is not None:
        console.say(
            f"no broker is configured: a local one listens on 127.0.0.1:{port} "
            f"(mosquitto_sub -p {port} -t 'gunshot/#')"
        )
    return config.model_copy(update={"mqtt": replace(config.mqtt, host="127.0.0.1", port=port, tls=None)})


def _utc_ns(text: str) -> int:
    from sensor.timing.utc_text import utc_ns_from_iso  # noqa: PLC0415  rarely needed

    try:
        return utc_ns_from_iso(text)
    except ValueError as error:
        raise click.UsageError(f"--from: {error}") from error


def _recording(path: Path, block_s: float, start_utc_ns: int | None, *, repeat: bool) -> Source:
    """A recording in real time, from now on or from the moment named."""
    from sensor.capture.audiofile import AudioFileSource  # noqa: PLC0415  rarely needed

    begin_mono_ns = None
    if start_utc_ns is not None:
        begin_mono_ns = time.monotonic_ns() + start_utc_ns - time.time_ns()
    return AudioFileSource(path, realtime=True, block_s=block_s, begin_mono_ns=begin_mono_ns, repeat=repeat)


def _source(config: Config, stack: ExitStack, console: Console | None, *, or_scene: bool) -> Source:
    """The microphone; or, if asked for and there is none, the bundled scene."""
    from sensor.capture.portaudio import PortAudioSource  # noqa: PLC0415  loads PortAudio

    if or_scene:
        try:
            PortAudioSource.probe(config.audio)
        except (DeviceAbsent, DeviceError) as error:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gunshot-scene-")))
            if console is not None:
                console.say(f"no microphone: {error}")
                console.say(
                    "playing the bundled street scene (generated, no recording) through the same path"
                )
            return _recording(_bundled_scene(folder), config.audio.block_s, None, repeat=False)
    return PortAudioSource(config.audio)


def _bundled_scene(folder: Path) -> Path:
    from sensor.sim.render import render_scene  # noqa: PLC0415  only where there is no microphone
    from sensor.sim.scene import bundled_scene, load_scene  # noqa: PLC0415  same

    scene = load_scene(bundled_scene("street"))
    render_scene(scene, folder)
    return folder / f"{scene.sensors[0].name}.{scene.format}"


def _summary(daemon: Daemon, console: Console) -> None:
    console.close()
    pipeline = daemon.listener.pipeline
    if pipeline is not None:
        counts = pipeline.counts
        console.say(
            f"heard {counts.samples / daemon.listener.source.rate_hz:.1f} s: {counts.triggers} triggers, "
            f"{counts.candidates} candidates, {daemon.acknowledged} acknowledged by the broker"
        )
        refused = ", ".join(f"{count} {reason.value}" for reason, count in counts.rejects.most_common())
        if refused:
            console.say(f"not reported: {refused}")
