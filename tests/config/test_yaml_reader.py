"""What YAML reads otherwise than its author meant is read as meant, or refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.config.yaml_reader import MAX_BYTES, read_text, read_yaml
from sensor.errors import ConfigError


def value_of(text: str) -> object:
    document = read_yaml(f"key: {text}\n", "f.yaml")
    assert document.faults == []
    return document.data["key"]


def fault_of(text: str) -> str:
    (fault,) = read_yaml(text, "f.yaml").faults
    return f"{fault.line} {fault.key}: {fault.text}"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("on", "on"),
        ("no", "no"),
        ("Yes", "Yes"),
        ("true", True),
        ("False", False),
        ("1e3", 1000),
        ("48.0e3", 48000),
        ("1e-3", 0.001),
        ("12:30:45", "12:30:45"),
        ("22:22", "22:22"),
        ("2024-01-01", "2024-01-01"),
        ("0o17", 15),
        ("0x1F", 31),
        ("-5", -5),
        ("+5", 5),
        ("0", 0),
        (".5", 0.5),
        ("5.", 5.0),
        ("012.5", 12.5),
        ("'012'", "012"),
        ('"true"', "true"),
        ("~", None),
        ("", None),
        ("0d8c:0014", "0d8c:0014"),
        ("gunshot/v1/+", "gunshot/v1/+"),
        ("a#b", "a#b"),
        ("1.2.3", "1.2.3"),
        ("[1, no, 2.5]", [1, "no", 2.5]),
    ],
)
def test_a_scalar_is_read_as_it_was_meant(written: str, meant: object) -> None:
    value = value_of(written)
    assert value == meant
    assert type(value) is type(meant)


@pytest.mark.parametrize(
    ("written", "remedy"),
    [
        ("012", "write 12, or '012'"),
        ("08", "write 8, or '08'"),
        ("-007", "write -7, or '-007'"),
        ("1_000", "plain digits"),
        ("0b101", "plain digits"),
        (".inf", "finite"),
        (".nan", "finite"),
        ("1e999", "beyond"),
        ("9" * 5000, "mistake"),
        ("&anchor 5", "anchors"),
        ("!!float 5", "tag"),
        ('"a\\0b"', "control character"),
        ('"\\ud800"', "control character"),
        ("|\n  a\n  b", "control character"),
        ("!!python/object/apply:os.system [id]", "tag"),
    ],
)
def test_a_scalar_that_can_be_misread_is_refused_with_a_remedy(written: str, remedy: str) -> None:
    fault = fault_of(f"first: 1\nkey: {written}\n")
    assert fault.startswith("2 key: ")
    assert remedy in fault


def test_a_key_given_twice_names_both_lines() -> None:
    assert (
        fault_of("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n")
        == "5 b.c: given twice, first in line 3; delete one of the two"
    )


def test_an_alias_and_a_merge_key_are_refused() -> None:
    faults = read_yaml("a: &x {b: 1}\nc: *x\nd:\n  <<: *x\n", "f.yaml").faults
    assert [fault.line for fault in faults] == [1, 2, 4, 4]


def test_lines_of_nested_values_are_known() -> None:
    document = read_yaml("a:\n  b: 1\n  c:\n  - x\n  - y\n", "f.yaml")
    assert document.lines[("a", "c", 1)] == 5


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a:\n\tb: 1\n", "f.yaml:2 a tab"),
        ("a: 1\n b: 2\n", "f.yaml:2 "),
        ("a: b: c\n", "f.yaml:1 not YAML"),
        ("a: 'x\n", "f.yaml:2 not YAML"),
        ("- a\n- b\n", "f.yaml:1 the top of the file must be keys"),
        ("00\n", "f.yaml:1 the top of the file must be keys"),
        ("just words\n", "f.yaml:1 the top of the file must be keys"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2 a second document"),
        ("? [a, b]\n: 1\n", "f.yaml:1 a key must be a plain word"),
        ("a: \x07\n", "f.yaml:1 holds a control character"),
        ("a: 1\nb: \x00\n", "f.yaml:2 holds a control character"),
        ("%YAML 3.0\n---\na: 1\n", "f.yaml:1 "),
        ('"a\\nb": 1\n', "f.yaml:1 a key holds a control character"),
        ("a: " + "[" * 5000, "f.yaml:1 more than 8 levels"),
    ],
)
def test_what_is_not_yaml_names_the_line(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_yaml(text, "f.yaml")
    assert str(caught.value).startswith(told)


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "\n\n", "~\n"])
def test_an_empty_file_is_the_defaults(text: str) -> None:
    assert read_yaml(text, "f.yaml").data == {}


def test_windows_line_ends_and_a_byte_order_mark_are_harmless(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"\xef\xbb\xbfsite: a\r\nnode: b\r\n")
    assert read_yaml(read_text(path), "f").data == {"site": "a", "node": "b"}


@given(st.text(max_size=80) | st.text(alphabet="ab01:-[]{}#&*!|>'\"%@,?\n \t.e_~<", max_size=60))
@settings(deadline=None)
def test_any_text_is_read_or_refused_with_its_name(text: str) -> None:
    try:
        document = read_yaml(text, "f.yaml")
    except ConfigError as error:
        assert str(error).startswith("f.yaml:")  # noqa: PT017  any text may also be good YAML
    else:
        assert isinstance(document.data, dict)


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    missing, folder, binary, huge = (tmp_path / name for name in ("missing", "folder", "binary", "huge"))
    folder.mkdir()
    binary.write_bytes(b"site: a\n\xff\xfe\x00")
    huge.write_bytes(b"#" * (MAX_BYTES + 1))
    for path, told in [
        (missing, "no such file"),
        (folder, "directory"),
        (binary, ":2 not UTF-8"),
        (huge, "larger"),
    ]:
        with pytest.raises(ConfigError) as caught:
            read_text(path)
        assert str(caught.value).startswith(str(path))
        assert told in str(caught.value)
