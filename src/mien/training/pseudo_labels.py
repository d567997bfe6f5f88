"""Images for the face detector with pseudo-labels: the detections of a teacher.

The images need no drawn boxes. The teacher looks at each one at several sizes and mirrored, and its
detections are merged. Detections with a low score count neither as a face nor as background.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from mien._output import whole_file
from mien._reading import read_parquet_columns
from mien.detect import Detector, OnnxDetector, box_iou, non_maximum_suppression
from mien.errors import DatasetError, MediaError
from mien.media import decode_image, find_images, read_image
from mien.structures import Faces, FrameRGB

__all__ = [
    "FLIPPED_LANDMARKS",
    "LARGEST_VIEW_PX",
    "TEACHER_THRESHOLD",
    "PseudoLabelledImage",
    "is_for_choosing",
    "is_for_reports",
    "is_held_out",
    "pseudo_label_image",
    "pseudo_label_images",
    "read_unlabelled_images",
]

TEACHER_THRESHOLD = 0.3
"""Lowest score of a teacher's detection; everything below is background."""

_DAMAGES = (zipfile.BadZipFile, zlib.error)

FLIPPED_LANDMARKS = (1, 0, 2, 4, 3)
"""The order of the landmarks in a mirrored image: right and left change places."""

_VIEW_SCALES = (0.5, 1.0, 2.0)
"""Sizes of the teacher's views: small faces are found at twice the size, large ones at half."""

_MERGE_IOU = 0.45
_AGREEING_VIEWS = 2
_MIN_VIEW_PX = 96

LARGEST_VIEW_PX = 1280
"""The longest side of a view. Larger images are made so small: a photo of a phone takes 36 MB."""

_SAVE_EVERY = 200
"""The cache is written after so many images."""

