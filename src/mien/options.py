"""The options of analyses, trainings and studies, shared by Python, command line and API.

Every default stands here once. The command line reads them without loading the packages that use
them.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import functools
import math
import types
import typing
from typing import Any, Literal, get_args

from mien.errors import InputError, OptionsError, RecipeError

__all__ = [
    "MAX_MIN_DURATION_S",
    "MAX_SEED",
    "MAX_THREADS",
    "MIN_SEEDS",
    "PRUNERS",
    "SAMPLERS",
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
    "check_count",
    "check_types",
    "check_whole",
]


BaselinePeople = Literal["tracks", "one-person"]
SamplerName = Literal["grid", "random", "tpe", "gp"]
PrunerName = Literal["hyperband", "median", "none"]

SAMPLERS: tuple[SamplerName, ...] = get_args(SamplerName)
PRUNERS: tuple[PrunerName, ...] = get_args(PrunerName)

MAX_SEED = 2**32 - 1
"""The largest seed that all generators of random numbers take."""

MAX_THREADS = 1024

MAX_MIN_DURATION_S = 10.0
"""The rows of a person are held back until the person has been seen for long enough."""

MIN_SEEDS = 3
"""Smallest number of seeds for a gain: the interval of fewer trainings would say nothing."""

_MAX_SHOWN = 80
"""Characters of a value in a message."""

_LISTS = (tuple, collections.abc.Sequence)

_LABELS = 6
"""Labels that users see; a baseline's neutral face has a probability of each."""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def check_count(name: str, value: object) -> None:
    """Check a number of things, from 1 on.

    Raises:
        InputError: It is something else.
    """
    if not (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        raise InputError(f"{name}: expected a whole number from 1 on, found {value!r}")


def check_whole(name: str, value: object, largest: int) -> None:
    """Check a whole number from 0 on.

    Raises:
        InputError: It is something else, or larger.
    """
    if not _is_whole(value) or not 0 <= value <= largest:  # type: ignore[operator]
        raise InputError(f"{name}: expected a whole number from 0 to {largest}, found {value!r}")


def check_types(options: Any) -> None:
    """Check the value of each field of some options against its annotation.

    A whole number counts as a number, and a list as a tuple; text is no sequence of its letters.

    Raises:
        OptionsError: A value has another type; the message names the option and both types.
    """
    owner: type = type(options)
    for name, kind in _annotations(owner).items():
        value = getattr(options, name)
        if not _fits(value, kind):
            raise OptionsError(f"{name}: expected {_words(kind)}, found {_found(value, kind)}")


@functools.cache
def _annotations(owner: type) -> dict[str, Any]:
    return typing.get_type_hints(owner)


def _fits(value: object, kind: Any) -> bool:
    origin, arguments = typing.get_origin(kind), get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return any(_fits(value, each) for each in arguments)
    if origin is Literal:
        return isinstance(value, str) and value in arguments
    if origin in _LISTS:
        if not isinstance(value, tuple | list):
            return False
        if origin is tuple and arguments[-1] is not Ellipsis:
            return len(value) == len(arguments) and all(map(_fits, value, arguments))
        return all(_fits(each, arguments[0]) for each in value)
    if origin is not None:
        return isinstance(value, origin)
    if kind is float:
        return _is_number(value)
    return isinstance(value, kind) and (kind is not int or _is_whole(value))


def _words(kind: Any) -> str:
    origin, arguments = typing.get_origin(kind), get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(map(_words, arguments))
    if origin is Literal:
        return " or ".join(arguments)
    if origin in _LISTS:
        return f"tuple of {', '.join(_words(each) for each in arguments if each is not Ellipsis)}"
    if origin is not None:
        return str(origin.__name__)
    return "None" if kind is types.NoneType else str(kind.__name__)


def _found(value: object, kind: Any) -> str:
    """Return the value itself where its type is right, or its parts have to be looked at."""
    if isinstance(value, str | tuple | list) and typing.get_origin(kind) is not None:
        shown = repr(value)
        return shown if len(shown) <= _MAX_SHOWN else f"{shown[:_MAX_SHOWN]} ..."
    return type(value).__name__


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
        InputError: A number is out of its range.
    """

    min_face_px: int = 24
    min_score: float | None = None
    unsure_below: float | None = None

    def __post_init__(self) -> None:
        if not (_is_whole(self.min_face_px) and self.min_face_px >= 1):
            expected = "expected a whole number from 1 on"
            raise InputError(f"min_face_px: {expected}, found {self.min_face_px!r}")
        for name in ("min_score", "unsure_below"):
            value = getattr(self, name)
            if value is not None and not (_is_number(value) and 0 <= value <= 1):
                raise InputError(f"{name}: expected 0 to 1, found {value!r}")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SmoothingOptions:
    """How much the probabilities of a track are smoothed over time.

    Attributes:
        time_constant_s: After this many seconds a sudden change has come through to 63 %; 0 turns
            smoothing off.
        margin: By how much another label has to be more probable before it is shown.
        forget_s: A track that was away for longer starts anew.

    Raises:
        InputError: A number is negative or not finite.
    """

    time_constant_s: float = 0.4
    margin: float = 0.08
    forget_s: float = 1.0

    def __post_init__(self) -> None:
        for name in ("time_constant_s", "margin", "forget_s"):
            value = getattr(self, name)
            if not (_is_number(value) and 0 <= value < math.inf):
                raise InputError(f"{name}: expected 0 or more, found {value!r}")


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
        InputError: A value is none of these.
    """

    people: BaselinePeople = "tracks"
    neutral: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        people = get_args(BaselinePeople)
        if self.people not in people:
            raise InputError(f"people: expected {' or '.join(people)}, found {self.people!r}")
        if self.neutral is None:
            return
        if not (
            isinstance(self.neutral, tuple)
            and len(self.neutral) == _LABELS
            and all(_is_number(value) and 0 <= value <= 1 for value in self.neutral)
            and math.isclose(sum(self.neutral), 1, abs_tol=1e-3)
        ):
            expected = f"expected a tuple of {_LABELS} probabilities that sum to 1"
            raise InputError(f"neutral: {expected}, found {self.neutral!r}")
        if self.people != "one-person":
            raise InputError(
                "neutral: a neutral face is one person's, so it needs people='one-person', found "
                f"{self.people!r}"
            )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VideoOptions:
    """How a video, a camera or a stream is analysed.

    Attributes:
        detect_every: Frames from one detection to the next; None takes about eight detections a
            second in a video, and as many as time allows in a camera or stream.
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
        InputError: A number is out of its range.
    """

    detect_every: int | None = None
    max_fps: float | None = None
    smoothing: SmoothingOptions = dataclasses.field(default_factory=SmoothingOptions)
    max_gap_s: float = 1.0
    baseline: BaselineOptions | None = None
    min_duration_s: float | None = None

    def __post_init__(self) -> None:
        every, max_fps, gap_s = self.detect_every, self.max_fps, self.max_gap_s
        if every is not None and not (_is_whole(every) and every >= 1):
            raise InputError(f"detect_every: expected a whole number from 1 on, found {every!r}")
        if max_fps is not None and not (_is_number(max_fps) and 0 < max_fps < math.inf):
            raise InputError(f"max_fps: expected more than 0, found {max_fps!r}")
        if not isinstance(self.smoothing, SmoothingOptions):
            found = type(self.smoothing).__name__
            raise InputError(f"smoothing: expected SmoothingOptions, found {found}")
        if not isinstance(self.baseline, BaselineOptions | None):
            found = type(self.baseline).__name__
            raise InputError(f"baseline: expected BaselineOptions or None, found {found}")
        if not (_is_number(gap_s) and 0 <= gap_s < math.inf):
            raise InputError(f"max_gap_s: expected 0 or more, found {gap_s!r}")
        shortest_s, longest_s = self.min_duration_s, MAX_MIN_DURATION_S
        if shortest_s is not None and not (_is_number(shortest_s) and 0 <= shortest_s <= longest_s):
            expected = f"expected 0 to {longest_s:g}"
            raise InputError(f"min_duration_s: {expected}, found {shortest_s!r}")


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
        InputError: A number is negative or not finite.
    """

    min_duration_s: float = 0.5
    max_gap_s: float = 0.25

    def __post_init__(self) -> None:
        for name in ("min_duration_s", "max_gap_s"):
            value = getattr(self, name)
            if not (_is_number(value) and 0 <= value < math.inf):
                raise InputError(f"{name}: expected 0 or more, found {value!r}")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeviceOptions:
    """The devices of a training, with Lightning's own names and values.

    Attributes:
        accelerator: `auto`, `cpu`, `gpu`, ...
        devices: Number of devices, or `auto`.
        nodes: Number of machines.
        strategy: How the devices share the work: `auto`, `ddp`, ...
        threads: Threads of torch on the CPU; 0 leaves torch's own number.

    Raises:
        InputError: A value has another type, or a number is out of its range.
    """

    accelerator: str = "auto"
    devices: int | str = "auto"
    nodes: int = 1
    strategy: str = "auto"
    threads: int = 0

    def __post_init__(self) -> None:
        check_types(self)
        check_count("nodes", self.nodes)
        check_whole("threads", self.threads, MAX_THREADS)


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
        OptionsError: A value has another type.
        RecipeError: A value is out of its range.
    """

    sampler: SamplerName = "tpe"
    pruner: PrunerName = "median"
    trials: int | None = 50
    hours: float | None = None
    seed: int = 1
    workers: int = 1
    threads: int = 1
    epochs: int | None = None
    max_images: int | None = None
    selection_share: float = 0.1
    near: bool = True
    seeds: int = MIN_SEEDS
    study: str = "emotion"
    storage: str | None = None

    def __post_init__(self) -> None:
        check_types(self)
        checks = (
            (self.trials is None or self.trials > 0, "trials", "at least 1"),
            (self.hours is None or self.hours > 0, "hours", "above 0"),
            (self.workers > 0, "workers", "at least 1"),
            (self.threads > 0, "threads", "at least 1"),
            (self.epochs is None or self.epochs > 0, "epochs", "at least 1"),
            (self.max_images is None or self.max_images > 1, "max_images", "at least 2"),
            (0 < self.selection_share < 1, "selection_share", "above 0 and below 1"),
            (
                self.seeds == 0 or self.seeds >= MIN_SEEDS,
                "seeds",
                f"at least {MIN_SEEDS}, or 0 to leave out the gain",
            ),
        )
        faults = [
            f"{name}: expected {expected}, found {getattr(self, name)!r}"
            for correct, name, expected in checks
            if not correct
        ]
        if self.trials is None and self.hours is None:
            faults.append("trials, hours: expected at least one of them as the budget")
        if faults:
            raise RecipeError("\n".join(faults))
