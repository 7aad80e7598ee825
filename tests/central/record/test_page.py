"""The page and the tables say the figures, name nobody, and need nothing else."""

from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from sensor.central.record.figures import Figures, gather
from sensor.central.record.page import page
from sensor.central.record.tables import alerts_csv, misses_csv, summary_csv
from tests.support.month import PERSON, SINCE_NS, UNTIL_NS, WORDS, fill
from tests.support.record import record

NAMES = {f"town/roof-{number}": f"sensor {number}" for number in (1, 2, 3)}


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Figures:
    with record(tmp_path_factory.mktemp("month")) as store:
        fill(store)
        return gather(store, since_ns=SINCE_NS, until_ns=UNTIL_NS)


@pytest.fixture(scope="module")
def html(figures: Figures) -> str:
    return page(figures, title="Town & <country>", made_ns=UNTIL_NS, names=NAMES)


class _Words(HTMLParser):
    """Collects text; fails at what is not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def _text(html: str) -> str:
    parser = _Words()
    parser.feed(html)
    assert parser.open == []
    return " ".join(" ".join(parser.words).split())


def test_the_page_says_the_three_ways_and_their_bounds(html: str) -> None:
    text = _text(html)
    assert "Town & <country>" in text
    assert "Of 7 alerts, 3 are confirmed, 1 false and 3 are unknown." in text
    assert "So between 42.9 % and 85.7 % were real" in text
    assert "3 of 4, 75.0 % (95 %: 30.1 % to 95.4 %)" in text
    assert "What is not known" in text
    assert "sound of an event was listened to 3" in text
    assert "a place on the map 7 6.0 3.0 to 9.0 too few too few 9.0" in text


def test_neither_page_nor_tables_name_a_person_a_sensor_or_an_exact_place(
    html: str, figures: Figures
) -> None:
    everything = html + summary_csv(figures, NAMES) + alerts_csv(figures) + misses_csv(figures)
    for secret in (PERSON, WORDS, "555-0101", "Kim", "roof-1", "35.98765", "-78.90123"):
        assert secret not in everything
    assert "sensor 1" in html
    assert "35.990, -78.900" in html


def test_the_page_loads_nothing_and_runs_nothing(html: str) -> None:
    assert re.findall(r"(?i)<script|<link|<img|<iframe|src=|href=|url\(|@import|https?://", html) == []


def test_what_the_record_holds_cannot_become_markup(figures: Figures) -> None:
    bad = "<script>alert(1)</script>"
    names = dict.fromkeys(NAMES, bad)
    assert bad not in page(figures, title=bad, made_ns=UNTIL_NS, names=names)


def test_every_figure_of_the_page_is_in_the_table(figures: Figures) -> None:
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(summary_csv(figures, NAMES)))}
    assert rows["alerts"]["value"] == "7"
    assert rows["alerts_none"]["value"] == "2"
    assert (rows["confirmed_of_decided"]["value"], rows["confirmed_of_decided"]["of"]) == ("0.75", "4")
    assert (rows["located_after_s_p50"]["value"], rows["located_after_s_p50"]["low"]) == ("6.0", "3.0")
    assert rows["located_after_s_p95"]["value"] == ""
    assert rows["up sensor 3"]["value"] == ""
    assert rows["times sound of an event was listened to"]["value"] == "3"


def test_the_table_of_alerts_has_a_line_for_each_and_nothing_that_a_spreadsheet_would_run(
    figures: Figures,
) -> None:
    rows = list(csv.DictReader(io.StringIO(alerts_csv(figures))))
    assert [row["verdict"] for row in rows] == [alert.verdict for alert in figures.alerts]
    assert (rows[0]["near_lat_deg"], rows[0]["near_lon_deg"]) == ("35.99", "-78.9")
    assert rows[0]["told_after_s"] == "5.0"
    text = [cell for row in rows for cell in row.values()]
    assert not [cell for cell in text if cell.startswith(("=", "+", "@"))]


def test_an_alert_whose_id_is_a_formula_is_disarmed(tmp_path: Path) -> None:
    from tests.support.incident_examples import located  # noqa: PLC0415  for this test alone
    from tests.support.record import append  # noqa: PLC0415  same

    with record(tmp_path) as store:
        append(store, located(incident_id="=1+1", utc_ns=SINCE_NS))
        rows = alerts_csv(gather(store, since_ns=SINCE_NS, until_ns=UNTIL_NS))
    assert ",'=1+1," in rows
