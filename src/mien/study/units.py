"""The units of a study: what is analysed in one go, and done or not done as a whole."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import os
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from mien._addresses import without_credentials
from mien.errors import MediaError, OptionsError
from mien.media import is_live, is_video

__all__ = ["IMAGES_PER_UNIT", "Unit", "find_units", "listing_sha256", "of_shard"]

IMAGES_PER_UNIT = 256
"""So many images in a row are one unit: what a kill costs at most."""

_HASH_DIGITS = 10
_STEM_CHARACTERS = 48


@dataclasses.dataclass(frozen=True, slots=True)
class Unit:
    """A video, or some images in a row.

    Attributes:
        name: The name of its files in the study: that of the video, and a hash of its path, so that
            two videos of one name stay apart.
        sources: The paths.
        is_video: Whether it is a video.
    """

    name: str
    sources: tuple[str, ...]
    is_video: bool


def find_units(
    media: Iterable[str | MediaError], *, done: Iterable[Sequence[str]] = ()
) -> Iterator[Unit | MediaError]:
    """Group inputs from `find_media` into units, in their order.

    Args:
        media: The inputs.
        done: Groups of images that an earlier run has done. Those whose images are all among the
            inputs stay as they are, so that more images do not change them.

    Yields:
        Units, and the errors among the inputs.

    Raises:
        OptionsError: A camera or stream is among the inputs.
    """
    media = list(media)
    images = {str(each) for each in media if _kind(each) == "image"}
    # By its first image, so that the units of an earlier run come in the order that they had.
    kept: dict[str, tuple[str, ...]] = {}
    for sources in map(tuple, done):
        if sources and images.issuperset(sources):
            images.difference_update(sources)
            kept[sources[0]] = sources
    for kind, group in itertools.groupby(media, key=_kind):
        if kind == "error":
            yield from (each for each in group if isinstance(each, MediaError))
        elif kind == "video":
            for source in map(str, group):
                yield Unit(f"{_stem(source)}-{_hash([source])}", (source,), True)
        else:
            yield from _image_units(map(str, group), images, kept)


def _image_units(
    sources: Iterable[str], ungrouped: Collection[str], kept: Mapping[str, tuple[str, ...]]
) -> Iterator[Unit]:
    """Group images in a row, of which those in `ungrouped` are in no group of `kept`."""
    for begins, row in itertools.groupby(sources, key=kept.__contains__):
        if begins:
            yield from (_image_unit(kept[source]) for source in row)
            continue
        waiting = (source for source in row if source in ungrouped)
        while unit := tuple(itertools.islice(waiting, IMAGES_PER_UNIT)):
            yield _image_unit(unit)


def _image_unit(sources: tuple[str, ...]) -> Unit:
    return Unit(f"images-{_hash(sources)}", sources, False)


def of_shard(units: Sequence[Unit], shard: tuple[int, int] | None) -> list[Unit]:
    """Return every `of`-th unit from the `number`-th, from 1; all for None."""
    if shard is None:
        return list(units)
    number, of = shard
    return list(units[number - 1 :: of])


def listing_sha256(units: Sequence[Unit]) -> str:
    """Return a hash of all inputs in their order, which the shards of a study have in common.

    Paths count from the folder that holds all inputs, so that it may have different names on
    different machines, and be given in different ways.

    Args:
        units: Those of all shards.
    """
    paths = [os.path.abspath(source) for unit in units for source in unit.sources]  # noqa: PTH100
    try:
        common = os.path.commonpath([os.path.dirname(path) for path in paths])  # noqa: PTH120
    except ValueError:  # on two drives, or no path at all
        common = ""
    own = [Path(path.removeprefix(common)).as_posix().lstrip("/") for path in paths]
    text = json.dumps([unicodedata.normalize("NFC", path) for path in own])
    return hashlib.sha256(text.encode()).hexdigest()


def _kind(each: str | MediaError) -> str:
    if isinstance(each, MediaError):
        return "error"
    if is_live(each):
        raise OptionsError(
            f"{without_credentials(each)}: a study is of files; record it first with `mien live`"
        )
    return "video" if is_video(each) else "image"


def _stem(source: str) -> str:
    """Return the name of a file without its ending, as every file system takes it."""
    name = re.split(r"[/\\]", source)[-1].rpartition(".")[0] or source
    return re.sub(r"[^\w-]+", "_", name)[:_STEM_CHARACTERS].strip("_") or "video"


def _hash(sources: Sequence[str]) -> str:
    text = "\0".join(sources)
    digest = hashlib.sha256(text.encode(errors="surrogateescape"))
    return digest.hexdigest()[:_HASH_DIGITS]
