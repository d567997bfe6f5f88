"""Labels for the network of expression units: the coefficients and the pose that a teacher reads.

The teacher is MediaPipe's Face Landmarker (`face_landmarker.task`), which needs the package
`mediapipe`. It looks at each face in several views, enlarged on a grey ground, mirrored, and at
different sizes and places. Where the views disagree, or some show it no face, a label weighs less.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from mien._output import whole_file
from mien.data import FRAMINGS, Dataset
from mien.errors import ArtefactError, DatasetError, MissingExtraError
from mien.structures import FrameRGB
from mien.training.weights import file_sha256
from mien.units import MIRRORED, POSE_FIELDS, UNITS, head_pose, mirrored_pose

__all__ = ["VIEWS", "FaceLandmarker", "UnitLabels", "UnitReading", "UnitTeacher", "label_units"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """How the teacher is shown a face.

    Attributes:
        side_px: The side that the face's crop is enlarged to.
        canvas_px: The side of the grey square around it.
        offset_px: By how much the crop lies right of and below the middle.
        mirrored: Whether the crop is mirrored.
    """

    side_px: int
    canvas_px: int
    offset_px: tuple[int, int]
    mirrored: bool


VIEWS = (
    _View(side_px=144, canvas_px=240, offset_px=(0, 0), mirrored=False),
    _View(side_px=192, canvas_px=288, offset_px=(11, -7), mirrored=True),
)
"""A face is read in each; what is read in the mirrored one is mirrored back."""

_GROUND = 127
_AGREEMENT = 0.05
"""Mean difference between the views at which a label weighs half."""

_ONE_VIEW_WEIGHT = 0.25
"""Weight of a label that was read in some of the views only."""

_DAMAGES = (
    OSError, ValueError, LookupError, TypeError, AttributeError, EOFError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What reading a file as labels raises where it is none."""

_SAVE_EVERY = 1000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UnitReading:
    """What a teacher reads in one image.

    Attributes:
        units: `(51,)` float32 in the order of `UNITS`, 0 to 1.
        pose_deg: `(3,)` float32 in the order of `POSE_FIELDS`.
    """

    units: NDArray[np.float32]
    pose_deg: NDArray[np.float32]


class UnitTeacher(Protocol):
    """Reads the units of the one face in an image; it is closed at the end of a `with` block."""

    def __enter__(self) -> UnitTeacher: ...

    def __exit__(self, *exception: object) -> None: ...

    def read(self, image_rgb: FrameRGB) -> UnitReading | None:
        """Read an image `(H, W, 3)` uint8; None if there is no face in it."""
        ...


class FaceLandmarker:
    """MediaPipe's Face Landmarker as a teacher.

    Args:
        path: The `.task` file, with the network of the blendshapes.

    Raises:
        ArtefactError: The file is missing, or is not such a file.
        MissingExtraError: The package `mediapipe` is not installed.
    """

    def __init__(self, path: Path) -> None:
        if importlib.util.find_spec("mediapipe") is None:
            raise MissingExtraError("reading expression units with Face Landmarker", "teacher")
        expected = f"{path}: expected MediaPipe's face_landmarker.task, found"
        if not path.is_file():
            raise ArtefactError(f"{expected} no file")
        if not zipfile.is_zipfile(path):
            raise ArtefactError(f"{expected} another kind of file")
        import mediapipe
        from mediapipe.tasks.python import BaseOptions, vision

        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(path)),
            output_face_blendshapes=True,
            output_facial_transformation_matrixes=True,
        )
        try:
            self._landmarker: Any = vision.FaceLandmarker.create_from_options(options)
        except (RuntimeError, ValueError) as error:
            reason = str(error).partition("\n")[0]
            raise ArtefactError(f"{expected} a file that it cannot read: {reason}") from error
        self._mediapipe: Any = mediapipe

    def __enter__(self) -> FaceLandmarker:
        return self

    def __exit__(self, *exception: object) -> None:
        self._landmarker.close()

    def read(self, image_rgb: FrameRGB) -> UnitReading | None:
        """Read the first face of an image."""
        pixels = np.ascontiguousarray(image_rgb)
        image = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=pixels)
        found = self._landmarker.detect(image)
        if not found.face_blendshapes:
            return None
        scores = {each.category_name: each.score for each in found.face_blendshapes[0]}
        pose = head_pose(np.asarray(found.facial_transformation_matrixes[0])[:3, :3])
        return UnitReading(
            units=np.array([scores[name] for name in UNITS], np.float32),
            pose_deg=np.array([getattr(pose, name) for name in POSE_FIELDS], np.float32),
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UnitLabels:
    """What a teacher reads in N faces, V views of each; NaN where it sees no face.

    Attributes:
        view_units: `(N, V, 51)` float32 in the order of `UNITS`, 0 to 1.
        view_pose_deg: `(N, V, 3)` float32 in the order of `POSE_FIELDS`.
    """

    view_units: NDArray[np.float32]
    view_pose_deg: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.view_units)

    @property
    def units(self) -> NDArray[np.float32]:
        """The mean of the views, `(N, 51)`; 0 where no view shows a face."""
        return _mean_of_views(self.view_units)

    @property
    def pose_deg(self) -> NDArray[np.float32]:
        """The mean of the views, `(N, 3)`; 0 where no view shows a face."""
        return _mean_of_views(self.view_pose_deg)

    @property
    def weights(self) -> NDArray[np.float32]:
        """How much each label counts, `(N,)`, 0 to 1.

        It is 0 where no view shows a face, a quarter where some do, and where all do
        `1 / (1 + (d / 0.05)^2)` with d the mean difference of the coefficients between the view
        that has the most and the one that has the least.
        """
        seen = np.isfinite(self.view_units[..., 0])  # (N, V)
        spread = self.view_units.max(axis=1) - self.view_units.min(axis=1)  # (N, 51)
        agreement = 1 / (1 + (np.nan_to_num(spread).mean(axis=1) / _AGREEMENT) ** 2)
        some = np.where(seen.any(axis=1), _ONE_VIEW_WEIGHT, 0.0)
        return np.where(seen.all(axis=1), agreement, some).astype(np.float32)


