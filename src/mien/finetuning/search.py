"""The search for how to learn: each way is tried on images of people that it did not see."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

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

__all__ = ["CANDIDATES", "Limits", "Search", "Trial", "compared", "search"]

CANDIDATES = (
    Candidate("the heads alone, careful", adapter=False, keeping=6.0),
    Candidate("a layer beside the trunk, careful", adapter=True, keeping=12.0),
    Candidate("a layer beside the trunk", adapter=True, keeping=4.0),
)

SHARES = (1.0, 0.75, 0.5, 0.25)
"""How far to go from the start's weights to the learned ones; 0, too, where there are own classes:
then only their head learns, and the six answers stay as they are."""

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
        share: How far it went from the start's weights to the learned ones; at 0 only the head of
            own classes learned.
        predicted: `(N,)`, the predicted classes: six-way answers, or own classes.
        six: `(N,)`, the six-way answers.
        own_logits: `(N, K)`; None without own classes.
        forgotten: `(6,)`, by how much the share of each old answer fell; None if unknown.
        estimated: Whether that is from what is remembered, and not from faces with labels.
    """

    candidate: Candidate
    stop: float
    share: float
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

    def accuracy(self, images: OwnImages, rows: NDArray[np.bool_] | None = None) -> float:
        """Return the mean balanced accuracy of own classes, if there are some, and of the six.

        Args:
            images: The N images.
            rows: `(N,)`, those that count; None for all.
        """
        rows = np.ones(len(images), np.bool_) if rows is None else rows
        parts = []
        if self.own_logits is not None:
            parts.append(balanced(images.classes[rows], self.predicted[rows]))
        if (images.six[rows] >= 0).any():
            parts.append(balanced(images.six[rows], self.six[rows]))
        return float(np.mean(parts)) if parts else 0.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Search:
    """What the search found.

    Attributes:
        start: `(N,)`, the start's six-way answers.
        trials: The best trial of each candidate within the limits, where there is one.
        chosen: The best of them, which is to be written as it was tried; None if nothing was tried.
            Where the six answers are not better, one that leaves them as they are, if there are
            own classes.
        six: `(N,)`, six-way answers that show what choosing the best gives: those to each fold are
            of the trial that is the best on the other folds. None if nothing was tried.
        own: `(N,)`, predicted own classes likewise; None without own classes, too.
        gain: Of `six` over the start; None without images of the six.
        better: Whether `six` are better, and not by chance.
        own_better: Whether `own` are better than chance, and not by chance.
        own_temperature: The temperature of that head.
    """

    start: NDArray[np.int64]
    trials: tuple[Trial, ...]
    chosen: Trial | None
    gain: Gain | None
    better: bool
    six: NDArray[np.int64] | None = None
    own: NDArray[np.int64] | None = None
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
    tried: list[list[Trial]] = []
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
            for share in ((*SHARES, 0.0) if images.own else SHARES)
        ]
        tried.append([trial for trial in trials if trial.within(limits, absent)])
    return compared(before, tried, images)


def compared(
    start: NDArray[np.int64], tried: Sequence[Sequence[Trial]], images: OwnImages
) -> Search:
    """Choose the best of all trials, and say whether choosing so is better than the start.

    The best of many trials looks better on the images that it was chosen by than it is. So for each
    fold a trial is chosen on the other folds alone, and its answers to this fold count.

    Where the six answers are not better so, own classes are judged anew, by the trials that leave
    the six as they are: what is written is one of those.

    Args:
        start: `(N,)`, the start's six-way answers.
        tried: The trials of each candidate that are within the limits.
        images: The N images.
    """
    found = _chosen(start, [[each for each in trials if each.share] for trials in tried], images)
    if found.better or not images.own:
        return found
    return _chosen(start, [[each for each in trials if not each.share] for trials in tried], images)


def _chosen(
    start: NDArray[np.int64], tried: Sequence[Sequence[Trial]], images: OwnImages
) -> Search:
    """Choose the best of some trials; see `compared`."""
    if not any(tried):
        return Search(start=start, trials=(), chosen=None, gain=None, better=False)

    def best_on(rows: NDArray[np.bool_]) -> list[Trial]:
        """Return the best trial of each candidate on some images, and at last the best of all."""
        accuracy = {id(trial): trial.accuracy(images, rows) for each in tried for trial in each}
        best = [_best(trials, accuracy) for trials in tried if trials]
        return [*best, _best(best, accuracy)]

    *best, chosen = best_on(np.ones(len(images), np.bool_))
    six = np.zeros(len(images), np.int64)
    predicted = np.zeros(len(images), np.int64)
    for fold in np.unique(images.folds):
        rows = images.folds == fold
        elsewhere = best_on(~rows)[-1]
        six[rows], predicted[rows] = elsewhere.six[rows], elsewhere.predicted[rows]
    over_start = None
    if (images.six >= 0).any():
        over_start = gain(images.six, start, six, images)
    own_better, own_temperature = False, 1.0
    if chosen.own_logits is not None:
        own_temperature = fit_temperature(chosen.own_logits, images.classes)
        # One answer for everything has the balanced accuracy of chance.
        over_chance = gain(images.classes, np.zeros_like(images.classes), predicted, images)
        own_better = over_chance.beyond_chance and own_temperature < 0.99 * MAX_TEMPERATURE
    return Search(
        start=start,
        trials=tuple(best),
        chosen=chosen,
        gain=over_start,
        better=over_start is not None and over_start.beyond_chance and _differ(images, start, six),
        six=six,
        own=None if chosen.own_logits is None else predicted,
        own_better=own_better,
        own_temperature=own_temperature,
    )


def _best(trials: Sequence[Trial], accuracy: Mapping[int, float]) -> Trial:
    top = max(accuracy[id(trial)] for trial in trials)
    equal = [trial for trial in trials if accuracy[id(trial)] >= top - _EQUAL]
    return max(equal, key=lambda trial: (trial.share, trial.candidate.keeping, trial.stop))


def _differ(images: OwnImages, before: NDArray[np.int64], after: NDArray[np.int64]) -> bool:
    """Return whether enough images changed sides for a sign test at 5 %."""
    known = images.six >= 0
    sides = mcnemar(before[known] == images.six[known], after[known] == images.six[known])
    return sides.only_second > sides.only_first and sides.p_value <= 0.1


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
    return Trial(
        candidate=candidate,
        stop=STOPS[stop],
        share=share,
        predicted=six if own is None else own.argmax(axis=1).astype(np.int64),
        six=six,
        own_logits=own,
        forgotten=np.mean(forgotten, axis=0) if forgotten else None,
        estimated=old is not None and not old.labelled,
    )
