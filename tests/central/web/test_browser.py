"""The pages in a real Chromium, as a dispatcher, an officer and an auditor use them."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from sensor.central.cad.words import utc_iso
from tests.support.browser import CHROMIUM, PATIENCE_MS, chromium, visit
from tests.support.pmtiles import archive, one_colour_png
from tests.support.town_evening import fired, following
from tests.support.web_town import NAMES, PASSWORD, Site, served

pytestmark = [
    pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium here: apt-get install chromium"),
    pytest.mark.timeout(900),
]
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


def choose(page: Page, incident_id: str) -> None:
    page.locator(f'.item[data-id="{incident_id}"]').first.click()
    expect(page.locator(f'.item[data-id="{incident_id}"]').first).to_have_attribute("aria-current", "true")


def test_a_dispatcher_sees_what_where_and_how_sure_and_what_is_new_at_once(
    browser: Browser, own_town: Site
) -> None:
    with visit(browser, own_town.url, "dispatcher") as guest:
        page = guest.page
        expect(page.locator(".item")).to_have_count(7)
        expect(page.locator(".pin")).to_have_count(7)
        expect(page.locator("path.ellipse:not(.mirror)")).to_have_count(6)
        expect(page.locator("path.ellipse.mirror")).to_have_count(1)
        expect(page.locator(".near-words")).to_have_text("heard, not located")
        page.evaluate("window.neverReloaded = true")

        own_town.happens(
            fired("inc-live", 200, 240, utc_ns=time.time_ns(), rounds_s=(0.0, 0.5, 1.1, 1.4, 1.9))
        )
        new = page.locator('.item[data-id="inc-live"]')
        expect(new).to_contain_text("5 rounds · within 9 × 6 m")
        expect(new).to_contain_text("97 % · high confidence")
        expect(page.locator("#announce")).to_contain_text("New incident: Gunshot, 5 rounds")
        expect(page).to_have_title(re.compile(r"^\(8\) "))
        expect(page.locator("path.ellipse:not(.mirror)")).to_have_count(7)

        last = own_town.store.latest_of("inc-live")
        assert last is not None
        own_town.happens(following(last, state="retracted", reason="an echo of another", author="fusion"))
        expect(new).to_contain_text("retracted by fusion")
        assert page.evaluate("window.neverReloaded") is True


def test_the_explain_card_says_what_an_incident_rests_on(browser: Browser, town: Site) -> None:
    with visit(browser, town.url, "reviewer") as guest:
        page = guest.page
        choose(page, "inc-first")
        card = page.locator(".case.side")
        for words in (
            "When each sensor heard it",
            "late by 44 ms: an echo, a detour or a wrong clock",
            "If one sensor had not been there",
            "Why it is taken for what it is",
            "158 dB at one metre",
            "temperature 18.4 °C",
            "The record holds: 1 version(s)",
            "no sound was kept of this incident",
        ):
            expect(card).to_contain_text(words)
        expect(card.locator("tr.ignored th")).to_have_text("roof-07")  # the echo, hollow
        expect(page.locator(".ellipse-words")).to_have_text("95 %: within 9 × 6 m")
        choose(page, "inc-two-places")
        expect(card).to_contain_text("Other places that the same arrivals allow")
        expect(page.locator(".mirror-mark")).to_have_text("or here, 34 %")
        choose(page, "inc-heard")
        expect(card).to_contain_text("heard, not located (2 sensors)")
        expect(card.locator('[data-act="confirm"]')).to_have_count(0)  # say first what it was


def test_the_desk_confirms_reclassifies_retracts_and_takes_back_with_reasons(
    browser: Browser, own_town: Site
) -> None:
    with visit(browser, own_town.url, "dispatcher", "/desk") as guest:
        page = guest.page
        expect(page.locator(".desk-page h2").first).to_have_text("7 waiting for review")
        panel = page.locator("article.case")

        choose(page, "inc-first")
        panel.locator('[data-act="acknowledge"]').click()
        expect(page.locator('.item[data-id="inc-first"]').first).to_contain_text("seen by kim")
        panel.get_by_role("button", name="Confirm gunshot").click()
        expect(panel).to_contain_text("reviewed by kim")

        choose(page, "inc-automatic")
        panel.get_by_role("button", name="Reclassify").click()
        dialog = page.locator("dialog")
        dialog.get_by_label("Construction").check()
        dialog.get_by_role("button", name="Reclassify", exact=True).click()
        expect(dialog).to_contain_text("A reason is needed: it stays in the record.")
        dialog.get_by_label("Reason").fill("<b>nail gun</b> on camera")
        dialog.get_by_role("button", name="Reclassify", exact=True).click()
        expect(panel.locator("h2").first).to_have_text("Construction")
        expect(panel).to_contain_text("kim: construction – <b>nail gun</b> on camera")  # text, not markup

        choose(page, "inc-two-places")
        panel.get_by_role("button", name="Retract").click()
        dialog.get_by_role("button", name="thunder").click()
        dialog.get_by_role("button", name="Retract").click()
        expect(panel).to_contain_text("retracted by kim")
        panel.get_by_role("button", name="Undo").click()
        dialog.get_by_label("Reason").fill("pressed by mistake")
        dialog.get_by_role("button", name="Take back").click()
        expect(panel.locator('[data-act="confirm"]')).to_be_visible()
        expect(page.locator(".desk-page h2").first).to_have_text("5 waiting for review")

    def last(incident_id: str) -> tuple[str, str, str]:
        version = own_town.store.latest_of(incident_id)
        assert version is not None
        return version.state, version.incident_class, version.author

    assert last("inc-first") == ("reviewed", "gunshot", "kim")
    assert last("inc-automatic") == ("reviewed", "construction", "kim")
    assert last("inc-two-places") == ("classified", "gunshot", "kim")
    own_town.store.verify_ledger()


def test_who_was_slower_sees_what_the_other_decided(browser: Browser, own_town: Site) -> None:
    with (
        visit(browser, own_town.url, "dispatcher", "/desk") as kim,
        visit(browser, own_town.url, "reviewer", "/desk") as ada,
    ):
        for guest in (kim, ada):
            choose(guest.page, "inc-first")
        kim.page.keyboard.press("c")
        expect(ada.page.locator("article.case")).to_contain_text("reviewed by kim")
        expect(ada.page.locator('article.case [data-act="confirm"]')).to_have_count(0)


def test_everything_is_done_by_keys_alone(browser: Browser, own_town: Site) -> None:
    with visit(browser, own_town.url, None, "/") as guest:
        page = guest.page
        keys = page.keyboard
        page.get_by_label("Name").wait_for()
        keys.type(NAMES["dispatcher"])
        keys.press("Tab")
        keys.type(PASSWORD)
        keys.press("Enter")
        page.locator(".item").first.wait_for()
        keys.press("j")
        expect(page.locator(".item[aria-current]")).to_have_attribute("data-id", "inc-first")
        keys.press("a")
        expect(page.locator('.item[data-id="inc-first"]')).to_contain_text("seen by kim")
        keys.press("j")
        expect(page.locator(".item[aria-current]")).to_have_attribute("data-id", "inc-automatic")
        keys.press("x")
        expect(page.locator("dialog #reason")).to_be_focused()
        keys.press("Alt+5")
        expect(page.locator("dialog #reason")).to_have_value("thunder")
        keys.press("Control+Enter")
        expect(page.locator('.item[data-id="inc-automatic"]')).to_contain_text("retracted by kim")
        keys.press("2")
        expect(page.locator(".desk-page h2").first).to_have_text("6 waiting for review")
        keys.press("c")
        expect(page.locator("article.case")).to_contain_text("reviewed by kim")
        keys.press("?")
        expect(page.locator("dialog")).to_contain_text("next / previous incident")
        keys.press("Escape")
        expect(page.locator("dialog")).to_have_count(0)
        keys.press("3")
        expect(page.get_by_role("heading", name="History")).to_be_visible()
        assert (
            page.evaluate(
                'document.querySelectorAll(\'[tabindex]:not([tabindex="-1"]):not([tabindex="0"])\').length'
            )
            == 0
        )


def test_who_leaves_the_map_before_its_ground_has_come_sees_no_fault(
    browser: Browser, own_town: Site
) -> None:
    with visit(browser, own_town.url, "dispatcher", "/history") as guest:
        page = guest.page
        held: list[Route] = []
        page.route("**/ground/streets.geojson", lambda route: held.append(route))  # noqa: PLW0108  Playwright wants a function
        page.get_by_role("link", name="Map", exact=True).click()
        while not held:
            page.wait_for_timeout(20)
        page.get_by_role("link", name="History").click()
        expect(page.get_by_role("heading", name="History")).to_be_visible()
        with page.expect_response("**/ground/streets.geojson") as answer:
            held[0].continue_()
        answer.value.finished()
        page.evaluate("new Promise((done) => setTimeout(() => requestAnimationFrame(done), 0))")
        expect(page.locator(".history tbody tr")).to_have_count(7)


def test_history_is_filtered_and_leaves_the_house_as_table_and_geojson(
    browser: Browser, own_town: Site, tmp_path: Path
) -> None:
    with visit(browser, own_town.url, "dispatcher") as guest:
        page = guest.page
        page.get_by_role("link", name="History").click()
        rows = page.locator(".history tbody tr")
        expect(rows).to_have_count(7)
        page.locator("select[name=class]").select_option("fireworks")
        page.get_by_role("button", name="Search").click()
        expect(rows).to_have_count(1)
        expect(page.locator(".history [role=status]")).to_have_text("1 incident.")
        with page.expect_download() as table:
            page.get_by_role("button", name="Export CSV").click()
        table.value.save_as(tmp_path / "incidents.csv")
        with page.expect_download() as shapes:
            page.get_by_role("button", name="Export GeoJSON").click()
        shapes.value.save_as(tmp_path / "incidents.geojson")
        rows.get_by_role("link").click()
        expect(page.locator(".incident-page article h2").first).to_have_text("Fireworks")
    text = (tmp_path / "incidents.csv").read_text(encoding="utf-8-sig")
    (line,) = csv.DictReader(io.StringIO(text))
    version = own_town.store.latest_of("inc-fireworks")
    assert version is not None
    assert (line["incident_id"], line["utc"]) == ("inc-fireworks", utc_iso(version.utc_ns))
    features = json.loads((tmp_path / "incidents.geojson").read_text())["features"]
    assert [feature["id"] for feature in features] == ["inc-fireworks", "inc-fireworks/area"]


def test_a_trainee_practises_and_is_scored(browser: Browser, own_town: Site) -> None:
    with visit(browser, own_town.url, "officer", "/practice") as guest:
        page = guest.page
        page.evaluate("Math.random = () => 0")  # the shortest of pauses between two cases
        expect(page.locator(".practice")).to_contain_text("nothing here is real")
        page.get_by_role("button", name="Start").click()
        panel = page.locator("article.exercise")
        for number in range(1, 7):
            expect(page.locator(".practice h2").first).to_have_text(f"First shift: case {number} of 6")
            expect(panel).to_contain_text("EXERCISE – not to be acted on")
            page.locator('[data-act="acknowledge"]').wait_for()
            page.keyboard.press("a")
            expect(panel.locator('[data-act="acknowledge"]')).to_be_disabled()
            if number == 5:  # heard by two sensors: nothing that could be confirmed
                page.keyboard.press("x")
                page.locator("dialog #reason").fill("three nearer sensors were silent")
                page.keyboard.press("Control+Enter")
            else:
                page.keyboard.press("c")
            page.locator('[data-act="onward"]').wait_for()
            if number == 1:
                page.get_by_text("What CAD would have received").click()
                expect(panel.locator("pre")).to_contain_text("<status>Exercise</status>")
            if number == 6:
                expect(panel).to_contain_text("4 of 6 right")
            page.locator('[data-act="onward"]').click()
        expect(page.locator("table.record .mine")).to_contain_text("4 of 6")
    assert own_town.store.audit_log(action="practice.result")[0].actor == "lee"


def test_sensors_coverage_and_audit_are_for_those_who_may(browser: Browser, town: Site) -> None:
    with visit(browser, town.url, "auditor") as guest:
        page = guest.page
        expect(page.locator(".sensor-holder")).to_have_count(16)
        expect(page.locator(".sensor-holder .sensor-silent")).to_have_count(1)
        expect(page.locator(".sensor-holder .sensor-quarantined")).to_have_count(1)
        expect(page.locator(".status")).to_contain_text("2 of 16 sensors do not take part.")
        expect(page.locator(".status")).to_contain_text("km² covered")
        expect(page.get_by_role("link", name="Desk")).to_have_count(0)
        page.get_by_role("link", name="Audit").click()
        expect(page.locator(".audit tbody tr").first).to_contain_text("login")
    with visit(browser, town.url, "viewer") as guest:
        guest.page.locator(".item").first.wait_for()
        expect(guest.page.locator(".sensor-holder")).to_have_count(0)
        expect(guest.page.locator(".status")).to_be_empty()


def test_a_page_that_is_cut_off_says_so_and_catches_up(browser: Browser, own_town: Site) -> None:
    with visit(browser, own_town.url, "dispatcher") as guest:
        page = guest.page
        page.locator(".item").first.wait_for()
        page.context.set_offline(True)
        expect(page.locator("#banner")).to_contain_text("Connection lost since")
        own_town.happens(fired("inc-meanwhile", 10, 10, utc_ns=time.time_ns()))
        page.context.set_offline(False)
        expect(page.locator('.item[data-id="inc-meanwhile"]')).to_be_visible()
        expect(page.locator("#banner")).to_be_hidden()
        guest.watched.errors[:] = [
            each for each in guest.watched.errors if "ERR_INTERNET_DISCONNECTED" not in each
        ]


def test_a_wrong_password_is_told_and_a_changed_one_holds(browser: Browser, own_town: Site) -> None:
    with visit(browser, own_town.url, None) as guest:
        page = guest.page
        page.get_by_label("Name").fill("kim")
        page.get_by_label("Password").fill("a wrong guess")
        page.keyboard.press("Enter")
        expect(page.locator("[role=alert]").last).to_have_text("name or password is wrong")
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.get_by_role("button", name="kim, dispatcher").click()
        page.get_by_label("Old password").fill(PASSWORD)
        page.get_by_label("New password, at least").fill("quite another phrase")
        page.get_by_label("New password once more").fill("quite another phrase")
        page.get_by_role("button", name="Change", exact=True).click()
        expect(page.locator("dialog")).to_have_count(0)
        page.keyboard.press("j")
        page.keyboard.press("a")  # the page goes on with its new login
        expect(page.locator('.item[data-id="inc-first"]')).to_contain_text("seen by kim")
        page.get_by_role("button", name="Log out").click()
        page.get_by_label("Name").wait_for()
        guest.watched.errors[:] = [each for each in guest.watched.errors if "401" not in each]


def test_who_sees_no_colours_tells_the_classes_apart_by_shape(browser: Browser, town: Site) -> None:
    with visit(browser, town.url, "viewer") as guest:
        guest.page.get_by_text("Map key").click()
        shapes = (
            guest.page.locator(".switches .legend")
            .first.locator("svg")
            .evaluate_all("found => found.map((svg) => svg.innerHTML)")
        )
    assert len(shapes) == len(set(shapes)) == 7


def test_the_map_stands_on_a_local_archive_of_tiles(browser: Browser, tmp_path: Path) -> None:
    colours = {
        (zoom, x, y): (40 * zoom + 90, 60 * x, 60 * y)
        for zoom in (0, 1, 2)
        for x in range(2**zoom)
        for y in range(2**zoom)
    }
    (tmp_path / "town.pmtiles").write_bytes(
        archive({place: one_colour_png(*colour) for place, colour in colours.items()})
    )
    (tmp_path / "no.pmtiles").write_bytes(b"<html>" * 100)
    with (
        served(tmp_path / "town", map_streets="", map_pmtiles=str(tmp_path / "town.pmtiles")) as site,
        visit(browser, site.url, "dispatcher") as guest,
    ):
        # 36° north, 78.9° west lies in column 1, row 1 of zoom 2.
        guest.page.wait_for_function(
            """() => {
                const tile = document.querySelector("canvas.leaflet-tile");
                const [red, green, blue] = tile ? tile.getContext("2d").getImageData(9, 9, 1, 1).data : [];
                return red === 170 && green === 60 && blue === 60;
            }"""
        )
        # The browser finds that this test looks at the canvas too often.
        guest.watched.errors[:] = [each for each in guest.watched.errors if "willReadFrequently" not in each]
    with (
        served(tmp_path / "none", map_streets="", map_pmtiles=str(tmp_path / "no.pmtiles")) as site,
        visit(browser, site.url, "dispatcher") as guest,
    ):
        expect(guest.page.locator(".item")).to_have_count(7)  # a broken ground takes nothing else away
        while not guest.watched.errors:
            guest.page.wait_for_timeout(100)
        assert "is no PMTiles file of version 3" in guest.watched.errors.pop()
