"""Hyper-parameter search over training recipes, with Optuna."""

from mien.errors import MissingExtraError

try:
    from mien.options import PRUNERS, SAMPLERS, TuneOptions
    from mien.tuning.run import BEST_FILE, REPORT_FILE, STORAGE_FILE, TrialRunner, TuneResult, tune
    from mien.tuning.space import OBJECTIVES, Parameter, Space
    from mien.tuning.space_file import read_space, shipped_spaces
    from mien.tuning.status import StudyStatus
    from mien.tuning.storage import open_storage
except ModuleNotFoundError as error:
    raise MissingExtraError("tuning", "train") from error

__all__ = [
    "BEST_FILE",
    "OBJECTIVES",
    "PRUNERS",
    "REPORT_FILE",
    "SAMPLERS",
    "STORAGE_FILE",
    "Parameter",
    "Space",
    "StudyStatus",
    "TrialRunner",
    "TuneOptions",
    "TuneResult",
    "open_storage",
    "read_space",
    "shipped_spaces",
    "tune",
]
