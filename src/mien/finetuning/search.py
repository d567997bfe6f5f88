"""The search for how to learn: each way is tried on images of people that it did not see."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mien.emotions import SIX
from mien.finetuning.judging import Gain, Old, answers, balanced, gain
from mien.finetuning.learning import (
    STOPS,
    Candidate,
    Weights,
    blended,
    extended,
    head_weights,
    learn,
    with_weights,
)
from mien.finetuning.memory import Memory
from mien.finetuning.own_images import OwnImages
from mien.metrics import MAX_TEMPERATURE, fit_temperature, mcnemar
from mien.models import EmotionNet
from mien.spec import ModelSpec

__all__ = ["CANDIDATES", "Limits", "Search", "Trial", "search"]

CANDIDATES = (
    Candidate("the heads alone, careful", adapter=False, keeping=6.0),
    Candidate("a layer beside the trunk, careful", adapter=True, keeping=12.0),
    Candidate("a layer beside the trunk", adapter=True, keeping=4.0),
)

SHARES = (1.0, 0.75, 0.5, 0.25)
"""How far to go from the start's weights to the learned ones."""

_EQUAL = 0.02
"""Balanced accuracies within this of the best count as equal; the one that goes furthest is taken,
since all of them forget no more than may be."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What may be forgotten, as shares of 1.

    Attributes:
        balanced: Of the balanced accuracy of the six.
        absent: Of an answer that the images lack.
    """

    balanced: float = 0.02
    absent: float = 0.03


