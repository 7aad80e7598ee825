"""``gunshot-sensor replay``: recordings through the same path as the microphone."""

from __future__ import annotations

import codecs
import os
import sys
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sensor.cli.main import offline_config_option
from sensor.command_line import FINITE_MS, PROBABILITY, interrupt_on_terminate, shown
from sensor.errors import ConfigError, SensorError
from sensor.replay.counting import counted

if TYPE_CHECKING:
    from sensor.replay.labels import Truth
    from sensor.replay.manifest import Made
    from sensor.replay.progress import Progress
    from sensor.replay.publishing import Publisher
    from sensor.replay.recordings import RecordingFile
    from sensor.replay.runner import FileResult, Heard, ReplaySettings

EXIT_FAULT = 1
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line said."""

    start: str | None
    start_sigma_ms: float | None
    manifest: Path | None
    jsonl: bool
    p_min: float | None
    labels: Path | None
    report: Path | None
    publish: bool
    jobs: int
    realtime: bool
    config_file: Path | None


class _Folder(click.Path):
    """A folder's path; an empty one is not taken for the working directory."""

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """Return the path; fail when it is empty."""
        if not os.fspath(value):
            self.fail("the name is empty; name a folder", param, ctx)
        return super().convert(value, param, ctx)


@click.command()
@click.argument("paths", nargs=-1, required=True)
@click.option("--start", metavar="UTC", help="UTC of each file's first sample: 2026-06-14T21:04:00Z.")
@click.option(
    "--start-sigma-ms",
    type=FINITE_MS,
    help="One sigma of that start, ms. Default 0: the start is taken as exact.",
)
@click.option(
    "--manifest",
    type=click.Path(path_type=Path),
    metavar="CSV",
    help="Start and place of each file: path,start_utc,node,lat_deg,lon_deg,height_m[,start_sigma_ms]. "
    "A start in it goes before --start; without start_sigma_ms it is taken as exact.",
)
@click.option(
    "--jsonl", is_flag=True, help="Print each candidate as the broker gets it, one JSON object a line."
)
@click.option("--p-min", type=PROBABILITY, help="Instead of publish.p_min (0.2).")
@click.option(
    "--labels", type=click.Path(path_type=Path), metavar="CSV", help="Listed onsets to score against."
)
@click.option(
    "--report", type=_Folder(file_okay=False, path_type=Path), metavar="DIR", help="Write the score there."
)
@click.option("--publish", is_flag=True, help="Send the candidates to the configured broker and wait for it.")
@click.option(
    "--jobs", type=click.IntRange(0), default=1, help="Processes; 0 = one per processor.", show_default=True
)
@click.option("--realtime", is_flag=True, help="As slowly as it was recorded.")
@offline_config_option
def replay(paths: tuple[str, ...], **given: object) -> int:
    """Put recordings through the same path as the microphone.

    PATH is an audio file or a folder (searched to its depths, sorted). Each file is a fresh stream; the
    output is the same for any --jobs. Without --start or --manifest UTC begins at 1970-01-01 with clock
    source none and a sigma of decades: the centre takes no such candidate, and --publish refuses.

    Exit 0: all read. 1: a file was refused, the others were processed. 2: usage.
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # before numpy is loaded: files are read in parallel, not sums added
    options = Options(**given)  # type: ignore[arg-type]  # click hands over what the options promise
    try:
        return _run(paths, options)
    except BrokenPipeError:  # `gunshot-sensor replay ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE


def _run(paths: tuple[str, ...], options: Options) -> int:
    from sensor.replay.progress import Progress  # noqa: PLC0415  nothing is imported before it is needed
    from sensor.replay.recordings import RecordingFile, find_recordings  # noqa: PLC0415  same

    if options.report and not options.labels:
        raise click.UsageError("--report needs --labels, the onsets to score against")
    settings = _settings(options)
    if options.report:
        _check_report(options.report)
    found = list(find_recordings(paths))
    files = [item for item in found if isinstance(item, RecordingFile)]
    try:
        work = _work(files, options)
        told: list[str] = []
        truth = _truth(files, options, told)
    except ConfigError as error:
        raise click.UsageError(shown(str(error), keep="\n")) from error
    bench = _Bench(options, Progress(len(files)))
    for item in found:
        if not isinstance(item, RecordingFile):
            bench.unreadable += 1
            bench.refuse(item.name, item.reason)
    with ExitStack() as stack:
        if options.publish:
            from sensor.replay.publishing import Publisher  # noqa: PLC0415  paho only when used

            try:
                bench.publisher = stack.enter_context(Publisher(settings.config, bench.note))
            except ConfigError as error:
                raise click.UsageError(str(error)) from error
        if not bench.run(work, settings):
            return EXIT_INTERRUPTED
    if truth is not None:
        _score(truth, bench.results, options, settings, files, told)
    return EXIT_FAULT if bench.faults else 0


def _settings(options: Options) -> ReplaySettings:
    from sensor.config import load_config  # noqa: PLC0415  pydantic only when used
    from sensor.replay.runner import ReplaySettings, default_config  # noqa: PLC0415  numpy only when used

    config = load_config(options.config_file) if options.config_file else default_config()
    p_min = config.publish.p_min if options.p_min is None else options.p_min
    if options.labels:
        from sensor.replay.scoring import why_not_scored  # noqa: PLC0415  same

        what = f"publish.p_min {p_min:g} of {options.config_file}" if options.p_min is None else "--p-min"
        if (why := why_not_scored(p_min, what)) is not None:
            raise click.UsageError(why)
    return ReplaySettings(
        config=config,
        p_min=p_min,
        every_trigger=options.labels is not None,
        realtime=options.realtime,
    )


def _check_report(folder: Path) -> None:
    """Find out that a report cannot be written before anything is read for it."""
    from sensor.replay.report import check_writable  # noqa: PLC0415  same

    try:
        check_writable(folder)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> click.ClickException:
    what = error.strerror or error
    return click.ClickException(f"{folder}: the report cannot be written: {what}")


def _work(files: list[RecordingFile], options: Options) -> list[tuple[RecordingFile, Made]]:
    """Each file with its start and place: the start of the manifest, else that of --start.

    Raises:
        ConfigError: a start or the manifest cannot be used, or there is no start where one is needed.
    """
    from sensor.replay.manifest import read_manifest  # noqa: PLC0415  same
    from sensor.replay.recordings import some  # noqa: PLC0415  same

    usual = _usual(options)
    made = {} if options.manifest is None else read_manifest(options.manifest, files, _tell)
    listed = [file.name for file in files if file.name in made and made[file.name].start_utc_ns is not None]
    if listed and usual.start_utc_ns is not None:
        _tell(
            f"--start is not used for {len(listed)} of {counted(len(files), 'recording')}, "
            f"whose start {options.manifest} states: {some(listed)}"
        )
    # A row without a start says nothing against --start.
    made |= {
        name: replace(how, start_utc_ns=usual.start_utc_ns, start_sigma_s=usual.start_sigma_s)
        for name, how in made.items()
        if how.start_utc_ns is None
    }
    work = [(file, made.get(file.name, usual)) for file in files]
    unknown = [file.name for file, how in work if how.start_utc_ns is None]
    if options.publish and unknown:
        raise ConfigError(
            f"--publish needs the start of every recording; {len(unknown)} of "
            f"{counted(len(files), 'recording')} without one: {some(unknown)}; give --start or --manifest"
        )
    return work


def _usual(options: Options) -> Made:
    """How a recording was made of which no manifest says more."""
    from sensor.replay.manifest import Made  # noqa: PLC0415  same
    from sensor.timing.utc_text import utc_ns_from_iso  # noqa: PLC0415  same

    if options.start is None:
        if options.start_sigma_ms is not None:
            raise ConfigError(
                "--start-sigma-ms is the sigma of --start, which is missing; "
                "in a manifest it is the column start_sigma_ms"
            )
        return Made()
    try:
        start_utc_ns = utc_ns_from_iso(options.start)
    except ValueError as error:
        raise ConfigError(f"--start: {error}") from error
    return Made(start_utc_ns=start_utc_ns, start_sigma_s=(options.start_sigma_ms or 0.0) * 1e-3)


def _truth(files: list[RecordingFile], options: Options, told: list[str]) -> Truth | None:
    """What is listed of the files; ``told`` gets the lines about what does not count."""
    from sensor.replay.labels import read_labels  # noqa: PLC0415  same

    if options.labels is None:
        return None
    truth = read_labels(options.labels, files, told.append)
    for line in told:
        _tell(line)
    return truth


def _tell(text: str) -> None:
    """Say something on standard error; names of files may hold anything."""
    click.echo(shown(text), err=True)


def _score(
    truth: Truth,
    results: list[FileResult],
    options: Options,
    settings: ReplaySettings,
    files: list[RecordingFile],
    told: list[str],
) -> None:
    from sensor.replay.labels import beyond_end  # noqa: PLC0415  same
    from sensor.replay.recordings import some  # noqa: PLC0415  same
    from sensor.replay.runner import classifier_for, stated_prior  # noqa: PLC0415  numpy only when used
    from sensor.replay.scoring import score  # noqa: PLC0415  scipy only when used
    from sensor.replay.tables import score_text  # noqa: PLC0415  same

    late = beyond_end(truth, {result.name: result.seconds for result in results if result.refused is None})
    if late:
        told.append(f"{len(late)} listed times are beyond the end of their recording: {some(late)}")
        _tell(told[-1])
    told += [f"not heard: {result.name}: {result.cancelled}" for result in results if result.cancelled]
    scores = score(truth, results, stated_prior(settings.config))
    text = score_text(scores, classifier_for(settings.config).model_id)
    click.echo(shown(text, keep="\n"), err=True)
    if options.report is not None:
        from sensor.replay.report import write_report  # noqa: PLC0415  same

        try:
            page = write_report(options.report, scores, results, settings, files, told)
        except OSError as error:
            raise _unwritable(options.report, error) from error
        click.echo(f"report: {page}", err=True)


class _Bench:
    """Runs the work and prints what comes of it."""

    def __init__(self, options: Options, bar: Progress) -> None:
        self.publisher: Publisher | None = None
        self.results: list[FileResult] = []
        self.faults = 0
        self.unreadable = 0
        """Arguments and folders that gave no recording; among the faults."""
        self._options = options
        self._bar = bar
        self._only_ascii = codecs.lookup(getattr(sys.stdout, "encoding", None) or "ascii").name != "utf-8"

    def run(self, work: list[tuple[RecordingFile, Made]], settings: ReplaySettings) -> bool:
        """Read everything; False when interrupted."""
        from sensor.replay.lines import TABLE_HEAD, summary  # noqa: PLC0415  same
        from sensor.replay.runner import replay_all  # noqa: PLC0415  same

        if not self._options.jsonl:
            click.echo(TABLE_HEAD)
        # In real time candidates are shown as they are heard, so one file follows the other.
        jobs = 1 if self._options.realtime else self._options.jobs or os.cpu_count() or 1
        try:
            with interrupt_on_terminate():
                for result in replay_all(work, settings, jobs, self._show):
                    self._finish(result)
                if self.publisher is not None:
                    self.publisher.wait()
        except KeyboardInterrupt:
            self.note(f"interrupted after {len(self.results)} of {counted(len(work), 'file')}")
            return False
        except SensorError as error:
            self.faults += 1
            self.note(f"gunshot-sensor: {error}")
        finally:
            self._bar.clear()
        click.echo(summary(self.results, self.unreadable), err=True)
        return True

    def refuse(self, name: str, reason: str) -> None:
        """Count and tell a file that gives nothing."""
        self.faults += 1
        self.note(f"refused: {reason}" if name in reason else f"refused: {name}: {reason}")

    def note(self, text: str) -> None:
        """Say something on standard error, above the bar."""
        self._bar.clear()
        _tell(text)

    def _show(self, file: RecordingFile, heard: Heard) -> None:
        from sensor.replay.lines import json_line, table_line  # noqa: PLC0415  same

        if self.publisher is not None:
            heard = type(heard)(self.publisher.append(heard.candidate), heard.offset_s)
        self._bar.clear()
        if self._options.jsonl:
            click.echo(json_line(file.name, heard, only_ascii=self._only_ascii))
        else:
            click.echo(table_line(file.name, heard))

    def _finish(self, result: FileResult) -> None:
        self.results.append(result)
        if result.refused is not None:
            self.refuse(result.name, result.refused)
        if result.damaged is not None:
            self.note(f"damaged: {result.name}: {result.damaged}")
        if result.cancelled is not None:
            self.note(f"not heard: {result.name}: {result.cancelled}")
        self._bar.step()
