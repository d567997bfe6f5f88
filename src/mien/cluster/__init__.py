"""Many machines: studies of videos, batches of images and searches for recipes on Ray.

The names are loaded when they are asked for: analysing on a cluster needs no torch and no Optuna,
and `Predictor` no Ray.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mien.cluster.predictor import Predictor, spark_schema
    from mien.cluster.study import ray_unit_runner
    from mien.cluster.tuning import ray_runner

__all__ = ["Predictor", "ray_runner", "ray_unit_runner", "spark_schema"]

_HOMES = {
    "Predictor": "mien.cluster.predictor",
    "ray_runner": "mien.cluster.tuning",
    "ray_unit_runner": "mien.cluster.study",
    "spark_schema": "mien.cluster.predictor",
}

if not TYPE_CHECKING:  # a type checker would take any name for one that is loaded

    def __getattr__(name: str) -> Any:
        """Load a public name's module when the name is first asked for (PEP 562)."""
        if name not in _HOMES:
            raise AttributeError(f"module 'mien.cluster' has no attribute {name!r}")
        return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
