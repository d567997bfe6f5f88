"""The options of analyses, trainings and studies, shared by Python, command line and API.

Every default stands here once. The command line reads them without loading the packages that use
them.
"""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Annotated, Literal, get_args

from mien._checking import Matching, Name, Within, check_options
from mien.errors import OptionsError

__all__ = [
    "MAX_FACE_PX",
    "MAX_MIN_DURATION_S",
    "MAX_SEED",
    "MAX_SMOOTHING_S",
    "MAX_THREADS",
    "MAX_TIME_S",
    "MAX_WORKERS",
    "MIN_SEEDS",
    "PRUNERS",
    "SAMPLERS",
    "Accelerator",
    "BaselineOptions",
    "BaselinePeople",
    "DeviceOptions",
    "EventOptions",
    "FaceOptions",
    "PrunerName",
    "SamplerName",
    "SmoothingOptions",
    "TuneOptions",
    "VideoOptions",
]


BaselinePeople = Literal["tracks", "one-person"]
SamplerName = Literal["grid", "random", "tpe", "gp"]
PrunerName = Literal["hyperband", "median", "none"]

Accelerator = Literal["auto", "cpu", "gpu", "cuda", "mps", "tpu"]

SAMPLERS: tuple[SamplerName, ...] = get_args(SamplerName)
PRUNERS: tuple[PrunerName, ...] = get_args(PrunerName)

MAX_SEED = 2**32 - 1
"""The largest seed that all generators of random numbers take."""

MAX_THREADS = 1024

MAX_WORKERS = 1024

MAX_TIME_S = 10**9
"""About 32 years: the longest time of any option."""

MAX_FACE_PX = 100_000

MAX_SMOOTHING_S = 3600

_MAX_DEVICES = 100_000

MAX_MIN_DURATION_S = 10.0
"""The rows of a person are held back until the person has been seen for long enough."""

MIN_SEEDS = 3
"""Smallest number of seeds for a gain: the interval of fewer trainings would say nothing."""

_LABELS = 6
"""Labels that users see; a baseline's neutral face has a probability of each."""

Share = Annotated[float, Within(0, 1)]

