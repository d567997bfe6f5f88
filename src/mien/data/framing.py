"""From pictures of any kind to framed faces: face crops are taken as they are, others aligned."""

from __future__ import annotations

import dataclasses
import io
import itertools
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien._cores import usable_cores
from mien._wording import pluralize
from mien.data.dataset import FACE_CROP, FRAMINGS, Dataset
from mien.data.records import Fault, Progress, Record, Rows, encode_png
from mien.detect import Detector, OnnxDetector
from mien.errors import InputError, MediaError
from mien.media import decode_image, open_image, read_image
from mien.preprocess import (
    FER_CROP,
    VIEW_MARGIN_PX,
    VIEW_PX,
    align_faces,
    crop_faces,
    view_for_detection,
)
from mien.structures import Faces, FrameRGB

__all__ = ["Align", "Framer", "Framing", "NoFace", "Picture", "framed_text", "measure_framing"]

Align = Literal["auto", "always", "never"]
"""Which pictures are aligned: all but those of 48x48 pixels, all, or none."""

NoFace = Literal["drop", "keep", "error"]
"""What becomes of a picture in which no face is found: left out, kept as a whole, or a fault."""

_SIDE_PX = FER_CROP.size
_SEARCHED_PX, _NETWORK_FACE_PX = 480, 16
"""Faces are searched first in an input that is about so long, in which they have so many pixels."""

_MIN_FACE_PX = 24
_ENLARGED_PX = 144
_MARGIN = 1 / 3
"""A picture without a face is searched once more with a margin of this share of its shorter side,
and not below the enlarged size: detectors find faces best that do not fill the picture."""

_PER_WINDOW, _PER_REPORT = 256, 16

_SAMPLE = 120
_FER_FILL = 0.76
"""The share of FER-2013's images that the detector's boxes cover, at the median."""

_FILLS = (0.5, 0.95)
_FEWEST_FOUND = 0.5
"""What fills less or more, and where fewer have a face, is not framed as a face crop."""


@dataclasses.dataclass(frozen=True, slots=True)
class Picture:
    """A picture that a source lists, not yet decoded.

    Attributes:
        stored: Its file, or the bytes of one.
        label: As in `Record`, like the others.
        subset: `train`, `val` or `test`.
        origin: Its place in the source.
        name: Its file's name.
        path: The path of its file in the source.
        group: The person that it shows, or another group.
    """

    stored: Path | bytes
    label: str
    subset: str
    origin: str
    name: str = ""
    path: str = ""
    group: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class _Framed:
    """What came of one picture: a record, a fault, or neither if it was left out."""

    picture: Picture
    record: Record | None = None
    fault: Fault | None = None
    faces: int = 1


