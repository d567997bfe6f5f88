"""Studies: what many videos show, as tables of frames, people and events."""

from mien.study.analysis import Study, study_to
from mien.study.merge import merge_studies
from mien.study.options import StudyOptions
from mien.study.record import Record
from mien.study.workers import UnitJob, UnitRunner

__all__ = [
    "Record",
    "Study",
    "StudyOptions",
    "UnitJob",
    "UnitRunner",
    "merge_studies",
    "study_to",
]
