"""HTML reports and drawn images of results."""

from mien.reports.album import (
    AlbumFace,
    AlbumPage,
    AlbumRow,
    draw_album,
    write_album_page,
)
from mien.reports.data.preprocessing_figures import ShowSteps
from mien.reports.data.report import data_report
from mien.reports.evaluation.report import EVALUATION_COLUMNS, evaluation_report, evaluation_rows
from mien.reports.explanation_image import draw_explanations
from mien.reports.html.page import require_charts
from mien.reports.similarity_grid import draw_similarity_grid
from mien.reports.study.report import study_report
from mien.reports.study.summary import StudyPerson, StudySummary, StudyVideo
from mien.reports.training.report import training_report
from mien.reports.tuning.record import Gain, StudyRecord, TrialRecord
from mien.reports.tuning.report import tuning_report
from mien.reports.video.report import video_report
from mien.reports.video.summary import AnalysisDescription, NetworkDescription, VideoSummary

__all__ = [
    "EVALUATION_COLUMNS",
    "AlbumFace",
    "AlbumPage",
    "AlbumRow",
    "AnalysisDescription",
    "Gain",
    "NetworkDescription",
    "ShowSteps",
    "StudyPerson",
    "StudyRecord",
    "StudySummary",
    "StudyVideo",
    "TrialRecord",
    "VideoSummary",
    "data_report",
    "draw_album",
    "draw_explanations",
    "draw_similarity_grid",
    "evaluation_report",
    "evaluation_rows",
    "require_charts",
    "study_report",
    "training_report",
    "tuning_report",
    "video_report",
    "write_album_page",
]
