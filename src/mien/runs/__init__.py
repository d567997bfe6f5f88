"""Analysis runs: results in a folder, a journal of checkpoints, and resuming from them."""

from mien.runs.analysis import Run, RunOptions, analyze_to, is_interrupted
from mien.runs.checkpoint import Checkpoint
from mien.runs.folder import ResultFolder
from mien.runs.journal import Journal

__all__ = [
    "Checkpoint",
    "Journal",
    "ResultFolder",
    "Run",
    "RunOptions",
    "analyze_to",
    "is_interrupted",
]
