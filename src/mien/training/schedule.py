"""Weight decay, learning rate schedule and averaged weights of both trainings."""

from __future__ import annotations

import math
from typing import Any

import torch
from lightning.pytorch.callbacks import WeightAveraging
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

__all__ = ["ema_callback", "parameter_groups", "warmup_cosine"]


def parameter_groups(module: nn.Module, *, weight_decay: float) -> list[dict[str, Any]]:
    """Return the optimiser's parameter groups; biases and norms have no weight decay."""
    parameters = list(module.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def warmup_cosine(
    optimiser: torch.optim.Optimizer, *, warmup_steps: int, total_steps: int
) -> OptimizerLRScheduler:
    """Schedule a linear warm-up to the optimiser's learning rate, then half a cosine to zero."""

    def share(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / warmup_steps
        progress = (step - warmup_steps) / max(1, total_steps - warmup_steps)
        return 0.5 * (1 + math.cos(math.pi * progress))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, share)
    return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def ema_callback(decay: float) -> WeightAveraging:
    """Return a callback that keeps an exponential moving average of weights and buffers.

    Lightning's own callback for this averages tensor by tensor, which takes five times as long.

    Args:
        decay: Decay per step, 0 to below 1.
    """
    return WeightAveraging(multi_avg_fn=get_ema_multi_avg_fn(decay))  # type: ignore[no-untyped-call]
