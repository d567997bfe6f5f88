"""Studies on many machines, with Ray."""

from mien.cluster.tuning import ray_runner

__all__ = ["ray_runner"]
