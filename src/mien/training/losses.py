"""Losses of the emotion network."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["embedding_loss", "jensen_shannon_distance", "soft_cross_entropy"]


def soft_cross_entropy(
    logits: Tensor, targets: Tensor, row_weights: Tensor | None = None
) -> Tensor:
    """Cross-entropy against distributions; rows of zeros in `targets` are left out.

    Args:
        logits: `(B, K)`.
        targets: `(B, K)`, rows that sum to 1, or to 0 where there is no label.
        row_weights: `(B,)`, what each row's loss is multiplied by; None leaves them as they are.

    Returns:
        The mean over the rows with a label, a scalar; 0 if there is none.
    """
    losses = -(targets * functional.log_softmax(logits.float(), dim=1)).sum(dim=1)  # (B,)
    if row_weights is not None:
        losses = losses * row_weights
    return losses.sum() / targets.sum().clamp(min=1.0)


def jensen_shannon_distance(distributions: Tensor) -> Tensor:
    """Distances between all pairs of distributions (Endres and Schindelin 2003).

    Args:
        distributions: `(B, K)`, rows that sum to 1.

    Returns:
        `(B, B)`, 0 for equal rows, 1 for rows without a common class.
    """
    p, q = distributions[:, None], distributions[None, :]
    middle = (p + q) / 2

    def divergence(part: Tensor) -> Tensor:
        ratio = torch.where(part > 0, part / middle.clamp(min=1e-12), 1.0)
        return (part * ratio.log2()).sum(dim=2)

    squared = (divergence(p) + divergence(q)) / 2  # (B, B)
    return squared.clamp(0, 1).sqrt()


def embedding_loss(embedding: Tensor, targets: Tensor, *, temperature: float = 0.2) -> Tensor:
    """Soft contrastive loss: embeddings should be as similar as the votes of their faces.

    For each face it is the cross-entropy between a softmax over the similarity of the votes of the
    other faces, 1 minus the Jensen-Shannon distance, and a softmax over the cosine similarity of
    their embeddings.

    Args:
        embedding: `(B, D)` of unit length.
        targets: `(B, K)`, rows that sum to 1, or to 0 where there is no label.
        temperature: Of both softmaxes.

    Returns:
        A scalar; 0 if fewer than three faces have a label.
    """
    labelled = targets.sum(dim=1) > 0
    embedding, targets = embedding[labelled].float(), targets[labelled]
    count = len(embedding)
    if count < 3:
        return embedding.sum() * 0
    others = ~torch.eye(count, dtype=torch.bool, device=embedding.device)
    with torch.autocast(embedding.device.type, enabled=False):  # bfloat16 would round the product
        cosine = (embedding @ embedding.T)[others].view(count, count - 1)
    similarity = (1 - jensen_shannon_distance(targets))[others].view(count, count - 1)
    target = functional.softmax(similarity / (temperature / 2), dim=1)
    return -(target * functional.log_softmax(cosine / temperature, dim=1)).sum(dim=1).mean()
