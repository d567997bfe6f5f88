"""Resumable analysis runs: the folder of results, the journal and the checkpoint."""

from mien.runs.folder import ResultFolder
from mien.runs.journal import Journal

__all__ = [
    "Journal",
    "ResultFolder",
]