class Framer:
    """Turns pictures into records: decodes them, finds the largest face, and aligns it.

    Args:
        align: `auto` takes pictures of 48x48 pixels as the face crops that they are, and aligns all
            others; `always` aligns all; `never` takes all as face crops.
        no_face: What becomes of pictures in which no face is found.
        detector: Finds the faces; None takes the shipped one.
    """

    def __init__(
        self, *, align: Align = "auto", no_face: NoFace = "drop", detector: Detector | None = None
    ) -> None:
        for name, value, kind in (("align", align, Align), ("no_face", no_face, NoFace)):
            if value not in kind.__args__:  # type: ignore[attr-defined]
                expected = ", ".join(kind.__args__)  # type: ignore[attr-defined]
                raise InputError(f"{name}: expected one of {expected}, found {value!r}")
        self.align, self.no_face, self._detector = align, no_face, detector

    def add(
        self,
        pictures: Iterable[Picture],
        rows: Rows,
        *,
        total: int,
        on_progress: Progress | None = None,
    ) -> None:
        """Decode and frame pictures, and add them to the rows of their source, in their order.

        Args:
            pictures: They are read a few at a time.
            rows: Gets the records, faults, and the origins of what is said about faces.
            total: Their number, for the progress.
            on_progress: Called with the number of pictures done and the total.
        """
        if self._detector is None and self.align != "never":
            self._detector = OnnxDetector()
        remaining, done = iter(pictures), 0
        with ThreadPoolExecutor(max_workers=usable_cores()) as pool:
            while window := list(itertools.islice(remaining, _PER_WINDOW)):
                for framed in pool.map(self._frame, window):
                    _add(framed, rows)
                    done += 1
                    if on_progress is not None and done % _PER_REPORT == 0:
                        on_progress(min(done, total), total)

    def _frame(self, picture: Picture) -> _Framed:
        try:
            if self.align != "always" and (stored := _grey_crop(picture)):
                return _Framed(picture, _record(picture, stored))
            frame = _decoded(picture)
        except MediaError as error:
            return _Framed(picture, fault=Fault(picture.origin, error.reason))
        given = self.align == "auto" and frame.shape[:2] == (_SIDE_PX, _SIDE_PX)
        if self.align == "never" or given:
            return _Framed(picture, _record(picture, _squeezed(frame)))
        if self._detector is None:  # `add` opens it
            raise InputError("detector: expected one for aligning")
        faces = find_faces(frame, self._detector)
        if len(faces):
            return _Framed(picture, _aligned(picture, frame, faces), faces=len(faces))
        if self.no_face == "drop":
            return _Framed(picture, faces=0)
        if self.no_face == "keep":
            return _Framed(picture, _record(picture, _squeezed(frame), framed="whole"), faces=0)
        what = "no face was found. Remove the picture, or pass --no-face drop or --no-face keep"
        return _Framed(picture, fault=Fault(picture.origin, what), faces=0)


def find_faces(frame: FrameRGB, detector: Detector) -> Faces:
    """Find the faces of a picture, largest first, of which only the largest matters.

    Large faces are searched first, which takes one short run; then small ones; then faces that fill
    the picture, by a margin around it.

    Args:
        frame: `(H, W, 3)` uint8, RGB.
        detector: The detector.
    """
    height, width = frame.shape[:2]
    coarse = max(_MIN_FACE_PX, _NETWORK_FACE_PX * max(height, width) // _SEARCHED_PX)
    for min_face_px in dict.fromkeys((coarse, _MIN_FACE_PX)):
        faces = detector.detect(frame, min_face_px=min_face_px)
        if len(faces):
            return faces
    scale = max(1.0, _ENLARGED_PX / min(height, width))
    margin = round(min(height, width) * scale * _MARGIN)
    size = (round(width * scale), round(height * scale))
    large = np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BICUBIC))
    padded = np.pad(large, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    faces = detector.detect(padded, min_face_px=_MIN_FACE_PX)
    return faces.shifted((-margin, -margin)).scaled((width / size[0], height / size[1]))


def framed_text(framed: Mapping[str, int]) -> str:
    """Say how the images of a dataset were made.

    Args:
        framed: The number of images by `FRAMINGS`.
    """
    done = {
        "given": "taken as the face crops that they are",
        "aligned": "with the face found and aligned",
        "whole": "without a face, kept as a whole",
    }
    return "; ".join(f"{count:,} {done[name]}" for name, count in framed.items() if count)


def _add(framed: _Framed, rows: Rows) -> None:
    if framed.faces > 1:
        rows.several.append(framed.picture.origin)
    if framed.fault is not None:
        rows.faults.append(framed.fault)
    elif not framed.faces:
        rows.faceless.append(framed.picture.origin)
    if framed.record is not None:
        rows.records.append(framed.record)


def _record(picture: Picture, png: bytes, *, framed: str = "given", face: bytes = b"") -> Record:
    return Record(
        png=png,
        label=picture.label,
        subset=picture.subset,
        origin=picture.origin,
        name=picture.name,
        path=picture.path,
        group=picture.group,
        framed=framed,
        face=face,
    )


def _aligned(picture: Picture, frame: FrameRGB, faces: Faces) -> Record:
    """Crop the largest face: grey for the dataset's images, and larger in the picture's colours."""
    landmarks = faces.landmarks_xy[:1]
    image = crop_faces(frame, landmarks, FER_CROP)[0].round().clip(0, 255).astype(np.uint8)
    face = align_faces(frame, landmarks, FACE_CROP)[0].round().clip(0, 255).astype(np.uint8)
    if (face == face[..., :1]).all():
        face = face[..., 0]
    return _record(picture, encode_png(image), framed="aligned", face=encode_png(face, fast=True))


def _squeezed(frame: FrameRGB) -> bytes:
    """Return the whole picture as 48x48 grey PNG."""
    image, size = Image.fromarray(frame).convert("L"), (_SIDE_PX, _SIDE_PX)
    if image.size != size:
        image = image.resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0)
    return encode_png(np.asarray(image))


