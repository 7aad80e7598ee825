"""Arguments of scripts that are checked before the work: what cannot be is one line and exit code 2."""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable
from pathlib import Path


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """An argparse type: a whole number from ``least`` to ``most``; None: without an upper end."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = None
        if value is None or value < least or (most is not None and value > most):
            raise argparse.ArgumentTypeError(f"{text}: expected a whole number, {_range(least, most)}")
        return value

    return read


def finite(least: float, most: float | None = None) -> Callable[[str], float]:
    """An argparse type: a finite number from ``least`` to ``most``; None: without an upper end."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or value < least or (most is not None and value > most):
            raise argparse.ArgumentTypeError(f"{text}: expected a number, {_range(least, most)}")
        return value

    return read


def target(text: str) -> Path:
    """An argparse type: a file that can be written."""
    try:
        try_to_write(Path(text))
    except OSError as error:
        raise argparse.ArgumentTypeError(cannot_be_written(text, error)) from error
    return Path(text)


def picture(text: str) -> Path:
    """An argparse type: a file that can be written, and by its name of a kind that matplotlib draws."""
    from matplotlib.backend_bases import FigureCanvasBase  # noqa: PLC0415  few scripts draw

    kinds = FigureCanvasBase.get_supported_filetypes()
    if Path(text).suffix.removeprefix(".").lower() not in kinds:
        raise argparse.ArgumentTypeError(
            f"{text}: the name of a picture ends in .{', .'.join(sorted(kinds))}"
        )
    return target(text)


def try_to_write(path: Path) -> None:
    """Find out whether a file can be written, and leave everything as it was.

    Raises:
        OSError: it cannot, or its folder is not there.
    """
    path = path.resolve()  # a link may point to what is yet to be made
    if path.is_file() or path.is_dir():
        os.close(os.open(path, os.O_WRONLY))
    elif not path.exists():
        with path.open("xb"):
            pass
        path.unlink()
    # Else a pipe or a terminal: to open it might wait, or end whoever reads there.


def cannot_be_written(path: Path | str, error: OSError) -> str:
    """That and why, in words."""
    return f"{path}: cannot be written: {error.strerror or error}"


def _range(least: float, most: float | None) -> str:
    return f"{least:g} or more" if most is None else f"{least:g} to {most:g}"
