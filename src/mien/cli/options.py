"""Options that several verbs share, and the checks that belong to them.

The same option has the same meaning in every verb: `--data` is the data that a verb works on,
`--out` what it makes, `--report` an HTML report beside it, `--split` the file of a split,
`--subset` one of train, val and test, and `--max-...` an upper limit.
"""

from __future__ import annotations

import codecs
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mien.cli.defaults import PythonDefault
from mien.errors import InputError, MissingExtraError
from mien.options import (
    MAX_FACE_PX,
    MAX_MIN_DURATION_S,
    MAX_SMOOTHING_S,
    MAX_THREADS,
    BaselineOptions,
    BaselinePeople,
    FaceOptions,
    VideoOptions,
)

if TYPE_CHECKING:
    from mien.data import Dataset
    from mien.inference import Analyzer

__all__ = [
    "FACE_DEFAULTS",
    "VIDEO_DEFAULTS",
    "Baseline",
    "Data",
    "DetectEvery",
    "DetectorFile",
    "Device",
    "EmotionFile",
    "FacesAsJson",
    "Fold",
    "MaxFps",
    "MinDurationS",
    "MinFacePx",
    "MinScore",
    "NeutralImage",
    "ReplaceImage",
    "SmoothingS",
    "SplitFile",
    "Subset",
    "Threads",
    "UnitFile",
    "WithUnits",
    "baseline_options",
    "named_inputs",
    "read_split_dataset",
    "require_extra",
]

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    # Before those of UTF-16, with one of which one of these begins.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_HIGH_BYTES = (("utf-32-le", (3,)), ("utf-32-be", (0,)), ("utf-16-le", (1,)), ("utf-16-be", (0,)))
"""Which bytes of each character are 0: in UTF-32 always, in UTF-16 in Western text."""

_OF_TEXT = frozenset((0, *b"\t\n\r", *range(0x20, 0x7F)))
"""Bytes of a list of plain names, of which images and videos have others near their beginning."""

FACE_DEFAULTS, VIDEO_DEFAULTS = FaceOptions(), VideoOptions()

EmotionFile = Annotated[
    Path | None, typer.Option("--model", metavar="PATH", help="Another emotion network (ONNX).")
]

DetectorFile = Annotated[
    Path | None, typer.Option("--detector", metavar="PATH", help="Another face detector (ONNX).")
]

WithUnits = Annotated[
    bool,
    typer.Option(
        "--units", help="Also say what the parts of each face do, and how the head is turned."
    ),
]

UnitFile = Annotated[
    Path | None,
    typer.Option("--unit-model", metavar="PATH", help="Another network of units (ONNX)."),
]

FacesAsJson = Annotated[bool, typer.Option("--json", help="Print JSON Lines, one face per line.")]

ReplaceImage = Annotated[bool, typer.Option("--overwrite", help="Replace the image.")]

MinFacePx = Annotated[
    int,
    typer.Option(
        min=1, max=MAX_FACE_PX, metavar="PX", help="Leave out faces whose shorter side is below."
    ),
]

MinScore = Annotated[
    float | None,
    typer.Option(min=0.0, max=1.0, metavar="SCORE", help="Leave out less certain faces."),
]

DetectEvery = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Detect faces in every Nth frame of a video."),
]

MaxFps = Annotated[
    float | None, typer.Option(min=0.01, help="Analyse at most so many frames a second.")
]

SmoothingS = Annotated[
    float,
    typer.Option(
        min=0.0,
        max=MAX_SMOOTHING_S,
        metavar="SECONDS",
        help="Smooth over time; 0 turns it off.",
    ),
]

MinDurationS = Annotated[
    float | None,
    typer.Option(
        "--min-duration",
        min=0.0,
        max=MAX_MIN_DURATION_S,
        metavar="SECONDS",
        help="Leave out people of a video who are seen for less; 0 keeps every track. Without it: "
        "tracks that are seen for a moment, with low scores.",
    ),
]

Baseline = Annotated[
    BaselinePeople | None,
    typer.Option(
        metavar="tracks|one-person",
        help="Take off what faces show at rest: for each person of a video, or for all faces as "
        "those of one person.",
    ),
]

NeutralImage = Annotated[
    Path | None,
    typer.Option(
        "--neutral",
        metavar="IMAGE",
        help="Take off what the neutral face of the one person in this image shows.",
    ),
]

Device = Annotated[
    str,
    typer.Option(
        metavar="DEVICE",
        default_factory=PythonDefault("mien.inference:Analyzer", "device"),
        help="Where networks run: cpu, cuda, directml, coreml.",
    ),
]

Threads = Annotated[
    int,
    typer.Option(
        min=1,
        max=MAX_THREADS,
        default_factory=PythonDefault("mien.inference:Analyzer", "threads"),
        help="Threads of one network run.",
    ),
]

Data = Annotated[
    Path,
    typer.Option(metavar="DATASET", help="The folder of a dataset that `mien data import` made."),
]

SplitFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Divide the dataset by a file of `mien data split`; else as imported."
    ),
]

Fold = Annotated[
    int | None, typer.Option(metavar="N", help="For a split into folds: the fold that is val.")
]

Subset = Literal["train", "val", "test"]


def read_split_dataset(
    data: Path, split: Path | None, fold: int | None
) -> tuple[Dataset, tuple[str, str]]:
    """Read a dataset and apply a split to it.

    Args:
        data: The dataset's folder.
        split: The split's file; None keeps the split of the import.
        fold: For a split into folds, the one that is `val`.

    Returns:
        The dataset, and the split's kind and hash.
    """
    from mien.data import published_split, read_dataset, read_split

    dataset = read_dataset(data)
    applied = read_split(split) if split is not None else published_split(dataset)
    kind = applied.kind if fold is None else f"{applied.kind}, fold {fold}"
    return applied.apply(dataset, fold=fold), (kind, applied.sha256())


def baseline_options(
    people: BaselinePeople | None, neutral: Path | None, analyzer: Analyzer
) -> BaselineOptions | None:
    """Return the baseline that `--baseline` and `--neutral` ask for; None without them.

    Raises:
        MienError: The image cannot be read, or does not show one face.
    """
    if neutral is None:
        return None if people is None else BaselineOptions(people=people)
    if people == "tracks":
        raise typer.BadParameter(
            "--neutral is the face of one person; leave out --baseline tracks or use --baseline "
            "one-person"
        )
    return BaselineOptions(people="one-person", neutral=analyzer.neutral_face(neutral))


def require_extra(purpose: str, extra: str, *modules: str) -> None:
    """Check that an extra's modules are installed, without importing them.

    Raises:
        MissingExtraError: One of them is not installed.
    """
    if any(importlib.util.find_spec(module) is None for module in modules):
        raise MissingExtraError(purpose, extra)


def named_inputs(inputs: list[str]) -> Iterator[str]:
    """Yield the inputs by name; `-` stands for the list that comes from stdin.

    Raises:
        InputError: The list has no name, or is no text.
    """
    for given in inputs:
        if given == "-":
            yield from _read_list(_read_stdin())
        else:
            yield given


def _read_list(data: bytes) -> list[str]:
    """Return the names in a list of paths.

    Raises:
        InputError: It has none, or is something else.
    """
    if (kind := _media_kind(data)) is not None:
        raise InputError(
            f"-: stdin holds {kind}, not a list of paths. Save it as a file and give its name"
        )
    names = [name for name in _split_list(data) if name.strip()]
    if not names:
        raise InputError(
            "-: stdin holds no path; expected one in each line, as find or ls print them"
        )
    # A single one has an error of its own, and the others are read.
    if 2 * sum("\0" in name for name in names) > len(names):
        raise InputError(
            "-: stdin holds no text; expected a list of paths, one in each line, in UTF-8"
        )
    if len(names) > 1 and 2 * sum(len(name) == 1 for name in names) > len(names) and b"\0" in data:
        # Text of UTF-16 whose bytes do not say so looks like this; one of its characters is a
        # slash, which would stand for the whole disk.
        raise InputError(
            "-: stdin holds single characters between zero bytes, as text in UTF-16 or UTF-32 has "
            "them. Write the list in UTF-8, or begin names of one character with ./"
        )
    return names


def _media_kind(data: bytes) -> str | None:
    """Return what an image, video or other file of known format is; None for all else."""
    from mien.media.signatures import START_BYTES, format_name, is_container

    start = data[:START_BYTES]
    # A list may begin like one: with a file that is called GIF89a.
    if all(character in _OF_TEXT for character in start):
        return None
    if is_container(start):
        return "a video"
    name = format_name(start)
    return None if name is None else f"a file of the format {name}"


def _read_stdin() -> bytes:
    if sys.stdin is None:
        return b""
    return sys.stdin.buffer.read()


def _split_list(data: bytes) -> list[str]:
    """Return the names in a list: of any UTF, one in each line or between zero bytes."""
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), None)
    if encoding is None:
        encoding = _wide_without_mark(data) or "utf-8"
    # File names need not be valid text.
    errors = "surrogateescape" if encoding.startswith("utf-8") else "replace"
    text = data.decode(encoding, errors).removeprefix("\ufeff")
    if text.endswith("\0") or ("\0" in text and "\n" not in text):
        return text.split("\0")
    return [line.rstrip("\r") for line in text.split("\n")]


def _wide_without_mark(data: bytes) -> str | None:
    """Return the encoding of a list whose line breaks are those of UTF-32 or UTF-16."""
    for encoding, high in _HIGH_BYTES:
        line_break = "\n".encode(encoding)
        width = len(line_break)
        is_wide = not any(any(data[offset::width]) for offset in high)
        if is_wide and len(data) % width == 0 and data.endswith(line_break):
            return encoding
    return None
