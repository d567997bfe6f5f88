"""Images after each step between the file and the network's first layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.data import Dataset
from mien.detect import Detector, OnnxDetector
from mien.emotions import FERPLUS_8
from mien.preprocess import FER_CROP, crop_faces, view_for_detection
from mien.reports.data.contact_sheet import contact_sheet
from mien.reports.data.dataset_tiles import row_label
from mien.reports.data.pixels import pixel_moments
from mien.reports.html.blocks import ImageTable, Tile, Tiles
from mien.reports.html.page import Figure

__all__ = ["ShowSteps", "preprocessing_figures"]

ShowSteps = Callable[[NDArray[np.uint8]], list[tuple[str, NDArray[np.uint8]]]]
"""Returns the names of steps, each with the images after it, for images `(N, 48, 48)` uint8."""


def preprocessing_figures(
    data: Dataset, augmented: ShowSteps | None, sheets: dict[str, Image.Image]
) -> Iterator[Figure]:
    """Show an image of each class after crop, normalisation and augmentation.

    Args:
        data: The dataset.
        augmented: Returns the images after each step of an augmentation; None leaves that out.
        sheets: Receives the images of the augmentation under its name.

    Yields:
        The figures; none if no image has a label.
    """
    rows = _clear_rows(data)
    if not len(rows):
        return
    images = data.images[rows]
    labels = [row_label(data, int(row)) for row in rows]
    crops, found = _aligned(images, OnnxDetector())
    steps = [("image", images), ("aligned crop", crops)]
    yield Figure(
        title="From the image to the crop",
        sentence=f"The detector finds a face, and the crop moves its eyes to "
        f"{_percent(FER_CROP.landmarks_xy[:2])} of the frame. Faces of a camera are cropped in the "
        f"same way. {int(found.sum())} of {len(rows)} faces were found; the others are unchanged.",
        body=[ImageTable(labels, steps)],
    )
    yield _normalised(data, images)
    if augmented is None:
        return
    steps = [("image", images), *augmented(images)]
    sheets["augmentation"] = contact_sheet(
        [step[number] for number in range(len(rows)) for _, step in steps], columns=len(steps)
    )
    yield Figure(
        title="Augmentation, step by step",
        sentence="Each column adds one step at the strength of the training, which draws new "
        "values for each image and epoch. People should still recognise the expression.",
        body=[ImageTable(labels, steps)],
    )


def _percent(eyes: Sequence[Sequence[float]]) -> str:
    (right_x, y), (left_x, _) = eyes
    return f"{right_x:.0%} and {left_x:.0%} across and {y:.0%} down"


def _clear_rows(data: Dataset) -> NDArray[np.int64]:
    """Choose an image of each class, the one with the most votes for its label."""
    rows: list[int] = []
    for number, label in enumerate(data.label_names):
        members = np.flatnonzero(data.labels == number)
        voted = label in FERPLUS_8.labels
        votes = data.votes[members, FERPLUS_8.labels.index(label) if voted else 0]
        agreeing = votes.astype(int) * voted
        rows += members[np.argsort(-agreeing, kind="stable")[:1]].tolist()
    return np.array(rows, np.int64)


def _aligned(
    images: NDArray[np.uint8], detector: Detector
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Find and crop the face in each image as in one of a camera.

    Returns:
        Crops `(N, 48, 48)`, the image itself where no face is found, and a mask `(N,)` of the
        found faces.
    """
    crops, found = images.copy(), np.zeros(len(images), np.bool_)
    for number, image in enumerate(images):
        frame = view_for_detection(image)
        faces = detector.detect(frame)
        if len(faces):
            crop = crop_faces(frame, faces.landmarks_xy[:1], FER_CROP)
            crops[number] = crop[0].round().clip(0, 255).astype(np.uint8)
            found[number] = True
    return crops, found


def _normalised(data: Dataset, images: NDArray[np.uint8]) -> Figure:
    train = data.subset("train").images if (data.split == 0).any() else data.images
    mean, spread = pixel_moments(train)
    spread = max(spread, 1e-6)
    tiles = [
        Tile(
            image=image,
            label=f"{(float(image.min()) - mean) / spread:.1f} to "
            f"{(float(image.max()) - mean) / spread:.1f}",
            text=f"mean {(float(image.mean()) - mean) / spread:.1f}",
        )
        for image in images
    ]
    return Figure(
        title="Normalised values",
        sentence=f"The network's input is (grey - {mean:.1f}) / {spread:.1f}, with mean and "
        "standard deviation of all training pixels. Each caption has the range and the mean of an "
        "input.",
        body=[Tiles(tiles=tiles, name="normalised")],
    )
