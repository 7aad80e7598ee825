"""What a reader must not conclude from the figures of a period, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from sensor.central.record.figures import Figures

FEW = 20
"""Below so many decided alerts, a share says little; the page says so."""


def not_known(figures: Figures) -> list[str]:
    """One sentence for each gap, the largest first."""
    return [*_of_outcomes(figures), *_of_times(figures), *_of_sensors(figures)]


def _of_outcomes(figures: Figures) -> Iterator[str]:
    nobody, looked = figures.verdicts["none"], figures.verdicts["unknown"]
    alerts, decided = len(figures.alerts), figures.confirmed_of_decided.trials
    if alerts:
        yield (
            f"What {nobody + looked} of {alerts} alerts were: of {nobody} nobody reported an outcome, for "
            f"{looked} somebody looked and could not tell. No evidence does not mean that nobody fired."
        )
    if alerts and decided < FEW:
        yield (
            f"Whether this month was better or worse than another: {decided} decided alerts are too few, the "
            "intervals say how far chance alone reaches."
        )
    yield (
        f"How many shootings were missed. Reported to the record: {len(figures.missed)}. Shots that nobody "
        "reported, and indoor or suppressed shots, appear nowhere."
    )
    if not figures.detected.trials:
        yield "The share of shootings that are detected: no confirmed shooting and no miss to tell by."
    if figures.contradicted:
        yield f"Who is right where sources disagree about an alert: {figures.contradicted} of {alerts}."


def _of_times(figures: Figures) -> Iterator[str]:
    alerts = len(figures.alerts)
    for spread, what in (
        (figures.told_after, "when the first receiver had it: none of them acknowledged, or none is set up"),
        (figures.dispatched_after, "when units were sent: dispatch did not say"),
        (figures.on_scene_after, "when they arrived: dispatch did not say"),
    ):
        if spread.count < alerts:
            yield f"For {alerts - spread.count} of {alerts} alerts, {what}."
    if alerts:
        yield "How long officers were bound, and what they met: nobody reports it here."


def _of_sensors(figures: Figures) -> Iterator[str]:
    silent = [node for node in figures.fleet.nodes if node.up_share is None]
    if figures.history_from_ns is not None and figures.since_ns < figures.history_from_ns:
        yield (
            "How the sensors were in the earlier part of this period: their history is kept for a limited "
            "time only (record.node_history_days) and part of it is gone: uptime and coverage look too low."
        )
    if silent:
        yield f"How {len(silent)} of {len(figures.fleet.nodes)} sensors were: not one health message came."
    if not figures.fleet.coverage:
        yield "How much of the area could be heard: no coverage was computed in this period."
