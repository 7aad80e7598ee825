"""``report``, ``export``, ``verify`` and ``key`` as their users call them."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from sensor.central.incidents.signing import CentreKey
from tests.support.command import central_here, gunshot_central
from tests.support.month import OUTCOMES, configuration, fill
from tests.support.record import record


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration with a signed record of one month."""
    folder = tmp_path_factory.mktemp("centre")
    key = CentreKey.new()
    key.write(folder / "centre.key")
    with record(folder) as store:
        fill(store, key)
    return configuration(folder)


@pytest.fixture(scope="module")
def outsider(centre: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An export and the public key, in a folder of an outsider who has nothing else."""
    folder = tmp_path_factory.mktemp("outsider")
    shown = central_here("key", "-c", centre)
    assert shown.stdout.startswith("-----BEGIN PUBLIC KEY-----")
    (folder / "centre.pem").write_text(shown.stdout)
    made = central_here("export", "false-1", "-c", centre, "-o", folder / "false-1.json")
    assert made.returncode == 0, made.stderr
    return folder / "false-1.json", folder / "centre.pem"


def test_the_report_of_a_month_is_one_page_and_three_tables(centre: Path, tmp_path: Path) -> None:
    done = central_here("report", "--month", "2024-11", "-o", tmp_path / "out", "-c", centre)
    assert done.returncode == 0, done.stderr
    names = [Path(line).name for line in done.stdout.splitlines()]
    assert names == [
        "report-2024-11.html",
        "report-2024-11-summary.csv",
        "report-2024-11-alerts.csv",
        "report-2024-11-misses.csv",
    ]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(names)
    assert "7 alerts: 3 confirmed, 1 false, 3 unknown; misses reported: 1" in done.stderr
    page = (tmp_path / "out/report-2024-11.html").read_text()
    assert "November 2024" in page
    assert "roof-1" not in page


def test_the_operator_may_have_sensors_named(centre: Path, tmp_path: Path) -> None:
    central_here("report", "--month", "2024-11", "-o", tmp_path, "-c", centre, "--name-sensors")
    assert "town/roof-1" in (tmp_path / "report-2024-11.html").read_text()


@pytest.mark.parametrize(
    ("month", "told"), [("11-2024", "write it as 2026-11"), ("2024-13", "no month"), ("2199-01", "begun")]
)
def test_what_is_no_month_is_usage(centre: Path, tmp_path: Path, month: str, told: str) -> None:
    done = central_here("report", "--month", month, "-o", tmp_path, "-c", centre)
    assert (done.returncode, told in done.stderr) == (2, True), done.stderr


def test_a_folder_that_cannot_be_written_is_said(centre: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = central_here("report", "--month", "2024-11", "-o", tmp_path / "file" / "out", "-c", centre)
    assert (done.returncode, "cannot be written" in done.stderr) == (1, True)


def test_no_record_is_said_and_none_is_made(tmp_path: Path) -> None:
    config = configuration(tmp_path)
    report = ("report", "--month", "2024-11", "-o", str(tmp_path))
    for words, code in ((report, 1), (("verify",), 2), (("export", "x"), 1)):
        done = central_here(*words, "-c", config)
        assert (done.returncode, "there is none" in done.stderr) == (code, True), done.stderr
    assert not (tmp_path / "record.db").exists()


def test_an_outsider_checks_an_export_with_its_file_and_the_key_alone(
    outsider: tuple[Path, Path], tmp_path: Path
) -> None:
    export, key = outsider
    # A configuration that cannot be read must not matter: none is wanted.
    bad = tmp_path / "bad.yaml"
    bad.write_text("nonsense: true\n")
    done = gunshot_central("verify", export, "--key", key, env={"GUNSHOT_CENTRAL_CONFIG": str(bad)})
    assert done.returncode == 0, done.stderr
    assert "holds: incident false-1, 3 versions" in done.stdout
    assert "signed by the centre" in done.stdout
    told = json.loads(central_here("verify", export, "--key", key, "--json").stdout)
    assert (told["holds"], told["versions"], told["signed"]) == (True, 3, True)


def test_without_a_key_it_says_that_nothing_is_proven_about_the_writer(outsider: tuple[Path, Path]) -> None:
    done = central_here("verify", outsider[0])
    assert done.returncode == 0
    assert "NOT checked against any key" in done.stdout


def test_a_changed_export_does_not_hold_and_the_others_are_still_checked(
    outsider: tuple[Path, Path], tmp_path: Path
) -> None:
    export, key = outsider
    changed = tmp_path / "changed.json"
    changed.write_bytes(export.read_bytes().replace(b'"class":"gunshot"', b'"class":"unknown"', 1))
    done = central_here("verify", changed, tmp_path / "absent.json", export, "--key", key)
    assert done.returncode == 1
    assert "changed.json: DOES NOT HOLD: the export's hash is not that of its content" in done.stderr
    assert "absent.json: cannot be read: No such file" in done.stderr
    assert "false-1.json: holds" in done.stdout


def test_what_cannot_be_read_is_no_finding(centre: Path, outsider: tuple[Path, Path], tmp_path: Path) -> None:
    export, key = outsider
    absent, no_key = tmp_path / "absent.json", tmp_path / "absent.pem"
    for words, told in (
        ((absent, export, "--key", key), "absent.json: cannot be read: No such file"),
        ((tmp_path, "--key", key), "cannot be read: Is a directory"),
        ((export, "--key", no_key), "absent.pem: cannot be read: No such file"),
        ((export, "--key", export), "is no public key in PEM"),
        (("-c", centre, "--key", no_key), "absent.pem: cannot be read: No such file"),
        (("-c", centre, "--anchor", "x"), "'x' is no anchor"),
    ):
        done = central_here("verify", *words)
        assert (done.returncode, told in done.stderr) == (2, True), done.stderr
        assert "DOES NOT HOLD" not in done.stderr
    assert json.loads(central_here("verify", absent, "--json").stdout)["holds"] is None


def test_another_key_does_not_do(outsider: tuple[Path, Path], tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_text(CentreKey.new().public_pem())
    done = central_here("verify", outsider[0], "--key", other)
    assert (done.returncode, "which is not known here" in done.stderr) == (1, True)


def test_an_export_is_noted_in_the_audit_with_who_took_it(centre: Path, outsider: tuple[Path, Path]) -> None:
    del outsider
    with record(centre.parent) as store:
        entry = store.audit_log(action="incident.export")[0]
    assert entry.subject == "false-1"
    assert entry.actor.startswith("shell/")


def test_an_unknown_incident_is_said(centre: Path, tmp_path: Path) -> None:
    done = central_here("export", "nope", "-c", centre, "-o", tmp_path / "nope.json")
    assert (done.returncode, "there is no incident nope" in done.stderr) == (1, True)
    assert not (tmp_path / "nope.json").exists()


def test_the_ids_are_where_an_unknown_incident_sends_for_them(centre: Path, tmp_path: Path) -> None:
    assert "alerts.csv of `gunshot-central report`" in central_here("export", "nope", "-c", centre).stderr
    central_here("report", "--month", "2024-11", "-o", tmp_path, "-c", centre)
    assert "incident_id" in (tmp_path / "report-2024-11-alerts.csv").read_text().partition("\n")[0]


def test_the_operator_proves_the_whole_record_and_former_anchors(centre: Path) -> None:
    done = central_here("verify", "-c", centre)
    assert done.returncode == 0, done.stderr
    assert f"{len(OUTCOMES) * 2 + 5} versions of {len(OUTCOMES) + 3} incidents" in done.stdout
    assert "signed by the centre" in done.stdout
    anchor = json.loads(central_here("verify", "-c", centre, "--json").stdout)["anchor"]
    assert central_here("verify", "-c", centre, "--anchor", anchor).returncode == 0
    forged = f"{anchor.partition(':')[0]}:{'0' * 64}"
    done = central_here("verify", "-c", centre, "--anchor", forged)
    assert (done.returncode, "rewritten at or before version" in done.stderr) == (1, True)


def test_a_record_that_was_tampered_with_is_found_and_the_report_says_so(tmp_path: Path) -> None:
    with record(tmp_path) as store:
        fill(store)
    with sqlite3.connect(tmp_path / "record.db") as connection:
        connection.execute("DROP TRIGGER version_refuses_update")
        connection.execute("UPDATE version SET body = replace(body, 'located', 'edited') WHERE number = 2")
    connection.close()
    config = configuration(tmp_path)
    done = central_here("verify", "-c", config)
    assert done.returncode == 1
    assert "DOES NOT HOLD" in done.stderr


def test_a_miss_is_explained_in_words_and_as_json(centre: Path) -> None:
    words = ("explain-miss", "--at", "2024-11-02T11:00:00Z", "--lat", "36.0", "--lon", "-78.9")
    done = central_here(*words, "-c", centre)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("What became of a shot at 36.00000, -78.90000, 2024-11-02T11:00:00.0Z")
    assert "It was not reported." in done.stdout
    told = json.loads(central_here(*words, "-c", centre, "--json").stdout)
    assert told["conclusion"][0] == "It was not reported."
    assert [account["node"] for account in told["accounts"]] == ["roof-1", "roof-2", "roof-3"]


@pytest.mark.parametrize(
    ("at", "lat", "told"),
    [
        ("2024-11-02", "36", "no offset from UTC"),
        ("yesterday", "36", "is no time"),
        ("2024-11-02T11:00:00Z", "91", "--lat"),
    ],
)
def test_a_question_that_cannot_be_asked_is_usage(centre: Path, at: str, lat: str, told: str) -> None:
    done = central_here("explain-miss", "--at", at, "--lat", lat, "--lon", "0", "-c", centre)
    assert (done.returncode, told in done.stderr) == (2, True), done.stderr
