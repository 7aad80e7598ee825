"""Imports point one way: shared values, stages, what joins stages, the daemon and the commands.

The rules hold for lazy imports and for imports of types as well: what is named is known.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "sensor"

SHARED = {"types", "events", "errors", "physics", "geodesy", "complaints", "__version__"}
STAGES = {"capture", "detect", "classify", "timing", "uplink"}
LINK = {"broker"}
"""The connection to the broker, which node and centre share; it knows neither of them."""
STATISTICS = {"intervals", "pairing", "reliability"}
HELPERS = {"command_line", "config", "findings", "logs", "systemd"}
JOINED = SHARED | STAGES | {"rate_limit", "pipeline"}
EDGE = JOINED | HELPERS | {"listener", "health", "calibrate"}

MAY_IMPORT = {
    "types": set[str](),
    "errors": set[str](),
    "physics": set[str](),
    "complaints": set[str](),
    "events": {"errors"},
    "geodesy": {"errors", "physics"},
    "broker": {"errors"},
    **dict.fromkeys(STAGES, SHARED),
    "uplink": SHARED | LINK,
    "rate_limit": set[str](),
    "pipeline": SHARED | STAGES | {"rate_limit"},
    "config": SHARED | LINK | STAGES,
    "command_line": {"__version__", "errors", "logs"},
    "findings": {"errors"},
    "logs": {"errors"},
    "systemd": {"errors"},
    "listener": JOINED,
    "health": JOINED | {"listener"},
    "calibrate": JOINED | HELPERS,
    "intervals": set[str](),
    "pairing": set[str](),
    "reliability": set[str](),
    "replay": JOINED | HELPERS | STATISTICS,
    "training": SHARED | STATISTICS | {"classify", "detect", "sim"},
    "daemon": EDGE,
    "cli": EDGE | LINK | {"daemon", "replay", "sim"},
    "sim": SHARED | {"config"},
    "central": SHARED | LINK | HELPERS | STATISTICS,
    "__main__": {"cli"},
    "__init__": set[str](),
}
"""What each part may import of the others; a part that is not here has no place in the design yet."""

FOREIGN = {
    "sounddevice": {"capture/stream.py"},
    "soundfile": {
        "capture/audiofile.py",
        "sim/render.py",
        "classify/training/channels.py",
        "classify/training/corpus.py",
    },
    "paho": {"broker/connection.py"},
    "yaml": {"config/yaml_reader.py"},
    "cryptography": {"central/incidents/signing.py"},
    "sqlite3": {"uplink/store.py", "central/store/sqlite.py"},
    "psycopg": {"central/store/postgres.py"},
}
"""The files that may import a library that talks to the world: there its errors are translated."""
ONLY_IN = {
    "click": ("command_line.py", "findings.py", "cli/", "calibrate/", "central/cli/"),
    "pydantic": ("config/", "sim/", "central/"),
    "matplotlib": ("calibrate/", "replay/", "central/"),
}
"""Folders outside which a library is not wanted."""
SIM_DOORS = {"cli/simulate.py", "cli/run.py", "classify/training/street.py", "classify/training/channels.py"}


@dataclass(frozen=True)
class Import:
    """One import statement."""

    file: str
    line: int
    module: str
    top_level: bool
    """It runs when the file is imported."""

    @property
    def part(self) -> str:
        """The part of the package that imports."""
        if self.file.startswith("classify/training/"):
            return "training"
        return self.file.partition("/")[0].removesuffix(".py")

    @property
    def target(self) -> str:
        """The part that is imported; empty for a foreign module."""
        names = self.module.split(".")
        if names[0] != "sensor" or len(names) < 2:
            return ""
        return "training" if names[1:3] == ["classify", "training"] else names[1]

    def __str__(self) -> str:
        return f"sensor/{self.file}:{self.line} imports {self.module}"


def imports_of(root: Path) -> Iterator[Import]:
    """Every import below ``root``; ``from sensor import x`` counts as ``sensor.x``."""
    for path in sorted(root.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        lazy = _lines_not_run(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                for module in _modules(node):
                    yield Import(
                        path.relative_to(root).as_posix(), node.lineno, module, node.lineno not in lazy
                    )


def _modules(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    assert node.level == 0, "relative imports hide what they name"
    module = node.module or ""
    if module in {"sensor", "sensor.classify"}:
        return [f"{module}.{alias.name}" for alias in node.names]
    return [module]


def _lines_not_run(tree: ast.Module) -> set[int]:
    """Lines inside functions and inside ``if TYPE_CHECKING``."""
    lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.unparse(node.test):
            continue
        if isinstance(node, ast.If | ast.FunctionDef | ast.AsyncFunctionDef):
            lines.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


def violations(found: list[Import]) -> list[str]:
    """What breaks a rule, in words."""
    return [f"{item}: {why}" for item in found if (why := _objection(item))]


def _objection(item: Import) -> str:
    if item.target and item.target != item.part:
        return _wrong_direction(item)
    library = item.module.split(".")[0]
    if library in FOREIGN and item.file not in FOREIGN[library]:
        return f"{library} is imported in {', '.join(sorted(FOREIGN[library]))} only"
    if library in ONLY_IN and not item.file.startswith(ONLY_IN[library]):
        return f"{library} belongs in {' '.join(ONLY_IN[library])}"
    if library == "scipy" and item.top_level and item.part not in {"sim", "central", "training"}:
        return "scipy costs a second and 40 MB: import it in the function that needs it"
    if item.module.startswith("scipy.signal") and item.part in EDGE | {"daemon"} - {"calibrate"}:
        return "scipy.signal costs two seconds and 80 MB: the daemon does without"
    return ""


def _wrong_direction(item: Import) -> str:
    if item.part not in MAY_IMPORT:
        return f"{item.part} has no place in the design; add it to MAY_IMPORT and to docs/architecture.md"
    if item.target not in MAY_IMPORT[item.part]:
        return f"{item.part} may import {', '.join(sorted(MAY_IMPORT[item.part])) or 'nothing of ours'}"
    if item.target == "sim" and item.file not in SIM_DOORS:
        return f"the simulator is reached from {', '.join(sorted(SIM_DOORS))} only"
    if item.part == "config" and item.target in LINK | STAGES and not item.module.endswith(".settings"):
        return "the configuration knows a stage by its settings alone"
    return ""


@pytest.fixture(scope="module")
def found() -> list[Import]:
    return list(imports_of(ROOT))


def test_every_import_of_the_package_points_the_right_way(found: list[Import]) -> None:
    assert violations(found) == []


def test_the_whole_package_was_looked_at(found: list[Import]) -> None:
    statement = re.compile(r"^\s*(import \w|from \S+ import )", re.MULTILINE)
    texts = {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in ROOT.rglob("*.py")
    }
    files = {name for name, text in texts.items() if statement.search(text)}
    assert {item.file for item in found} == files
    edges = {(item.part, item.target) for item in found}
    for joined in [("pipeline", "detect"), ("config", "capture"), ("daemon", "uplink"), ("cli", "config")]:
        assert joined in edges


def test_every_part_named_here_is_there() -> None:
    there = {path.name.removesuffix(".py") for path in ROOT.iterdir()} | {"training", "__version__"}
    assert set(MAY_IMPORT) | set[str]().union(*MAY_IMPORT.values()) <= there


def test_every_file_named_here_does_import_its_library(found: list[Import]) -> None:
    named = {(file, library) for library, files in FOREIGN.items() for file in files}
    seen = {(item.file, item.module.split(".")[0]) for item in found}
    assert named <= seen


def test_only_declared_libraries_are_imported(found: list[Import]) -> None:
    declared = {
        "numpy",
        "scipy",
        "sounddevice",
        "soundfile",
        "paho",
        "pydantic",
        "pydantic_core",
        "yaml",
        "click",
        "cryptography",
        "psycopg",
        "starlette",
        "uvicorn",
    }
    declared |= {"annotated_types", "matplotlib", "sklearn", "threadpoolctl", "joblib", "sensor"}
    declared |= {"torch"}  # in no extra: a rival of the classifier is compared where somebody installed it
    foreign = {item.module.split(".")[0] for item in found} - set(sys.stdlib_module_names)
    assert foreign <= declared


@pytest.mark.parametrize(
    ("file", "line", "told"),
    [
        ("detect/x.py", "from sensor.capture.ring import Ring", "detect may import"),
        ("detect/x.py", "def f():\n    import sensor.uplink.outbox", "detect may import"),
        ("detect/x.py", "if TYPE_CHECKING:\n    from sensor import pipeline", "detect may import"),
        ("events.py", "from sensor.types import Block", "events may import"),
        ("daemon.py", "from sensor.sim.scene import load_scene", "daemon may import"),
        ("pipeline.py", "import sensor.central.locate", "pipeline may import"),
        ("cli/check.py", "from sensor.sim.scene import load_scene", "the simulator is reached"),
        ("central/x.py", "from sensor.pipeline import Pipeline", "central may import"),
        ("config/model.py", "from sensor.capture.portaudio import PortAudioSource", "by its settings alone"),
        ("config/model.py", "from sensor.broker.connection import Connection", "by its settings alone"),
        ("capture/x.py", "import sounddevice", "capture/stream.py only"),
        ("daemon.py", "import paho.mqtt.client", "broker/connection.py only"),
        ("health.py", "import click", "belongs in command_line.py findings.py cli/ calibrate/ central/cli/"),
        ("timing/x.py", "import scipy.stats", "costs a second"),
        ("detect/x.py", "def f():\n    from scipy.signal import sosfilt", "the daemon does without"),
        ("broker/x.py", "from sensor.uplink.settings import MqttSettings", "broker may import errors"),
        ("broker/x.py", "from sensor.central.settings import BrokerSettings", "broker may import errors"),
        ("listener.py", "from sensor.broker.connection import Connection", "listener may import"),
        ("central/x.py", "import paho.mqtt.client", "broker/connection.py only"),
        ("novelty/x.py", "from sensor.types import Block", "has no place in the design"),
    ],
)
def test_a_wrong_import_is_found(tmp_path: Path, file: str, line: str, told: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"import os\n{line}\n", encoding="utf-8")
    (fault,) = violations(list(imports_of(tmp_path)))
    assert fault.startswith(f"sensor/{file}:")
    assert told in fault


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("detect/x.py", "from sensor.types import Block"),
        ("detect/x.py", "from sensor.detect.settings import DetectSettings"),
        ("replay/x.py", "def f():\n    from scipy.stats import beta"),
        ("cli/run.py", "def f():\n    from sensor.sim.scene import load_scene"),
        ("config/model.py", "from sensor.capture.settings import CaptureSettings"),
    ],
)
def test_a_right_import_is_not_complained_of(tmp_path: Path, file: str, line: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{line}\n", encoding="utf-8")
    assert violations(list(imports_of(tmp_path))) == []
