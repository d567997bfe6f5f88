"""Measurements on plain arrays: protocols, metrics, calibration."""

from mien.evaluation.protocols import ferplus_majority, ferplus_soft_labels

__all__ = ["ferplus_majority", "ferplus_soft_labels"]
