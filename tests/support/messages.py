"""Messages of the wire contract for tests, whole and valid."""

from __future__ import annotations

from typing import Any

from sensor.events import Candidate, Health, Position, Status, Versions

SITE = "durham"
NODE = "roof-07"
VERSIONS = Versions(software="0.1.0", model="m1", config="0123456789ab")


def candidate(number: int = 1, **changes: Any) -> Candidate:
    """A candidate before it is stored; ``number`` tells it from others."""
    values: dict[str, Any] = {
        "site": SITE,
        "node": NODE,
        "utc_ns": 1_700_000_000_000_000_000 + number,
        "sigma_ns": 50_000,
        "clock": {"source": "ntp", "state": "locked", "parts_ns": {"pick": 20_000}, "ppm": 1.5},
        "position": Position(lat_deg=35.99, lon_deg=-78.9, height_m=123.0, sigma_m=2.0),
        "p_gunshot": 0.91,
        "classes": {"gunshot": 0.91, "other": 0.09},
        "peak_dbfs": -3.2,
        "peak_db_spl": None,
        "snr_db": 31.0,
        "rise_ms": 0.4,
        "duration_ms": 3.1,
        "clip_fraction": 0.0,
        "later_arrivals": ({"dt_ms": 41.2, "rel_db": -8.0},),
        "versions": VERSIONS,
    }
    return Candidate(**{**values, **changes})


def status(state: str = "online", reason: str = "connected", boot_id: str = "boot-1") -> Status:
    """A node's status."""
    return Status(site=SITE, node=NODE, state=state, reason=reason, boot_id=boot_id, versions=VERSIONS)


def health(uptime_s: float = 1.0) -> Health:
    """A node's health; ``uptime_s`` tells one from another."""
    return Health(
        site=SITE,
        node=NODE,
        utc_ns=1_700_000_000_000_000_000,
        uptime_s=uptime_s,
        clock={
            "source": "ntp",
            "state": "locked",
            "utc_sigma_ns": 1000,
            "ppm": None,
            "residual_ns": None,
            "epoch": 0,
            "steps": 0,
        },
        audio={
            "device": "test",
            "rate_hz": 48000.0,
            "channels": 1,
            "samples": 480,
            "lost": 0,
            "overruns": 0,
            "xruns": 0,
            "reopened": 0,
            "zero_s": 0.0,
            "level_dbfs": -60.0,
            "noise_dbfs": -70.0,
            "clip_fraction": 0.0,
        },
        counts={"triggers": 1, "candidates": 1, "published": 1, "quarantined": 0},
        rejects={"refractory": 2},
        outbox={
            "depth": 0,
            "oldest_s": None,
            "bytes": 0,
            "chain_id": "6a9f3f0e-6f0c-4f0e-9a53-0a5a2c1f5d11",
            "seq": 1,
            "dropped": 0,
        },
        host={
            "rss_mb": 50.0,
            "cpu_s": 1.0,
            "load_1min": 0.1,
            "temperature_c": None,
            "throttled": None,
            "disk_free_mb": 1000.0,
        },
        problems=(),
        versions=VERSIONS,
    )
