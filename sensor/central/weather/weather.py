"""The air at any time: from the report nearest to it, or what a person set where none is near enough."""

from __future__ import annotations

import bisect
import logging
import threading
import time
from collections.abc import Callable, Iterable

from sensor.central.settings import AirSettings
from sensor.central.types import Air
from sensor.central.weather.metar import read_metars
from sensor.central.weather.report import WeatherReport

logger = logging.getLogger(__name__)
LOOK_S = 30.0
"""So often the METAR file is looked at."""
FILE_BYTES_MAX = 1_000_000
REPORTS_KEPT = 2000
"""A month and a half, hourly; in the record they are kept as long as the nodes' history."""


class Weather:
    """Keeps reports; tells the air. May be used from any thread.

    Args:
        settings: what a person set, and where reports come from.
        on_report: told of each report that is new.
        clock_ns: now, nanoseconds since 1970.
    """

    def __init__(
        self,
        settings: AirSettings,
        *,
        on_report: Callable[[WeatherReport], None] = lambda _report: None,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._settings = settings
        self._on_report = on_report
        self._clock_ns = clock_ns
        self._lock = threading.Lock()
        self._reports: list[WeatherReport] = []
        """By time; one of each moment."""
        self._looked_s = float("-inf")
        self._file_ns = 0
        self.problem = ""
        """What is wrong with the METAR file, in words."""

    def restore(self, reports: Iterable[WeatherReport]) -> None:
        """Reports that the record holds: what is fused again is fused in the air of its time."""
        with self._lock:
            for report in reports:
                self._insert(report)

    def take(self, report: WeatherReport) -> None:
        """One more report."""
        with self._lock:
            new = self._insert(report)
        if new:
            self._on_report(report)

    def air(self, utc_ns: int) -> Air:
        """What carried the sound at a time."""
        self._look_at_file()
        with self._lock:
            near = self._nearest(utc_ns)
        settings = self._settings
        if near is None:
            return Air(
                temperature_c=settings.temperature_c,
                wind_east_m_s=settings.wind_east_m_s,
                wind_north_m_s=settings.wind_north_m_s,
                source="manual" if settings.is_set else "default",
            )
        windless = near.wind_east_m_s is None or near.wind_north_m_s is None
        return Air(
            temperature_c=near.temperature_c,
            wind_east_m_s=settings.wind_east_m_s if windless else near.wind_east_m_s or 0.0,
            wind_north_m_s=settings.wind_north_m_s if windless else near.wind_north_m_s or 0.0,
            source=near.source,
        )

    def _insert(self, report: WeatherReport) -> bool:
        at = bisect.bisect_left(self._reports, report.utc_ns, key=lambda item: item.utc_ns)
        if at < len(self._reports) and self._reports[at].utc_ns == report.utc_ns:
            known = self._reports[at]
            self._reports[at] = report
            return known != report
        self._reports.insert(at, report)
        del self._reports[:-REPORTS_KEPT]
        return True

    def _nearest(self, utc_ns: int) -> WeatherReport | None:
        """The report nearest in time that is not too old for it."""
        at = bisect.bisect_left(self._reports, utc_ns, key=lambda item: item.utc_ns)
        beside = self._reports[max(0, at - 1) : at + 1]
        near = min(beside, key=lambda item: abs(item.utc_ns - utc_ns), default=None)
        if near is None or abs(near.utc_ns - utc_ns) > self._settings.report_max_age_min * 60e9:
            return None
        return near

    def _look_at_file(self) -> None:
        """Read the METAR file if it is due and has changed; what is wrong with it becomes the problem."""
        path = self._settings.metar_file
        if path is None or time.monotonic() - self._looked_s < LOOK_S:
            return
        self._looked_s = time.monotonic()
        try:
            status = path.stat()
            if status.st_mtime_ns == self._file_ns:
                return
            with path.open(encoding="ascii", errors="replace") as file:
                text = file.read(FILE_BYTES_MAX)
        except OSError as error:
            self._complain(f"air.metar_file {path}: {error.strerror or error}")
            return
        found = list(read_metars(text, self._clock_ns()))
        if not found:
            self._complain(f"air.metar_file {path}: there is no METAR report with a temperature in it")
            return
        self._file_ns, self.problem = status.st_mtime_ns, ""
        for report in found:
            self.take(report)

    def _complain(self, text: str) -> None:
        if text != self.problem:
            logger.warning("%s; the sound is taken to travel in the air that air.temperature_c says", text)
        self.problem = text
