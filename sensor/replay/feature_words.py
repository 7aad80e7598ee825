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


WORDS: dict[str, Words] = {
    "level_db": Words(LEVELS, "level in that band and time, dB re the first 50 ms"),
    "before_db": Words(LEVELS, "strongest sound before the onset, dB re the attack's peak"),
    "after_db": Words(LEVELS, "strongest sound from 60 ms after the onset on, dB re the attack's peak"),
    "attack_db": Words(ATTACK, "level of 2 ms above 360 Hz, dB re the strongest such"),
    "jump_db": Words(ATTACK, "largest rise within 3 ms in those bands, dB"),
    "jump_time_ms": Words(ATTACK, "when that rise comes after the onset, ms"),
    "rise_db": Words(ATTACK, "strongest 2 ms of the first 30 over the sound before, dB"),
    "rise_ms_log": Words(ATTACK, "log10 of the ms of the rise from 10 to 90 %"),
    "half_width_ms_log": Words(ATTACK, "log10 of the ms above half of the peak"),
    "peak_time_log": Words(ATTACK, "log10 of the ms from onset to the strongest 2 ms"),
    "centroid_oct": Words(COLOUR, "centre of the spectrum, octaves above 1 kHz"),
    "spread_oct": Words(COLOUR, "width of the spectrum, octaves"),
    "flatness_db": Words(COLOUR, "flatness of the spectrum, dB; 0 = white"),
    "tonality_db": Words(COLOUR, "strongest frequency over the median, dB"),
    "decay_db_100ms": Words(DECAY, "slope of the first 60 ms in those bands, dB per 100 ms"),
    "tail_db_100ms": Words(DECAY, "slope from 60 ms on in those bands, dB per 100 ms"),
    "energy_time": Words(DECAY, "log10 of the ms by which that % of the energy has come"),
    "kurtosis": Words(DECAY, "log10 of the kurtosis: how much of the energy stands in few samples"),
    "roughness_db": Words(DECAY, "how ragged the decay is, dB"),
    "asymmetry": Words(WAVES, "one-sidedness of the first 8 ms, 0 to 1; a blast's is high"),
    "first_lobe_log": Words(WAVES, "log10 of the ms of the strongest half wave"),
    "crossings_per_ms": Words(WAVES, "changes of sign per ms, from 1 ms before to 8 ms after the onset"),
    "periodicity": Words(REPETITION, "how well the envelope repeats at 12 to 150 ms, 0 to 1"),
    "period_log": Words(REPETITION, "log10 of the ms at which it repeats best"),
    "pulses": Words(REPETITION, "number of pulses within 6 dB of the strongest"),
    "pitch": Words(PITCH, "how well the wave repeats at 1.4 to 12.5 ms, 0 to 1"),
    "pitch_lag_log": Words(PITCH, "log10 of the ms at which it repeats best"),
    "pitch_before": Words(PITCH, "the same before the onset, 0 to 1"),
    "excess_db": Words(STANDING_OUT, "level in that band and time over the same band before the onset, dB"),
    "share_db": Words(STANDING_OUT, "that band's share of what is new in that time, dB"),
    "energy_share": Words(STANDING_OUT, "share of what is new that has come until then, 0 to 1"),
    "before_peak_db": Words(STANDING_OUT, "strongest 0.5 ms of the sound before over its mean, dB"),
    "before_trend_db": Words(STANDING_OUT, "growth of the sound before within its 90 ms, dB"),
    "over_before_db": Words(STANDING_OUT, "first 8 ms over the strongest 0.5 ms before, dB"),
    "excess_mean_db": Words(STANDING_OUT, "mean over the bands of what that time stands out by, dB"),
    "bands_over": Words(STANDING_OUT, "number of bands that stand out by 3 dB in that time"),
    "since_last_log": Words(CONTEXT, "log10 of the seconds since the last trigger (3 s at most)"),
    "re_last_db": Words(CONTEXT, "peak re the last trigger's, dB"),
    "since_loudest_log": Words(CONTEXT, "log10 of the seconds since the loudest trigger of the last 1.5 s"),
    "re_loudest_db": Words(CONTEXT, "peak re the loudest trigger's, dB"),
    "snr_re_loudest_db": Words(CONTEXT, "SNR less the loudest trigger's, dB"),
    "count_03": Words(CONTEXT, "triggers in the last 0.3 s"),
    "count_1": Words(CONTEXT, "triggers in the last second"),
    "count_3": Words(CONTEXT, "triggers in the last 3 s"),
    "regular": Words(CONTEXT, "an earlier trigger at twice the last interval: 1 = exactly there"),
    "snr_db": Words(CONTEXT, "SNR, dB"),
    "likeness_best": Words(CONTEXT, "correlation of the attack with the likest of the last 6 s, -1 to 1"),
    "since_likest_log": Words(CONTEXT, "log10 of the seconds since that likest trigger"),
    "re_likest_db": Words(CONTEXT, "peak re that likest trigger's, dB"),
    "likeness_loudest": Words(CONTEXT, "correlation of the attack with the loudest of the last 6 s"),
    "likeness_last": Words(CONTEXT, "correlation of the attack with the last trigger's"),
    "level_distance_least_db": Words(CONTEXT, "difference in band levels to the nearest of the last 6 s, dB"),
    "level_distance_loudest_db": Words(
        CONTEXT, "difference in band levels to the loudest of the last 6 s, dB"
    ),
    "level_distance_last_db": Words(CONTEXT, "difference in band levels to the last trigger, dB"),
    "re_nearest_db": Words(CONTEXT, "peak re that of the nearest in band levels, dB"),
    "snr_re_highest_db": Words(CONTEXT, "SNR less the highest of the last 6 s, dB"),
}
"""By the first word of a feature's name, or by that word's beginning where it goes on with a number."""
_UNKNOWN = Words(OTHER, "")


def words_for(name: str) -> Words:
    """What is known of a feature; family ``other`` for one of a newer model."""
    first = name.split(" ", 1)[0]
    begun = next((begin for begin in ("energy_time", "kurtosis") if first.startswith(begin)), first)
    return WORDS.get(begun, _UNKNOWN)