_UNSEEN = 3.0
"""Single answers fall by up to three times as much on real faces as on what is remembered of them:
measured on FER-2013's validation images."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """One way of learning, measured on images of people that it did not see.

    Attributes:
        candidate: The way.
        stop: The part of the steps after which it stopped.
        share: How far it went from the start's weights to the learned ones.
        accuracy: Balanced accuracy on the images, 0 to 1.
        predicted: `(N,)`, the predicted classes: six-way answers, or own classes.
        six: `(N,)`, the six-way answers.
        own_logits: `(N, K)`; None without own classes.
        forgotten: `(6,)`, by how much the share of each old answer fell; None if unknown.
        estimated: Whether that is from what is remembered, and not from faces with labels.
    """

    candidate: Candidate
    stop: float
    share: float
    accuracy: float
    predicted: NDArray[np.int64]
    six: NDArray[np.int64]
    own_logits: NDArray[np.float32] | None
    forgotten: NDArray[np.float64] | None
    estimated: bool

    def within(self, limits: Limits, absent: NDArray[np.bool_]) -> bool:
        """Return whether it forgets no more than may be."""
        if self.forgotten is None:
            return True
        mean, worst = np.nanmean(self.forgotten), np.nanmax(self.forgotten[absent], initial=-1)
        absent_limit = limits.absent / (_UNSEEN if self.estimated else 1)
        return bool(mean <= limits.balanced and worst <= absent_limit)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Search:
    """What the search found.

    Attributes:
        start: `(N,)`, the start's six-way answers.
        trials: The best trial of each candidate within the limits, where there is one.
        chosen: The best of them; None if nothing was tried.
        gain: Of the chosen trial over the start, by the six-way answer; None without images
            of the six.
        better: Whether the chosen trial is better, and not by chance.
        own_better: Whether its own head is better than chance, and not by chance.
        own_temperature: The temperature of that head.
    """

    start: NDArray[np.int64]
    trials: tuple[Trial, ...]
    chosen: Trial | None
    gain: Gain | None
    better: bool
    own_better: bool = False
    own_temperature: float = 1.0


def search(
    start: EmotionNet,
    spec: ModelSpec,
    features: Tensor,
    images: OwnImages,
    memory: Memory | None,
    old: Old | None,
    *,
    steps: int,
    limits: Limits,
    seed: int,
    on_step: Callable[[int, int], None],
) -> Search:
    """Try all candidates in turn on each fold of the images.

    Args:
        start: The start.
        spec: Its spec.
        features: `(A, N, D)`, the images' features and those of augmented copies.
        images: The N images.
        memory: What is remembered, to learn beside the images; None if there is nothing.
        old: Faces on which forgetting is measured; None if there are none.
        steps: Steps of a learning.
        limits: What may be forgotten.
        seed: The random seed.
        on_step: Called with the number of finished learnings, and of all.
    """
    if spec.six is None:  # an emotion network has one
        raise ValueError("no six-way output")
    before = answers(start, features[0], spec.six)
    absent = ~np.isin(np.arange(len(SIX)), images.six)
    folds = np.unique(images.folds)
    total = len(CANDIDATES) * len(folds)
    best: list[Trial] = []
    for number, candidate in enumerate(CANDIDATES):
        network = extended(
            start,
            adapter=candidate.adapter,
            own_classes=len(images.names) if images.own else 0,
        )
        weights: dict[int, list[Weights]] = {}
        for done, fold in enumerate(folds):
            learned = images.folds != fold
            weights[int(fold)] = learn(
                network,
                spec,
                features[:, torch.from_numpy(learned)],
                images.select(learned),
                memory,
                candidate,
                steps=steps,
                seed=seed,
            )
            on_step(number * len(folds) + done + 1, total)
        trials = [
            _trial(network, start, spec, features[0], images, old, candidate, weights, stop, share)
            for stop in range(len(STOPS))
            for share in SHARES
        ]
        kept = [trial for trial in trials if trial.within(limits, absent)]
        if kept:
            best.append(_best(kept))
    if not best:
        return Search(start=before, trials=(), chosen=None, gain=None, better=False)
    chosen = _best(best)
    compared = None
    if (images.six >= 0).any():
        compared = gain(images.six, before, chosen.six, images)
    own_better, own_temperature = False, 1.0
    if chosen.own_logits is not None:
        own_temperature = fit_temperature(chosen.own_logits, images.classes)
        # One answer for everything has the balanced accuracy of chance.
        over_chance = gain(images.classes, np.zeros_like(images.classes), chosen.predicted, images)
        own_better = over_chance.beyond_chance and own_temperature < 0.99 * MAX_TEMPERATURE
    return Search(
        start=before,
        trials=tuple(best),
        chosen=chosen,
        gain=compared,
        better=compared is not None and compared.beyond_chance and _differ(images, before, chosen),
        own_better=own_better,
        own_temperature=own_temperature,
    )


def _best(trials: list[Trial]) -> Trial:
    top = max(trial.accuracy for trial in trials)
    equal = [trial for trial in trials if trial.accuracy >= top - _EQUAL]
    return max(equal, key=lambda trial: (trial.share, trial.candidate.keeping, trial.stop))


def _differ(images: OwnImages, before: NDArray[np.int64], chosen: Trial) -> bool:
    """Return whether enough images changed sides for a sign test at 5 %."""
    known = images.six >= 0
    compared = mcnemar(before[known] == images.six[known], chosen.six[known] == images.six[known])
    return compared.only_second > compared.only_first and compared.p_value <= 0.1


@torch.no_grad()
def _trial(
    network: EmotionNet,
    start: EmotionNet,
    spec: ModelSpec,
    features: Tensor,
    images: OwnImages,
    old: Old | None,
    candidate: Candidate,
    weights: dict[int, list[Weights]],
    stop: int,
    share: float,
) -> Trial:
    """Judge one way on the images that each fold's learning did not see."""
    if spec.six is None:
        raise ValueError("no six-way output")
    six = np.zeros(len(images), np.int64)
    own = np.zeros((len(images), len(images.names)), np.float32) if images.own else None
    forgotten = []
    first = head_weights(network)
    known = old.recalls(start, spec.six) if old is not None else None
    for fold, learned in weights.items():
        mixed = blended(first, learned[stop], share, fresh_adapter=start.adapter is None)
        changed = with_weights(network, mixed)
        held_out = images.folds == fold
        seen = features[torch.from_numpy(held_out)]
        six[held_out] = answers(changed, seen, spec.six)
        if own is not None:
            logits = changed.heads(seen).own
            if logits is not None:
                own[held_out] = logits.numpy()
        if old is not None and known is not None:
            forgotten.append(known - old.recalls(changed, spec.six))
    predicted = six if own is None else own.argmax(axis=1).astype(np.int64)
    truth = images.six if own is None else images.classes
    parts = [balanced(truth, predicted)]
    if own is not None and (images.six >= 0).any():
        parts.append(balanced(images.six, six))
    return Trial(
        candidate=candidate,
        stop=STOPS[stop],
        share=share,
        accuracy=float(np.mean(parts)),
        predicted=predicted,
        six=six,
        own_logits=own,
        forgotten=np.mean(forgotten, axis=0) if forgotten else None,
        estimated=old is not None and not old.labelled,
    )
