"""Batches of images with the targets of both label systems, from arrays in memory."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, distributed
from torch.nn import functional
from torch.utils.data import DataLoader, Sampler
from torch.utils.data import Dataset as TorchDataset

from mien.data import Dataset
from mien.emotions import FER2013_7, ferplus_soft_labels

__all__ = ["Batch", "BatchSampler", "batches", "mixed_per_batch"]

Batch = tuple[Tensor, Tensor, Tensor, Tensor]
"""Images `(B, 1, 48, 48)` uint8, FER+ distributions `(B, 8)`, FER-2013 targets `(B, 7)`, and `(B,)`
1 for images of the dataset itself, 0 for those that are mixed in."""


class _BatchDataset(TorchDataset[Batch]):
    """A dataset whose items are batches: an index is a tensor of row numbers."""

    def __init__(self, data: Dataset, label_smoothing: float) -> None:
        soft, _ = ferplus_soft_labels(data.votes)
        self.faces = torch.from_numpy(data.images).unsqueeze(1)
        self.ferplus = torch.from_numpy(soft)
        labels = torch.from_numpy(data.fer2013_labels.astype(np.int64))
        hard = functional.one_hot(labels.clamp(min=0), len(FER2013_7)).float()
        hard = hard * (1 - label_smoothing) + label_smoothing / len(FER2013_7)
        self.fer2013 = hard * (labels >= 0)[:, None]
        self.own = torch.ones(len(data))

    def __len__(self) -> int:
        return len(self.faces)

    def __getitem__(self, rows: Tensor) -> Batch:
        return self.faces[rows], self.ferplus[rows], self.fer2013[rows], self.own[rows]


class _Joined(_BatchDataset):
    """A dataset, and after it the one that is mixed in."""

    def __init__(self, first: _BatchDataset, second: _BatchDataset) -> None:
        for name in ("faces", "ferplus", "fer2013"):
            setattr(self, name, torch.cat([getattr(first, name), getattr(second, name)]))
        self.own = torch.cat([first.own, torch.zeros(len(second))])


class BatchSampler(Sampler[Tensor]):
    """Draws batches of rows in an order that only seed and epoch decide, as resuming requires.

    With several devices each takes its part of a shuffled batch; without shuffling each takes all
    rows. Mixed rows are numbered after the others; an epoch ends with those of the others.

    Args:
        count: Number of rows.
        batch_size: Rows per batch, all devices together.
        seed: Seed of the order, together with the epoch; None takes all rows in their order.
        mixed: Number of mixed rows.
        per_batch: How many of them are in each batch.
    """

    def __init__(
        self, count: int, batch_size: int, seed: int | None, *, mixed: int = 0, per_batch: int = 0
    ) -> None:
        self.count, self.batch_size, self.seed, self.epoch = count, batch_size, seed, 0
        self.mixed, self.per_batch = mixed, per_batch
        self.own = batch_size - per_batch

    def set_epoch(self, epoch: int) -> None:
        """Set the number of the next epoch; Lightning calls it."""
        self.epoch = epoch

    def __len__(self) -> int:
        if self.seed is None:
            return math.ceil(self.count / self.batch_size)
        return max(1, self.count // self.own)

    def __iter__(self) -> Iterator[Tensor]:
        order = torch.arange(self.count)
        if self.seed is not None:
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
            order = torch.randperm(self.count, generator=generator)
        parts = torch.split(order, self.own)[: len(self)]
        if self.seed is not None and self.per_batch:
            needed = len(parts) * self.per_batch
            rounds = math.ceil(needed / self.mixed)
            drawn = [torch.randperm(self.mixed, generator=generator) for _ in range(rounds)]
            added = torch.split(torch.cat(drawn)[:needed] + self.count, self.per_batch)
            # Shuffled together, since a part of each batch goes to each device.
            joined = [torch.cat(pair) for pair in zip(parts, added, strict=True)]
            parts = tuple(rows[torch.randperm(len(rows), generator=generator)] for rows in joined)
        if self.seed is not None and distributed.is_available() and distributed.is_initialized():
            rank, devices = distributed.get_rank(), distributed.get_world_size()
            parts = tuple(part[rank::devices] for part in parts)
        return iter(parts)


def mixed_per_batch(batch_size: int, share: float) -> int:
    """Return how many images of a batch are mixed in; at least one is not."""
    return min(round(batch_size * share), batch_size - 1)


def batches(
    data: Dataset,
    *,
    batch_size: int,
    seed: int | None = None,
    epoch: int = 0,
    label_smoothing: float = 0.0,
    mix: Dataset | None = None,
    mix_share: float = 0.0,
) -> DataLoader[Batch]:
    """Return a loader of a dataset's batches.

    Args:
        data: The images.
        batch_size: Images per batch, all devices together.
        seed: Seed of the order, together with the epoch; an incomplete batch is left out. None
            takes all images in their order.
        epoch: Number of the first epoch; Lightning sets the following ones.
        label_smoothing: Share of the FER-2013 target spread over all classes.
        mix: Further images for each batch, with a seed; an epoch is one pass over `data` alone.
        mix_share: Share of them in each batch, 0 to below 1.
    """
    per_batch = mixed_per_batch(batch_size, mix_share) if mix is not None else 0
    sampler = BatchSampler(
        len(data), batch_size, seed, mixed=0 if mix is None else len(mix), per_batch=per_batch
    )
    sampler.set_epoch(epoch)
    images: TorchDataset[Batch] = _BatchDataset(data, label_smoothing)
    if mix is not None and per_batch:
        images = _Joined(_BatchDataset(data, label_smoothing), _BatchDataset(mix, label_smoothing))
    return DataLoader(images, sampler=sampler, batch_size=None)
