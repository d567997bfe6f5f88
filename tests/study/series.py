"""People whose expressions are known, for tests of studies."""

from types import MappingProxyType

import numpy as np

from mien.emotions import SIX
from mien.study.series import QUALITY, PersonSeries
from mien.track import frame_durations_s

__all__ = ["person", "series_of"]


def series_of(times_s, labels, *, probability=0.8, unsure=None):
    """Return a person who shows these labels at these times, each with the same probability."""
    times_s = np.array(times_s, np.float64)
    numbers = np.array([SIX.labels.index(label) for label in labels], np.int8)
    probabilities = np.full((len(times_s), len(SIX)), (1 - probability) / (len(SIX) - 1))
    probabilities[np.arange(len(times_s)), numbers] = probability
    return PersonSeries(
        times_s=times_s,
        durations_s=frame_durations_s(times_s),
        labels=numbers,
        probabilities=probabilities.astype(np.float32),
        unsure=np.zeros(len(times_s), bool) if unsure is None else np.array(unsure),
        detected=np.arange(len(times_s)) % 3 == 0,
        quality_means=MappingProxyType(dict.fromkeys(QUALITY, 0.5)),
    )


def person(*spans, per_second=10):
    """Return a person from pairs of a label and the number of its frames."""
    labels = [label for label, count in spans for _ in range(count)]
    return series_of(np.arange(len(labels)) / per_second, labels)
