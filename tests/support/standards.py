"""Published schemas that our documents are held against. They are not ours to ship: tests skip without them.

They are looked for where ``GUNSHOT_SCHEMAS`` says, else in ``../reference/schemas`` beside the recordings
that ``GUNSHOT_CORPUS`` names.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft4Validator, FormatChecker
from lxml import etree
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

EIDO_ROOT = "EmergencyIncidentDataObjectType"


def schema_folder() -> Path:
    """Folder with ``CAP-v1.2.xsd`` and ``eido/``; skips where there is none."""
    named = os.environ.get("GUNSHOT_SCHEMAS", "")
    corpus = os.environ.get("GUNSHOT_CORPUS", "")
    folder = Path(named) if named else Path(corpus) / ".." / "reference" / "schemas"
    if not (named or corpus) or not (folder / "CAP-v1.2.xsd").is_file():
        pytest.skip(
            "the published CAP and EIDO schemas are not here: name their folder in GUNSHOT_SCHEMAS, "
            "or lay them in ../reference/schemas beside GUNSHOT_CORPUS"
        )
    return folder


@cache
def cap_schema(folder: Path) -> etree.XMLSchema:
    """The OASIS schema of CAP 1.2."""
    return etree.XMLSchema(etree.parse(str(folder / "CAP-v1.2.xsd")))


@cache
def eido_document(folder: Path) -> dict[str, Any]:
    """NENA's OpenAPI document, its two typing slips mended: a string for a number and a doubled slash."""
    return _load(folder / "eido" / "Schema" / "openapi.yaml")


def _load(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="utf-8").replace("minItems: 1,", "minItems: 1")
    text = text.replace("NIEMComponents//", "NIEMComponents/")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    body: dict[str, Any] = yaml.load(text, Loader=loader)  # noqa: S506  a safe loader, compiled or not
    return body


@cache
def eido_validator(folder: Path) -> Draft4Validator:
    """Validator of a whole EIDO; references into the NIEM components are read when they are met."""
    root = folder / "eido" / "Schema"

    def retrieve(uri: str) -> Resource[Any]:
        return DRAFT4.create_resource(_load(root / uri.removeprefix("eido:")))

    registry: Registry[Any] = Registry(retrieve=retrieve)  # type: ignore[call-arg]  # attrs hides its alias
    registry = registry.with_resource("eido:openapi.yaml", DRAFT4.create_resource(eido_document(folder)))
    schema = {"$ref": f"eido:openapi.yaml#/components/schemas/{EIDO_ROOT}"}
    return Draft4Validator(schema, registry=registry, format_checker=FormatChecker())


def unknown_fields(folder: Path, body: dict[str, Any]) -> list[str]:
    """Paths of fields that the EIDO schema does not know: it allows them, a misspelling hides in that."""
    schemas = eido_document(folder)["components"]["schemas"]
    return list(_unknown(schemas, {"$ref": f"#/components/schemas/{EIDO_ROOT}"}, body, ""))


def _unknown(schemas: Any, schema: Any, value: Any, path: str) -> list[str]:
    if isinstance(value, list):
        items = schema.get("items", {})
        return [
            fault for i, item in enumerate(value) for fault in _unknown(schemas, items, item, f"{path}[{i}]")
        ]
    if not isinstance(value, dict):
        return []
    known = _properties(schemas, schema)
    faults = [f"{path}.{name}" for name in value if name not in known]
    for name, item in value.items():
        faults += _unknown(schemas, known.get(name, {}), item, f"{path}.{name}") if name in known else []
    return faults


def _properties(schemas: Any, schema: Any) -> dict[str, Any]:
    """All properties of a schema, those of what it refers to and of all its parts included."""
    if isinstance(schema.get("$ref"), str):
        return _properties(schemas, schemas[schema["$ref"].rpartition("/")[2]])
    known = dict(schema.get("properties", {}))
    for part in schema.get("allOf", []):
        known |= _properties(schemas, part)
    return known
