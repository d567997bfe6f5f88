"""Hyper-parameter search over training recipes, with Optuna."""

from mien.tuning.options import PRUNERS, STRATEGIES, TuneOptions
from mien.tuning.run import BEST, REPORT, STORAGE, Search, Tuned, tune
from mien.tuning.space import OBJECTIVES, Parameter, Space
from mien.tuning.space_file import read_space, shipped_spaces
from mien.tuning.status import Standing
from mien.tuning.storage import open_storage

__all__ = [
    "BEST",
    "OBJECTIVES",
    "PRUNERS",
    "REPORT",
    "STORAGE",
    "STRATEGIES",
    "Parameter",
    "Search",
    "Space",
    "Standing",
    "TuneOptions",
    "Tuned",
    "open_storage",
    "read_space",
    "shipped_spaces",
    "tune",
]
