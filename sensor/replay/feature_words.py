"""The classifier's features in words, for explanations."""

from __future__ import annotations

from dataclasses import dataclass

LEVELS = "levels over time and band"
ATTACK = "attack"
COLOUR = "colour"
DECAY = "decay"
WAVES = "shape of the first waves"
PITCH = "pitch"
REPETITION = "repetition"
CONTEXT = "what was heard before"
STANDING_OUT = "standing out of the sound before"
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Words:
    """What a feature is; what its name says beyond (band, time after the onset) is not repeated."""

    family: str
    meaning: str
    unit: str = ""
    log_added: float | None = None
    """Where the feature is the log10 of so many units more than are meant; None: it is the value itself."""

    @property
    def of_the_number(self) -> str:
        """What the feature's own number is, unit and logarithm included."""
        what = f"{self.meaning}, {self.unit}" if self.unit else self.meaning
        return what if self.log_added is None else f"log10 of {what}"

    def value(self, number: float) -> str:
        """The feature's number as what is meant, with its unit."""
        if self.log_added is None:
            shown = f"{number:.2f}"
        else:
            shown = f"{max(0.0, 10.0**number - self.log_added):.3g}"
        return f"{shown} {self.unit}".rstrip()


WORDS: dict[str, Words] = {
    "level_db": Words(LEVELS, "level in that band and time, against the first 50 ms", "dB"),
    "before_db": Words(LEVELS, "strongest sound before the onset, against the attack's peak", "dB"),
    "after_db": Words(
        LEVELS, "strongest sound from 60 ms after the onset on, against the attack's peak", "dB"
    ),
    "attack_db": Words(ATTACK, "level of 2 ms above 360 Hz, against the strongest such", "dB"),
    "jump_db": Words(ATTACK, "largest rise within 3 ms in those bands", "dB"),
    "jump_time_ms": Words(ATTACK, "when that rise comes after the onset", "ms"),
    "rise_db": Words(ATTACK, "strongest 2 ms of the first 30 over the sound before", "dB"),
    "rise_ms_log": Words(ATTACK, "time of the rise from 10 to 90 %", "ms", 0.5),
    "half_width_ms_log": Words(ATTACK, "time above half of the peak", "ms", 0.5),
    "peak_time_log": Words(ATTACK, "time from the onset to the strongest 2 ms", "ms", 1.0),
    "centroid_oct": Words(COLOUR, "centre of the spectrum", "octaves above 1 kHz"),
    "spread_oct": Words(COLOUR, "width of the spectrum", "octaves"),
    "flatness_db": Words(COLOUR, "flatness of the spectrum, 0 = white", "dB"),
    "tonality_db": Words(COLOUR, "strongest frequency over the median", "dB"),
    "decay_db_100ms": Words(DECAY, "slope of the first 60 ms in those bands", "dB per 100 ms"),
    "tail_db_100ms": Words(DECAY, "slope from 60 ms on in those bands", "dB per 100 ms"),
    "energy_time": Words(DECAY, "time by which that % of the energy has come", "ms", 0.5),
    "kurtosis": Words(DECAY, "kurtosis: how much of the energy stands in few samples", "", 0.0),
    "roughness_db": Words(DECAY, "how ragged the decay is", "dB"),
    "asymmetry": Words(WAVES, "one-sidedness of the first 8 ms, 0 to 1; a blast's is high"),
    "first_lobe_log": Words(WAVES, "length of the strongest half wave", "ms", 0.1),
    "crossings_per_ms": Words(WAVES, "changes of sign per ms, from 1 ms before to 8 ms after the onset"),
    "periodicity": Words(REPETITION, "how well the envelope repeats at 12 to 150 ms, 0 to 1"),
    "period_log": Words(REPETITION, "time after which it repeats best", "ms", 0.0),
    "pulses": Words(REPETITION, "number of pulses within 6 dB of the strongest"),
    "pitch": Words(PITCH, "how well the wave repeats at 1.4 to 12.5 ms, 0 to 1"),
    "pitch_lag_log": Words(PITCH, "time after which it repeats best", "ms", 0.0),
    "pitch_before": Words(PITCH, "the same before the onset, 0 to 1"),
    "excess_db": Words(STANDING_OUT, "level in that band and time over the same band before the onset", "dB"),
    "share_db": Words(STANDING_OUT, "that band's share of what is new in that time", "dB"),
    "energy_share": Words(STANDING_OUT, "share of what is new that has come until then, 0 to 1"),
    "before_peak_db": Words(STANDING_OUT, "strongest 0.5 ms of the sound before over its mean", "dB"),
    "before_trend_db": Words(STANDING_OUT, "growth of the sound before within its 90 ms", "dB"),
    "over_before_db": Words(STANDING_OUT, "first 8 ms over the strongest 0.5 ms before", "dB"),
    "excess_mean_db": Words(STANDING_OUT, "mean over the bands of what that time stands out by", "dB"),
    "bands_over": Words(STANDING_OUT, "number of bands that stand out by 3 dB in that time"),
    "since_last_log": Words(CONTEXT, "time since the last trigger; 3 s: none within 1.5 s", "s", 0.0),
    "re_last_db": Words(CONTEXT, "swing over the last trigger's", "dB"),
    "since_loudest_log": Words(
        CONTEXT, "time since the loudest trigger of the last 1.5 s; 3 s: none", "s", 0.0
    ),
    "re_loudest_db": Words(CONTEXT, "swing over the loudest trigger's", "dB"),
    "snr_re_loudest_db": Words(CONTEXT, "SNR less the loudest trigger's", "dB"),
    "count_03": Words(CONTEXT, "triggers in the last 0.3 s"),
    "count_1": Words(CONTEXT, "triggers in the last second"),
    "count_3": Words(CONTEXT, "triggers in the last 3 s"),
    "regular": Words(CONTEXT, "an earlier trigger at twice the last interval: 1 = exactly there"),
    "snr_db": Words(CONTEXT, "SNR", "dB"),
    "likeness_best": Words(CONTEXT, "correlation of the attack with the likest of the last 6 s, -1 to 1"),
    "since_likest_log": Words(CONTEXT, "time since that likest trigger; 6 s: none", "s", 0.0),
    "re_likest_db": Words(CONTEXT, "swing over that likest trigger's", "dB"),
    "likeness_loudest": Words(CONTEXT, "correlation of the attack with the loudest of the last 6 s"),
    "likeness_last": Words(CONTEXT, "correlation of the attack with the last trigger's"),
    "level_distance_least_db": Words(
        CONTEXT, "difference in band levels to the nearest of the last 6 s", "dB"
    ),
    "level_distance_loudest_db": Words(
        CONTEXT, "difference in band levels to the loudest of the last 6 s", "dB"
    ),
    "level_distance_last_db": Words(CONTEXT, "difference in band levels to the last trigger", "dB"),
    "re_nearest_db": Words(CONTEXT, "swing over that of the nearest in band levels", "dB"),
    "snr_re_highest_db": Words(CONTEXT, "SNR less the highest of the last 6 s", "dB"),
}
"""By the first word of a feature's name, or by that word's beginning where it goes on with a number."""
_UNKNOWN = Words(OTHER, "")


def words_for(name: str) -> Words:
    """What is known of a feature; family ``other`` for one of a newer model."""
    first = name.split(" ", 1)[0]
    begun = next((begin for begin in ("energy_time", "kurtosis") if first.startswith(begin)), first)
    return WORDS.get(begun, _UNKNOWN)
