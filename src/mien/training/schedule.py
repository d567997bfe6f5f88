"""What both trainings share: which weights decay, the rate's course, and averaged weights."""

from __future__ import annotations

import math
from typing import Any

import torch
from lightning.pytorch.callbacks import WeightAveraging
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

__all__ = ["averaged_weights", "warm_cosine", "weight_groups"]


def weight_groups(module: nn.Module, *, weight_decay: float) -> list[dict[str, Any]]:
    """Split parameters for an optimiser: matrices and kernels decay, biases and norms do not."""
    parameters = list(module.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def warm_cosine(
    optimiser: torch.optim.Optimizer, *, warmup_steps: int, total_steps: int
) -> OptimizerLRScheduler:
    """Schedule a linear warm-up to the optimiser's rate, then half a cosine to zero, per step."""

    def share(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / warmup_steps
        left = (step - warmup_steps) / max(1, total_steps - warmup_steps)
        return 0.5 * (1 + math.cos(math.pi * left))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, share)
    return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def averaged_weights(decay: float) -> WeightAveraging:
    """Average weights and buffers exponentially, with a decay per step.

    Lightning's own callback for this averages tensor by tensor, which takes five times as long.
    """
    return WeightAveraging(multi_avg_fn=get_ema_multi_avg_fn(decay))  # type: ignore[no-untyped-call]
