"""`Analyzer`: images in, faces and expressions out."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.detect import Detector, OnnxDetector, face_quality
from mien.emotions import SIX
from mien.errors import InputError, MediaError
from mien.inference.checkpoint import Checkpoint
from mien.inference.explain import Explanation, explain_face
from mien.inference.images import detect_and_crop, face_at, frame_result, predict_images
from mien.inference.live import LiveAnalysis
from mien.inference.model import EmotionModel
from mien.inference.video import VideoOptions, VideoState, analyze_video
from mien.media import (
    LiveSource,
    Video,
    VideoFrame,
    convert_image,
    decode_image,
    find_media,
    is_live,
    is_video,
    read_image,
)
from mien.structures import Face, FacePrediction, Frame, FrameResult, FrameRGB, check_frame_rgb

__all__ = ["Analyzer"]

ImageInput = str | Path | bytes | Image.Image | Frame | FrameRGB


class Analyzer:
    """Finds faces and says which of six expressions each one shows.

    Args:
        model: An emotion network's ONNX file, or a loaded one; None takes the shipped network.
        detector: A detector's ONNX file, or any `Detector`; None takes the shipped one.
        min_face_px: Faces whose shorter side is below this many pixels are left out.
        threads: Threads of one network run.
        workers: Threads that read images and look for faces when there are many; None takes one
            per core.

    Raises:
        InputError: A number is out of its range, or `detector` is none.
        ArtefactError: A model file is missing, damaged, or says nothing about itself.
    """

    def __init__(
        self,
        model: str | Path | EmotionModel | None = None,
        *,
        detector: str | Path | Detector | None = None,
        min_face_px: int = 24,
        threads: int = 1,
        workers: int | None = None,
    ) -> None:
        for name, value in (
            ("min_face_px", min_face_px),
            ("threads", threads),
            ("workers", 1 if workers is None else workers),
        ):
            if not value >= 1:
                raise InputError(f"{name}: expected 1 or more, found {value}")
        self.workers = workers
        if not isinstance(model, EmotionModel):
            model = EmotionModel(model, threads=threads)
        self.model: EmotionModel = model
        if detector is None or isinstance(detector, str | Path):
            detector = OnnxDetector(detector, threads=threads)
        if not callable(getattr(detector, "detect", None)):
            found = type(detector).__name__
            raise InputError(f"detector: expected a file or a Detector, found {found}")
        self.detector: Detector = detector
        self.min_face_px = min_face_px

    def analyze(self, image: ImageInput) -> FrameResult:
        """Analyse one image.

        Args:
            image: A path, the bytes of a file, a Pillow image, a `Frame`, or an array
                `(H, W, 3)` uint8 RGB.

        Returns:
            What was found; `faces` is empty when there is no face.

        Raises:
            MediaError: The file cannot be read as an image.
            FrameError: The array is no frame.
        """
        frame = _as_frame(image)
        faces, crops = detect_and_crop(self, frame)
        return frame_result(self, frame, faces, crops, self.model.probabilities(crops))

    def explain(self, image: ImageInput, *, face: int | None = None) -> tuple[Explanation, ...]:
        """Say what the answer to each face of an image rests on.

        Args:
            image: As in `analyze`.
            face: The number of the one face to explain, from 0, largest first; None explains all.

        Returns:
            One explanation per face, largest first; empty when there is no face.

        Raises:
            MediaError: The file cannot be read as an image.
            FrameError: The array is no frame.
            InputError: There is no face of that number.
        """
        frame = _as_frame(image)
        faces, crops = detect_and_crop(self, frame)
        found = frame_result(self, frame, faces, crops, self.model.probabilities(crops)).faces
        if face is not None:
            face_at(found, face)
        return tuple(
            explain_face(self.model, prediction, crop)
            for prediction, crop in zip(found, crops, strict=True)
            if face in (None, prediction.face)
        )

    def stream(
        self,
        sources: str | Path | Iterable[str | Path],
        *,
        options: VideoOptions | None = None,
    ) -> Iterator[FrameResult]:
        """Analyse images, videos, cameras and streams, one after the other.

        Args:
            sources: A path, folder or glob, a camera (`camera:0`) or a stream (`rtsp://`,
                `http://`), or several of them. A camera always gives its newest frame.
            options: How videos, cameras and streams are analysed.

        Returns:
            One result per image and per frame of a video, in order, made as they are asked for;
            faces of a video carry the person's number and smoothed probabilities. What cannot be
            read gives a result with `error`, and the others go on.

        Raises:
            InputError: Something among them is no path.
        """
        inputs = [sources] if isinstance(sources, str | Path) else _paths(sources)
        return self.analyze_each(find_media(inputs), options=options)

    def analyze_each(
        self,
        found: Iterable[str | MediaError],
        *,
        options: VideoOptions | None = None,
        position: Checkpoint | None = None,
    ) -> Iterator[FrameResult]:
        """Analyse what `find_media` found; an error among it becomes a result with `error`.

        Args:
            found: Images, videos, cameras and streams.
            options: How videos, cameras and streams are analysed.
            position: Where to go on, kept up to date; what it stands for gives no results again.
        """
        options = options or VideoOptions()
        position = position or Checkpoint()
        left = itertools.islice(found, position.inputs, None)
        for images, group in itertools.groupby(left, key=_is_image):
            if images:
                for judged in predict_images(self, map(str, group), workers=self.workers):
                    position.finish_input()
                    yield judged.result
            else:
                for path in group:
                    yield from self._analyze_clip(path, options, position)

    def _analyze_clip(
        self, path: str | MediaError, options: VideoOptions, position: Checkpoint
    ) -> Iterator[FrameResult]:
        """Analyse a video, camera or stream; what cannot be opened is a result with `error`."""
        try:
            if isinstance(path, MediaError):
                raise path
            if is_live(path):
                yield from self._analyze_live(LiveSource(path), options)
            else:
                with Video(path) as video:
                    position.video = position.video or VideoState(options)
                    yield from analyze_video(self, video, options, position.video)
        except MediaError as error:
            position.finish_input()
            yield FrameResult(source=error.source, error=error.reason)
        else:
            position.finish_input()

    def _analyze_live(self, source: LiveSource, options: VideoOptions) -> Iterator[FrameResult]:
        """Analyse a camera or stream; a gap is a result with `error` before the frame after it."""
        live = LiveAnalysis(self, options)
        for frame in source.frames(per_second=options.per_second):
            if (gap := source.gap_before(frame)) is not None:
                yield gap
            yield live.analyze(frame)

    def predict(
        self,
        frame: Frame | VideoFrame,
        number: int,
        face: Face,
        *,
        crop: NDArray[np.float32],
        probabilities: NDArray[np.floating],
        label: int | None = None,
        track: int | None = None,
    ) -> FacePrediction:
        """Put together what is known of one face.

        Args:
            frame: The frame that it is in.
            number: The face's number within the frame.
            face: Where it is.
            crop: `(S, S)`, what the network saw.
            probabilities: `(6,)` in the order of `SIX`.
            label: The label to show; None takes the most probable one.
            track: The person's number, in a video.
        """
        shown = int(probabilities.argmax()) if label is None else label
        confidence = float(probabilities[shown])
        left, top, right, bottom = (float(value) for value in face.box_xyxy)
        return FacePrediction(
            source=frame.source,
            frame=frame.frame,
            timestamp_s=frame.timestamp_s,
            face=number,
            track=track,
            box_xyxy=(left, top, right, bottom),
            landmarks_xy=tuple((float(x), float(y)) for x, y in face.landmarks_xy),
            detection_score=face.detection_score,
            emotion=SIX.labels[shown],
            confidence=confidence,
            unsure=confidence < self.model.unsure_below,
            probabilities=dict(zip(SIX.labels, map(float, probabilities), strict=True)),
            quality=face_quality(face, crop, (frame.height, frame.width)),
        )


def _paths(sources: Iterable[str | Path]) -> Iterator[str | Path]:
    if isinstance(sources, np.ndarray | bytes) or not isinstance(sources, Iterable):
        found = type(sources).__name__
        raise InputError(f"sources: expected paths, found {found}; `analyze` takes images")
    for each in sources:
        if not isinstance(each, str | Path):
            found = type(each).__name__
            raise InputError(f"sources: expected paths, found {found} among them")
        yield each


def _is_image(path: str | MediaError) -> bool:
    return isinstance(path, str) and not is_live(path) and not is_video(path)


def _as_frame(image: ImageInput) -> Frame:
    if isinstance(image, Frame):
        return image
    if isinstance(image, str | Path):
        return read_image(image)
    if isinstance(image, bytes):
        return decode_image(image, "bytes")
    if isinstance(image, Image.Image):
        return convert_image(image, getattr(image, "filename", "") or "image")
    return Frame(frame_rgb=check_frame_rgb(image), source="array")
