from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.timing.words import purpose, remedy, sentence, span
from sensor.types import ClockReport, ClockSource


def report(source: ClockSource, sigma_ns: int, **more: object) -> ClockReport:
    return ClockReport(source=source, state="locked", utc_sigma_ns=sigma_ns, **more)  # type: ignore[arg-type]  # fields by name


@pytest.mark.parametrize(
    ("sigma_ns", "words"),
    [(7e6, "7 ms"), (3.5e5, "0.35 ms"), (12e3, "12 µs"), (90, "90 ns"), (6.048e14, "7 days"), (1e9, "1 s")],
)
def test_spans_read_as_a_technician_would_say_them(sigma_ns: float, words: str) -> None:
    assert span(sigma_ns) == words


def test_ntp_says_what_it_is_good_for() -> None:
    text = sentence(report(ClockSource.NTP, 7_000_000, via="chrony 192.0.2.1"))
    assert text == (
        "NTP (chrony 192.0.2.1), ± 7 ms or 2.4 m of sound: good for location, not for comparing single echoes"
    )


def test_no_source_says_so_and_what_to_do() -> None:
    nothing = report(ClockSource.NONE, 7 * 86_400 * 10**9)
    assert sentence(nothing).startswith("no time source: good for nothing but")
    assert "chrony" in (remedy(nothing) or "")


def test_problems_are_part_of_the_sentence() -> None:
    text = sentence(report(ClockSource.NTP, 7_000_000, problems=("gps and ntp are 3600.000 s apart",)))
    assert text.endswith("gps and ntp are 3600.000 s apart")


def test_a_good_clock_needs_no_remedy() -> None:
    assert remedy(report(ClockSource.PPS, 4_000)) is None


@given(st.integers(1, 10**19))
def test_every_sigma_has_words_and_larger_ones_never_sound_better(sigma_ns: int) -> None:
    assert span(sigma_ns)
    order = [purpose(value) for value in (1e5, 5e6, 2e7, 9e7, 1e10, 1e12)]
    assert order.index(purpose(sigma_ns)) <= order.index(purpose(10 * sigma_ns))
