"""``disposition`` as a sergeant's clerk calls it."""

from __future__ import annotations

import json
from pathlib import Path

from sensor.central.store.sqlite import SqliteStore
from tests.support.command import central_here
from tests.support.incident_examples import LOCATED, located
from tests.support.month import configuration
from tests.support.record import append, record


def test_what_files_say_is_kept_in_the_authors_name(tmp_path: Path) -> None:
    with record(tmp_path) as store:
        append(store, located())
    config, file, other = configuration(tmp_path), tmp_path / "week.json", tmp_path / "other.json"
    file.write_text(json.dumps([{"incident_id": LOCATED.incident_id, "disposition": "unfounded"}]))
    done = central_here("disposition", file, "--author", "sergeant", "-c", config)
    assert done.returncode == 0, done.stderr
    assert "false: kept as a label" in done.stdout
    assert "received before" in central_here("disposition", file, "--author", "sergeant", "-c", config).stdout
    other.write_text('{"incident_id": "nobody", "disposition": "founded"}')
    unknown = central_here("disposition", other, "--author", "sergeant", "-c", config)
    assert unknown.returncode == 1
    assert "there is no incident nobody" in unknown.stdout
    other.write_text("{}")
    refused = central_here("disposition", other, "--author", "sergeant", "-c", config)
    assert refused.returncode == 1
    assert "names no incident" in refused.stderr
    store = SqliteStore(tmp_path / "record.db")
    assert [(label.label, label.author) for label in store.labels()] == [("false", "sergeant")]
    store.close()
