"""Fitting the six-way output on validation data."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mien.emotions import SIX, label_set, mapping_matrix
from mien.errors import InputError
from mien.metrics.metrics import balanced_accuracy, confusion_matrix
from mien.spec import LIMITS, BaselineSpec, SixSpec, centred_logs

__all__ = [
    "EQUAL_WITHIN",
    "SURE_ACCURACY",
    "CalibrationData",
    "LabelledOutputs",
    "SixFit",
    "fit_baseline",
    "fit_six",
    "fit_temperature",
    "unsure_threshold",
]

SURE_ACCURACY = 0.95
"""The accuracy that predictions must reach which are not unsure."""

_WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
_STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
"""How far priors are divided out; over 1 as if rare labels were rarer than they are (Menon et al.
2021 tune this factor). It ends where neutral faces begin to be lost (run 13 of EXPERIMENTS.md)."""
MAX_TEMPERATURE = 5.0
"""The highest temperature that is fitted: logits that need it say next to nothing."""

_TEMPERATURES = np.exp(np.linspace(np.log(0.2), np.log(MAX_TEMPERATURE), 161))
EQUAL_WITHIN = 0.005
"""Mean balanced accuracies within this of the best count as equal. Chance moves that of PublicTest,
where fear and surprise are rare, by about twice as much."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledOutputs:
    """A network's outputs for N images, and their true labels by one label system.

    Attributes:
        head_logits: Logits by head, `(N, K_head)`.
        labels: `(N,)` labels in the order of `SIX`, -1 where there is none.
    """

    head_logits: Mapping[str, NDArray[np.float32]]
    labels: NDArray[np.int64]

    def known(self) -> LabelledOutputs:
        """Return the images that have a label."""
        rows = self.labels >= 0
        logits = {name: values[rows] for name, values in self.head_logits.items()}
        return LabelledOutputs(head_logits=logits, labels=self.labels[rows])


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CalibrationData:
    """What the six-way output is fitted on.

    Attributes:
        head_labels: The label set of each head.
        head_priors: Share of each label in the head's training labels, `(K_head,)`; all 0 for a
            head that had none.
        home: Validation images of the data that the network was trained on, by label system.
        foreign: Images of other people, by dataset; none of them was trained on.
        confident_in: The label system of `home` on which temperature and threshold are fitted, if
            it has labels.
        leaning: The head that gets the larger weight among combinations that count as equal.
    """

    head_labels: Mapping[str, str]
    head_priors: Mapping[str, NDArray[np.float64]]
    home: Mapping[str, LabelledOutputs]
    foreign: Mapping[str, LabelledOutputs] = dataclasses.field(default_factory=dict)
    confident_in: str
    leaning: str

    def labelled(self) -> CalibrationData:
        """Return the images that have labels, without the sets that have none.

        Raises:
            InputError: No image has a label, or a set of `foreign` has none.
        """
        home = {name: each.known() for name, each in self.home.items()}
        home = {name: each for name, each in home.items() if len(each.labels)}
        if not home:
            raise InputError(f"no image has a label by {' or '.join(self.home)}")
        foreign = {name: each.known() for name, each in self.foreign.items()}
        for name, each in foreign.items():
            if not len(each.labels):
                raise InputError(f"{name}: no image has one of the labels {', '.join(SIX.labels)}")
        sure = self.confident_in if self.confident_in in home else next(iter(home))
        return dataclasses.replace(self, home=home, foreign=foreign, confident_in=sure)


@dataclasses.dataclass(frozen=True, slots=True)
class SixFit:
    """The result of `fit_six`.

    Attributes:
        six: The six-way output.
        score: Its balanced accuracy, 0 to 1: the mean over the label systems of `home`; with
            foreign sets the mean of that and the mean over these.
    """

    six: SixSpec
    score: float


