"""Folders with one folder per class: `train/angry/*.jpg`, or a person's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from mien.data.records import LEFT_OUT, USAGES, Fault, Labels, Progress, Record, Rows, encode_grey
from mien.errors import InputError, MediaError
from mien.media import PICTURE_SUFFIXES, read_picture

__all__ = ["class_folders", "read_class_folders"]

_PICTURES_PER_REPORT = 100


def class_folders(root: Path) -> list[Path]:
    """List the folders that hold pictures or nothing at all, but no folders, below `root`."""
    folders = [root, *sorted(path for path in root.rglob("*") if path.is_dir())]
    return [
        folder
        for folder in folders
        if folder != root
        and not folder.name.startswith((".", "__"))
        and not any(child.is_dir() for child in folder.iterdir())
    ]


def read_class_folders(root: Path, labels: Labels, *, on_progress: Progress | None = None) -> Rows:
    """Read a tree of pictures, the last folder of each path being the class.

    The part is that of a folder on the way (`train`, `validation`, `test`, ...), else what the
    picture's name begins with (`PrivateTest_88305.jpg`, as one publication of FER-2013 has it; that
    wins over a folder `test`, which mixes two parts there), else `train`.

    Args:
        root: The folder.
        labels: Translates class names.
        on_progress: Told of the pictures read.
    """
    rows = Rows()
    pictures: list[tuple[Path, str]] = []
    for folder in class_folders(root):
        shown = folder.relative_to(root.parent).as_posix()
        try:
            label = labels[folder.name]
        except InputError as error:
            rows.faults.append(Fault(shown, str(error)))
            continue
        if label == LEFT_OUT:
            continue
        found = list(_pictures(folder))
        if not found:
            rows.faults.append(
                Fault(shown, "an empty class: expected pictures, found none. Remove the folder?")
            )
        pictures.extend((path, label) for path in found)
    if not pictures and not rows.faults:
        rows.faults.append(Fault(str(root), "expected folders of pictures named as their class"))
    for number, (path, label) in enumerate(pictures):
        where = path.relative_to(root.parent).as_posix()
        try:
            frame = read_picture(path).frame_rgb
        except MediaError as error:
            rows.faults.append(Fault(where, error.reason))
            continue
        png = encode_grey(np.asarray(Image.fromarray(frame).convert("L")))
        rows.records.append(Record(png, label, _part(path, root), where, path.name))
        if on_progress is not None and number % _PICTURES_PER_REPORT == 0:
            on_progress(number, len(pictures))
    if rows.records and len({record.part for record in rows.records}) == 1:
        part = rows.records[0].part
        rows.notes.append(
            f"{root.name}: all pictures are in {part}; `mien data split` divides them"
        )
    return rows


def _pictures(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith("."):
            yield path


def _part(path: Path, root: Path) -> str:
    start = path.name.split("_")[0].lower()
    if start in ("training", "publictest", "privatetest"):
        return USAGES[start]
    for parent in reversed(path.relative_to(root).parts[:-2]):
        if parent.lower() in USAGES:
            return USAGES[parent.lower()]
    return USAGES.get(root.name.lower(), "train")
