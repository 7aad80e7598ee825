"""Every goal of association and location, measured and printed with intervals.

    scripts/evaluate_location                             all parts, as a table: an hour of one core
    scripts/evaluate_location blind towns                 some parts
    scripts/evaluate_location given --draws 20            fewer draws
    scripts/evaluate_location --keep DIR                  keep each part's figures there, as JSON
    scripts/evaluate_location --kept DIR --write docs/accuracy.md   the page and its plot, from what was kept

Parts: blind, audio and given want the published network test below GUNSHOT_CORPUS and are left out without
it; ellipse, towns and load are simulated from --seed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts import location_figures as figures
from scripts.arguments import try_to_write, whole
from scripts.location_corpus import corpus_folder, trials
from scripts.location_page import page, plot_of, table

REAL = ("blind", "audio", "given")
SIMULATED = ("ellipse", "towns", "load")
NO_CORPUS = "GUNSHOT_CORPUS names no folder with the tests of pittsburgh_network"
Figures = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What was asked for."""

    seed: int
    draws: int
    every: int
    incidents: int
    nights: int
    seconds: int


def _measured(part: str, chosen: Chosen, folder: Path) -> Figures:
    """The figures of one part."""
    simulated: dict[str, Callable[[], Figures]] = {
        "ellipse": lambda: figures.ellipse(chosen.incidents, chosen.seed),
        "towns": lambda: figures.towns(chosen.nights, chosen.seed),
        "load": lambda: figures.load(chosen.seconds, chosen.seed),
    }
    if part in simulated:
        return simulated[part]()
    network = corpus_folder()
    if network is None:
        return {"skipped": NO_CORPUS}
    tests = trials(network)
    if part == "given":
        return figures.given(tests[:: chosen.every], chosen.draws, chosen.seed)
    if part == "blind":
        return figures.blind(tests, folder)
    return figures.audio(tests, network.parent, folder)


def main() -> int:
    """Measure what was asked for and print it; exit 1 if a goal is missed."""
    parser = _parser()
    options = parser.parse_args()
    parts = options.parts or [*REAL, *SIMULATED]
    unknown = set(parts) - {*REAL, *SIMULATED}
    if unknown:
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join((*REAL, *SIMULATED))}")
    if options.kept is None and set(parts) <= set(REAL) and corpus_folder() is None:
        parser.error(f"nothing to measure: {NO_CORPUS}")
    try:
        _try_targets(options, parts)
        kept = _kept(options.kept, options.parts) if options.kept else None
    except OSError as error:
        parser.error(f"{error.filename}: {error.strerror or error}")
    except ValueError as error:
        parser.error(str(error))
    chosen = Chosen(
        seed=options.seed,
        draws=options.draws,
        every=options.every,
        incidents=options.incidents,
        nights=options.nights,
        seconds=options.seconds,
    )
    found = _all(parts, chosen, options.keep) if kept is None else kept
    if options.write:
        page(found, options.write)
    if options.json:
        json.dump(found, sys.stdout, indent=1)
        sys.stdout.write(os.linesep)
    else:
        print(table(found))
    return int(any(not goal["met"] for goal in figures.goals(found)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    some = whole(1)
    parser.add_argument("parts", nargs="*", metavar="PART", help="default: all", default=[])
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    parser.add_argument("--seed", type=whole(0), default=1, help="of everything drawn (1)")
    parser.add_argument("--draws", type=some, default=200, help="given: draws a shot (200)")
    parser.add_argument("--every", type=some, default=1, help="given: of so many tests only the first (1)")
    parser.add_argument("--incidents", type=some, default=80, help="ellipse: a scenario and node count (80)")
    parser.add_argument("--nights", type=some, default=20, help="towns: of each scenario (20)")
    parser.add_argument("--seconds", type=some, default=20, help="load: simulated seconds (20)")
    parser.add_argument("--keep", type=Path, help="folder in which each part's figures are kept as JSON")
    parser.add_argument("--kept", type=Path, help="take figures kept there instead of measuring")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write the page; its plot goes into img/")
    return parser


def _try_targets(options: argparse.Namespace, parts: list[str]) -> None:
    """Make the folders that are to be written to, and try the files; raise OSError where that fails."""
    if options.keep is not None and options.kept is None:
        options.keep.mkdir(parents=True, exist_ok=True)
        for part in parts:
            try_to_write(options.keep / f"{part}.json")
    if options.write is not None:
        plot_of(options.write).parent.mkdir(parents=True, exist_ok=True)
        for file in (options.write, plot_of(options.write)):
            try_to_write(file)


def _all(parts: list[str], chosen: Chosen, keep: Path | None) -> dict[str, Figures]:
    found = {}
    for part in parts:
        print(f"{part} ...", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            found[part] = {"seed": chosen.seed, **_measured(part, chosen, Path(folder))}
        if keep is not None:
            (keep / f"{part}.json").write_text(json.dumps(found[part], indent=1) + "\n", encoding="utf-8")
    return found


def _kept(folder: Path, named: list[str]) -> dict[str, Figures]:
    """What was kept of the parts that are named, or of all that are there.

    Raises:
        ValueError: a part that is named is not there, there is none, or a file is not what was kept.
        OSError: a file cannot be read.
    """
    files = {part: folder / f"{part}.json" for part in named or (*REAL, *SIMULATED)}
    missing = [part for part, file in files.items() if not file.exists()]
    if missing and (named or len(missing) == len(files)):
        raise ValueError(f"--kept {folder}: no figures of {', '.join(missing)} are there")
    found = {}
    for part, file in files.items():
        if part not in missing:
            try:
                found[part] = json.loads(file.read_text(encoding="utf-8"))
            except ValueError as error:
                raise ValueError(f"{file}: is not what --keep wrote: {error}") from error
    if all("skipped" in one for one in found.values()):
        raise ValueError(f"--kept {folder}: there are only parts that were left out")
    return found


if __name__ == "__main__":
    sys.exit(main())
