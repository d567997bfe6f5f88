"""`mien live`: a camera in a window, or its rows on stdout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli.messages import LOG, printable, refuse_all_but, refuse_ignored
from mien.cli.options import (
    FACE_DEFAULTS,
    VIDEO_DEFAULTS,
    Baseline,
    DetectEvery,
    DetectorFile,
    Device,
    EmotionFile,
    MaxFps,
    MinDurationS,
    MinFacePx,
    MinScore,
    NeutralImage,
    SmoothingS,
    UnitFile,
    WithUnits,
    baseline_options,
)
from mien.errors import InputError
from mien.options import FaceOptions, SmoothingOptions, VideoOptions

if TYPE_CHECKING:
    from mien.live import Feed, LiveFrame
    from mien.structures import FrameResult

__all__ = ["live"]


def live(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="camera:N, rtsp://..., http://..., or a video.")
    ] = "camera:0",
    *,
    list_: Annotated[bool, typer.Option("--list", help="List the cameras and exit.")] = False,
    headless: Annotated[
        bool, typer.Option("--headless", help="Print JSON Lines, one face per line; no window.")
    ] = False,
    mirror: Annotated[
        bool | None,
        typer.Option(
            "--mirror/--no-mirror", help="Mirror the image; without it, cameras alone are."
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Folder of snapshots and recordings.")
    ] = Path(),
    min_face_px: MinFacePx = FACE_DEFAULTS.min_face_px,
    min_score: MinScore = FACE_DEFAULTS.min_score,
    detect_every: DetectEvery = VIDEO_DEFAULTS.detect_every,
    max_fps: MaxFps = VIDEO_DEFAULTS.max_fps,
    smoothing_s: SmoothingS = VIDEO_DEFAULTS.smoothing.time_constant_s,
    min_duration_s: MinDurationS = VIDEO_DEFAULTS.min_duration_s,
    baseline: Baseline = None,
    neutral: NeutralImage = None,
    units: WithUnits = False,
    model: EmotionFile = None,
    detector: DetectorFile = None,
    unit_model: UnitFile = None,
    device: Device,
) -> None:
    """Show a camera in a window, with the expression of each face; h lists the keys.

    Nothing is saved until s (snapshot) or r (record) is pressed.

    \b
    Examples:
      mien live
      mien live rtsp://door.local/stream --headless > door.jsonl
    """
    if list_:
        refuse_all_but("with --list", "list_")
        _list_cameras()
        return
    if headless:
        refuse_ignored("with --headless", "mirror", "out")
    if not units:
        refuse_ignored("without --units", "unit_model")
    _check_source(source)

    from mien.inference import Analyzer
    from mien.live import Feed, run_window

    smoothing = SmoothingOptions(time_constant_s=smoothing_s)
    faces = FaceOptions(min_face_px=min_face_px, min_score=min_score)
    analyzer = Analyzer(
        model, detector=detector, face_options=faces, units=unit_model or units, device=device
    )
    video = VideoOptions(
        detect_every=detect_every,
        max_fps=max_fps,
        smoothing=smoothing,
        baseline=baseline_options(baseline, neutral, analyzer),
        min_duration_s=min_duration_s,
    )
    feed = Feed(source, analyzer.pipeline, video)
    feed.start()
    try:
        if headless:
            _print_rows(feed)
        else:
            run_window(feed, mirror=mirror, out=out, smoothing=smoothing)
    except KeyboardInterrupt:
        pass
    finally:
        feed.stop()
    if feed.failure is not None:
        raise feed.failure


def _list_cameras() -> None:
    from mien.media import cameras

    found = cameras()
    for number, name in enumerate(found):
        print(f"camera:{number}  {printable(name)}")
    if not found:
        LOG.info("no camera was found; connect one, or check who may use it")


def _check_source(source: str) -> None:
    """Check that a source is what a window can show."""
    from mien.media import is_live

    if is_live(source):
        return
    path = Path(source)
    if source.isdecimal() and not path.exists():
        raise InputError(f"{source}: no such video. A camera is called camera:{source}")
    if path.is_dir():
        raise InputError(
            f"{source}: a folder, expected a camera, a stream or a video. `mien analyze` takes "
            "folders"
        )


def _print_rows(feed: Feed) -> None:
    last: LiveFrame | None = None
    while True:
        shown = feed.newest(after=last, wait_s=0.2)
        while feed.gaps:
            _print(feed.gaps.popleft())
        if shown is not None:
            last = shown
            _print(shown.result)
        elif feed.over:
            return


def _print(result: FrameResult) -> None:
    for row in result.to_rows():
        print(json.dumps(row), flush=True)
