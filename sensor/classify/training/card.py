# ruff: noqa: E501  prose and tables of a Markdown template
"""The model card and the tables of an evaluation, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping

from sensor.classify.training import protocol, session
from sensor.classify.training.corpus import FOLDS, Corpus
from sensor.classify.training.examples import Dataset
from sensor.classify.training.report import Cut, Rate, Report, Share, total
from sensor.classify.training.session import Outcome
from sensor.pairing import CANDIDATE_P


def figures(outcome: Outcome) -> str:
    """All tables of an evaluation."""
    parts = [_street(outcome.report), _others(outcome.report), _reliability(outcome.report)]
    parts.append(_cuts(outcome.cuts))
    parts.append(
        _comparison({"network and trees without the echo network": outcome.without_echo, **outcome.compared})
    )
    return "\n".join(parts)


def total_rate(rates: Mapping[str, Rate]) -> Rate:
    """Sum of rates."""
    return Rate(sum(r.count for r in rates.values()), sum(r.hours for r in rates.values()))


def _street(report: Report) -> str:
    lines = [
        "| firing position | with a trigger | rounds | first rounds | candidates a round | false | bursts |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {g} | {report.detected[g]} | {report.rounds[g]} | {report.first_rounds[g]} "
        f"| {report.per_round[g]:.2f} | {report.street[g]} | {report.bursts.get(g, Share(0, 0))} |"
        for g in report.rounds
    ]
    lines.append(
        f"| together | {total(report.detected)} | {total(report.rounds)} | {total(report.first_rounds)} "
        f"| | {total_rate(report.street)} | {total(report.bursts)} |"
    )
    return "\n".join([*lines, ""])


def _others(report: Report) -> str:
    lines = ["| negatives | false candidates |", "|---|---|"]
    lines += [f"| {kind.replace('_', ' ')} | {rate} |" for kind, rate in report.negatives.items()]
    lines += [f"| together | {total_rate(report.negatives)} |", ""]
    lines += ["| fireworks, by uploader | clips called gunshot |", "|---|---|"]
    lines += [f"| {group} | {share} |" for group, share in report.fireworks.items()]
    lines += [f"| together | {total(report.fireworks)} |", ""]
    lines += [
        "| range recordings, by weapon | files with a candidate | 20 channels of each |",
        "|---|---|---|",
    ]
    lines += [
        f"| {w} | {report.range_original[w]} | {report.range_channels[w]} |" for w in report.range_original
    ]
    lines.append(f"| together | {total(report.range_original)} | {total(report.range_channels)} |")
    return "\n".join([*lines, ""])


def calibration_text(report: Report) -> str:
    """How far stated probabilities are from what was observed."""
    return (
        f"Expected calibration error, 15 bins, prior {protocol.PRIOR}: **{report.calibration_error:.3f}** over the triggers that are no echo of a shot; "
        f"**{report.calibration_error_with_echoes:.3f}** with the echoes, each taken for no shot: {report.echoes} of them are candidates, since the echo "
        "network would rather let an echo pass than lose a round."
    )


def _reliability(report: Report) -> str:
    lines = [
        calibration_text(report),
        "",
        "| stated | observed | triggers | |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {stated:.2f} | {seen:.2f} | {count} | `{'#' * round(20 * seen):<20}` |"
        for stated, seen, count in report.reliability
    ]
    return "\n".join([*lines, ""])


def _cuts(cuts: list[Cut]) -> str:
    lines = [
        "The same verdicts at other thresholds:",
        "",
        "| p ≥ | all rounds | first rounds | false, street | false, other | fireworks | channels |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {c.p} | {c.rounds} | {c.first_rounds} | {c.street} | {c.negatives} | {c.fireworks} | {c.range_channels} |"
        for c in cuts
    ]
    return "\n".join([*lines, ""])


def _comparison(compared: Mapping[str, Report]) -> str:
    lines = [
        f"At p ≥ {CANDIDATE_P}, each calibrated in the same way:",
        "",
        "| model | all rounds | first rounds | false, street | false, other | fireworks | range | channels | ECE |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, r in compared.items():
        lines.append(
            f"| {name} | {total(r.rounds)} | {total(r.first_rounds)} | {total_rate(r.street).count} "
            f"| {total_rate(r.negatives).count} | {total(r.fireworks)} | {total(r.range_original)} "
            f"| {total(r.range_channels)} | {r.calibration_error:.3f} |"
        )
    return "\n".join([*lines, ""])


_KNOWN_FAILURES = """## Known failures

