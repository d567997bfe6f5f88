"""The pipeline that images, videos and streams share: detect, crop, classify, record."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.detect import Detector, face_quality
from mien.emotions import SIX
from mien.errors import InputError, SpecError
from mien.inference.model import Classification, EmotionModel
from mien.inference.units import FaceUnits, UnitModel, read_units
from mien.inference.upright import SURE_SCORE, VIEW, is_upright
from mien.media import VideoFrame
from mien.options import FaceOptions, VideoOptions
from mien.preprocess import crop_faces
from mien.spec import CropSpec
from mien.structures import Face, FacePrediction, Faces, Frame, FrameResult
from mien.track import Baselines, Smoothed

__all__ = ["DetectedFrame", "Pipeline"]

MIN_NETWORK_FACE_PX = 16
"""Frames of a video are downscaled until the smallest face to find has this many pixels."""

MIN_SIDE_PX = 180
"""The shorter side of a frame of a video is not downscaled below this."""

EMBEDDING = "embedding"
"""The name of the output with the expression embedding."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DetectedFrame:
    """A frame with its faces and their crops.

    Attributes:
        frame: The frame.
        faces: Its F faces, largest first.
        crops: `(F, S, S)` float32, the aligned faces, luma of 0 to 255.
        tracks: The track number of each face; None for an image.
        size_hw: Height and width of the image of which `frame` is a smaller copy, in whose pixels
            the faces are recorded; None if it is the image itself.
        is_followed: Whether the faces were not searched for in the whole frame.
    """

    frame: Frame | VideoFrame
    faces: Faces
    crops: NDArray[np.float32]
    tracks: Sequence[int] | None = None
    size_hw: tuple[int, int] | None = None
    is_followed: bool = False


