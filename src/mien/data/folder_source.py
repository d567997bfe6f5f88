"""Folders of images with one folder per class, for example `train/angry/*.jpg`."""

from __future__ import annotations

import dataclasses
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from mien._wording import pluralize
from mien.data.framing import Picture
from mien.data.labels import LEFT_OUT, Labels
from mien.data.reading import Reading
from mien.data.records import Fault, Progress, Rows, first_names, subset_named
from mien.data.store import is_dataset
from mien.errors import DatasetError, InputError
from mien.media import is_image_file

__all__ = ["files_below", "has_images", "read_class_folders"]

_IGNORED = frozenset(("__MACOSX", "__pycache__", "@eaDir", "@Recycle", "@__thumb"))
"""Folders that programs create, beside hidden ones (`.ipynb_checkpoints`)."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Folder:
    """One folder of a tree.

    Attributes:
        path: Where it is.
        parts: The names of the folders from the root to it, itself included, their letters
            composed (Unicode's NFC).
        images: Its own images.
        others: Its other files.
        broken: Its links that lead nowhere.
        children: Its folders.
    """

    path: Path
    parts: tuple[str, ...]
    images: tuple[Path, ...]
    others: tuple[Path, ...]
    broken: tuple[Path, ...]
    children: tuple[_Folder, ...]

    def below(self) -> Iterator[_Folder]:
        """Yield this folder and all below it, each before its own."""
        yield self
        for child in self.children:
            yield from child.below()

    def has_images(self) -> bool:
        """Return whether it or a folder below it holds an image."""
        return any(folder.images for folder in self.below())


@dataclasses.dataclass(frozen=True, slots=True)
class _Place:
    """What the names of the folders above an image say.

    Attributes:
        subset: The subset of the nearest folder that names one, or an empty string.
        names: The other folders' names, from the root.
        known: The positions in `names` of known classes.
    """

    subset: str
    names: tuple[str, ...]
    known: tuple[int, ...]


def files_below(root: Path, skipped: frozenset[Path] = frozenset()) -> list[Path]:
    """List the files below a folder, symbolic links followed and cycles cut.

    Folders that programs create, and datasets that were imported, are left out.

    Args:
        root: The folder.
        skipped: Folders that are left out, too, resolved.
    """
    return [
        file for folder in _tree(root, skipped).below() for file in (*folder.images, *folder.others)
    ]


def has_images(root: Path, skipped: frozenset[Path] = frozenset()) -> bool:
    """Return whether a folder below `root` holds images."""
    return any(child.has_images() for child in _tree(root, skipped).children)


def read_class_folders(
    root: Path, reading: Reading, *, on_progress: Progress | None = None
) -> Rows:
    """Read a tree of images, whose folders name the class, and maybe the subset and the person.

    They may lie in any order (`train/angry`, `angry/train`, `angry/anna`, `anna/angry`): a subset
    is known by its name, the class by a known spelling or the map; the folder below the class is
    taken for the person. The beginning of a file's name may say the subset, too
    (`PrivateTest_88305.jpg`, as in one publication of FER-2013, whose folder `test` mixes two).
    Without any the subset is `train`.

    Args:
        root: The folder.
        reading: How labels are translated and pictures are framed.
        on_progress: Called with the number of images read and their total.
    """
    rows = Rows()
    tree = _tree(root, reading.skipped)
    pictures = _pictures(tree, reading, rows)
    if not pictures and not rows.faults:
        found = "".join(f"; {note.partition(': ')[2]}" for note in rows.notes)
        what = f"expected folders of images, each named as its class{found}"
        rows.faults.append(Fault(str(root), what))
    reading.framer.add(pictures, rows, total=len(pictures), on_progress=on_progress)
    if rows.records and len({record.subset for record in rows.records}) == 1:
        subset = rows.records[0].subset
        rows.notes.append(
            f"{root.name}: all images are in {subset}. "
            "`mien data split --kind stratified` divides them"
        )
    return rows


def _pictures(tree: _Folder, reading: Reading, rows: Rows) -> list[Picture]:
    """List the pictures of a tree, and note its faults and what is left out."""
    labels = reading.labels
    holders = _holders(tree, labels, rows)
    places = [_place(folder, labels) for folder in holders]
    level, sure = _class_level(places)
    pictures: list[Picture] = []
    people: dict[str, None] = {}
    if labels.own and not sure and any(len(place.names) > level + 1 for place in places):
        fault = _note_level(tree, places, level, reading, rows)
        if fault is not None:
            rows.faults.append(fault)
            return []
    for folder, place in zip(holders, places, strict=True):
        position = _class_position(place, level, sure=sure)
        label = _label(folder, place, position, labels, rows)
        if label is None or position is None or label == LEFT_OUT:
            continue
        below = place.names[position + 1 :] if reading.below else ()
        above = place.names[:position]
        group = below[0] if below else (above[-1] if above and reading.above else "")
        if below:
            people[group] = None
        pictures.extend(_picture(path, tree, folder, place, label, group) for path in folder.images)
    if people:
        rows.notes.append(
            f"{tree.path.name}: the folders below the classes are taken for people: "
            f"{first_names(list(people))}. Pass --group none if they are none"
        )
    return pictures


def _note_level(
    tree: _Folder, places: list[_Place], level: int, reading: Reading, rows: Rows
) -> Fault | None:
    """Say which folders are taken for own classes, of which no name is known.

    Returns:
        A fault if the person may be the folder above the class, so that either may be the class.
    """
    classes, below = (
        first_names(list(dict.fromkeys(p.names[i] for p in places if len(p.names) > i)))
        for i in (level, level + 1)
    )
    if reading.above:
        what = f"none of these folders is a known class: {classes}; and below them: {below}"
        use = "Say which are the classes by mapping one of them to itself: --map NAME=NAME"
        return Fault(tree.path.name, f"{what}. {use}")
    rows.notes.append(
        f"{tree.path.name}: no folder is a known class, the upper ones are taken for the classes: "
        f"{classes}. Where {below} are the classes, map one to itself (--map NAME=NAME)"
    )
    return None


def _picture(
    path: Path, tree: _Folder, folder: _Folder, place: _Place, label: str, group: str
) -> Picture:
    origin = "/".join((tree.path.name, *folder.parts, path.name))
    start = path.name.split("_")[0].lower()
    own = subset_named(start) if start in ("training", "publictest", "privatetest") else None
    subset = own or place.subset or subset_named(tree.path.name) or "train"
    return Picture(path, label, subset, origin, path.name, path=origin, group=group)


def _holders(tree: _Folder, labels: Labels, rows: Rows) -> list[_Folder]:
    """Return the folders whose images are read; the others are counted, or faults."""
    holders, outside, ignored = [], 0, list[Path]()
    wrong = _among_subsets(tree, labels, rows)
    empty: set[tuple[str, ...]] = set()
    for folder in tree.below():
        if any(folder.parts[: len(each)] == each for each in wrong):
            continue
        for link in folder.broken:
            where = f"{_shown(tree, folder)}/{link.name}"
            rows.faults.append(Fault(where, "a link that leads nowhere. Mend or remove it"))
        inner = [child for child in folder.children if child.has_images()]
        place = _place(folder, labels)
        if folder.images and not place.names:
            outside += len(folder.images)
        elif folder.images and inner:
            wrong.append(folder.parts)
            rows.faults.append(
                Fault(
                    _shown(tree, folder),
                    f"expected images or folders, found {pluralize(len(folder.images), 'image')} "
                    f"beside the folder {inner[0].parts[-1]}. Move one of them",
                )
            )
        elif folder.images:
            holders.append(folder)
            ignored += folder.others
        elif (
            place.known
            and not (folder.has_images() or folder.broken)
            and folder.parts[:-1] not in empty
        ):
            empty.add(folder.parts)
            counts = _count_by_suffix(path for each in folder.below() for path in each.others)
            what = f"an empty class: expected images, found {counts or 'none'}. Remove the folder"
            rows.faults.append(Fault(_shown(tree, folder), what))
    holders = [each for each in holders if not any(each.parts[: len(w)] == w for w in wrong)]
    beside = f"{pluralize(outside, 'image')} beside the class folders" if outside else ""
    if left_out := [each for each in (_count_by_suffix(ignored), beside) if each]:
        rows.notes.append(f"{tree.path.name}: left out: {', '.join(left_out)}")
    return holders


def _among_subsets(tree: _Folder, labels: Labels, rows: Rows) -> list[tuple[str, ...]]:
    """Return the folders beside those of subsets that name none themselves; each is a fault."""
    wrong = []
    for folder in tree.below():
        full = [child for child in folder.children if child.has_images()]
        named = {child.parts[-1]: _subset(child.parts[-1], labels) for child in full}
        if not any(named.values()):
            continue
        subsets = [name for name, subset in named.items() if subset]
        known = ", ".join(subsets)
        other = (
            f"Where {known} are no subsets: classes are mapped (--own-classes --map "
            f"{subsets[0]}={subsets[0]}), people renamed"
        )
        for child in full:
            if named[child.parts[-1]] is None:
                wrong.append(child.parts)
                what = f"no subset is known by this name, but beside it are {known}"
                use = "Rename it to train, val or test, or move it away"
                rows.faults.append(Fault(_shown(tree, child), f"{what}. {use}. {other}"))
    return wrong


def _place(folder: _Folder, labels: Labels) -> _Place:
    subsets = [_subset(name, labels) for name in folder.parts]
    names = tuple(n for n, subset in zip(folder.parts, subsets, strict=True) if subset is None)
    nearest = next((subset for subset in reversed(subsets) if subset is not None), "")
    known = tuple(number for number, name in enumerate(names) if labels.knows(name))
    return _Place(nearest, names, known)


def _subset(name: str, labels: Labels) -> str | None:
    return None if labels.knows(name) else subset_named(name)


def _class_level(places: list[_Place]) -> tuple[int, bool]:
    """Return at which position among the names the class stands, and whether known ones say so.

    Without known ones it is the uppermost where there are several.
    """
    known = Counter(place.known[0] for place in places if len(place.known) == 1)
    if known:
        return known.most_common(1)[0][0], True
    depth = min((len(place.names) for place in places), default=1)
    several = (len({place.names[level] for place in places}) > 1 for level in range(depth))
    return next((level for level, each in enumerate(several) if each), 0), False


def _class_position(place: _Place, level: int, *, sure: bool) -> int | None:
    """Return where a folder's class stands among its names; None if that cannot be told."""
    if len(place.known) == 1:
        return place.known[0]
    if len(place.known) > 1 and not (sure and level in place.known):
        return None
    return min(level, len(place.names) - 1)


def _label(
    folder: _Folder, place: _Place, position: int | None, labels: Labels, rows: Rows
) -> str | None:
    """Return a folder's label, or None after a fault."""
    shown = "/".join((folder.path.parents[len(folder.parts) - 1].name, *folder.parts))
    if position is None:
        two = " and ".join(place.names[number] for number in place.known[:2])
        what = f"two classes in one path, {two}. Rename one of the folders"
        rows.faults.append(Fault(shown, what))
        return None
    try:
        return labels[place.names[position]]
    except InputError as error:
        rows.faults.append(Fault(shown, str(error)))
        return None


def _shown(tree: _Folder, folder: _Folder) -> str:
    return "/".join((tree.path.name, *folder.parts))


def _tree(root: Path, skipped: frozenset[Path]) -> _Folder:
    """Read the folders below `root`, links followed; a link to a folder around it is cut."""
    return _read_folder(root, (), skipped | {root.resolve()})


def _read_folder(path: Path, parts: tuple[str, ...], around: frozenset[Path]) -> _Folder:
    try:
        entries = sorted(path.iterdir())
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror or error})") from error
    files = [each for each in entries if each.is_file() and not each.name.startswith(".")]
    children = []
    for each in entries:
        if not each.is_dir() or each.name in _IGNORED or each.name.startswith("."):
            continue
        real = each.resolve()
        if real in around or is_dataset(each):
            continue
        name = unicodedata.normalize("NFC", each.name)
        children.append(_read_folder(each, (*parts, name), around | {real}))
    images = tuple(each for each in files if is_image_file(each))
    others = tuple(sorted(set(files) - set(images)))
    broken = tuple(e for e in entries if not e.exists() and not e.name.startswith("."))
    return _Folder(path, parts, images, others, broken, tuple(children))


def _count_by_suffix(paths: Iterable[Path]) -> str:
    """Return the number of files by their ending: `3 .heic, 1 without an ending`."""
    counts = Counter(path.suffix.lower() or "without an ending" for path in paths)
    return ", ".join(f"{count:,} {suffix}" for suffix, count in counts.most_common())
