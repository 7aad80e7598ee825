"""An explanation in words for people and as JSON for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sensor.physics import db_from_ratio
from sensor.replay.feature_words import words_for
from sensor.replay.influence import log_odds
from sensor.types import RejectReason

if TYPE_CHECKING:
    from sensor.replay.explain import Explanation
    from sensor.replay.gates import Gate
    from sensor.replay.influence import Influence, Influences
    from sensor.types import Trigger, Verdict

MOST_FEATURES = 5
MOST_TIMES = 1_000_000
"""Factors beyond are all the same to a reader."""
SCHEMA = "gunshot.explanation.v1"

REFUSED = {
    RejectReason.DIGITAL_SILENCE: "it is what digital silence cuts off: a gap, a noise gate, a beginning",
    RejectReason.COARSE: "only the last bit of the converter moved",
    RejectReason.REFRACTORY: "it came within the refractory time of the trigger before it",
    RejectReason.GLITCH: "one or two samples are all there is to it: a lost frame or a bit error, no sound",
    RejectReason.DC_STEP: "the level shifted and stayed: plugging, power-up or a loose contact, no sound",
    RejectReason.OVERLOAD: "the input stood on its rail just before: there was nothing to hold it against",
    "p_min": "it sounds less like a gunshot than publish.p_min asks for",
}
"""Why, by the gate that refused."""
WITHOUT: dict[str, str] = {
    RejectReason.DIGITAL_SILENCE: "the edge of a run of equal samples",
    RejectReason.GLITCH: "its most deviant samples",
    RejectReason.DC_STEP: "its largest step",
}
"""What a fault is, by its gate."""


def headline(found: Explanation) -> str:
    """What became of the moment, in one sentence."""
    at = f"{found.offset_s:.4f} s"
    if found.outcome == "candidate" and found.verdict is not None:
        return (
            f"candidate: the impulse at {at} passed every gate with p(gunshot) {found.verdict.p_gunshot:.3f}"
        )
    gate = found.gates[-1]
    if found.outcome == "refused":
        return f"refused by {gate.name}: at {at} something crossed the threshold, but {REFUSED[gate.name]}"
    if gate.margin is None:
        why = "there is only digital silence" if found.cancelled is None else "the channels cancel"
        return f"nothing crossed the threshold within 0.2 s of {found.at_s:g} s: {why}"
    if gate.margin >= 0.0:
        return (
            f"nothing crossed the threshold within 0.2 s of {found.at_s:g} s: "
            "what is above it there has been so since before"
        )
    return (
        f"nothing crossed the threshold within 0.2 s of {found.at_s:g} s: "
        f"the strongest frame about then, at {at}, stayed {-gate.margin:.1f} dB below it"
    )


def text(found: Explanation) -> str:
    """All of it, a few dozen lines."""
    return "\n".join(_lines(found))


def _lines(found: Explanation) -> Iterator[str]:
    yield f"{found.file.encode('utf-8', 'backslashreplace').decode()}, {found.at_s:g} s"
    yield headline(found)
    yield ""
    yield "gates, in the order in which they decide"
    for gate in found.gates:
        yield f"  {'passed' if gate.passed else 'FAILED':<6}  {gate.name:<15}  {_said(gate)}"
    if found.decided_by == RejectReason.REFRACTORY:
        yield from _beside(found)
    if found.level is not None:
        level = found.level
        yield (
            f"  strongest frame: {level.level_dbfs:.1f} dBFS in the band; "
            f"{level.over_floor_db:.1f} dB over the noise floor of {level.floor_dbfs:.1f}"
        )
        yield (
            f"  and {level.excess_db:.1f} dB over the 20 ms before, {level.recent_dbfs:.1f} dBFS on average "
            "(what is below the floor counts as floor)"
        )
    if found.trigger is not None and found.verdict is not None:
        yield ""
        yield from _impulse(found.trigger, found.verdict)
    if found.influences is not None and found.verdict is not None:
        yield ""
        yield from _sound(found.influences, found.verdict, found.model_id)
    if found.nearby:
        yield ""
        yield "also decided within 0.2 s"
        for other in found.nearby:
            p = "" if other.p_gunshot is None else f"  p(gunshot) {other.p_gunshot:.3f}"
            yield f"  {other.offset_s:.4f} s  {other.outcome}{p}"
    yield from _notes(found)


def _notes(found: Explanation) -> Iterator[str]:
    """What is wrong with the recording itself."""
    if found.not_finite:
        yield f"note: {found.not_finite} runs of samples so far were NaN or infinite; they count as zeros"
    if found.damaged is not None:
        yield f"note: the file is damaged: {found.damaged}"
    if found.cancelled is not None:
        yield f"note: {found.cancelled}"


def _beside(found: Explanation) -> Iterator[str]:
    """Where to ask on, for what came within the refractory time."""
    for words, time_s in (("before", found.trigger_before_s), ("after", found.trigger_after_s)):
        if time_s is not None:
            yield f"  to explain the trigger {words} it: --at {time_s:.4f}"


def _said(gate: Gate) -> str:
    """What one gate measured, in words."""
    value, limit, margin = gate.value, gate.limit, gate.margin
    if value is None or limit is None or margin is None:
        return {
            "threshold": "no sound to hold it against",
            RejectReason.REFRACTORY: "no trigger before it",
            RejectReason.DIGITAL_SILENCE: "no run of equal samples near it",
        }.get(gate.name, "")
    spare = f"{margin:.1f} {gate.unit} to spare" if margin >= 0.0 else f"{-margin:.1f} {gate.unit} short"
    least = f"needs {limit:.1f} {gate.unit}"
    plain = {
        "threshold": f"stands {value:.1f} dB out of the floor and the moment before, {least}: {spare}",
        "likeness": f"repeats an earlier sound: correlation {value:.2f}, needs {limit:.2f}",
        RejectReason.COARSE: f"moves by {_beside_limit(value, limit)} of the smallest steps, "
        f"needs more than {limit:.0f}",
        RejectReason.OVERLOAD: f"off the rail for {value:.0%} of the moment before, needs {limit:.0%}",
        RejectReason.REFRACTORY: f"{value:.1f} ms after the last trigger, needs {limit:.0f} ms: {spare}",
    }
    if gate.name in plain:
        return plain[gate.name]
    if gate.name in WITHOUT:
        what = WITHOUT[gate.name]
        if math.isinf(value):
            return f"without {what} nothing is left, needs {limit:.1f} dBFS"
        return f"without {what} {value:.1f} dBFS are left, needs {limit:.1f} dBFS: {spare}"
    if limit <= 0.0:
        return f"p(gunshot) {value:.3f}, and any will do"
    ratio = log_odds(value) - log_odds(limit)
    told = f"{_factor(ratio)} times what is needed" if ratio >= 0.0 else f"{_factor(ratio)} times too low"
    return f"p(gunshot) {value:.3f}, needs {limit:.3f}: its odds are {told}"


def _beside_limit(value: float, limit: float) -> str:
    """The value with as many decimals as it takes to see on which side of the limit it lies."""
    texts = (f"{value:.{decimals}f}" for decimals in range(1, 7))
    return next((text for text in texts if value == limit or float(text) != limit), f"{value!r}")


def _impulse(trigger: Trigger, verdict: Verdict) -> Iterator[str]:
    yield "the impulse"
    yield (
        f"  onset known to {trigger.onset_sigma_s * 1e3:.2f} ms (one sigma), "
        f"peak {db_from_ratio(trigger.peak_fs):.1f} dBFS, "
        f"{trigger.snr_db:.1f} dB over the background of {trigger.noise_dbfs:.1f} dBFS"
    )
    yield (
        f"  rise {verdict.rise_s * 1e3:.2f} ms, duration {verdict.duration_s * 1e3:.0f} ms, "
        f"{100 * verdict.clip_fraction:.1f} % of its samples at the rail"
    )
    if trigger.later_arrivals:
        heard = ", ".join(f"{a.dt_s * 1e3:.0f} ms ({a.rel_db:+.0f} dB)" for a in trigger.later_arrivals)
        yield f"  later arrivals after {heard}"


def _sound(found: Influences, verdict: Verdict, model_id: str) -> Iterator[str]:
    classes = sorted(verdict.classes.items(), key=lambda item: -item[1])
    yield f"what it sounds like (model {model_id})"
    yield "  " + ", ".join(f"{name} {p:.3f}" for name, p in classes)
    yield f"  {_rival(found.confuser, found.confuser_margin)}"
    yield ""
    yield "what raised (×) and lowered (÷) the odds of a gunshot, each against its average"
    for family, effect in sorted(found.families.items(), key=lambda item: -item[1]):
        yield f"  {_times(effect)}  {family}"
    for words, features in (
        ("raised", found.speaking_for(MOST_FEATURES)),
        ("lowered", found.speaking_against(MOST_FEATURES)),
    ):
        if features:
            yield f"the single measures that {words} them most"
        for item in features:
            yield f"  {_times(item.effect)}  {_measure(item)}"
    yield "measures share information: their factors do not multiply to the whole"


def _rival(name: str, margin: float) -> str:
    """The most probable other class; ``margin`` is the natural log of p(gunshot) over its own."""
    if margin < 0.0:
        return f"{name} is {_factor(margin)} times likelier"
    return f"next likeliest: {name}, {_factor(margin)} times less likely"


def _measure(item: Influence) -> str:
    """One feature: its words, its name, its value, and how usual that is."""
    words = words_for(item.name)
    what = f"{words.meaning} ({item.name})" if words.meaning else item.name
    if item.value is None or item.standardised is None:
        return f"{what}: unknown"
    size = abs(item.standardised)
    side = "above" if item.standardised > 0.0 else "below"
    usual = "about average" if size < 0.5 else f"{'far ' if size >= 2.0 else ''}{side} average"
    return f"{what}: {words.value(item.value)}, {usual}"


def _times(log_odds: float) -> str:
    """A change of natural log-odds as a factor of the odds, as wide as any other."""
    return f"{'×' if log_odds >= 0.0 else '÷'} {_factor(log_odds):>8}"


def _factor(log_odds: float) -> str:
    """How many times greater or smaller odds are, to three digits."""
    factor = math.exp(abs(log_odds))
    if factor < 9.995:
        return f"{factor:.2f}"
    if factor < 99.95:
        return f"{factor:.1f}"
    return f"{float(f'{factor:.3g}'):.0f}" if factor < MOST_TIMES else f">{MOST_TIMES}"


def json_object(found: Explanation) -> str:
    """All of it as one JSON object on one line; what is unknown is null."""
    trigger, verdict, sound = found.trigger, found.verdict, found.influences
    body: dict[str, Any] = {
        "schema": SCHEMA,
        "file": found.file,
        "at_s": found.at_s,
        "outcome": found.outcome,
        "decided_by": found.decided_by,
        "said": headline(found),
        "offset_s": found.offset_s,
        "frame": None
        if found.level is None
        else {
            "offset_s": found.level.offset_s,
            "level_dbfs": found.level.level_dbfs,
            "floor_dbfs": found.level.floor_dbfs,
            "recent_dbfs": found.level.recent_dbfs,
            "over_floor_db": found.level.over_floor_db,
            "excess_db": found.level.excess_db,
        },
        "gates": [
            {
                "gate": gate.name,
                "passed": gate.passed,
                "value": gate.value,
                "limit": gate.limit,
                "margin": gate.margin,
                "unit": gate.unit,
            }
            for gate in found.gates
        ],
        "impulse": None if trigger is None or verdict is None else _impulse_json(trigger, verdict),
        "sound": None if sound is None or verdict is None else _sound_json(sound, verdict),
        "nearby": [
            {"offset_s": other.offset_s, "outcome": other.outcome, "p_gunshot": other.p_gunshot}
            for other in found.nearby
        ],
        "not_finite_runs": found.not_finite,
        "damaged": found.damaged,
        "cancelled": found.cancelled,
        "model": found.model_id,
    }
    return json.dumps(_finite(body), separators=(",", ":"), allow_nan=False)


def _impulse_json(trigger: Trigger, verdict: Verdict) -> dict[str, Any]:
    return {
        "onset_sigma_ms": trigger.onset_sigma_s * 1e3,
        "peak_dbfs": db_from_ratio(trigger.peak_fs),
        "snr_db": trigger.snr_db,
        "noise_dbfs": trigger.noise_dbfs,
        "rise_ms": verdict.rise_s * 1e3,
        "duration_ms": verdict.duration_s * 1e3,
        "clip_fraction": verdict.clip_fraction,
        "later_arrivals": [
            {"dt_ms": arrival.dt_s * 1e3, "rel_db": arrival.rel_db} for arrival in trigger.later_arrivals
        ],
    }


def _sound_json(sound: Influences, verdict: Verdict) -> dict[str, Any]:
    return {
        "p_gunshot": verdict.p_gunshot,
        "log_odds": sound.log_odds,
        "classes": dict(verdict.classes),
        "confuser": {"class": sound.confuser, "margin_log_odds": sound.confuser_margin},
        "families": dict(sound.families),
        "features": [
            {
                "name": item.name,
                "family": item.family,
                "meaning": item.meaning,
                "value": item.value,
                "standardised": item.standardised,
                "effect": item.effect,
            }
            for item in sound.features
        ],
    }


def _finite(value: Any) -> Any:  # noqa: ANN401  any JSON value
    """``value`` with what JSON cannot carry as null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value