def fit_six(data: CalibrationData, *, accuracy: float = SURE_ACCURACY) -> SixFit:
    """Choose how the heads become six probabilities.

    Weights of the two heads and how far each head's priors are divided out are chosen for the
    balanced accuracy that `SixFit.score` defines. Among those that count as equal the one that
    leans most on `leaning` is taken, and of these the mildest correction. Then comes one
    temperature for the likelihood, in which the foreign sets together count as much as
    `confident_in`; then, on `confident_in` alone, the confidence under which a prediction counts
    as unsure. A label system without labels is left out, and a head that had no training labels
    gets no weight.

    Args:
        data: Validation data only: nothing may be reported on images that were used here.
        accuracy: What the predictions that are not unsure must reach, 0 to 1.

    Raises:
        InputError: There are not two heads, none of them had training labels, or no image has a
            label.
    """
    if len(data.head_priors) != 2:
        raise InputError(f"expected two heads, found {', '.join(data.head_priors) or 'none'}")
    data = data.labelled()
    tried = [
        (_score(data, candidate), strengths, candidate)
        for share in _shares(data)
        for strengths in itertools.product(_STRENGTHS, repeat=2)
        for candidate in [_candidate(data, share, strengths)]
    ]
    best = max(score for score, _, _ in tried)
    good = [entry for entry in tried if entry[0] >= best - EQUAL_WITHIN]
    score, _, chosen = min(
        good, key=lambda entry: (-entry[2].weights[data.leaning], sum(entry[1]), -entry[0])
    )
    temperature = _fit_six_temperature(data, chosen)
    sure = data.home[data.confident_in]
    probabilities = _probabilities(data, sure, chosen, temperature)
    threshold = unsure_threshold(probabilities, sure.labels, accuracy=accuracy)
    six = dataclasses.replace(chosen, temperature=temperature, unsure_below=threshold)
    return SixFit(six, score)


def _fit_six_temperature(data: CalibrationData, six: SixSpec) -> float:
    sets = (data.home[data.confident_in], *data.foreign.values())
    logits, weights = [], []
    for number, each in enumerate(sets):
        probabilities = _probabilities(data, each, six, 1.0)
        logits.append(np.log(probabilities.clip(min=np.finfo(np.float32).tiny)))
        share = 1.0 if number == 0 else 1 / len(data.foreign)
        weights.append(np.full(len(each.labels), share / len(each.labels)))
    labels = np.concatenate([each.labels for each in sets])
    return fit_temperature(np.concatenate(logits), labels, weights=np.concatenate(weights))


def fit_temperature(
    logits: NDArray[np.floating],
    labels: NDArray[np.integer],
    *,
    weights: NDArray[np.floating] | None = None,
) -> float:
    """Return what logits must be divided by to be likeliest (Guo et al. 2017), 0.2 to 5.

    Args:
        logits: `(N, K)`.
        labels: `(N,)`, -1 where there is none; without any the temperature is 1.
        weights: `(N,)`, how much each image counts; None counts all alike.
    """
    known = labels >= 0
    if not known.any():
        return 1.0
    shifted = (logits[known] - logits[known].max(axis=1, keepdims=True)).astype(np.float64)
    right = shifted[np.arange(len(shifted)), labels[known]]
    counted = None if weights is None else weights[known]
    losses = []
    for temperature in _TEMPERATURES:
        total = np.log(np.exp(shifted / temperature).sum(axis=1))
        losses.append(np.average(total - right / temperature, weights=counted))
    return float(_TEMPERATURES[int(np.argmin(losses))])


def unsure_threshold(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer], *, accuracy: float
) -> float:
    """Return the lowest confidence from which on predictions reach an accuracy, 0 to 1.

    Args:
        probabilities: `(N, K)`.
        labels: `(N,)`.
        accuracy: What the predictions of at least that confidence must reach; if none do, 1.0 is
            returned.
    """
    confidence = probabilities.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    correct = (probabilities.argmax(axis=1) == labels)[order]
    reached = correct.cumsum() / np.arange(1, len(correct) + 1) >= accuracy
    if not reached.any():
        return 1.0
    return float(confidence[order][np.flatnonzero(reached).max()])