_BORDERED_PX = 640
"""Images up to this long are looked at once more inside a grey border: in the close crops among
them the face reaches the edges, where a detector that was taught on scenes is unsure."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PseudoLabelledImage:
    """An image and the faces that the teacher detects in it.

    Attributes:
        name: Where it comes from; images with the same name are all trained on or all held out.
        key: A hash of its pixels, the key of its labels in the cache.
        kind: What the source says it is, for example `people` or `no-face`; may be empty.
        image_rgb: `(H, W, 3)` uint8.
        faces: The merged detections, those with a low score too.
    """

    name: str
    key: str
    kind: str
    image_rgb: FrameRGB
    faces: Faces


def is_held_out(name: str) -> bool:
    """Say whether an image belongs to the tenth that is not trained on."""
    return hashlib.sha256(name.encode()).digest()[0] < 26


def is_for_choosing(name: str) -> bool:
    """Say whether a held-out image is one that checkpoint and threshold are chosen by.

    The other half of the held-out images is left to reports, which nothing is chosen by.
    """
    return is_held_out(name) and hashlib.sha256(name.encode()).digest()[1] % 2 == 0


def is_for_reports(name: str) -> bool:
    """Say whether a held-out image is one that nothing is chosen by."""
    return is_held_out(name) and not is_for_choosing(name)


def read_unlabelled_images(
    source: Path, *, max_side_px: int | None = None
) -> Iterator[tuple[str, str, FrameRGB]]:
    """Read images from a folder, or from a Parquet with the columns `id`, `kind` and `jpeg`.

    Args:
        source: The folder or the Parquet.
        max_side_px: Images with a longer side are made so small; None leaves them as they are.

    Yields:
        Name, kind and image `(H, W, 3)` uint8. Unreadable images of a folder are left out.

    Raises:
        DatasetError: The Parquet cannot be read, or lacks one of these columns.
        MissingExtraError: pyarrow, which reads Parquet, is not installed.
    """
    if source.is_dir():
        for found in find_images([source]):
            try:
                if not isinstance(found, MediaError):
                    name = Path(found).relative_to(source).as_posix()
                    yield name, "", _at_most(read_image(found).frame_rgb, max_side_px)
            except MediaError:
                continue
        return
    expected = "a folder of images, or a Parquet with id, kind and jpeg"
    names = ("id", "kind", "jpeg")
    table = read_parquet_columns(source, DatasetError, expected=expected, columns=names)
    if missing := set(names) - set(table):
        raise DatasetError(f"{source}: no column {', '.join(sorted(missing))}")
    for name, kind, jpeg in zip(*(table[each] for each in names), strict=True):
        if not isinstance(jpeg, bytes):
            raise DatasetError(f"{source}: jpeg: expected bytes, found {type(jpeg).__name__}")
        with contextlib.suppress(MediaError):
            image_rgb = decode_image(jpeg, str(name)).frame_rgb
            yield str(name), str(kind), _at_most(image_rgb, max_side_px)


def _at_most(image_rgb: FrameRGB, side_px: int | None) -> FrameRGB:
    height, width = image_rgb.shape[:2]
    if side_px is None or max(height, width) <= side_px:
        return image_rgb
    scale = side_px / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Image.fromarray(image_rgb).resize(size, Image.Resampling.LANCZOS))


def pseudo_label_images(
    source: Path,
    teacher: Path,
    cache: Path,
    *,
    before_writing: Callable[[], None] = lambda: None,
) -> list[PseudoLabelledImage]:
    """Read images and label them with the teacher's detections.

    Args:
        source: A folder of images, or a Parquet with `id`, `kind` and `jpeg`.
        teacher: The teacher's ONNX file.
        cache: An `.npz` file of labels. Labels of this teacher are taken from it, and the others
            are added every two hundred images. One that is damaged counts as missing.
        before_writing: Called before the cache is written.

    Returns:
        The images, those with a side of more than 1280 pixels made so small.

    Raises:
        DatasetError: The Parquet or the cache cannot be read, or a column is missing.
        MissingExtraError: pyarrow, which reads Parquet, is not installed.
        OutputError: The cache cannot be written.
    """
    detector = OnnxDetector(teacher, score_threshold=TEACHER_THRESHOLD)
    known = _read_labels(cache)
    digest = hashlib.sha256(teacher.read_bytes()).hexdigest()
    if str(known.get("teacher")) != digest:
        known = {"teacher": np.array(digest)}
    fields = [field.name for field in dataclasses.fields(Faces)]
    images: list[PseudoLabelledImage] = []
    unsaved = 0

    def save() -> None:
        before_writing()
        # NumPy adds `.npz` to a path that does not end with it, but not to an open file.
        with whole_file(cache) as partial, partial.open("wb") as file:
            np.savez(file, **known)

    for name, kind, image_rgb in read_unlabelled_images(source, max_side_px=LARGEST_VIEW_PX):
        key = hashlib.sha256(image_rgb.tobytes()).hexdigest()[:32]
        if f"{key}/detection_scores" in known:
            faces = Faces(**{field: known[f"{key}/{field}"] for field in fields})
        else:
            faces = pseudo_label_image(detector, image_rgb)
            known.update({f"{key}/{field}": getattr(faces, field) for field in fields})
            unsaved += 1
            if unsaved % _SAVE_EVERY == 0:
                save()
        images.append(
            PseudoLabelledImage(name=name, key=key, kind=kind, image_rgb=image_rgb, faces=faces)
        )
    save()
    return images


def _read_labels(cache: Path) -> dict[str, Any]:
    """Return the arrays of a cache; none if it is missing or damaged."""
    try:
        with cache.open("rb") as file, np.load(file) as saved:
            return dict(saved)
    except (OSError, ValueError, TypeError, AttributeError, EOFError, *_DAMAGES):
        return {}


def pseudo_label_image(teacher: Detector, image_rgb: FrameRGB) -> Faces:
    """Detect the faces of an image in several views and merge the detections.

    Args:
        teacher: A detector with a low threshold, so that it returns uncertain faces too.
        image_rgb: `(H, W, 3)` uint8.

    Returns:
        Faces in pixels of the image, highest score first. Box and landmarks are means weighted by
        score; the score is the mean of the best two views, so that a face that is found in one view
        only has a low score.
    """
    views = list(_detect_in_views(teacher, image_rgb))
    boxes = np.concatenate([view.boxes_xyxy for view in views])
    landmarks = np.concatenate([view.landmarks_xy for view in views])
    scores = np.concatenate([view.detection_scores for view in views])
    centres = non_maximum_suppression(boxes, scores, iou=_MERGE_IOU)
    groups = box_iou(boxes[centres], boxes) > _MERGE_IOU
    return Faces(
        boxes_xyxy=_weighted_means(boxes, scores, groups),
        landmarks_xy=_weighted_means(landmarks, scores, groups),
        detection_scores=np.array([_merged_score(scores[group]) for group in groups], np.float32),
    )


def _detect_in_views(teacher: Detector, image_rgb: FrameRGB) -> Iterator[Faces]:
    height, width = image_rgb.shape[:2]
    image, border = Image.fromarray(image_rgb), max(height, width) // 4
    longer = max(height, width)
    whole = min(1.0, LARGEST_VIEW_PX / longer)
    scales = [
        whole * each for each in _VIEW_SCALES if round(longer * whole * each) <= LARGEST_VIEW_PX
    ]
    for scale in scales:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        if min(size) < _MIN_VIEW_PX and scale != scales[-1]:
            continue
        view = image.resize(size, Image.Resampling.BICUBIC)
        for faces in _both_ways(teacher, view):
            yield faces.scaled((1 / scale, 1 / scale))
    if max(height, width) <= _BORDERED_PX:
        bordered = ImageOps.expand(image, border, fill=(127, 127, 127))
        for faces in _both_ways(teacher, bordered):
            yield faces.shifted((-border, -border))


def _both_ways(teacher: Detector, view: Image.Image) -> Iterator[Faces]:
    """Look at a view and at its mirror image; the faces are in pixels of the view."""
    # With 16 pixels the detector does not scale the image itself.
    yield teacher.detect(np.asarray(view), min_face_px=16)
    mirrored = view.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    yield _mirrored(teacher.detect(np.asarray(mirrored), min_face_px=16), view.width)


def _mirrored(faces: Faces, width: int) -> Faces:
    """Mirror the faces of an image that is `width` pixels wide."""
    boxes, landmarks = faces.boxes_xyxy.copy(), faces.landmarks_xy[:, FLIPPED_LANDMARKS]
    boxes[:, [0, 2]] = width - boxes[:, [2, 0]]
    landmarks[..., 0] = width - landmarks[..., 0]
    return Faces(boxes_xyxy=boxes, landmarks_xy=landmarks, detection_scores=faces.detection_scores)


def _weighted_means(
    values: NDArray[np.float32], scores: NDArray[np.float32], groups: Iterable[NDArray[np.bool_]]
) -> NDArray[np.float32]:
    merged = [np.average(values[group], axis=0, weights=scores[group]) for group in groups]
    shape = (len(merged), *values.shape[1:])
    return np.array(merged, np.float32).reshape(shape)


def _merged_score(scores: NDArray[np.float32]) -> float:
    return float(np.sort(scores)[::-1][:_AGREEING_VIEWS].sum() / _AGREEING_VIEWS)
