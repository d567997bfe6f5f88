"""`Analyzer`: images in, faces and expressions out."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, overload

import numpy as np

from mien._checking import check_count
from mien.detect import Detector, OnnxDetector
from mien.errors import InputError
from mien.inference.explain import Explanation, explain_image
from mien.inference.images import predict_frames
from mien.inference.live import LiveAnalysis
from mien.inference.model import EmotionModel
from mien.inference.pipeline import Pipeline
from mien.inference.runner import analyze_media, check_video_options
from mien.inference.similarity import SimilarFaces, find_similar
from mien.inference.units import UnitModel
from mien.media import Channels, ImageInput, VideoFrame, as_frame, check_channels, find_media
from mien.options import MAX_THREADS, MAX_WORKERS, FaceOptions, VideoOptions
from mien.structures import Frame, FrameResult

__all__ = ["Analyzer", "analyze", "check_paths"]

Source = str | Path
"""A path, folder or glob, a camera (`camera:0`) or a stream (`rtsp://`, `http://`)."""


class Analyzer:
    """Finds faces and says which of six expressions each one shows.

    The networks are loaded once, so make one Analyzer and reuse it. Threads may share it.

    Args:
        model: The ONNX file of an emotion network, or a loaded network; None takes the shipped
            network.
        detector: The ONNX file of a face detector, or any `Detector`; None takes the shipped
            detector.
        face_options: Which faces count, and below which confidence an answer is unsure; each call
            may take others.
        units: Whether expression units and the pose of the head are read, by the shipped network,
            or the ONNX file of another one, or a loaded one. It is loaded only then.
        threads: Threads of one network run.
        device: The device for networks that are loaded here: `cpu`, `cuda`, `directml`, `coreml`,
            or the name of one of onnxruntime's execution providers.
        workers: Threads that read images and find faces when there are several images; None takes
            one per core.

    Attributes:
        pipeline: The networks and the face options; the functions of `mien.inference` take it.
        workers: As given.

    Raises:
        InputError: A number is out of range, or `detector` is not a detector.
        ArtefactError: A model file is missing, damaged, or has no spec.
        DeviceError: The device is not available.
    """

    def __init__(
        self,
        model: str | Path | EmotionModel | None = None,
        *,
        detector: str | Path | Detector | None = None,
        face_options: FaceOptions | None = None,
        units: bool | str | Path | UnitModel = False,
        threads: int = 1,
        device: str = "cpu",
        workers: int | None = None,
    ) -> None:
        threads = check_count("threads", threads, MAX_THREADS)
        if workers is not None:
            workers = check_count("workers", workers, MAX_WORKERS)
        self.workers = workers
        if not isinstance(model, EmotionModel):
            model = EmotionModel(model, threads=threads, device=device)
        if detector is None or isinstance(detector, str | Path):
            detector = OnnxDetector(detector, threads=threads, device=device)
        if not callable(getattr(detector, "detect", None)):
            found = type(detector).__name__
            raise InputError(f"detector: expected a file or a Detector, found {found}")
        unit_model = _unit_model(units, threads=threads, device=device)
        self.pipeline = Pipeline(detector, model, unit_model=unit_model).with_options(face_options)

    @property
    def model(self) -> EmotionModel:
        """The emotion network."""
        return self.pipeline.model

    @property
    def detector(self) -> Detector:
        """The face detector."""
        return self.pipeline.detector

    @property
    def unit_model(self) -> UnitModel | None:
        """The network of expression units; None if they were not asked for."""
        return self.pipeline.unit_model

    def __repr__(self) -> str:
        options = self.pipeline.options
        units = "" if self.unit_model is None else f", units={self.unit_model!r}"
        return (
            f"Analyzer(model={self.model!r}, detector={self.detector!r}, face_options={options!r}"
            f"{units})"
        )

    @overload
    def analyze(
        self,
        image: list[ImageInput] | tuple[ImageInput, ...],
        *,
        channels: Channels | None = None,
        face_options: FaceOptions | None = None,
    ) -> list[FrameResult]: ...

    @overload
    def analyze(
        self,
        image: ImageInput,
        *,
        channels: Channels | None = None,
        face_options: FaceOptions | None = None,
    ) -> FrameResult: ...

    def analyze(
        self,
        image: ImageInput | list[ImageInput] | tuple[ImageInput, ...],
        *,
        channels: Channels | None = None,
        face_options: FaceOptions | None = None,
    ) -> FrameResult | list[FrameResult]:
        """Analyse one image, or a list of images together.

        Args:
            image: A path, the bytes of a file, a file object, a Pillow image, a `Frame`, an array
                `(H, W, 3)`, `(H, W, 4)` or `(H, W)` of uint8, a torch tensor `(3, H, W)` of uint8,
                or a list of any of them.
            channels: The order of an array's channels: `rgb`, `bgr` (OpenCV), `grey`, `rgba` or
                `bgra`; None takes `rgb`, `rgba` or `grey` by their number.
            face_options: The options of this call; None takes those of the Analyzer.

        Returns:
            The result; `faces` is empty when there is no face. For a list, one result per image, in
            order.

        Raises:
            MediaError: A file cannot be read as an image.
            FrameError: An array has a wrong shape or type; the message says what to do.
        """
        pipeline = self.pipeline.with_options(face_options)
        if isinstance(image, list | tuple):
            frames = [as_frame(each, channels=channels) for each in image]
            predicted = predict_frames(pipeline, frames, workers=self.workers)
            return [
                dataclasses.replace(each.result, frame_rgb=frame.frame_rgb)
                for each, frame in zip(predicted, frames, strict=True)
            ]
        frame = as_frame(image, channels=channels)
        return dataclasses.replace(pipeline.analyze(frame), frame_rgb=frame.frame_rgb)

    def neutral_face(
        self, image: ImageInput, *, channels: Channels | None = None
    ) -> tuple[float, ...]:
        """Return the six probabilities of a person's neutral face, for `BaselineOptions.neutral`.

        Args:
            image: An image with one face, as in `analyze`.
            channels: As in `analyze`.

        Raises:
            MediaError: The file cannot be read as an image.
            FrameError: The array has a wrong shape or type.
            InputError: There is no face, or more than one.
        """
        result = self.analyze(image, channels=channels)
        if len(result) != 1:
            found = f"{len(result)} faces" if len(result) else "none"
            raise InputError(f"{result.source}: expected one face, the neutral one, found {found}")
        return tuple(result[0].probabilities.values())

    def explain(
        self,
        image: ImageInput,
        *,
        face: int | None = None,
        channels: Channels | None = None,
        face_options: FaceOptions | None = None,
    ) -> tuple[Explanation, ...]:
        """Explain the answer to each face of an image.

        Args:
            image: As in `analyze`.
            face: The number of the one face to explain, from 0, largest first; None explains all.
            channels: As in `analyze`.
            face_options: As in `analyze`.

        Returns:
            One explanation per face, largest first; empty when there is no face.

        Raises:
            MediaError: The file cannot be read as an image.
            FrameError: The array has a wrong shape or type.
            InputError: There is no face with this number.
        """
        pipeline = self.pipeline.with_options(face_options)
        return explain_image(pipeline, as_frame(image, channels=channels), face=face)

    def find_similar(
        self,
        query: str | Path,
        sources: Source | Iterable[Source],
        *,
        face: int = 0,
        max_faces: int = 20,
    ) -> SimilarFaces:
        """Find the faces whose expressions are most similar to that of one face.

        Args:
            query: An image file with the face.
            sources: Images, videos, folders and globs to search.
            face: The number of the face within `query`, from 0, largest first.
            max_faces: How many faces to return.

        Raises:
            MediaError: `query` cannot be read as an image.
            InputError: The query has no face with this number, or a source is not a path.
            SpecError: The network has no embedding.
        """
        media = find_media(check_paths(sources))
        return find_similar(
            self.pipeline, query, media, face=face, max_faces=max_faces, workers=self.workers
        )

    def stream(
        self,
        sources: Source | Iterable[Source] | Iterable[Frame] | Iterable[tuple[float, ImageInput]],
        *,
        channels: Channels | None = None,
        video_options: VideoOptions | None = None,
        face_options: FaceOptions | None = None,
    ) -> Iterator[FrameResult]:
        """Analyse images, videos, cameras and streams, or frames from the caller.

        Args:
            sources: A path, folder or glob, a camera (`camera:0`) or a stream (`rtsp://`,
                `http://`), or several of them. A camera always gives its newest frame. Or the
                frames of one clip, in order: `Frame` objects with a `timestamp_s`, or pairs of
                seconds and an image. A frame whose number is not above that of the one before it
                gets the next one.
            channels: The order of the channels of arrays among the frames, as in `analyze`.
            video_options: How videos, cameras and streams are analysed. In frames from the caller,
                faces are detected in every frame, unless `detect_every` says otherwise.
            face_options: As in `analyze`.

        Returns:
            An iterator with one result per image and per frame, in order. In videos, faces have a
            track number and smoothed probabilities. A source that cannot be read gives a result
            with `error`; the others are analysed.

        Raises:
            InputError: A source is none of these, `channels` is given without frames or is none of
                them, or a frame has no time or is earlier than the one before it.
            SpecError: A baseline is wanted, and the network's file does not say what it is measured
                from.
        """
        pipeline = self.pipeline.with_options(face_options)
        options = check_video_options(video_options)
        pipeline.baselines(options)  # what lacks for them is said now, not with the first result
        check_channels(channels)
        if not isinstance(sources, str | Path) and _is_iterable(sources):
            remaining = iter(sources)
            try:
                first = next(remaining)
            except StopIteration:
                return iter(())
            if isinstance(first, Frame | tuple):
                frames = _frames(_chained(first, remaining), channels)
                return _analyze_clip(pipeline, frames, options)
            sources = _chained(first, remaining)
        if channels is not None:
            raise InputError("channels: only arrays and tensors need it, found it with paths")
        steps = analyze_media(
            pipeline, find_media(check_paths(sources)), options, workers=self.workers
        )
        return (step.result for step in steps)


def _unit_model(
    units: bool | str | Path | UnitModel, *, threads: int, device: str
) -> UnitModel | None:
    """Return the network of units that is asked for; None for none.

    Raises:
        InputError: It is none of these.
    """
    if isinstance(units, UnitModel):
        return units
    if not isinstance(units, bool | str | Path):
        found = type(units).__name__
        raise InputError(f"units: expected True, False or a model file with units, found {found}")
    if units is False:
        return None
    return UnitModel(None if units is True else units, threads=threads, device=device)


_TIME_TOLERANCE_S = 1e-6
"""Tolerance for rounding errors in the times of frames."""

_LOCK = threading.Lock()
_DEFAULT: list[Analyzer] = []


def analyze(
    image: ImageInput, *, channels: Channels | None = None, face_options: FaceOptions | None = None
) -> FrameResult:
    """Analyse one image with the shipped networks, which are loaded at the first call.

    See `Analyzer.analyze` for arguments, result and errors.
    """
    with _LOCK:
        if not _DEFAULT:
            _DEFAULT.append(Analyzer())
    return _DEFAULT[0].analyze(image, channels=channels, face_options=face_options)


def _is_iterable(sources: object) -> bool:
    return isinstance(sources, Iterable) and not isinstance(sources, np.ndarray | bytes)


def _chained(first: Any, remaining: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from remaining


def check_paths(sources: Any) -> Iterator[str | Path]:
    """Yield the paths among sources; a single one stands for itself.

    Raises:
        InputError: One of them is no path.
    """
    if isinstance(sources, str | Path):
        yield sources
        return
    if not _is_iterable(sources):
        found = type(sources).__name__
        raise InputError(f"sources: expected paths, found {found}; `analyze` takes images")
    for each in sources:
        if not isinstance(each, str | Path):
            found = type(each).__name__
            raise InputError(
                f"sources: expected paths, or frames with their times, found {found} among them"
            )
        yield each


def _frames(clip: Iterable[Any], channels: Channels | None) -> Iterator[Frame]:
    """Convert the frames of a clip to `Frame`, and check that their times do not decrease.

    Their numbers grow, by which the frames are chosen in which faces are detected.
    """
    last, last_s = -1, float("-inf")
    for number, each in enumerate(clip):
        if isinstance(each, Frame):
            frame = as_frame(each, channels=channels)
            if frame.frame <= last:  # as where none was given
                frame = dataclasses.replace(frame, frame=last + 1)
        elif isinstance(each, tuple) and len(each) == 2:
            timestamp_s, image = each
            frame = dataclasses.replace(
                as_frame(image, channels=channels),
                frame=number,
                timestamp_s=_seconds(timestamp_s, number),
            )
        else:
            found = type(each).__name__
            raise InputError(f"frame {number}: expected a Frame or (seconds, image), found {found}")
        if frame.timestamp_s is None or not last_s <= frame.timestamp_s < math.inf:
            raise InputError(
                f"frame {number}: expected a time of {last_s:g} s or later, found "
                f"{frame.timestamp_s}"
            )
        last, last_s = frame.frame, frame.timestamp_s
        yield frame


def _seconds(value: Any, number: int) -> float:
    """Return the time of a pair, which may be a number of numpy's.

    Raises:
        InputError: It is no number.
    """
    if not isinstance(value, str | bytes):
        with contextlib.suppress(TypeError, ValueError):
            return float(value)
    raise InputError(f"frame {number}: expected (seconds, image), found {value!r} for the seconds")


def _analyze_clip(
    pipeline: Pipeline, frames: Iterable[Frame], options: VideoOptions
) -> Iterator[FrameResult]:
    live = LiveAnalysis(
        pipeline, dataclasses.replace(options, detect_every=options.detect_every or 1)
    )
    next_s: float | None = None
    for frame in frames:
        timestamp_s = frame.timestamp_s or 0.0
        if options.max_fps is not None:
            if next_s is not None and timestamp_s < next_s - _TIME_TOLERANCE_S:
                continue
            due_s = timestamp_s if next_s is None else next_s
            next_s = max(due_s + 1 / options.max_fps, timestamp_s)
        result = live.analyze(
            VideoFrame.from_rgb(frame.frame_rgb, frame.source, frame.frame, timestamp_s)
        )
        yield dataclasses.replace(result, notes=(*frame.notes, *result.notes))
