"""The same jobs on many machines, with Ray."""

from mien.cluster.tuning import ray_search

__all__ = ["ray_search"]
