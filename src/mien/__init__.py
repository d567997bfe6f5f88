"""mien finds faces and says which of six expressions each one shows.

Importing it loads no network; the parts are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mien.album import AlbumOptions, album_to
    from mien.detect import Detector
    from mien.drawing import draw
    from mien.emotions import SIX
    from mien.errors import InputError, MediaError, MienError
    from mien.finetuning import fine_tune
    from mien.inference import Analyzer, analyze
    from mien.options import (
        BaselineOptions,
        EventOptions,
        FaceOptions,
        SmoothingOptions,
        VideoOptions,
    )
    from mien.runs import RunOptions, analyze_to
    from mien.spec import ModelSpec
    from mien.structures import FacePrediction, Frame, FrameResult
    from mien.study import StudyOptions, merge_studies, study_to

    __version__: str

__all__ = [
    "SIX",
    "AlbumOptions",
    "Analyzer",
    "BaselineOptions",
    "Detector",
    "EventOptions",
    "FaceOptions",
    "FacePrediction",
    "Frame",
    "FrameResult",
    "InputError",
    "MediaError",
    "MienError",
    "ModelSpec",
    "RunOptions",
    "SmoothingOptions",
    "StudyOptions",
    "VideoOptions",
    "__version__",
    "album_to",
    "analyze",
    "analyze_to",
    "draw",
    "fine_tune",
    "merge_studies",
    "study_to",
]

_HOMES = {
    "SIX": "mien.emotions",
    "AlbumOptions": "mien.album",
    "Analyzer": "mien.inference",
    "BaselineOptions": "mien.options",
    "Detector": "mien.detect",
    "EventOptions": "mien.options",
    "FaceOptions": "mien.options",
    "FacePrediction": "mien.structures",
    "Frame": "mien.structures",
    "FrameResult": "mien.structures",
    "InputError": "mien.errors",
    "MediaError": "mien.errors",
    "MienError": "mien.errors",
    "ModelSpec": "mien.spec",
    "RunOptions": "mien.runs",
    "SmoothingOptions": "mien.options",
    "StudyOptions": "mien.study",
    "VideoOptions": "mien.options",
    "album_to": "mien.album",
    "analyze": "mien.inference",
    "analyze_to": "mien.runs",
    "draw": "mien.drawing",
    "fine_tune": "mien.finetuning",
    "merge_studies": "mien.study",
    "study_to": "mien.study",
}


if not TYPE_CHECKING:  # a type checker would take any name for one that is loaded

    def __getattr__(name: str) -> Any:
        """Load a public name's module when the name is first asked for (PEP 562)."""
        import importlib

        if name == "__version__":
            return importlib.import_module("importlib.metadata").version("mien")
        if name not in _HOMES:
            raise AttributeError(f"module 'mien' has no attribute {name!r}")
        return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
