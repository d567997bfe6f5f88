"""Learning of the heads on features: a user's images, beside what is remembered."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn
from torch.nn import functional

from mien.emotions import FER2013_7, FERPLUS_8, SIX, mapping_matrix
from mien.finetuning.memory import Memory
from mien.finetuning.own_images import OwnImages
from mien.models import EmotionNet, FineTunedOptions, TrunkOptions
from mien.models.emotion import HeadLogits
from mien.spec import ModelSpec, SixSpec
from mien.training.augment import AugmentationOptions, augment

__all__ = [
    "STOPS",
    "Candidate",
    "Weights",
    "augmented_features",
    "blended",
    "extended",
    "features_of",
    "head_weights",
    "learn",
    "six_scores",
    "steps_for",
    "with_weights",
]

Weights = Mapping[str, Tensor]
"""The weights of everything but the trunk, by name."""

STOPS = (0.25, 0.5, 1.0)
"""The parts of the steps after which the averaged weights are kept, so that learning can stop."""

ADAPTER_WIDTH = 64

_BATCH, _REMEMBERED = 64, 192
_LEARNING_RATE = 3e-3
_PULL = 1e-4
"""Weight of the squared distance from the start's heads (L2-SP, Li et al. 2018)."""
_ABSENT = 2.0
"""How often answers that the images lack are remembered, relative to the others."""
_MOVED = 0.5
"""Share of these that are moved towards the images: how such a face would look among them."""
_FEATURES_AT_ONCE = 256
_COPIES = 6000
"""Augmented copies of all images together, at most 12 of each."""

AUGMENTATION = AugmentationOptions(erasing=0.1)


@dataclasses.dataclass(frozen=True, slots=True)
class Candidate:
    """A way of learning.

    Attributes:
        name: Its name in messages.
        adapter: Whether a layer beside the trunk learns, too, and not the heads alone.
        keeping: Weight of the remembered answers.
    """

    name: str
    adapter: bool
    keeping: float


def extended(network: EmotionNet, *, adapter: bool, own_classes: int) -> EmotionNet:
    """Return a copy of a network with room to learn, which answers as before.

    Args:
        network: The start.
        adapter: Whether to add an adapter; one that is there stays.
        own_classes: Classes of the user's own; 0 for none. A head of so many that is there stays,
            and ignores a new adapter at first.
    """
    trunk = {
        field.name: getattr(network.options, field.name)
        for field in dataclasses.fields(TrunkOptions)
    }
    start = network.options
    before = start if isinstance(start, FineTunedOptions) else FineTunedOptions()
    options = FineTunedOptions(
        **trunk,
        adapter_width=before.adapter_width or (ADAPTER_WIDTH if adapter else 0),
        own_classes=own_classes,
    )
    # The new layers are drawn from a seed, without a trace in the global generator.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        wider = EmotionNet(options)
    state = dict(network.state_dict())
    if before.own_classes != own_classes:
        state = {name: value for name, value in state.items() if not name.startswith("own_head.")}
    elif own_classes:
        added = options.adapter_width - before.adapter_width
        state["own_head.weight"] = functional.pad(state["own_head.weight"], (0, added))
    wider.load_state_dict(state, strict=False)
    return wider.eval()


@torch.no_grad()
def features_of(network: EmotionNet, crops: Tensor, spec: ModelSpec) -> Tensor:
    """Return the features of crops `(N, S, S)` of 0 to 255, `(N, D)`, of all stages."""
    mean, std = spec.input.mean[0], spec.input.std[0]
    parts = [
        network.features((part.float().unsqueeze(1) - mean) / std, all_stages=True)[1]
        for part in torch.split(crops, _FEATURES_AT_ONCE)
    ]
    return torch.cat(parts)


