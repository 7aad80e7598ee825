"""From a file to a Config, or to the full list of what is wrong with it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from sensor.config.catalogue import Key, catalogue
from sensor.config.crosschecks import contradictions, hints
from sensor.config.faults import validation_faults
from sensor.config.model import Config
from sensor.config.settings import APPLICATION
from sensor.config.yaml_reader import Document, Fault, dotted, read_text, read_yaml
from sensor.errors import ConfigError

_Model = TypeVar("_Model", bound=BaseModel)

SYSTEM_FILE = Path("/etc/gunshot-sensor/config.yaml")
FILE_VARIABLE = "GUNSHOT_SENSOR_CONFIG"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A valid configuration, and what in it deserves a second look."""

    config: Config
    hints: tuple[str, ...]
    """Lines such as ``config.yaml:7 position.lat_deg: ...``; nothing that stops the daemon."""


def find_config() -> Path | None:
    """The file to read when none is named: $GUNSHOT_SENSOR_CONFIG, else the one in /etc, else None."""
    return find_file(FILE_VARIABLE, SYSTEM_FILE)


def find_file(variable: str, system_file: Path) -> Path | None:
    """The file that an environment variable names, else ``system_file`` if there is one, else None."""
    named = os.environ.get(variable, "")
    if named:
        return Path(named)
    return system_file if system_file.exists() else None


def load_config(path: Path | str | None) -> Config:
    """Read a configuration file; None means the defaults.

    Raises ConfigError whose text is one line per fault, ``file:line key: what, and how to mend it``.
    """
    return load(path).config


def load(path: Path | str | None) -> Loaded:
    """As ``load_config``, together with the hints."""
    config, document = read_model(path, Config, contradictions)
    return Loaded(config, tuple(_line(document, hint) for hint in hints(document, config)))


def read_model(
    path: Path | str | None,
    model: type[_Model],
    contradictions: Callable[[Document, _Model], list[Fault]],
    program: str = APPLICATION,
) -> tuple[_Model, Document]:
    """Read a file as the configuration ``model`` of ``program``, and what was read; None means the defaults.

    ``contradictions`` finds what several keys together do not allow. Raises ConfigError as `load_config`.
    """
    if path is None:
        document = Document("built-in defaults")
    else:
        document = read_yaml(read_text(Path(path), program), str(path))
    keys = catalogue(model)
    data = _without_nulls(document.data, keys, ())
    faults = document.faults + _empty_switches(document, keys)
    config = None
    try:
        config = model.model_validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        faults += validation_faults(document, error, keys)
    else:
        faults += contradictions(document, config)
    if config is None or faults:
        raise ConfigError("\n".join(_line(document, fault) for fault in sorted(faults)))
    return config, document


def _line(document: Document, fault: Fault) -> str:
    place = f"{document.name}:{fault.line}" if fault.line else document.name
    return f"{place} {fault.key}: {fault.text}" if fault.key else f"{place} {fault.text}"


def _without_nulls(
    data: Mapping[str, Any], keys: Mapping[tuple[str, ...], Key], at: tuple[str, ...]
) -> dict[str, Any]:
    """``data`` without the nulls that ask for a default: empty sections, values worked out at the start."""
    result = {}
    for name, value in data.items():
        key = keys.get((*at, name))
        if (
            value is None
            and key is not None
            and not key.optional
            and (key.computed or key.section is not None)
        ):
            continue
        result[name] = _without_nulls(value, keys, (*at, name)) if isinstance(value, dict) else value
    return result


def _empty_switches(document: Document, keys: Mapping[tuple[str, ...], Key]) -> list[Fault]:
    """Sections that are off by default and stand there empty: whoever wrote ``tls:`` did not mean none."""
    faults = []
    for path, text in document.texts.items():
        key = keys.get(tuple(str(part) for part in path))
        if text == "" and key is not None and key.section is not None and key.optional:
            switch = f"{key.name}: {{}} switches it on with its defaults, {key.name}: null is none"
            faults.append(Fault(document.lines[path], dotted(path), f"is empty; give its keys ({switch})"))
    return faults