def _mean_of_views(values: NDArray[np.float32]) -> NDArray[np.float32]:
    seen = np.isfinite(values)
    total = np.where(seen, values, np.float32(0)).sum(axis=1)
    mean: NDArray[np.float32] = (total / np.maximum(seen.sum(axis=1), 1)).astype(np.float32)
    return mean


def label_units(
    data: Dataset,
    teacher: Path,
    cache: Path,
    *,
    before_writing: Callable[[], None] = lambda: None,
    on_image: Callable[[int, int], None] = lambda done, total: None,
    open_teacher: Callable[[Path], UnitTeacher] = FaceLandmarker,
) -> UnitLabels:
    """Have a teacher read the faces of a dataset.

    Args:
        data: The faces; the teacher is shown the large aligned crop where there is one.
        teacher: The teacher's file.
        cache: An `.npz` file of labels. What this teacher has read is taken from it, and the rest
            is added to it every thousand faces.
        before_writing: Called before the cache is written.
        on_image: Called after each face with the number of faces that are read and that of all.
        open_teacher: Opens the teacher's file; it is opened only if faces are left to read.

    Raises:
        ArtefactError: The teacher's file is not one.
        DatasetError: The cache is another file, is damaged, or holds labels of another teacher.
        MissingExtraError: What runs the teacher is not installed.
        OutputError: The cache cannot be written.
        RecipeError: The teacher's file cannot be read.
    """
    digest = file_sha256(teacher)
    known = _read_cache(cache, digest)
    faces = [_shown_face(data, row) for row in range(len(data))]
    keys = [hashlib.sha256(face.tobytes()).hexdigest()[:32] for face in faces]
    missing = [row for row, key in enumerate(keys) if key not in known]
    if missing:
        with open_teacher(teacher) as reader:
            for number, row in enumerate(missing, start=1):
                known[keys[row]] = _read_views(reader, faces[row])
                if number % _SAVE_EVERY == 0 or number == len(missing):
                    before_writing()
                    _write_cache(cache, digest, known)
                on_image(len(keys) - len(missing) + number, len(keys))
    width = len(UNITS) + len(POSE_FIELDS)
    read = np.array([known[key] for key in keys], np.float32).reshape(-1, len(VIEWS), width)
    return UnitLabels(view_units=read[..., : len(UNITS)], view_pose_deg=read[..., len(UNITS) :])


def _shown_face(data: Dataset, row: int) -> NDArray[np.uint8]:
    aligned = data.framed[row] == FRAMINGS.index("aligned")
    faces = data.faces if data.faces is not None and aligned else data.images
    shown: NDArray[np.uint8] = faces[row]
    return shown


def _read_views(teacher: UnitTeacher, face: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Read a face in all views, `(V, 54)`: coefficients, then pose; NaN where it is not seen."""
    image = Image.fromarray(face).convert("RGB")
    return np.stack([_read_view(teacher, image, view) for view in VIEWS])


def _read_view(teacher: UnitTeacher, face: Image.Image, view: _View) -> NDArray[np.float32]:
    enlarged = face.resize((view.side_px, view.side_px), Image.Resampling.BICUBIC)
    if view.mirrored:
        enlarged = ImageOps.mirror(enlarged)
    canvas = Image.new("RGB", (view.canvas_px, view.canvas_px), (_GROUND,) * 3)
    corner = (view.canvas_px - view.side_px) // 2
    canvas.paste(enlarged, (corner + view.offset_px[0], corner + view.offset_px[1]))
    found = teacher.read(np.asarray(canvas))
    if found is None:
        return np.full(len(UNITS) + len(POSE_FIELDS), np.nan, np.float32)
    units, pose = found.units, found.pose_deg
    if view.mirrored:
        units, pose = units[list(MIRRORED)], mirrored_pose(pose)
    return np.concatenate([units, pose]).astype(np.float32)


def _read_cache(cache: Path, digest: str) -> dict[str, NDArray[np.float32]]:
    """Return what a teacher has read, by the face's key; nothing if there is no file yet."""
    if not cache.exists():
        return {}
    shape = (len(VIEWS), len(UNITS) + len(POSE_FIELDS))
    try:
        with cache.open("rb") as file, np.load(file) as saved:
            known = dict(zip(saved["keys"].tolist(), saved["read"], strict=True))
            teacher, found = str(saved["teacher"]), saved["read"].shape[1:]
    except _DAMAGES as error:
        raise DatasetError(
            f"{cache}: expected labels of `mien train units`, found another file or a damaged one. "
            "Remove it, or choose another name"
        ) from error
    if teacher != digest or found != shape:
        raise DatasetError(
            f"{cache}: holds labels of another teacher, or of other views. Choose another name"
        )
    return known


def _write_cache(cache: Path, digest: str, known: dict[str, NDArray[np.float32]]) -> None:
    read: Sequence[NDArray[np.float32]] = list(known.values())
    # NumPy adds `.npz` to a path that does not end with it, but not to an open file.
    with whole_file(cache, overwrite=True) as partial, partial.open("wb") as file:
        np.savez(file, teacher=np.array(digest), keys=np.array(list(known)), read=np.stack(read))
