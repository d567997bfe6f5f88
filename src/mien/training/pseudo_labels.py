"""Photos for the face detector, labelled by a teacher detector.

Nobody drew boxes in these photos: a detector that is known to be good looks at each at several
sizes and mirrored, and what it sees is merged. What it is unsure of counts neither as a face nor as
background.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.detect import Detector, OnnxDetector, box_iou, non_maximum_suppression
from mien.errors import DatasetError, MediaError, MissingExtraError
from mien.media import decode_image, find_images, read_image
from mien.structures import Faces, FrameRGB

__all__ = [
    "TEACHER_THRESHOLD",
    "LabelledPhoto",
    "held_out",
    "label_photo",
    "label_photos",
    "read_photos",
]

TEACHER_THRESHOLD = 0.3
"""What a teacher scores at least this may be a face; below, it is background."""

FLIPPED_LANDMARKS = (1, 0, 2, 4, 3)
"""The order of the landmarks in a mirrored image: right and left change places."""

VIEWS = (0.5, 1.0, 2.0)
"""Sizes at which the teacher looks; small faces show at twice the size, very large ones at half."""

_MERGE_IOU = 0.45
_AGREEING_VIEWS = 2
_SMALLEST_VIEW_PX = 96
_LARGEST_VIEW_PX = 1280


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledPhoto:
    """A photo and the faces that the teacher saw in it.

    Attributes:
        name: Where it comes from; photos of one name are kept or held out together.
        key: A hash of its pixels, by which its labels are kept.
        kind: What the source says it is, for example `people` or `no-face`; may be empty.
        image_rgb: `(H, W, 3)` uint8.
        faces: The merged detections, sure and unsure ones.
    """

    name: str
    key: str
    kind: str
    image_rgb: FrameRGB
    faces: Faces


def held_out(name: str) -> bool:
    """Say whether a photo belongs to the tenth that is kept for choosing and measuring."""
    return hashlib.sha256(name.encode()).digest()[0] < 26


def read_photos(source: Path) -> Iterator[tuple[str, str, FrameRGB]]:
    """Read photos from a folder, or from a Parquet with the columns `id`, `kind` and `jpeg`.

    Yields:
        Name, kind and image `(H, W, 3)` uint8, upright. What cannot be read is left out.

    Raises:
        DatasetError: The Parquet has not these columns.
        MissingExtraError: Polars, which reads Parquet, is not installed.
    """
    if source.is_dir():
        for found in find_images([source]):
            try:
                if not isinstance(found, MediaError):
                    yield str(Path(found).relative_to(source)), "", read_image(found).frame_rgb
            except MediaError:
                continue
        return
    try:
        import polars as pl
    except ImportError as error:
        raise MissingExtraError("reading Parquet", "data") from error
    table = pl.read_parquet(source)
    if missing := {"id", "kind", "jpeg"} - set(table.columns):
        raise DatasetError(f"{source}: no column {', '.join(sorted(missing))}")
    kinds = table["kind"].cast(pl.String)
    for name, kind, jpeg in zip(table["id"], kinds, table["jpeg"], strict=True):
        with contextlib.suppress(MediaError):
            yield str(name), kind, decode_image(jpeg, str(name)).frame_rgb


def label_photos(images: Path, teacher: Path, cache: Path) -> list[LabelledPhoto]:
    """Read photos and let the teacher label them, once: the labels are kept in `cache`.

    Args:
        images: A folder of images, or a Parquet with `id`, `kind` and `jpeg`.
        teacher: The teacher's ONNX file.
        cache: An `.npz` that is read if it is there and of this teacher, and written if not.
    """
    detector = OnnxDetector(teacher, score_threshold=TEACHER_THRESHOLD)
    known = dict(np.load(cache)) if cache.exists() else {}
    digest = hashlib.sha256(teacher.read_bytes()).hexdigest()
    if str(known.get("teacher")) != digest:
        known = {"teacher": np.array(digest)}
    parts = [field.name for field in dataclasses.fields(Faces)]
    photos = []
    for name, kind, image_rgb in read_photos(images):
        key = hashlib.sha256(image_rgb.tobytes()).hexdigest()[:32]
        if f"{key}/detection_scores" in known:
            faces = Faces(**{part: known[f"{key}/{part}"] for part in parts})
        else:
            faces = label_photo(detector, image_rgb)
            known.update({f"{key}/{part}": getattr(faces, part) for part in parts})
        photos.append(
            LabelledPhoto(name=name, key=key, kind=kind, image_rgb=image_rgb, faces=faces)
        )
    partial = cache.with_name(cache.name + ".partial.npz")
    cache.parent.mkdir(parents=True, exist_ok=True)
    np.savez(partial, **known)
    partial.replace(cache)
    return photos


def label_photo(teacher: Detector, image_rgb: FrameRGB) -> Faces:
    """Let the teacher look at a photo in several views and merge what it sees.

    Args:
        teacher: A detector with a low threshold, so that unsure faces are seen too.
        image_rgb: `(H, W, 3)` uint8.

    Returns:
        Faces in pixels of the photo, best first. Box and landmarks are means weighted by score;
        the score is the mean of the best two views, so that one view alone is never sure.
    """
    views = list(_look(teacher, image_rgb))
    boxes = np.concatenate([view.boxes_xyxy for view in views])
    landmarks = np.concatenate([view.landmarks_xy for view in views])
    scores = np.concatenate([view.detection_scores for view in views])
    centres = non_maximum_suppression(boxes, scores, iou=_MERGE_IOU)
    groups = box_iou(boxes[centres], boxes) > _MERGE_IOU
    return Faces(
        boxes_xyxy=_means(boxes, scores, groups),
        landmarks_xy=_means(landmarks, scores, groups),
        detection_scores=np.array([_agreed(scores[group]) for group in groups], np.float32),
    )


def _look(teacher: Detector, image_rgb: FrameRGB) -> Iterator[Faces]:
    height, width = image_rgb.shape[:2]
    for scale in VIEWS:
        size = (round(width * scale), round(height * scale))
        if min(size) < _SMALLEST_VIEW_PX or max(size) > _LARGEST_VIEW_PX:
            continue
        view = Image.fromarray(image_rgb).resize(size, Image.Resampling.BICUBIC)
        for flipped in (False, True):
            shown = view.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if flipped else view
            # At 16 pixels the detector does not scale the image itself.
            faces = teacher.detect(np.asarray(shown), min_face_px=16)
            yield _restored(faces, scale, size[0] if flipped else None)


def _restored(faces: Faces, scale: float, mirrored_width: int | None) -> Faces:
    """Bring a view's faces back into the photo's pixels."""
    boxes, landmarks = faces.boxes_xyxy.copy(), faces.landmarks_xy.copy()
    if mirrored_width is not None:
        boxes[:, [0, 2]] = mirrored_width - boxes[:, [2, 0]]
        landmarks = landmarks[:, FLIPPED_LANDMARKS]
        landmarks[..., 0] = mirrored_width - landmarks[..., 0]
    return Faces(
        boxes_xyxy=(boxes / scale).astype(np.float32),
        landmarks_xy=(landmarks / scale).astype(np.float32),
        detection_scores=faces.detection_scores,
    )


def _means(
    values: NDArray[np.float32], scores: NDArray[np.float32], groups: Iterable[NDArray[np.bool_]]
) -> NDArray[np.float32]:
    merged = [np.average(values[group], axis=0, weights=scores[group]) for group in groups]
    shape = (len(merged), *values.shape[1:])
    return np.array(merged, np.float32).reshape(shape)


def _agreed(scores: NDArray[np.float32]) -> float:
    return float(np.sort(scores)[::-1][:_AGREEING_VIEWS].sum() / _AGREEING_VIEWS)