class Pipeline:
    """Detector, emotion model and settings; the runners of images, videos and streams share it.

    A pipeline has no state between calls, so threads may share it.

    Args:
        detector: The face detector.
        model: The emotion network.
        options: Which faces count, and below which confidence an answer is unsure.
        unit_model: The network of expression units; None reads none.
    """

    def __init__(
        self,
        detector: Detector,
        model: EmotionModel,
        *,
        options: FaceOptions | None = None,
        unit_model: UnitModel | None = None,
    ) -> None:
        self.detector, self.model, self.unit_model = detector, model, unit_model
        self.options = FaceOptions() if options is None else options

    def with_options(self, options: FaceOptions | None) -> Pipeline:
        """Return a pipeline with the same networks and other options; None changes nothing.

        Raises:
            InputError: `options` is something else.
        """
        if options is not None and not isinstance(options, FaceOptions):
            found = type(options).__name__
            raise InputError(f"face_options: expected FaceOptions or None, found {found}")
        if options is None:
            return self
        return Pipeline(self.detector, self.model, options=options, unit_model=self.unit_model)

    def check_embedding(self) -> None:
        """Check that the network has an embedding of the expression.

        Raises:
            SpecError: It has none.
        """
        if EMBEDDING not in (output.name for output in self.model.spec.outputs):
            raise SpecError(f"{self.model.path}: field 'outputs': there is no '{EMBEDDING}'")

    def analyze(self, frame: Frame) -> FrameResult:
        """Find the faces of one image and classify their expressions."""
        detected = self.detect_and_crop(frame)
        answers = self.model.classify(detected.crops)
        return self.record(detected, answers, units=self.read_units([detected])[0])

    def detect_and_crop(self, frame: Frame) -> DetectedFrame:
        """Find and crop the faces of one image."""
        faces = self.detect(frame)
        return DetectedFrame(frame=frame, faces=faces, crops=self.crop(frame, faces))

    def detect_and_crop_scaled(self, frame: Frame, size_hw: tuple[int, int]) -> DetectedFrame:
        """Find and crop the faces of an image in a smaller copy of it.

        Args:
            frame: The copy.
            size_hw: Height and width of the image, in whose pixels `min_face_px` is.
        """
        if size_hw == (frame.height, frame.width):
            return self.detect_and_crop(frame)
        scale_xy = size_hw[1] / frame.width, size_hw[0] / frame.height
        smallest_px = self.options.min_face_px
        options = dataclasses.replace(
            self.options, min_face_px=max(1, int(smallest_px / max(scale_xy)))
        )
        faces = self.with_options(options).detect(frame)
        boxes = faces.scaled(scale_xy).boxes_xyxy
        sides = np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
        faces = faces.select(np.flatnonzero(sides >= smallest_px))
        return DetectedFrame(
            frame=frame, faces=faces, crops=self.crop(frame, faces), size_hw=size_hw
        )

    def detect(self, frame: Frame | VideoFrame) -> Faces:
        """Find the faces of a frame, in its pixels, largest first.

        A frame of a video is downscaled by the decoder first, as far as `min_face_px` allows.
        """
        if isinstance(frame, VideoFrame):
            faces = _detect_downscaled(self.detector, frame, self.options.min_face_px)
        else:
            faces = self.detector.detect(frame.frame_rgb, min_face_px=self.options.min_face_px)
        if self.options.min_score is not None:
            faces = faces.select(faces.detection_scores >= self.options.min_score)
        return faces

    def crop(
        self, frame: Frame | VideoFrame, faces: Faces, *, crop: CropSpec | None = None
    ) -> NDArray[np.float32]:
        """Align and crop the faces of a frame, `(F, S, S)`, luma of 0 to 255.

        For a frame of a video, the decoded luma plane is used, without conversion to RGB.

        Args:
            frame: The frame.
            faces: Its faces.
            crop: The frame of the crop; None takes the emotion network's.
        """
        crop = self.model.crop if crop is None else crop
        if isinstance(frame, Frame):
            return crop_faces(frame.frame_rgb, faces.landmarks_xy, crop)
        pixels, black, white = frame.luma()
        crops = crop_faces(pixels, faces.landmarks_xy, crop)
        if (black, white) == (0.0, 255.0):
            return crops
        return ((crops - black) * (255 / (white - black))).clip(0, 255).astype(np.float32)

    def read_units(self, frames: Sequence[DetectedFrame]) -> list[list[FaceUnits] | None]:
        """Read the expression units of the faces of several frames in one run of the network.

        Returns:
            For each frame the units of its faces, in its own pixels; None without a network.
        """
        model = self.unit_model
        if model is None or not frames:
            return [None] * len(frames)
        crops = [
            each.crops
            if model.crop == self.model.crop
            else self.crop(each.frame, each.faces, crop=model.crop)
            for each in frames
        ]
        faces = [self._in_image(each) for each in frames]
        found = iter(read_units(model, Faces.concatenate(faces), np.concatenate(crops)))
        return [self._checked([next(found) for _ in each.faces], each) for each in frames]

    def _checked(self, found: list[FaceUnits], detected: DetectedFrame) -> list[FaceUnits]:
        """Take units away from faces that do not stand upright in their crops."""
        faces = detected.faces
        doubtful = [
            number
            for number, each in enumerate(found)
            if each.missing is None and faces.detection_scores[number] < SURE_SCORE
        ]
        if not doubtful:
            return found
        views = self.crop(detected.frame, faces.select(np.array(doubtful)), crop=VIEW)
        rotated = {
            number
            for number, view in zip(doubtful, views, strict=True)
            if not is_upright(self.detector, view)
        }
        return [
            dataclasses.replace(each, missing="rotated") if number in rotated else each
            for number, each in enumerate(found)
        ]

    def record(
        self,
        detected: DetectedFrame,
        answers: Classification,
        *,
        smoothed: Sequence[Smoothed] | None = None,
        units: Sequence[FaceUnits] | None = None,
        smoothed_units: Sequence[FaceUnits] | None = None,
    ) -> FrameResult:
        """Build the result of one frame.

        Args:
            detected: The frame and its F faces.
            answers: The network's answers, one row per face.
            smoothed: For each face what is shown instead of the answer, after smoothing and
                without the person's baseline; None shows the answers.
            units: For each face what `read_units` found; None if it was not asked.
            smoothed_units: For each face what is shown instead of `units`, after smoothing.
        """
        frame, faces = detected.frame, self._in_image(detected)
        height, width = detected.size_hw or (frame.height, frame.width)
        predictions = []
        for number, face in enumerate(faces):
            answer = answers.probabilities[number]
            shown = Smoothed(answer, int(answer.argmax())) if smoothed is None else smoothed[number]
            raw = None if smoothed is None else _by_label(answer)
            prediction = self._record_face(
                detected,
                number,
                face,
                answers,
                shown,
                raw,
                None if units is None else units[number],
            )
            if smoothed_units is not None:
                prediction = _with_smoothed(prediction, smoothed_units[number])
            predictions.append(prediction)
        return FrameResult(
            source=frame.source,
            frame=frame.frame,
            timestamp_s=frame.timestamp_s,
            width=width,
            height=height,
            faces=tuple(predictions),
            notes=frame.notes if isinstance(frame, Frame) else (),
        )

    def _record_face(
        self,
        detected: DetectedFrame,
        number: int,
        face: Face,
        answers: Classification,
        shown: Smoothed,
        raw: Mapping[str, float] | None,
        units: FaceUnits | None,
    ) -> FacePrediction:
        frame, tracks = detected.frame, detected.tracks
        size_hw = detected.size_hw or (frame.height, frame.width)
        confidence = float(shown.probabilities[shown.label])
        left, top, right, bottom = (float(value) for value in face.box_xyxy)
        embedding = answers.outputs.get(EMBEDDING)
        return FacePrediction(
            source=frame.source,
            frame=frame.frame,
            timestamp_s=frame.timestamp_s,
            face=number,
            track=None if tracks is None else tracks[number],
            box_xyxy=(left, top, right, bottom),
            landmarks_xy=tuple((float(x), float(y)) for x, y in face.landmarks_xy),
            detection_score=face.detection_score,
            found="followed" if detected.is_followed else "detected",
            emotion=SIX.labels[shown.label],
            confidence=confidence,
            unsure=confidence < self.unsure_below,
            probabilities=_by_label(shown.probabilities),
            uncorrected=None if shown.uncorrected is None else _by_label(shown.uncorrected),
            raw=raw,
            quality=face_quality(
                face,
                detected.crops[number],
                size_hw,
                pose=None if units is None else units.trusted_pose,
            ),
            outputs={
                name: dict(zip(self._labels(name), values[number].tolist(), strict=True))
                for name, values in answers.heads.items()
            },
            embedding=() if embedding is None else tuple(embedding[number].tolist()),
            **_unit_fields(units),
        )

    def _in_image(self, detected: DetectedFrame) -> Faces:
        """Return the faces of a frame in pixels of the image of which it may be a copy."""
        frame, size_hw = detected.frame, detected.size_hw
        if size_hw is None:
            return detected.faces
        return detected.faces.scaled((size_hw[1] / frame.width, size_hw[0] / frame.height))

    def baselines(self, options: VideoOptions) -> Baselines | None:
        """Return the baselines of the people of a new clip; None if the options want none.

        Raises:
            SpecError: The network's file does not say what a baseline is measured from.
        """
        if options.baseline is None:
            return None
        return Baselines(self.model.baseline, options.baseline, max_gap_s=options.max_gap_s)

    def _labels(self, head: str) -> tuple[str, ...]:
        return self.model.spec.labels_of(head)

    @property
    def unsure_below(self) -> float:
        """The confidence below which an answer is unsure, 0 to 1."""
        threshold = self.options.unsure_below
        return self.model.unsure_below if threshold is None else threshold


