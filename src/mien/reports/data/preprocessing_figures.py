"""What the network sees: images after every step between the file and the first layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.data import Dataset
from mien.detect import Detector, OnnxDetector
from mien.emotions import FER2013_7, FERPLUS_8
from mien.preprocess import FER_CROP, crop_faces, view_for_detection
from mien.reports.data.contact_sheet import contact_sheet
from mien.reports.data.dataset_tiles import row_label
from mien.reports.html.blocks import ImageTable, Tile, Tiles
from mien.reports.html.page import Figure

__all__ = ["ShowSteps", "processed_figures"]

ShowSteps = Callable[[NDArray[np.uint8]], list[tuple[str, NDArray[np.uint8]]]]
"""From images `(N, 48, 48)` to the names of steps, each with the images after it."""


def processed_figures(
    data: Dataset, augmented: ShowSteps | None, sheets: dict[str, Image.Image]
) -> Iterator[Figure]:
    """Show images of each class after crop, normalisation and augmentation.

    Args:
        data: The dataset.
        augmented: Shows what an augmentation does, step by step; None leaves that out.
        sheets: Takes the images of the augmentation under its name.

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
        sentence=f"A face is found, its eyes are moved to {_percent(FER_CROP.landmarks_xy[:2])} of "
        "the frame, and the rest follows: what a camera sees is cut as these images are "
        f"({int(found.sum())} of {len(rows)} faces were found; the others stay as they are).",
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
        sentence="Each column adds one step at the strength that training uses, drawn anew for "
        "each image and epoch: if a person can still read the face, so should the network.",
        body=[ImageTable(labels, steps)],
    )


def _percent(eyes: Sequence[Sequence[float]]) -> str:
    (right_x, y), (left_x, _) = eyes
    return f"{right_x:.0%} and {left_x:.0%} across and {y:.0%} down"


def _clear_rows(data: Dataset) -> NDArray[np.int64]:
    """Choose an image of each class, one that most voters agree with."""
    rows: list[int] = []
    for number, label in enumerate(FER2013_7.labels):
        members = np.flatnonzero(data.labels == number)
        agreeing = data.votes[members, FERPLUS_8.labels.index(label)].astype(int)
        rows += members[np.argsort(-agreeing, kind="stable")[:1]].tolist()
    return np.array(rows, np.int64)


def _aligned(
    images: NDArray[np.uint8], detector: Detector
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Find the face in each image and crop it as one from a camera, `(N, 48, 48)`."""
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
    seen = data.subset("train").images if (data.split == 0).any() else data.images
    mean, spread = float(seen.mean()), max(float(seen.std()), 1e-6)
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
        sentence=f"The network reads (grey - {mean:.1f}) / {spread:.1f}, the mean and spread of "
        "all training pixels: the same images in numbers around 0, whose range and mean stand "
        "below.",
        body=[Tiles(tiles=tiles, name="normalised")],
    )
