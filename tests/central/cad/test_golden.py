"""What dispatch centres get, byte for byte: files that were held against the published schemas.

The schemas are not ours to ship. Where they are not at hand the files still say whether anything changed.
"""

from __future__ import annotations

import json

import pytest
from lxml import etree

from tests.support.cad_golden import FOLDER, documents
from tests.support.standards import cap_schema, eido_validator, schema_folder, unknown_fields

DOCUMENTS = documents()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_what_was_agreed(name: str) -> None:
    assert DOCUMENTS[name].decode() == (FOLDER / name).read_text(encoding="utf-8"), (
        "what dispatch centres get has changed; if it should, run python -m tests.support.cad_golden"
    )


def test_there_are_no_others() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(DOCUMENTS)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_file_is_valid_by_the_published_schema(name: str) -> None:
    folder = schema_folder()
    content = (FOLDER / name).read_bytes()
    if name.endswith(".xml"):
        cap_schema(folder).assertValid(etree.fromstring(content))
        return
    body = json.loads(content)
    assert [error.message for error in eido_validator(folder).iter_errors(body)] == []
    assert unknown_fields(folder, body) == []