def _unit_fields(found: FaceUnits | None) -> dict[str, Any]:
    """Return the fields of a prediction that say what was read of its units."""
    if found is None:
        return {}
    if found.missing is not None:
        return {"units_missing": found.missing}
    return {"units": found.by_name, "pose": found.pose}


def _with_smoothed(prediction: FacePrediction, found: FaceUnits) -> FacePrediction:
    if found.missing is not None:
        return prediction
    return dataclasses.replace(
        prediction,
        units=found.by_name,
        pose=found.pose,
        raw_units=prediction.units,
        raw_pose=prediction.pose,
    )


def _by_label(probabilities: NDArray[np.floating]) -> dict[str, float]:
    return dict(zip(SIX.labels, map(float, probabilities), strict=True))


def _detect_downscaled(detector: Detector, frame: VideoFrame, min_face_px: int) -> Faces:
    """Find the faces of a frame that the decoder has downscaled."""
    shorter = min(frame.height, frame.width)
    scale = max(MIN_NETWORK_FACE_PX / min_face_px, min(1.0, MIN_SIDE_PX / shorter))
    scale = min(scale, 1.0)
    size_hw = (max(1, round(frame.height * scale)), max(1, round(frame.width * scale)))
    faces = detector.detect(frame.rgb(size_hw), min_face_px=max(1, round(min_face_px * scale)))
    return faces.scaled((frame.width / size_hw[1], frame.height / size_hw[0]))
