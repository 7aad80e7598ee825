"""What the ``check`` commands of both programs find, and how they tell it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum

import click

from sensor.errors import ConfigError, SensorError


class Verdict(StrEnum):
    """What a check found."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


_COLOURS = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    name: str
    verdict: Verdict
    text: str
    """What was found and, unless it is well, how to mend it."""


def refusals(error: ConfigError) -> Iterator[Finding]:
    """Why a configuration cannot be used: one failure for each of its faults."""
    return (Finding("configuration", Verdict.FAIL, line) for line in str(error).splitlines())


Checks = Mapping[str, Callable[[], Iterator[Finding]]]


def findings_of(checks: Checks) -> Iterator[Finding]:
    """What each check finds, in order; one that ends in an error has failed."""
    for name, check in checks.items():
        try:
            yield from check()
        except (SensorError, OSError) as error:
            yield Finding(name, Verdict.FAIL, str(error))


def tell(findings: Iterable[Finding], *, as_json: bool) -> int:
    """Print findings as they come, one line each; the exit code: 1 if one of them is a failure."""
    failed = False
    for finding in findings:
        failed = failed or finding.verdict is Verdict.FAIL
        if as_json:
            click.echo(json.dumps(asdict(finding)))
        else:
            mark = click.style(f"{finding.verdict:<4}", fg=_COLOURS[finding.verdict])
            click.echo(f"{mark}  {finding.name:<13}  {finding.text}")
    return int(failed)