def _decoded(picture: Picture) -> FrameRGB:
    if isinstance(picture.stored, bytes):
        return decode_image(picture.stored, picture.origin).frame_rgb
    return read_image(picture.stored).frame_rgb


def _grey_crop(picture: Picture) -> bytes | None:
    """Return the picture if it is stored as the PNG that a dataset keeps."""
    stored = picture.stored
    if not (isinstance(stored, bytes) and stored.startswith(b"\x89PNG")):
        return None
    try:
        with open_image(io.BytesIO(stored), picture.origin) as image:
            image.load()
            own = image.mode == "L" and image.size == (_SIDE_PX, _SIDE_PX)
            return stored if own and "transparency" not in image.info else None
    except (MediaError, OSError, SyntaxError, ValueError):
        return None  # `decode_image` says what is wrong with it


@dataclasses.dataclass(frozen=True, slots=True)
class Framing:
    """How faces lie in images that are taken as face crops.

    Attributes:
        images: Images that were searched, a sample.
        found: The share of them in which a face was found, 0 to 1.
        fill: The share of the image that the face's box covers, 0 to 1, at the median; 0 if no face
            was found.
    """

    images: int
    found: float
    fill: float

    @property
    def warnings(self) -> list[str]:
        """What does not fit, a sentence each; empty if the images are face crops."""
        way_out = "Import the pictures that they were made of, so that faces are found and aligned"
        if self.images and self.found < _FEWEST_FOUND:
            return [
                f"in {1 - self.found:.0%} of {pluralize(self.images, 'image')} that were not "
                f"aligned no face is found, so they may be no face crops. {way_out}"
            ]
        if self.images and not _FILLS[0] <= self.fill <= _FILLS[1]:
            return [
                f"faces fill {self.fill:.0%} of the images that were not aligned "
                f"({self.images} searched), and {_FER_FILL:.0%} of face crops as networks take "
                f"them. {way_out}"
            ]
        return []


def measure_framing(data: Dataset, detector: Detector | None = None) -> Framing:
    """Measure how faces lie in a sample of the images that were not aligned at the import.

    Args:
        data: The dataset.
        detector: Finds the faces; None takes the shipped one.
    """
    rows = np.flatnonzero(data.framed != FRAMINGS.index("aligned"))
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), _SAMPLE)).astype(np.intp)]
    if not len(rows):
        return Framing(images=0, found=0.0, fill=0.0)
    detector = OnnxDetector() if detector is None else detector
    fills = [_fill(data.images[row], detector) for row in rows]
    found = [fill for fill in fills if fill > 0]
    return Framing(
        images=len(rows),
        found=len(found) / len(rows),
        fill=float(np.median(found)) if found else 0.0,
    )


def _fill(image: NDArray[np.uint8], detector: Detector) -> float:
    """Return the share of an image that its largest face covers; 0 if there is none."""
    faces = detector.detect(view_for_detection(image))
    if not len(faces):
        return 0.0
    box = (faces.boxes_xyxy[0] - VIEW_MARGIN_PX).clip(0, VIEW_PX)
    return float((box[2] - box[0]) * (box[3] - box[1])) / VIEW_PX**2