* Faint shots (1 ms level less than 20 dB over the floor) are the misses; whole paths fail together: see the table's
  worst firing positions.
* Door knocks, thunder and breaking glass close to the microphone, and propellers with which a recording begins, are the false candidates;
  many of them are of few recordings, so their number depends on which recordings one has.
* A single report of a firework differs from a shot in nothing that one microphone hears.
* Blasts that follow each other with hardly any reverberation between them (simulated rounds 0.6 s apart in the open) are
  called firework from the second on: the corpus has such series only as fireworks.
* Rounds 50–130 ms apart inside each other's reverberation: see the column *bursts*.
* A jackhammer's blows are as regular and as like each other as rounds of automatic fire, and strings of crackers nearly so.
* All street shots are of three pistols on one winter night in one city, through one type of sensor.
* Suppressed weapons, indoor shots and rifles at a distance (ballistic wave before the blast) are not in the data, but for
  the last in simulation.
* An echo that comes more than a second after any other sound is judged as a sound of its own; only its likeness to what
  was heard in the last six seconds can tell it from a shot.
"""


def render(corpus: Corpus, data: Dataset, outcome: Outcome, digest: str) -> str:
    """The model card of weights with this checksum."""
    counts = "\n".join(f"| {name} | {own} | {made} |" for name, (own, made) in session.counts(data).items())
    return f"""# Model card: {session.NAME}+{digest[:8]}

Written by `scripts/train_classifier`; every figure below is its output. Checksum of the arrays (`sensor.classify.model.checksum`; not that of the file):
`{digest}`. Bursts: every street recording's first round repeated 2 to 9 times, 50 to 130 ms apart; every repetition counts.

**What it does.** Says of an impulse found by the detector whether it sounds like a gunshot, a firework, another impulse,
no impulse, or the echo of a shot heard just before. Meant as a first gate on a roof: the centre decides with many
sensors. It does not name weapons, and one firecracker sounds to it like one shot.

**How.** Small dense networks and {protocol.SHOT.trees} small boosted trees over {data.features.shape[2]} level-free features, numpy only: see
`docs/classification.md`.
Probabilities are stated at a prior of {protocol.PRIOR} (share of gunshots among triggers); for another prior π shift the
log-odds by ln(π/(1−π)) − ln({protocol.PRIOR}/{1 - protocol.PRIOR}).

## Data

{len(corpus.recordings)} recordings; none of them ships with the project.

| source | licence | use |
|---|---|---|
| ShotSpotter, Inc., data of Tech Note 098: live fire, Pittsburgh, 18 December 2018, FP1–FP6 | CC BY 4.0 | shots, street background |
| Free Firearm Sound Library (and one derivative): 7 weapons' shots at a range, gun handling | CC0 | shots, negatives |
| ESC-50, folds 1–4, clips that are CC0 or CC BY, by {_uploaders(corpus)} uploaders of freesound.org | CC0, CC BY 3.0 | fireworks, negatives |
| Drone-detection-dataset: helicopters, drones | CC0 | negatives |
| parametric sources and simulated streets of the project's own | Apache-2.0 | training only, never judged |

| label of trigger | originals | channels, faint and scaled copies, bursts, simulated streets |
|---|---|---|
{counts}

Truth on the street is what the publisher lists; rounds known only by prediction count neither way and keep their window.

## Protocol

{FOLDS} folds; each leaves out a firing position (the last none: there are six), a range weapon and a seventh of the uploaders at once, and every row whose added noise
came from them. A verdict is by a model that has met nothing of its firing position, range weapon or uploader. What street folds have in common: three
pistols, one night, one type of sensor, and three sensors that stood in two positions' tests. Candidate: p ≥ {CANDIDATE_P}. Intervals: 95 %, Wilson for
shares, Garwood for rates (for 0: fewer than 3 in the time heard, one-sided). A round without a trigger is a miss. Temperature and shifts (four numbers for the kinds of
sound, two for the echo network) of each fold's model were fitted on the verdicts of the other folds; those of the weights that ship, on all. Features, recipes, weights of
the examples and the simulator's surroundings were chosen by results on these same folds (`docs/classification.md`): what chance made look good there will not be met
again elsewhere.

## Results, out of fold

{figures(outcome)}
{_KNOWN_FAILURES}"""


def _uploaders(corpus: Corpus) -> int:
    return len({item.group for item in corpus.recordings if item.group.startswith("esc50:")})
