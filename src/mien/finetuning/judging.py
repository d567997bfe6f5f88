"""Judging of heads: on images that they did not learn from, and on what they answered before."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from mien.emotions import SIX
from mien.finetuning.learning import six_scores
from mien.finetuning.memory import Memory
from mien.finetuning.own_images import OwnImages
from mien.metrics import Interval
from mien.models import EmotionNet
from mien.spec import SixSpec

__all__ = ["Gain", "Old", "answers", "balanced", "gain"]

_DRAWN = 3000
_RESAMPLES = 1000


@dataclasses.dataclass(frozen=True, slots=True)
class Gain:
    """A difference of balanced accuracy between two predictions of the same images.

    Attributes:
        before: Balanced accuracy of the first, 0 to 1.
        after: That of the second.
        interval: A 90 % bootstrap interval of the difference; whole people are drawn.
    """

    before: float
    after: float
    interval: Interval

    @property
    def difference(self) -> float:
        """The difference, -1 to 1."""
        return self.after - self.before

    @property
    def beyond_chance(self) -> bool:
        """Whether the second is better, and not by chance."""
        return self.interval.low > 0


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Old:
    """Faces that the network answered before, to see whether it still does.

    Attributes:
        features: `(M, D)`.
        truth: `(M,)` in the order of `SIX`: their labels, or the start's own answers.
        labelled: Whether `truth` are labels.
    """

    features: Tensor
    truth: NDArray[np.int64]
    labelled: bool

    @classmethod
    def remembered(cls, memory: Memory, start: EmotionNet, six: SixSpec, *, seed: int) -> Old:
        """Draw faces from what is remembered, equally many of each answer."""
        generator = Generator().manual_seed(seed)
        features, _ = memory.draw(_DRAWN, torch.ones(len(SIX)), generator)
        return cls(features, answers(start, features, six), labelled=False)

    def recalls(self, network: EmotionNet, six: SixSpec) -> NDArray[np.float64]:
        """Return the share of each answer that the network gives, `(6,)`; NaN without faces."""
        return _recalls(self.truth, answers(network, self.features, six), len(SIX))


@torch.no_grad()
def answers(network: EmotionNet, features: Tensor, six: SixSpec) -> NDArray[np.int64]:
    """Return the six-way answers to features, `(N,)` in the order of `SIX`."""
    found: NDArray[np.int64] = six_scores(network.heads(features), six).argmax(dim=1).numpy()
    return found


def balanced(truth: NDArray[np.int64], predicted: NDArray[np.int64]) -> float:
    """Return the mean recall of the classes that occur in `truth`; labels below 0 are left out."""
    known = truth >= 0
    recalls = _recalls(truth[known], predicted[known], int(truth.max(initial=0)) + 1)
    return float(np.nanmean(recalls)) if known.any() else float("nan")


def gain(
    truth: NDArray[np.int64],
    before: NDArray[np.int64],
    after: NDArray[np.int64],
    images: OwnImages,
    *,
    seed: int = 1,
) -> Gain:
    """Compare two predictions of the same images.

    Args:
        truth: `(N,)`, true classes; images below 0 are left out.
        before: `(N,)`, the first predictions.
        after: `(N,)`, the second ones.
        images: The N images.
        seed: The seed of the bootstrap.
    """
    known = truth >= 0
    truth, before, after = truth[known], before[known], after[known]
    _, people = np.unique(images.groups[known], return_inverse=True)
    count = int(people.max(initial=-1)) + 1
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(count, np.full(count, 1 / count), size=_RESAMPLES)
    weights = draws[:, people]  # (resamples, N)
    recalls: Mapping[str, list[NDArray[np.float64]]] = {"before": [], "after": []}
    with np.errstate(invalid="ignore", divide="ignore"):
        for each in np.unique(truth):
            of_class = truth == each
            total = weights[:, of_class].sum(axis=1)
            for name, predicted in (("before", before), ("after", after)):
                correct = weights[:, of_class] @ (predicted[of_class] == each)
                recalls[name].append(correct / total)
    with np.errstate(invalid="ignore"):
        differences = np.nanmean(recalls["after"], axis=0) - np.nanmean(recalls["before"], axis=0)
    low, high = np.nanpercentile(differences, (5, 95))
    return Gain(balanced(truth, before), balanced(truth, after), Interval(float(low), float(high)))


def _recalls(
    truth: NDArray[np.int64], predicted: NDArray[np.int64], classes: int
) -> NDArray[np.float64]:
    totals = np.bincount(truth, minlength=classes)
    hits = np.bincount(truth[predicted == truth], minlength=classes)
    recalls: NDArray[np.float64] = np.divide(
        hits, totals, out=np.full(classes, np.nan), where=totals > 0
    )
    return recalls