def augmented_features(
    network: EmotionNet, crops: NDArray[np.uint8], spec: ModelSpec, *, seed: int
) -> Tensor:
    """Return the features of images as they are, and of augmented copies, `(A, N, D)`."""
    plain = torch.from_numpy(crops)
    generator = Generator().manual_seed(seed)
    found = [features_of(network, plain, spec)]
    for _ in range(max(1, min(12, _COPIES // len(crops)))):
        faces = augment(plain.float().unsqueeze(1), AUGMENTATION, generator)
        found.append(features_of(network, faces.squeeze(1), spec))
    return torch.stack(found)


def steps_for(images: int, classes: int) -> int:
    """Return the steps of a learning: more for more images and classes, 200 to 500."""
    return int(np.clip(150 + images / 2 + 10 * classes, 200, 500))


def six_scores(heads: HeadLogits, six: SixSpec) -> Tensor:
    """Return the logarithms of the six-way output before its temperature, `(B, 6)`."""
    labels = {"logits": (heads.ferplus, FERPLUS_8), "fer2013_logits": (heads.fer2013, FER2013_7)}
    total = torch.tensor(six.bias, dtype=torch.float32)
    for name, weight in six.weights.items():
        logits, known = labels[name]
        mapped = logits.softmax(dim=1) @ torch.from_numpy(mapping_matrix(known, SIX))
        total = total + weight * (mapped / mapped.sum(dim=1, keepdim=True)).clamp(min=1e-12).log()
    return total


def head_weights(network: EmotionNet) -> Weights:
    """Return copies of the weights of everything but the trunk."""
    return {
        name: value.detach().clone()
        for name, value in network.state_dict().items()
        if not name.startswith("trunk.")
    }


def with_weights(network: EmotionNet, weights: Weights) -> EmotionNet:
    """Return a copy of a network with other heads."""
    changed = copy.deepcopy(network)
    changed.load_state_dict(dict(weights), strict=False)
    return changed.eval()


def blended(start: Weights, learned: Weights, share: float, *, fresh_adapter: bool) -> Weights:
    """Return the weights between start and learned ones (Wortsman et al. 2022).

    Args:
        start: Those of the start.
        learned: Those after learning.
        share: How far to go, 0 to 1.
        fresh_adapter: Whether the start had no adapter: then what it adds counts, not its layer.
    """

    def whole(name: str) -> bool:
        return name.startswith("own_head.") or (fresh_adapter and name.startswith("adapter.layer."))

    return {
        name: value if whole(name) else start[name] + share * (value - start[name])
        for name, value in learned.items()
    }


def learn(
    start: EmotionNet,
    spec: ModelSpec,
    features: Tensor,
    images: OwnImages,
    memory: Memory | None,
    candidate: Candidate,
    *,
    steps: int,
    seed: int,
) -> list[Weights]:
    """Learn the heads.

    Classes are drawn equally often. Remembered faces keep all answers of the start; those of
    answers that the images lack are partly moved by what separates the images from what is
    remembered, so that these answers are kept among such images, too.

    Args:
        start: The network with room to learn.
        spec: The start's spec.
        features: `(A, N, D)`, the images' features and those of augmented copies.
        images: The N images.
        memory: What is remembered; None keeps the weights near the start's instead.
        candidate: How to learn.
        steps: Steps of the whole learning.
        seed: The random seed.

    Returns:
        Averaged weights after each of `STOPS`.
    """
    network = copy.deepcopy(start)
    generator = Generator().manual_seed(seed)
    learning = _learning(network)
    anchors = [parameter.detach().clone() for parameter in learning]
    optimiser = torch.optim.Adam(learning, lr=_LEARNING_RATE)
    six = spec.six
    if six is None:  # an emotion network has one
        raise ValueError("no six-way output")
    rows = _Rows(images)
    recall = None if memory is None else _Recall(memory, features[0], images, start, six)
    average = {name: value.clone() for name, value in head_weights(network).items()}
    # The average looks back over a tenth of the steps.
    decay = 1 - 10 / steps
    kept: list[Weights] = []
    stops = [max(1, round(stop * steps)) for stop in STOPS]
    for step in range(1, steps + 1):
        loss = rows.loss(network, features, six, generator)
        if recall is not None:
            loss = loss + candidate.keeping * recall.loss(network, generator)
        pull = _PULL if recall is not None else 100 * _PULL
        for parameter, anchor in zip(learning, anchors, strict=True):
            loss = loss + pull * (parameter - anchor).square().sum()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        now = min(decay, step / (step + 9))
        with torch.no_grad():
            for name, value in network.state_dict().items():
                if name in average:
                    average[name].lerp_(value, 1 - now)
        kept += [
            {name: value.clone() for name, value in average.items()}
            for stop in stops
            if stop == step
        ]
    return kept


def _learning(network: EmotionNet) -> list[nn.Parameter]:
    """Let the heads learn and nothing else, and return their parameters."""
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    parts = [network.ferplus_head, network.fer2013_head, network.adapter, network.own_head]
    learning = [parameter for part in parts if part is not None for parameter in part.parameters()]
    for parameter in learning:
        parameter.requires_grad_(True)
    return learning


class _Rows:
    """The loss on the user's images."""

    def __init__(self, images: OwnImages) -> None:
        counts = np.bincount(images.classes, minlength=len(images.names))
        self._chances = torch.from_numpy(1 / counts[images.classes])
        self._classes = torch.from_numpy(images.classes)
        self._six = torch.from_numpy(images.six)
        self._fer2013 = torch.from_numpy(images.fer2013)

    def loss(
        self, network: EmotionNet, features: Tensor, six: SixSpec, generator: Generator
    ) -> Tensor:
        chosen = torch.multinomial(self._chances, _BATCH, replacement=True, generator=generator)
        copies = torch.randint(len(features), (_BATCH,), generator=generator)
        heads = network.heads(features[copies, chosen])
        total = _cross_entropy(six_scores(heads, six), self._six[chosen])
        total = total + 0.5 * _cross_entropy(heads.fer2013, self._fer2013[chosen])
        if heads.own is not None:
            total = total + functional.cross_entropy(heads.own, self._classes[chosen])
        return total


class _Recall:
    """The loss on what is remembered: how far the answers are from the start's."""

    def __init__(
        self, memory: Memory, features: Tensor, images: OwnImages, start: EmotionNet, six: SixSpec
    ) -> None:
        self._memory, self._start, self._six = memory, start, six
        answers = torch.from_numpy(images.six)
        present = torch.tensor([bool((answers == each).any()) for each in range(len(SIX))])
        self._absent = ~present
        self._weights = torch.where(present, 1.0, _ABSENT)
        means = memory.means()
        moves = [
            features[answers == each].mean(dim=0) - means[each]
            for each in range(len(SIX))
            if present[each] and not means[each].isnan().any()
        ]
        self._move = torch.stack(moves).mean(dim=0) if moves else torch.zeros(features.shape[1])

    def loss(self, network: EmotionNet, generator: Generator) -> Tensor:
        features, answers = self._memory.draw(_REMEMBERED, self._weights, generator)
        with torch.no_grad():
            before = self._start.heads(features)
        how_far = 1.3 * torch.rand(len(features), 1, generator=generator)
        moved = torch.rand(len(features), generator=generator) < _MOVED
        moved &= self._absent[answers]
        features = (features + how_far * moved[:, None] * self._move).clamp(min=0)
        after = network.heads(features)
        scores = (six_scores(heads, self._six) / self._six.temperature for heads in (after, before))
        return (
            _divergence(*scores)
            + 0.25 * _divergence(after.ferplus, before.ferplus)
            + 0.25 * _divergence(after.fer2013, before.fer2013)
        )


def _cross_entropy(scores: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy of the rows with a label; 0 without any."""
    known = labels >= 0
    if not known.any():
        return scores.sum() * 0
    return functional.cross_entropy(scores[known], labels[known])


def _divergence(scores: Tensor, wanted: Tensor) -> Tensor:
    return functional.kl_div(
        scores.log_softmax(dim=1),
        wanted.log_softmax(dim=1),
        reduction="batchmean",
        log_target=True,
    )
