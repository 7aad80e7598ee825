"""Why a shooting was not reported, in words that need no engineer."""

from __future__ import annotations

from collections.abc import Iterator

from sensor.central.cad.words import utc_iso
from sensor.central.fleet.coverage import FARTHEST_M
from sensor.central.record.explain_miss import Account, Explanation, Gate, gates
from sensor.central.record.heard_then import NearIncident

SAME_PLACE_M = 250.0
"""An incident nearer than this to the place given may be what is asked about."""
CLOCK_POOR_MS = 100.0
"""A clock worse than this hardly helps to place a sound: it is 34 m."""
_REFUSALS = {
    "below_p_min": "did not sound like a shot",
    "refractory": "came within the echoes of another",
    "rate_limited": "were more than one node may report",
    "glitch": "were a fault of the line",
    "digital_silence": "were a fault of the line",
    "dc_step": "were a fault of the line",
    "coarse": "were but the last bit of the converter",
    "overload": "came while the microphone was overloaded",
    "not_finite": "were a fault of the line",
}
_NOTE = (
    "Expected levels are a model: a 9 mm pistol fired outdoors, seen from the side, less what buildings "
    "usually take, with a scatter of 8 dB. Shots indoors, in cars, suppressed or behind a hill are quieter. "
    "What nodes said and sent is from the record."
)


def text(explanation: Explanation) -> Iterator[str]:
    """The whole answer, line by line."""
    question = explanation.question
    yield (
        f"What became of a shot at {question.lat_deg:.5f}, {question.lon_deg:.5f}, "
        f"{utc_iso(question.utc_ns, digits=1)}, give or take {question.within_s:g} s:"
    )
    yield ""
    yield from conclusion(explanation)
    yield ""
    if explanation.incidents:
        yield "Incidents of that time:"
        yield from (f"  {_incident(item)}" for item in explanation.incidents)
        yield ""
    if explanation.accounts:
        yield "Sensors, nearest first:"
        for account in explanation.accounts:
            yield from _account(account)
        yield ""
    yield _NOTE


def conclusion(explanation: Explanation) -> Iterator[str]:
    """The answer in a few sentences."""
    found = _matching(explanation)
    alert = next((item for item in found if item.alert), None)
    located = next((item for item in found if item.distance_m is not None), None)
    if alert is not None:
        yield f"It was reported: {_incident(alert)}."
    elif located is not None:
        yield f"It was heard and located, and not called gunfire: {_incident(located)}."
    elif found:
        yield f"It was heard, not located: {_incident(found[0])}."
    else:
        yield "It was not reported."
        yield from _why_not(explanation)
    yield _working(explanation)


def _matching(explanation: Explanation) -> list[NearIncident]:
    """Incidents that may be what is asked about, nearest first."""
    within_s = explanation.question.within_s
    return [
        item
        for item in explanation.incidents
        if abs(item.offset_s) <= within_s + 5.0
        and (item.distance_m is None or item.distance_m <= SAME_PLACE_M)
    ]


def _why_not(explanation: Explanation) -> Iterator[str]:
    """From the network as a whole to what was heard and refused."""
    counts = gates(explanation)
    sent = counts[Gate.SENT] + counts[Gate.USED]
    enough = explanation.question.nodes_min
    if not explanation.accounts:
        yield f"No sensor stands within {FARTHEST_M / 1000:.0f} km of the place: it is not covered."
        return
    if sent:
        yield (
            f"{_sensors(sent)} sent a sound of that time; {enough} that agree on one place are needed. "
            "The list says what each heard."
        )
    elif counts[Gate.UNKNOWN] == len(explanation.accounts):
        yield "The record does not reach back to that time; nothing can be said of the sensors."
        return
    if explanation.chance_with_all < 0.5:
        yield (
            f"The place is poorly covered: even with every sensor at work, {enough} of them hear such a shot "
            f"{_percent(explanation.chance_with_all)} of the time."
        )
    elif explanation.chance_of_enough < 0.5:
        yield (
            "Too many sensors were out of action: those at work were enough "
            f"{_percent(explanation.chance_of_enough)} of the time, all together would have been "
            f"{_percent(explanation.chance_with_all)} of the time."
        )
    elif not sent:
        yield (
            "Enough sensors were at work to hear such a shot "
            f"{_percent(explanation.chance_of_enough)} of the time, and none sent a sound. Either it was "
            "much quieter than a pistol in the open, or time or place are not as given, or the sensors "
            "failed at it."
        )
    refused = counts[Gate.REFUSED]
    if refused:
        yield f"{_sensors(refused)} heard impulses in that minute and judged that they were no shots."


