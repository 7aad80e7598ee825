"""What a check found, in words a technician can act on. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """Outcome of a check; a failed one yields no record."""

    PASS = "PASS"  # noqa: S105  a verdict, not a password
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be."""

    verdict: Verdict
    """WARN: the figure stands, with this reservation; FAIL: the figure is refused."""
    code: str
    """Short name for records and tests, such as ``clipping``."""
    what: str
    """What was found, with its figure."""
    remedy: str
    """What to do about it."""

    def __str__(self) -> str:
        """One line: verdict, finding, remedy."""
        return f"{self.verdict}: {self.what}. {self.remedy}"


def fail(code: str, what: str, remedy: str) -> Finding:
    """A finding that refuses the figure."""
    return Finding(Verdict.FAIL, code, what, remedy)


def warn(code: str, what: str, remedy: str) -> Finding:
    """A finding that qualifies the figure."""
    return Finding(Verdict.WARN, code, what, remedy)


def worst(findings: Iterable[Finding]) -> Verdict:
    """The gravest verdict among ``findings``; PASS when there are none."""
    verdicts = {finding.verdict for finding in findings}
    for verdict in (Verdict.FAIL, Verdict.WARN):
        if verdict in verdicts:
            return verdict
    return Verdict.PASS


def lost_samples(lost: int, rate_hz: float) -> list[Finding]:
    """A reservation where the device lost samples while it was listened to."""
    if lost == 0:
        return []
    what = f"{lost} samples ({lost / rate_hz:.2f} s) were lost on the way"
    return [warn("lost_samples", what, "Look at load, USB cable and power; repeat")]
