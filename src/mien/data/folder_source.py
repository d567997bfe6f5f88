"""Folders with one folder per class: `train/angry/*.jpg`, or a person's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from mien._wording import pluralize
from mien.data.records import LEFT_OUT, USAGES, Fault, Labels, Progress, Record, Rows, encode_grey
from mien.errors import InputError, MediaError
from mien.media import IMAGE_SUFFIXES, read_image

__all__ = ["class_folders", "passed_over", "read_class_folders"]

_IMAGES_PER_REPORT = 100


_PASSED_OVER = (".", "__", "@")
"""What programs name the folders that they leave among a person's own: `.ipynb_checkpoints`,
`__MACOSX`, `@eaDir`."""


def passed_over(path: Path, root: Path) -> bool:
    """Say whether a file or folder below `root` lies in, or is, what programs leave behind."""
    return any(part.startswith(_PASSED_OVER) for part in path.relative_to(root).parts)


def class_folders(root: Path) -> list[Path]:
    """List the folders that hold images or nothing at all, but no folders, below `root`."""
    return [folder for folder in _folders(root) if folder != root and not _folders_in(folder)]


def read_class_folders(root: Path, labels: Labels, *, on_progress: Progress | None = None) -> Rows:
    """Read a tree of images, the last folder of each path being the class.

    The subset is that of a folder on the way (`train`, `validation`, `test`, ...), else what the
    image's name begins with (`PrivateTest_88305.jpg`, as one publication of FER-2013 has it; that
    wins over a folder `test`, which mixes two subsets there), else `train`.

    Args:
        root: The folder.
        labels: Translates class names.
        on_progress: Told of the images read.
    """
    rows = Rows()
    images: list[tuple[Path, str]] = []
    mixed = _mixed_folders(root, rows)
    aside: list[Path] = []
    for folder in class_folders(root):
        if any(each in folder.parents for each in mixed):
            continue
        shown = folder.relative_to(root.parent).as_posix()
        try:
            label = labels[folder.name]
        except InputError as error:
            rows.faults.append(Fault(shown, str(error)))
            continue
        if label == LEFT_OUT:
            continue
        found, others = _images(folder), _others(folder)
        if not found:
            came = _by_suffix(others) or "none"
            rows.faults.append(
                Fault(shown, f"an empty class: expected images, found {came}. Remove the folder?")
            )
        aside += others
        images.extend((path, label) for path in found)
    if not images and not rows.faults:
        rows.faults.append(Fault(str(root), "expected folders of images named as their class"))
    if left_out := ", ".join(said for said in (_by_suffix(aside), _beside(root)) if said):
        rows.notes.append(f"{root.name}: left out: {left_out}")
    for number, (path, label) in enumerate(images):
        where = path.relative_to(root.parent).as_posix()
        try:
            frame = read_image(path).frame_rgb
        except MediaError as error:
            rows.faults.append(Fault(where, error.reason))
            continue
        png = encode_grey(np.asarray(Image.fromarray(frame).convert("L")))
        rows.records.append(Record(png, label, _subset(path, root), where, path.name))
        if on_progress is not None and number % _IMAGES_PER_REPORT == 0:
            on_progress(number, len(images))
    if rows.records and len({record.subset for record in rows.records}) == 1:
        subset = rows.records[0].subset
        rows.notes.append(
            f"{root.name}: all images are in {subset}; "
            "`mien data split --kind stratified` divides them"
        )
    return rows


def _folders(root: Path) -> list[Path]:
    below = sorted(path for path in root.rglob("*") if path.is_dir())
    return [root, *(folder for folder in below if not passed_over(folder, root))]


def _folders_in(folder: Path) -> list[Path]:
    return sorted(
        child for child in folder.iterdir() if child.is_dir() and not passed_over(child, folder)
    )


def _holds_classes(folder: Path, root: Path) -> bool:
    """Say whether a folder is the root or one of a subset, where classes are looked for."""
    return folder == root or folder.name.lower() in USAGES


def _mixed_folders(root: Path, rows: Rows) -> list[Path]:
    """Find the folders that hold both images and folders; each is a fault."""
    mixed = []
    for folder in _folders(root):
        inner, found = _folders_in(folder), _images(folder)
        if not (inner and found) or _holds_classes(folder, root):
            continue
        mixed.append(folder)
        rows.faults.append(
            Fault(
                folder.relative_to(root.parent).as_posix(),
                f"expected images or folders, found {pluralize(len(found), 'image')} beside the "
                f"folder {inner[0].name}. Move one or the other",
            )
        )
    return mixed


def _images(folder: Path) -> list[Path]:
    return [path for path in _files(folder) if path.suffix.lower() in IMAGE_SUFFIXES]


def _others(folder: Path) -> list[Path]:
    return [path for path in _files(folder) if path.suffix.lower() not in IMAGE_SUFFIXES]


def _files(folder: Path) -> list[Path]:
    children = sorted(folder.iterdir())
    return [path for path in children if path.is_file() and not path.name.startswith(".")]


def _by_suffix(paths: Iterable[Path]) -> str:
    """Count files by their ending: `3 .heic, 1 without an ending`."""
    counts = Counter(path.suffix.lower() or "without an ending" for path in paths)
    return ", ".join(f"{count:,} {suffix}" for suffix, count in counts.most_common())


def _beside(root: Path) -> str:
    """Count the images that lie where classes are looked for, and so belong to none."""
    count = sum(
        len(_images(folder))
        for folder in _folders(root)
        if _holds_classes(folder, root) and _folders_in(folder)
    )
    return f"{pluralize(count, 'image')} beside the class folders" if count else ""


def _subset(path: Path, root: Path) -> str:
    start = path.name.split("_")[0].lower()
    if start in ("training", "publictest", "privatetest"):
        return USAGES[start]
    for parent in reversed(path.relative_to(root).parts[:-2]):
        if parent.lower() in USAGES:
            return USAGES[parent.lower()]
    return USAGES.get(root.name.lower(), "train")
