"""Folders of images with one folder per class, for example `train/angry/*.jpg`."""

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

__all__ = ["class_folders", "is_ignored", "read_class_folders"]

_IMAGES_PER_REPORT = 100

_IGNORED_PREFIXES = (".", "__", "@")
"""How the names of folders begin that programs create: `.ipynb_checkpoints`, `__MACOSX`,
`@eaDir`."""


def is_ignored(path: Path, root: Path) -> bool:
    """Return whether a path below `root` is, or is in, a folder that a program created."""
    return any(part.startswith(_IGNORED_PREFIXES) for part in path.relative_to(root).parts)


def class_folders(root: Path) -> list[Path]:
    """List the folders below `root` that hold no other folders."""
    return [folder for folder in _folders(root) if folder != root and not _folders_in(folder)]


def read_class_folders(root: Path, labels: Labels, *, on_progress: Progress | None = None) -> Rows:
    """Read a tree of images; the last folder of each path is the class.

    The subset is named by the beginning of the file's name (`PrivateTest_88305.jpg`, as in one
    publication of FER-2013, whose folder `test` mixes two subsets), else by a folder of the path
    (`train`, `validation`, `test`, ...), else it is `train`.

    Args:
        root: The folder.
        labels: Translates class names.
        on_progress: Called with the number of images read and their total.
    """
    rows = Rows()
    images: list[tuple[Path, str]] = []
    mixed = _mixed_folders(root, rows)
    ignored: list[Path] = []
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
        found, others = _images(folder), _other_files(folder)
        if not found:
            counts = _count_by_suffix(others) or "none"
            what = f"an empty class: expected images, found {counts}. Remove the folder"
            rows.faults.append(Fault(shown, what))
        ignored += others
        images.extend((path, label) for path in found)
    if not images and not rows.faults:
        rows.faults.append(Fault(str(root), "expected folders of images, each named as its class"))
    left_out = (_count_by_suffix(ignored), _count_outside_classes(root))
    if any(left_out):
        rows.notes.append(f"{root.name}: left out: {', '.join(filter(None, left_out))}")
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
            f"{root.name}: all images are in {subset}. "
            "`mien data split --kind stratified` divides them"
        )
    return rows


def _folders(root: Path) -> list[Path]:
    below = sorted(path for path in root.rglob("*") if path.is_dir())
    return [root, *(folder for folder in below if not is_ignored(folder, root))]


def _folders_in(folder: Path) -> list[Path]:
    return sorted(
        child for child in folder.iterdir() if child.is_dir() and not is_ignored(child, folder)
    )


def _holds_classes(folder: Path, root: Path) -> bool:
    """Return whether a folder is the root or that of a subset, which hold the class folders."""
    return folder == root or folder.name.lower() in USAGES


def _mixed_folders(root: Path, rows: Rows) -> list[Path]:
    """Return the folders that hold both images and folders, and add a fault for each."""
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
                f"folder {inner[0].name}. Move one of them",
            )
        )
    return mixed


def _images(folder: Path) -> list[Path]:
    return [path for path in _files(folder) if path.suffix.lower() in IMAGE_SUFFIXES]


def _other_files(folder: Path) -> list[Path]:
    return [path for path in _files(folder) if path.suffix.lower() not in IMAGE_SUFFIXES]


def _files(folder: Path) -> list[Path]:
    children = sorted(folder.iterdir())
    return [path for path in children if path.is_file() and not path.name.startswith(".")]


def _count_by_suffix(paths: Iterable[Path]) -> str:
    """Return the number of files by their ending: `3 .heic, 1 without an ending`."""
    counts = Counter(path.suffix.lower() or "without an ending" for path in paths)
    return ", ".join(f"{count:,} {suffix}" for suffix, count in counts.most_common())


def _count_outside_classes(root: Path) -> str:
    """Return the number of images beside the class folders, which belong to no class."""
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