def _working(explanation: Explanation) -> str:
    counts = gates(explanation)
    total = len(explanation.accounts)
    down, unknown = counts[Gate.DOWN], counts[Gate.UNKNOWN]
    words = f"Of {_sensors(total)} within {FARTHEST_M / 1000:.0f} km, {total - down - unknown} were at work"
    if down:
        words += f", {down} were not"
    if unknown:
        words += f", of {unknown} the record does not say"
    return words + "."


def _incident(item: NearIncident) -> str:
    where = "not located" if item.distance_m is None else f"{item.distance_m:.0f} m from the place given"
    when = f"{abs(item.offset_s):.1f} s {_side(item.offset_s)} the time given"
    return (
        f"incident {item.incident_id}, {item.said.replace('_', ' ')} (p {item.p_gunshot:.2f}, "
        f"{_sensors(item.nodes)}), {where}, {when}; {item.reason}"
    )


def _account(account: Account) -> Iterator[str]:
    yield f"  {account.site}/{account.node}, {account.distance_m:.0f} m away: {_did(account)}"
    then = account.then
    working = {True: "at work", False: "not at work", None: "unknown"}[then.working]
    yield f"    state     {working}: {then.why}" + (
        f"; it complained: {'; '.join(then.problems)}" if then.problems else ""
    )
    yield f"    clock     {_clock(account)}"
    assumed = " (assumed: it is not calibrated)" if account.noise_assumed else ""
    yield (
        f"    level     {account.expected_db_spl:.0f} dB expected in {account.noise_db_spl:.0f} dB of noise"
        f"{assumed}: {account.margin_db:+.0f} dB {'over' if account.margin_db >= 0 else 'under'} what it "
        f"needs, heard {_percent(account.chance)} of the time"
    )


def _clock(account: Account) -> str:
    then = account.then
    if then.clock_source is None or then.clock_sigma_ms is None:
        return "unknown"
    words = f"{then.clock_source}, good to {then.clock_sigma_ms:.1f} ms"
    return words + (": too poor to help to place a sound" if then.clock_sigma_ms > CLOCK_POOR_MS else "")


def _did(account: Account) -> str:
    refused = account.then.refused or {}
    if account.heard:
        return "sent " + "; ".join(
            f"a sound {abs(item.offset_s):.2f} s {_side(item.offset_s)} this shot was due"
            + ("" if item.p_gunshot is None else f", p(gunshot) {item.p_gunshot:.2f}")
            + (f", part of {', '.join(item.incidents)}" if item.incidents else ", part of no incident")
            for item in account.heard
        )
    if account.gate is Gate.REFUSED:
        parts = [f"{count} {_REFUSALS.get(name, name)}" for name, count in refused.items()]
        return (
            f"sent nothing; of the impulses in the {account.then.refused_over_s:.0f} s around, "
            + ", ".join(parts)
        )
    return {
        Gate.DOWN: "was not at work",
        Gate.UNKNOWN: "nobody knows",
        Gate.FAR: "was too far or in too much noise to be expected to hear, and sent nothing",
        Gate.QUIET: "should have heard it and had no impulse at all",
    }.get(account.gate, "should have heard it and sent nothing")


def _side(offset_s: float) -> str:
    return "after" if offset_s >= 0 else "before"


def _sensors(count: int) -> str:
    return f"{count} sensor{'' if count == 1 else 's'}"


def _percent(value: float) -> str:
    return f"{100.0 * value:.0f} %"
