"""What a network was trained on, remembered, so that fine-tuning does not forget it.

The trunk stays as it is, so the features of faces that were learned before stay as they are, too:
it suffices to remember how those are distributed, and to hold the heads to their answers there.
Remembered are either the features of a dataset at hand, or a mixture of Gaussians that the package
has of its own network: means of clusters of about 150 faces each, and one common spread.
"""

from __future__ import annotations

import dataclasses
import hashlib
from importlib import resources
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from mien._output import whole_file
from mien.emotions import SIX
from mien.errors import MissingExtraError
from mien.models import EmotionNet

__all__ = ["Memory", "shipped_memory", "trunk_sha256", "write_memory"]

FILE = Path(str(resources.files("mien"))) / "assets" / "emotion-features.npz"

_CLUSTERS = 32
"""Clusters of each of the six answers."""

_RANK = 128
"""Directions of the spread that are kept; the rest is independent noise."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """A distribution of features, by the six answers that the network gives to them.

    Attributes:
        centres: `(M, D)`, means of clusters, or the features of M faces.
        answers: `(M,)` int64, the answer to each in the order of `SIX`.
        counts: `(M,)`, faces behind each.
        directions: `(R, D)`, the spread within clusters; R is 0 for faces.
        noise: `(D,)`, what spread is left.
    """

    centres: Tensor
    answers: Tensor
    counts: Tensor
    directions: Tensor
    noise: Tensor

    def draw(self, count: int, weights: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        """Draw features.

        Args:
            count: How many.
            weights: `(6,)`, how often each answer is drawn, relative to the others.
            generator: The random generator.

        Returns:
            Features `(count, D)`, none below 0, and the answers to their centres, `(count,)`.
        """
        shares = self.counts.sqrt()
        totals = torch.zeros(len(SIX)).index_add(0, self.answers, shares)
        chances = weights[self.answers] * shares / totals[self.answers]
        chosen = torch.multinomial(chances, count, replacement=True, generator=generator)
        features = self.centres[chosen]
        if len(self.directions):
            along = torch.randn(count, len(self.directions), generator=generator)
            rest = torch.randn(count, len(self.noise), generator=generator)
            features = features + along @ self.directions + rest * self.noise
        return features.clamp(min=0), self.answers[chosen]

    def means(self) -> Tensor:
        """Return the mean features of each answer, `(6, D)`; NaN for an answer without any."""
        totals = torch.zeros(len(SIX)).index_add(0, self.answers, self.counts)
        sums = torch.zeros(len(SIX), self.centres.shape[1])
        sums = sums.index_add(0, self.answers, self.centres * self.counts[:, None])
        return sums / totals[:, None]

    @classmethod
    def of_faces(cls, features: Tensor, answers: Tensor) -> Memory:
        """Remember single faces by their features `(M, D)` and the answers to them `(M,)`."""
        return cls(
            features,
            answers,
            torch.ones(len(features)),
            torch.zeros(0, features.shape[1]),
            torch.zeros(features.shape[1]),
        )

    @classmethod
    def summary(cls, features: Tensor, answers: Tensor, *, seed: int = 1) -> Memory:
        """Remember faces by clusters, whose means are of about `counts` faces each.

        Raises:
            MissingExtraError: scikit-learn is not installed.
        """
        try:
            from sklearn.cluster import KMeans
        except ImportError as error:
            raise MissingExtraError("summarising features", "data") from error
        scale = features.std(dim=0) + 0.05
        centres, kept, counts = [], [], []
        rest = torch.empty_like(features)
        for answer in range(len(SIX)):
            rows = torch.nonzero(answers == answer).flatten()
            fitted = KMeans(min(_CLUSTERS, len(rows)), n_init=1, random_state=seed)
            cluster = torch.from_numpy(fitted.fit_predict((features[rows] / scale).numpy())).long()
            for number in range(int(cluster.max()) + 1):
                members = rows[cluster == number]
                centre = features[members].mean(dim=0)
                rest[members] = features[members] - centre
                centres.append(centre)
                kept.append(answer)
                counts.append(len(members))
        covariance = torch.cov(rest.T)
        values, vectors = torch.linalg.eigh(covariance)
        values, vectors = values[-_RANK:].clamp(min=0), vectors[:, -_RANK:]
        directions = (vectors * values.sqrt()).T
        left = (torch.diagonal(covariance) - (directions**2).sum(dim=0)).clamp(min=0)
        return cls(
            torch.stack(centres),
            torch.tensor(kept),
            torch.tensor(counts, dtype=torch.float32),
            directions,
            left.sqrt(),
        )


def trunk_sha256(network: EmotionNet) -> str:
    """Return the hash of a network's trunk, by which its features are known.

    Weights are hashed as float16: a file with such weights has the same trunk.
    """
    digest = hashlib.sha256()
    for name, value in sorted(network.trunk.named_parameters()):
        if value.ndim > 1:
            digest.update(name.encode())
            digest.update(value.detach().half().contiguous().numpy().tobytes())
    return digest.hexdigest()


def shipped_memory(network: EmotionNet) -> Memory | None:
    """Return what the package remembers of the shipped network; None for another trunk."""
    with np.load(FILE) as stored:
        if str(stored["trunk_sha256"]) != trunk_sha256(network):
            return None
        return Memory(
            _unpacked(stored["centres"], stored["centres_scale"]),
            torch.from_numpy(stored["answers"].astype(np.int64)),
            torch.from_numpy(stored["counts"].astype(np.float32)),
            _unpacked(stored["directions"], stored["directions_scale"]),
            torch.from_numpy(stored["noise"].astype(np.float32)),
        )


def write_memory(memory: Memory, network: EmotionNet, path: Path) -> None:
    """Write what is remembered of a network, with 8 bits a number."""
    centres, centres_scale = _packed(memory.centres)
    directions, directions_scale = _packed(memory.directions)
    with whole_file(path, overwrite=True) as partial, partial.open("wb") as file:
        np.savez_compressed(
            file,
            trunk_sha256=np.array(trunk_sha256(network)),
            centres=centres,
            centres_scale=centres_scale,
            answers=memory.answers.numpy().astype(np.int8),
            counts=memory.counts.numpy().astype(np.int32),
            directions=directions,
            directions_scale=directions_scale,
            noise=memory.noise.numpy().astype(np.float16),
        )


def _packed(values: Tensor) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Round each row to 127 steps on either side of 0."""
    scale = values.abs().amax(dim=1, keepdim=True).clamp(min=1e-6) / 127
    return (values / scale).round().to(torch.int8).numpy(), scale.numpy()


def _unpacked(values: NDArray[np.int8], scale: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(values.astype(np.float32) * scale)