Time = Annotated[float, Within(0, MAX_TIME_S)]
"""In seconds."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FaceOptions:
    """Which faces count, and which answers are sure.

    Attributes:
        min_face_px: Faces whose shorter side is below this many pixels are left out.
        min_score: Faces with a detection score below are left out, 0 to 1; None keeps all that the
            detector finds. The detector's own threshold always holds.
        unsure_below: Answers with a confidence below are marked unsure, 0 to 1; None takes the
            model's own threshold.

    Raises:
        OptionsError: A value has another type or is out of its range.
    """

    min_face_px: Annotated[int, Within(1, MAX_FACE_PX)] = 24
    min_score: Share | None = None
    unsure_below: Share | None = None

    def __post_init__(self) -> None:
        check_options(self)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SmoothingOptions:
    """How much the probabilities of a track are smoothed over time.

    Attributes:
        time_constant_s: After this many seconds a sudden change has come through to 63 %; 0 turns
            smoothing off.
        margin: By how much another label has to be more probable before it is shown.
        forget_s: A track that was away for longer starts anew.

    Raises:
        OptionsError: A value has another type or is out of its range.
    """

    time_constant_s: Annotated[float, Within(0, MAX_SMOOTHING_S)] = 0.4
    margin: Share = 0.08
    forget_s: Time = 1.0

    def __post_init__(self) -> None:
        check_options(self)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BaselineOptions:
    """Whose baseline, what the face shows at rest, is taken off the probabilities.

    Attributes:
        people: `tracks` estimates the baseline of each track of a video, camera or stream while it
            goes on; images have no tracks, and are left as they are. `one-person` says that all
            faces are those of one person: one estimate for each video, camera or stream, and one
            for all images together, which are read twice.
        neutral: The six probabilities, in the order of the labels, of a face of the one person that
            is known to be neutral, as `Analyzer.neutral_face` returns them; then nothing is
            estimated. None knows no such face.

    Raises:
        OptionsError: A value has another type or is out of its range.
    """

    people: BaselinePeople = "tracks"
    neutral: tuple[Share, ...] | None = None

    def __post_init__(self) -> None:
        check_options(self)
        if self.neutral is None:
            return
        whole = math.isclose(sum(self.neutral), 1, abs_tol=1e-3)
        if len(self.neutral) != _LABELS or not whole:
            expected = f"expected a tuple of {_LABELS} probabilities that sum to 1"
            raise OptionsError(f"neutral: {expected}, found {self.neutral!r}")
        if self.people != "one-person":
            raise OptionsError(
                "neutral: a neutral face is one person's, so it needs people='one-person', found "
                f"{self.people!r}"
            )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VideoOptions:
    """How a video, a camera or a stream is analysed.

    Attributes:
        detect_every: Frames from one detection to the next; None takes about eight detections a
            second in a video, and as many as time allows in a camera or stream. In a video they are
            fewer where so many decoded frames would take more than 1 GB.
        max_fps: Analyse at most so many frames a second; None analyses every frame.
        smoothing: How much the probabilities are smoothed over time.
        max_gap_s: A person who was not detected for longer gets a new track number; where
            detections are far apart, after two and a half of their intervals.
        baseline: Whose baseline is taken off the probabilities, in images too; None leaves them as
            they are.
        min_duration_s: People who were seen for less are left out, at most `MAX_MIN_DURATION_S`
            seconds; 0 takes every track for a person. None takes tracks for people that were
            detected with a high score, or for half a second (`mien.track.people` has the rule).

    Raises:
        OptionsError: A value has another type or is out of its range.
    """

    detect_every: Annotated[int, Within(1, 1_000_000)] | None = None
    max_fps: Annotated[float, Within(0, 1000, above=True)] | None = None
    smoothing: SmoothingOptions = dataclasses.field(default_factory=SmoothingOptions)
    max_gap_s: Time = 1.0
    baseline: BaselineOptions | None = None
    min_duration_s: Annotated[float, Within(0, MAX_MIN_DURATION_S)] | None = None

    def __post_init__(self) -> None:
        check_options(self)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EventOptions:
    """What counts as an episode: a time in which a person shows one expression.

    Attributes:
        min_duration_s: Shorter ones are left out. Expressions in conversation last from half a
            second to four (Ekman, Emotions Revealed, 2003); what is shorter is mostly a change of
            the network's mind, and blurred by the smoothing.
        max_gap_s: Two of the same expression that are no farther apart are one, whatever the
            person shows between them.

    Raises:
        OptionsError: A value has another type or is out of its range.
    """

    min_duration_s: Time = 0.5
    max_gap_s: Time = 0.25

    def __post_init__(self) -> None:
        check_options(self)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeviceOptions:
    """The devices of a training, with Lightning's own names and values.

    Attributes:
        accelerator: `auto`, `cpu`, `gpu`, `cuda`, `mps` or `tpu`.
        devices: Number of devices, `auto`, -1 for all, or which ones, such as `0,1`.
        nodes: Number of machines.
        strategy: How the devices share the work: `auto`, `ddp`, ...
        threads: Threads of torch on the CPU; 0 leaves torch's own number.

    Raises:
        OptionsError: A value has another type or is out of its range.
    """

    accelerator: Accelerator = "auto"
    devices: (
        Annotated[int, Within(1, _MAX_DEVICES)]
        | Literal[-1]
        | Annotated[str, Matching("auto, -1 or numbers such as 0,1", r"auto|-1|\d+(,\d+)*")]
    ) = "auto"
    nodes: Annotated[int, Within(1, _MAX_DEVICES)] = 1
    strategy: Annotated[str, Matching("a strategy such as auto or ddp", r"[a-z][a-z0-9_]+")] = (
        "auto"
    )
    threads: Annotated[int, Within(0, MAX_THREADS)] = 0

    def __post_init__(self) -> None:
        check_options(self)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TuneOptions:
    """How a study searches, and when it ends.

    Attributes:
        sampler: What chooses the points: `grid`, `random`, `tpe` (tree-structured Parzen
            estimators, Bergstra et al. 2011) or `gp` (a Gaussian process).
        pruner: What ends trials early: `hyperband` (Li et al. 2018), `median` or `none`.
        trials: Trials of the whole study, those of earlier runs and other machines included; None
            for as many as the time allows.
        hours: Time from now after which no trial is started; None for no limit.
        seed: Seed of the search.
        workers: Processes on this machine.
        threads: Threads of torch in each worker.
        epochs: Epochs of a trial; None for those of the recipe.
        max_images: Number of training images of a trial, drawn at random; None for all.
        selection_share: Share of the training subset that becomes the selection subset, on which
            trials are evaluated.
        near: Whether near copies count as copies, which are never in both subsets.
        seeds: Number of trainings each of the start recipe and the best recipe for the gain on the
            reported `val`; 0 leaves the gain out.
        study: Name of the study in the storage.
        storage: Where the study is kept, as for `open_storage`; None for a file in its folder.

    Raises:
        OptionsError: A value has another type or is out of its range, or the search has no end.
    """

    sampler: SamplerName = "tpe"
    pruner: PrunerName = "median"
    trials: Annotated[int, Within(1, 10**9)] | None = 50
    hours: Annotated[float, Within(0, MAX_TIME_S / 3600, above=True)] | None = None
    seed: Annotated[int, Within(0, MAX_SEED)] = 1
    workers: Annotated[int, Within(1, MAX_WORKERS)] = 1
    threads: Annotated[int, Within(1, MAX_THREADS)] = 1
    epochs: Annotated[int, Within(1, 100_000)] | None = None
    max_images: Annotated[int, Within(2, 10**9)] | None = None
    selection_share: Annotated[float, Within(0, 1, above=True, below=True)] = 0.1
    near: bool = True
    seeds: Literal[0] | Annotated[int, Within(MIN_SEEDS, 1000)] = MIN_SEEDS
    study: Name = "emotion"
    storage: Name | Path | None = None

    def __post_init__(self) -> None:
        check_options(self)
        if self.trials is None and self.hours is None:
            raise OptionsError("trials, hours: expected at least one of them as the budget")
