"""Analysis of a list of inputs: images in batches, videos frame by frame, streams live."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Generator, Iterable

import numpy as np
from numpy.typing import NDArray

from mien.errors import InputError, MediaError
from mien.inference.images import album_offset, predict_images
from mien.inference.live import LiveAnalysis
from mien.inference.pipeline import Pipeline
from mien.inference.video import analyze_video
from mien.inference.video_state import VideoState
from mien.media import LiveSource, Video, is_live, is_video
from mien.options import VideoOptions
from mien.structures import FrameResult

__all__ = ["Step", "analyze_media", "check_video_options", "is_image"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Step:
    """One result, and how far the analysis has come with it.

    Attributes:
        result: The result.
        inputs: How many inputs are finished.
        video: The state of the video, camera or stream that is being analysed, or None.
        album: The baseline of the one person of all images, `(6,)`; None without one.
    """

    result: FrameResult
    inputs: int
    video: VideoState | None = None
    album: NDArray[np.float64] | None = None


def analyze_media(
    pipeline: Pipeline,
    media: Iterable[str | MediaError],
    options: VideoOptions | None = None,
    *,
    workers: int | None = None,
    inputs: int = 0,
    video: VideoState | None = None,
    album: NDArray[np.float64] | None = None,
) -> Generator[Step, None, None]:
    """Analyse images, videos, cameras and streams, one after the other.

    Args:
        pipeline: Networks and settings.
        media: The inputs, from `find_media`; an error among them gives a result with `error`.
        options: How videos, cameras and streams are analysed, and whose baseline is taken off.
        workers: Threads that read images and find faces; None takes one per core.
        inputs: How many inputs to skip, because an earlier run has finished them.
        video: The state from which the first input after these is continued.
        album: The baseline of the one person of all images, if an earlier run has estimated it.

    Yields:
        One step per image and per frame of a video, in order.

    Raises:
        SpecError: A baseline is wanted, and the network's file does not say what it is measured
            from.
    """
    options = check_video_options(options)
    baseline = options.baseline
    if baseline is not None and baseline.people == "one-person" and album is None:
        media = list(media)
        images = [str(each) for each in media if is_image(each)]
        album = album_offset(pipeline, images, baseline, workers=workers)
    remaining = itertools.islice(media, inputs, None)
    for is_images, group in itertools.groupby(remaining, key=is_image):
        if is_images:
            paths = map(str, group)
            for predicted in predict_images(pipeline, paths, workers=workers, offset=album):
                inputs += 1
                yield Step(result=predicted.result, inputs=inputs, album=album)
            continue
        for each in group:
            state, video = video or VideoState(options, pipeline.baselines(options)), None
            with contextlib.closing(_analyze_one(pipeline, each, options, state)) as results:
                for result, is_last in results:
                    state_now = None if is_last else state
                    done = inputs + is_last
                    yield Step(result=result, inputs=done, video=state_now, album=album)
            inputs += 1


def check_video_options(options: VideoOptions | None) -> VideoOptions:
    """Return the options, or the defaults for None.

    Raises:
        InputError: It is something else.
    """
    if options is not None and not isinstance(options, VideoOptions):
        found = type(options).__name__
        raise InputError(f"video_options: expected VideoOptions or None, found {found}")
    return options or VideoOptions()


def is_image(each: str | MediaError) -> bool:
    """Return whether an input from `find_media` is an image file."""
    return isinstance(each, str) and not is_live(each) and not is_video(each)


def _analyze_one(
    pipeline: Pipeline, each: str | MediaError, options: VideoOptions, state: VideoState
) -> Generator[tuple[FrameResult, bool], None, None]:
    """Analyse a video, camera or stream.

    Yields:
        Each result, and whether the input ends with it. An input that cannot be opened gives one
        result with `error`.
    """
    try:
        if isinstance(each, MediaError):
            raise each
        if is_live(each):
            with contextlib.closing(_analyze_live(pipeline, LiveSource(each), options)) as results:
                for result in results:
                    yield result, False
        else:
            # The generator is closed before the video, since its threads read from it.
            with (
                Video(each) as video,
                contextlib.closing(analyze_video(pipeline, video, options, state=state)) as results,
            ):
                for result in results:
                    yield result, False
    except MediaError as error:
        yield FrameResult(source=error.source, error=error.reason), True


def _analyze_live(
    pipeline: Pipeline, source: LiveSource, options: VideoOptions
) -> Generator[FrameResult, None, None]:
    """Analyse a camera or stream; a gap is a result with `error` before the frame after it."""
    live = LiveAnalysis(pipeline, options)
    with contextlib.closing(source.frames(per_second=options.max_fps)) as frames:
        for frame in frames:
            if (gap := source.gap_before(frame)) is not None:
                yield gap
            result = live.analyze(frame)
            yield dataclasses.replace(result, notes=(*source.notes, *result.notes))