def fit_baseline(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer]
) -> BaselineSpec | None:
    """Fit what a person's baseline is measured from, so that it says nothing of the expression.

    With Q the mean probabilities of the faces of each label and Z their mean centred logs, both
    `(6, 6)`, the centres are `C = Q^-1 Z`: then the mean of `z - p C` is 0 over the faces of each
    label, whatever mixture of expressions somebody shows. The mean z of a label's faces alone, as
    its centre, would count what makes a face ambiguous as the person's own, and take it off: of
    neutral faces, the most ambiguous ones, that loses a fifth
    (`benchmarks/results/baseline.json`).

    Args:
        probabilities: `(N, 6)`, the six-way answers to validation faces of different people.
        labels: `(N,)` in the order of `SIX`, -1 where there is none.

    Returns:
        The centres; None where a label has no face, or the answers do not tell the labels apart.
    """
    counts = np.bincount(labels[labels >= 0], minlength=len(SIX))
    if not counts.all():
        return None
    faces = np.asarray(probabilities, np.float64)
    means = np.stack([faces[labels == label].mean(axis=0) for label in range(len(SIX))])  # (6, 6)
    logs = centred_logs(faces)
    centred = np.stack([logs[labels == label].mean(axis=0) for label in range(len(SIX))])  # (6, 6)
    if np.linalg.matrix_rank(means) < len(SIX):
        return None
    centres = np.linalg.solve(means, centred)
    if np.abs(centres).max() > LIMITS["centre"][1]:
        return None
    return BaselineSpec(
        centres=tuple(tuple(row.tolist()) for row in centres),
        neutral=tuple(centred[SIX.labels.index("neutral")].tolist()),
    )


def _shares(data: CalibrationData) -> tuple[float, ...]:
    """Return the weights of the first head that are tried."""
    first, second = (data.head_priors[name].sum() > 0 for name in data.head_priors)
    if not first and not second:
        raise InputError(
            "no head had training labels: the subset train has none. Import labelled images"
        )
    return _WEIGHTS if first and second else (1.0,) if first else (0.0,)


def _candidate(data: CalibrationData, share: float, strengths: tuple[float, ...]) -> SixSpec:
    weights = dict(zip(data.head_priors, (share, 1 - share), strict=True))
    bias = np.zeros(len(SIX))
    for (name, weight), strength in zip(weights.items(), strengths, strict=True):
        if not weight:
            continue
        priors = data.head_priors[name] @ mapping_matrix(label_set(data.head_labels[name]), SIX)
        # A label without training images has no prior to divide out: it counts as an average one.
        shares = np.where(priors > 0, priors / priors.sum(), 1 / len(SIX))
        bias -= weight * strength * np.log(shares)
    bias -= bias.mean()
    return SixSpec(weights=weights, bias=tuple(bias.tolist()), temperature=1.0, unsure_below=0.0)


def _probabilities(
    data: CalibrationData, outputs: LabelledOutputs, six: SixSpec, temperature: float
) -> NDArray[np.float32]:
    scaled = dataclasses.replace(six, temperature=temperature)
    return scaled.probabilities(outputs.head_logits, data.head_labels)


def _score(data: CalibrationData, six: SixSpec) -> float:
    parts = [
        np.mean([_balanced_accuracy(data, each, six) for each in sets.values()])
        for sets in (data.home, data.foreign)
        if sets
    ]
    return float(np.mean(parts))


def _balanced_accuracy(data: CalibrationData, outputs: LabelledOutputs, six: SixSpec) -> float:
    predictions = _probabilities(data, outputs, six, 1.0).argmax(axis=1)
    matrix = confusion_matrix(outputs.labels, predictions, classes=len(SIX))
    return balanced_accuracy(matrix)
