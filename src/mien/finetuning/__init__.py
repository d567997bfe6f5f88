"""Fine-tuning of an emotion network on a user's own images."""

from mien.finetuning.entry import fine_tune
from mien.finetuning.result import ClassChange, FineTuned, Tried

__all__ = ["ClassChange", "FineTuned", "Tried", "fine_tune"]
