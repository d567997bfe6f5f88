"""`Analyzer`: pictures in, faces and expressions out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.detect import Detector, OnnxDetector, face_quality
from mien.emotions import SIX
from mien.errors import MediaError
from mien.inference.model import EmotionModel
from mien.media import find_pictures, read_picture
from mien.preprocess import crop_faces
from mien.structures import (
    Face,
    FacePrediction,
    Faces,
    Frame,
    FrameResult,
    FrameRGB,
    check_frame_rgb,
)

__all__ = ["Analyzer"]


class Analyzer:
    """Finds faces and says which of six expressions each one shows.

    Args:
        model: An emotion network's ONNX file, or a loaded one; None takes the shipped network.
        detector: A detector's ONNX file, or any `Detector`; None takes the shipped one.
        min_face_px: Faces whose shorter side is below this many pixels are left out.
        threads: Threads of one network run.

    Raises:
        ArtefactError: A model file is missing, damaged, or says nothing about itself.
    """

    def __init__(
        self,
        model: str | Path | EmotionModel | None = None,
        *,
        detector: str | Path | Detector | None = None,
        min_face_px: int = 24,
        threads: int = 1,
    ) -> None:
        if not isinstance(model, EmotionModel):
            model = EmotionModel(model, threads=threads)
        self.model: EmotionModel = model
        if detector is None or isinstance(detector, str | Path):
            detector = OnnxDetector(detector, threads=threads)
        self.detector: Detector = detector
        self.min_face_px = min_face_px

    def analyze(self, picture: str | Path | Frame | FrameRGB) -> FrameResult:
        """Analyse one picture.

        Args:
            picture: A path, a `Frame`, or an array `(H, W, 3)` uint8 RGB.

        Returns:
            What was found; `faces` is empty when there is no face.

        Raises:
            MediaError: The file cannot be read as a picture.
            FrameError: The array is no frame.
        """
        frame = _as_frame(picture)
        faces = self.detector.detect(frame.frame_rgb, min_face_px=self.min_face_px)
        height, width = frame.frame_rgb.shape[:2]
        return FrameResult(
            source=frame.source,
            frame=frame.frame,
            timestamp_s=frame.timestamp_s,
            width=width,
            height=height,
            faces=tuple(self._predict(frame, faces)),
            notes=frame.notes,
        )

    def stream(self, sources: str | Path | Iterable[str | Path]) -> Iterator[FrameResult]:
        """Analyse many pictures, one after the other.

        Args:
            sources: A path, folder or glob, or several of them.

        Returns:
            One result per picture in order, made as they are asked for; a picture that cannot be
            read gives a result with `error`, and the others go on.
        """
        inputs = [sources] if isinstance(sources, str | Path) else sources
        return self.analyze_each(find_pictures(inputs))

    def analyze_each(self, found: Iterable[str | MediaError]) -> Iterator[FrameResult]:
        """Analyse what `find_pictures` found; an error among it becomes a result with `error`."""
        for picture in found:
            try:
                if isinstance(picture, MediaError):
                    raise picture
                yield self.analyze(picture)
            except MediaError as error:
                yield FrameResult(source=error.source, error=error.reason)

    def _predict(self, frame: Frame, faces: Faces) -> Iterator[FacePrediction]:
        crops = crop_faces(frame.frame_rgb, faces.landmarks_xy, self.model.crop)
        probabilities = self.model.probabilities(crops)
        for number, face in enumerate(faces):
            yield self._prediction(frame, number, face, crops[number], probabilities[number])

    def _prediction(
        self,
        frame: Frame,
        number: int,
        face: Face,
        crop: NDArray[np.float32],
        probabilities: NDArray[np.float32],
    ) -> FacePrediction:
        best = int(probabilities.argmax())
        confidence = float(probabilities[best])
        left, top, right, bottom = (float(value) for value in face.box_xyxy)
        return FacePrediction(
            source=frame.source,
            frame=frame.frame,
            timestamp_s=frame.timestamp_s,
            face=number,
            track=None,
            box_xyxy=(left, top, right, bottom),
            landmarks_xy=tuple((float(x), float(y)) for x, y in face.landmarks_xy),
            detection_score=face.detection_score,
            emotion=SIX.labels[best],
            confidence=confidence,
            unsure=confidence < self.model.unsure_below,
            probabilities=dict(zip(SIX.labels, map(float, probabilities), strict=True)),
            quality=face_quality(face, crop, frame.frame_rgb.shape[:2]),
        )


def _as_frame(picture: str | Path | Frame | FrameRGB) -> Frame:
    if isinstance(picture, Frame):
        return picture
    if isinstance(picture, str | Path):
        return read_picture(picture)
    return Frame(frame_rgb=check_frame_rgb(picture), source="array")
