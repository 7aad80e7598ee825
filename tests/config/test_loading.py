"""A configuration file is either taken whole, or refused with every fault, its line and its remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sensor.config import Config, find_config, load, load_config
from sensor.config.catalogue import catalogue
from sensor.errors import ConfigError, SensorError

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def _write(text: str) -> Path:
        path = tmp_path / "config.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return _write


def faults_of(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    return [line.removeprefix(f"{path}:") for line in str(caught.value).splitlines()]


def test_without_a_file_the_defaults_hold() -> None:
    config = load_config(None)
    assert config == Config()
    assert config.publish.p_min == 0.2
    assert config.publish.health_interval_s == 60.0


def test_values_reach_their_stages(write: Write) -> None:
    config = load_config(
        write(
            "site: durham\nnode: roof-3\nposition: {lat_deg: 35.99403, lon_deg: -78.89862, height_m: 90}\n"
            "publish:\n  p_min: 1e-1\nlog:\n  level: debug\naudio:\n  channels: 2\n"
        )
    )
    assert (config.site, config.node) == ("durham", "roof-3")
    assert config.wire_position is not None
    assert config.wire_position.height_m == 90.0
    assert config.publish.p_min == 0.1
    assert config.audio.channels == 2


def test_every_fault_is_reported_at_once_in_the_order_of_the_lines(write: Write) -> None:
    faults = faults_of(
        write(
            "site: Durham\n"
            "publish:\n"
            "  p_min: 2\n"
            "  helth_interval_s: 5\n"
            "  p_min: 0.3\n"
            "position:\n"
            "  lat_deg: '35.9'\n"
            "  lon_deg: -78.9\n"
            "log:\n"
            "  level: on\n"
            "paths: 5\n"
        )
    )
    assert [fault.partition(":")[0] for fault in faults] == [
        "1 site",
        "4 publish.helth_interval_s",
        "5 publish.p_min",
        "6 position.height_m",
        "7 position.lat_deg",
        "10 log.level",
        "11 paths",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("publish:\n  helth_interval_s: 5\n", "did you mean health_interval_s?"),
        ("p_min: 0.3\n", "publish.p_min exists: put it below publish:, indented"),
        ("log:\n  p_min: 0.3\n", "publish.p_min exists: move it below publish:"),
        ("log:\n  site: x\n", "move it to the left margin"),
        ("publsh:\n  p_min: 0.3\n", "did you mean publish?"),
        ("log:\n  zzz: 1\n", "log has level, format"),
        ("frobnicate: 1\n", "there are site, node"),
        ("publish:\n  p_min: 2\n", "2 is out of range; give a number, 0 to 1"),
        ("publish:\n  p_min: '0.3'\n", "take the quotes away"),
        ("publish:\n  p_min: 0,3\n", "write decimals with a point"),
        ("publish:\n  health_interval_s: 60 s\n", "leave it out here"),
        ("publish:\n  health_interval_s: 1:00\n", "hours and minutes"),
        ("publish:\n  p_min:\n", "has no value"),
        ("publish:\n  p_min: [0.3]\n", "a list is no single value"),
        ("publish:\n  p_min: yes\n", "give a number, 0 to 1"),
        ("publish:\n  p_min: true\n", "true is true or false; give a number"),
        ("audio:\n  channels: 1.5\n", "give a whole number"),
        ("node: 7e2\n", "put it in quotes"),
        ("node: true\n", "put it in quotes: 'true'"),
        ("log:\n  format: jsn\n", "did you mean json? give auto, text or json"),
        ("log: text\n", "is a section: put its keys below it, indented"),
        ("position:\n", "position: null is none"),
        ("mqtt:\n  tls:\n", "tls: {} switches it on"),
        ("position: {lat_deg: 0, lon_deg: 0, height_m: 1}\n", "0, 0 is the ocean"),
        ("position: {lat_deg: 91, lon_deg: 0, height_m: 1}\n", "91 is out of range"),
        ("mqtt:\n  tls: {key_file: k.pem}\n", "give cert_file as well"),
        ("mqtt:\n  password_file: p\n", "give mqtt.username as well"),
        ("mqtt:\n  host: mqtt://broker\n", "bare name"),
        ("mqtt:\n  host: broker:1883\n", "bare name"),
        ("mqtt:\n  host: '[::1]'\n", "bare name"),
        ("mqtt:\n  tls: {ca_file: ~/ca.pem}\n", "~ is not understood"),
        ("outbox: {path: ~/outbox.db}\n", "~ is not understood"),
        ("mqtt: {backoff_min_s: 9, backoff_max_s: 3}\n", "below backoff_min_s"),
        ("detect: {band_low_hz: 1500, band_high_hz: 1500}\n", "band_high_hz: 1500 leaves too narrow a band"),
        ("detect: {band_low_hz: 2000, band_high_hz: 1000}\n", "give 2500 or more"),
        ("timing:\n  pps_channel: 1\n", "audio.channels must be at least 2"),
    ],
)
def test_a_fault_says_how_to_mend_it(write: Write, text: str, told: str) -> None:
    (fault,) = faults_of(write(text))
    assert told in fault


def test_a_secret_in_the_file_is_refused_and_never_repeated(write: Write) -> None:
    faults = faults_of(write("password: hunter2\nmqtt:\n  password: hunter2\n  auth_token: hunter2\n"))
    assert len(faults) == 3
    assert all("password_file" in fault and "hunter2" not in fault for fault in faults)


def test_a_password_in_the_host_is_refused_and_never_repeated(write: Write) -> None:
    (fault,) = faults_of(write("mqtt:\n  host: mqtt://me:hunter2@broker\n"))
    assert fault.startswith("2 mqtt.host: ")
    assert "password_file" in fault
    assert "hunter2" not in fault


def test_a_section_whose_keys_are_all_commented_out_is_its_defaults(write: Write) -> None:
    path = write("publish:\n  # p_min: 0.9\nlog:\nnode: null\npaths:\n  state_dir:\n")
    assert load_config(path) == Config()


def test_a_long_value_is_cut_in_the_message(write: Write) -> None:
    (fault,) = faults_of(write(f"publish:\n  p_min: {'x' * 5000}\n"))
    assert len(fault) < 200


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "position: {lat_deg: 35.99, lon_deg: -78.89862, height_m: 0, sigma_m: 1}\n",
            "position.lat_deg: 35.99 may be",
        ),
        ("position: {lat_deg: 35.99403, lon_deg: -78.89862, height_m: 0}\n", "sigma_m is not given"),
        ("mqtt:\n  host: broker.example\n", "unencrypted"),
        ("node: raspberrypi\n", "hide each other"),
        ("mqtt:\n  tls: {ca_file: ca.pem}\n", "ca.pem depends on where the daemon is started"),
    ],
)
def test_what_looks_like_an_oversight_is_a_hint_and_no_fault(write: Write, text: str, told: str) -> None:
    assert any(told in hint for hint in load(write(text)).hints)


def test_a_careful_configuration_gets_no_hint(write: Write) -> None:
    path = write(
        "node: roof-3\nposition: {lat_deg: 35.99403, lon_deg: -78.89860, height_m: 90, sigma_m: 0.1}\n"
        "mqtt:\n  host: broker.example\n  tls: {}\n"
    )
    assert load(path).hints == ()


def test_the_digest_changes_with_every_value_but_not_with_folders(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = Config().digest
    assert len(base) == 12
    monkeypatch.setenv("STATE_DIRECTORY", "/somewhere/else")
    assert Config().digest == base
    assert load_config(write("publish:\n  p_min: 0.2\n")).digest == base
    assert load_config(write("publish:\n  p_min: 0.21\n")).digest != base


def test_folders_come_from_systemd_then_from_the_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/x:/var/lib/y")
    monkeypatch.setenv("RUNTIME_DIRECTORY", "/run/x")
    paths = Config().paths
    assert (paths.state_dir, paths.runtime_dir) == (Path("/var/lib/x"), Path("/run/x"))
    for name in ("STATE_DIRECTORY", "RUNTIME_DIRECTORY", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    paths = Config().paths
    assert paths.state_dir == tmp_path / ".local/state/gunshot-sensor"
    assert paths.runtime_dir == Path("/run/user/1000/gunshot-sensor")


def test_a_relative_outbox_lies_below_the_state_folder(write: Write) -> None:
    config = load_config(write("paths:\n  state_dir: /srv/state\noutbox:\n  path: events.db\n"))
    assert config.outbox.path == Path("/srv/state/events.db")


@pytest.mark.parametrize("name", ["Roof_3.example.org", "-x-", "ROOF", "9", "a" * 200, "_"])
def test_any_host_name_gives_a_valid_node_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: name)
    assert load_config(None).node == Config.model_validate({"node": Config().node}).node


def test_the_file_is_found_by_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GUNSHOT_SENSOR_CONFIG", str(tmp_path / "x.yaml"))
    assert find_config() == tmp_path / "x.yaml"


_WORDS = [*sorted({part for path in catalogue() for part in path}), "", "x", "password", "0"]
_SCALARS = st.sampled_from(
    ["", "on", "1", "-1", "1e9", "0.5", "text", "[]", "[1, x]", "{}", "{a: {b: c}}", "~", "007"]
)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(_WORDS), st.lists(st.tuples(st.sampled_from(_WORDS), _SCALARS), max_size=3)
        ),
        max_size=4,
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
def test_any_mixture_of_keys_is_taken_or_refused_with_lines(
    tmp_path: Path, sections: list[tuple[str, list[tuple[str, str]]]]
) -> None:
    path = tmp_path / "any.yaml"
    path.write_text(
        "".join(
            f"'{name}':\n" + "".join(f"  '{key}': {value}\n" for key, value in keys)
            for name, keys in sections
        )
    )
    try:
        load_config(path)
    except SensorError as error:
        assert all(line.startswith(f"{path}:") for line in str(error).splitlines())  # noqa: PT017  may also be good
