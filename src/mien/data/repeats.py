"""The same image given twice, by two forms of one dataset: it is imported once."""

from __future__ import annotations

import dataclasses
import hashlib
import io
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mien._wording import pluralize
from mien.data.records import Record, Rows
from mien.media import open_image

__all__ = ["drop_repeated"]

_OVERLAP = 0.5
"""Two files of one form are taken for the same images from this share on: less is what single
images have in common, which are copies in the dataset itself."""

_SQUARES = 6
_SQUARE_LEVELS, _PIXEL_LEVELS = 4.0, 7.0
"""How far an image that was compressed anew may be from the same one in another form: its squares'
means, and its pixels at the mean, of 255 levels. JPEG of quality 75 stays below."""


_Key = tuple[bytes, str | None]
"""The hash of an image's pixels, and its label."""


def drop_repeated(sources: Sequence[tuple[str, str, Rows]]) -> None:
    """Remove the images that an earlier source has already, with the same label.

    What only the removed one says, its name, person or subset, goes to the one that is kept.

    Args:
        sources: Name, kind and content of each. The content is changed, and a note says so.
    """
    sources = [source for source in sources if source[2].records]
    if len(sources) < 2:
        return
    pixels: list[NDArray[np.uint8]] = []
    places: dict[_Key, dict[int, int]] = {}  # of each image, its number in each source
    for place, (name, kind, rows) in enumerate(sources):
        images = np.stack([_pixels(record) for record in rows.records])
        keys = [_key(*each) for each in zip(images, rows.records, strict=True)]
        exact: dict[int, dict[int, int]] = {}
        for number, key in enumerate(keys):
            for earlier, kept in places.get(key, {}).items():
                exact.setdefault(earlier, {})[number] = kept
        left = np.ones(len(images), np.bool_)
        for earlier, (earlier_name, earlier_kind, known) in enumerate(sources[:place]):
            if not (known.records and left.any()):
                continue
            same = {n: kept for n, kept in exact.get(earlier, {}).items() if left[n]}
            if kind != earlier_kind:
                rest = [n for n in np.flatnonzero(left).tolist() if n not in same]
                same |= _near(pixels[earlier], known.records, images, rows.records, rest)
            smaller = min(len(known.records), int(left.sum()))
            if not same or (kind == earlier_kind and len(same) < _OVERLAP * smaller):
                continue
            _merge(known.records, rows.records, np.flatnonzero(left).tolist(), same)
            left[list(same)] = False
            count = pluralize(len(same), "image is", "images are")
            known.notes.append(f"{name}: {count} in {earlier_name}, too, and imported once")
        rows.records = [each for each, keep in zip(rows.records, left, strict=True) if keep]
        pixels.append(images[left])
        kept_keys = (key for key, keep in zip(keys, left, strict=True) if keep)
        for number, key in enumerate(kept_keys):
            places.setdefault(key, {}).setdefault(place, number)


def _pixels(record: Record) -> NDArray[np.uint8]:
    with open_image(io.BytesIO(record.png), record.origin) as image:
        return np.asarray(image)


def _key(image: NDArray[np.uint8], record: Record) -> _Key:
    """Return what two images have in common that are the same, with the same label."""
    return hashlib.sha256(np.ascontiguousarray(image).data).digest(), record.label


def _near(
    known: NDArray[np.uint8],
    known_records: Sequence[Record],
    images: NDArray[np.uint8],
    records: Sequence[Record],
    rest: Sequence[int],
) -> dict[int, int]:
    """Return for each image that was compressed anew the number of the known one.

    Args:
        known: The images of an earlier source.
        known_records: Their records.
        images: The images of a later source.
        records: Their records.
        rest: The numbers of those that are looked for.
    """
    same: dict[int, int] = {}
    if not rest:
        return same
    squares = _square_means(known)
    order = np.argsort(squares.mean(axis=1), kind="stable")
    means, reach = squares.mean(axis=1)[order], np.array([-1, 1]) * _SQUARE_LEVELS
    for number, own in zip(rest, _square_means(images[rest]), strict=True):
        low, high = np.searchsorted(means, own.mean() + reach)
        close = order[low:high]
        close = close[np.abs(squares[close] - own).max(axis=1, initial=0) <= _SQUARE_LEVELS]
        if not len(close):
            continue
        apart = np.abs(known[close].astype(np.int16) - images[number]).mean(axis=(1, 2))
        best = int(close[apart.argmin()])
        if apart.min() <= _PIXEL_LEVELS and known_records[best].label == records[number].label:
            same[number] = best
    return same


def _square_means(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the mean of each square of a 6x6 grid, `(N, 36)`."""
    count, side = len(images), images.shape[1] // _SQUARES
    squares = images.reshape(count, _SQUARES, side, _SQUARES, side).astype(np.float32)
    means: NDArray[np.float32] = squares.mean(axis=(2, 4)).reshape(count, -1)
    return means


def _merge(
    known: list[Record], records: Sequence[Record], left: Sequence[int], same: Mapping[int, int]
) -> None:
    """Give the kept images what only their removed copies say.

    Args:
        known: The records of an earlier source, which are changed.
        records: Those of a later source.
        left: The numbers of those that no other source has.
        same: For each repeated one among these the number of the known one.
    """
    divides = len({records[number].subset for number in left}) > 1
    divided = len({record.subset for record in known}) > 1
    for number, kept in same.items():
        own, other = known[kept], records[number]
        known[kept] = dataclasses.replace(
            own,
            subset=other.subset if divides and not divided else own.subset,
            name=own.name or other.name,
            path=own.path or other.path,
            group=own.group or other.group,
        )
