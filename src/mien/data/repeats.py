"""The same image given twice, by two forms of one dataset: it is imported once."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Sequence

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


def drop_repeated(sources: Sequence[tuple[str, str, Rows]]) -> None:
    """Remove the images that an earlier source has already, with the same label.

    What only the removed one says, its name, person or subset, goes to the one that is kept.

    Args:
        sources: Name, kind and content of each. The content is changed, and a note says so.
    """
    for place, (name, kind, rows) in enumerate(sources):
        if not (place and rows.records):
            continue
        images = _images(rows.records)
        for earlier, earlier_kind, known in sources[:place]:
            if not (known.records and rows.records):
                continue
            same = _same(
                _images(known.records),
                known.records,
                images,
                rows.records,
                near=kind != earlier_kind,
            )
            smaller = min(len(known.records), len(rows.records))
            if not same or (kind == earlier_kind and len(same) < _OVERLAP * smaller):
                continue
            _merge(known, rows, same)
            kept = np.array([number not in same for number in range(len(rows.records))])
            rows.records = [r for r, keep in zip(rows.records, kept, strict=True) if keep]
            images = images[kept]
            count = pluralize(len(same), "image is", "images are")
            known.notes.append(f"{name}: {count} in {earlier}, too, and imported once")


def _images(records: Sequence[Record]) -> NDArray[np.uint8]:
    return np.stack([_pixels(record) for record in records])


def _pixels(record: Record) -> NDArray[np.uint8]:
    with open_image(io.BytesIO(record.png), record.origin) as image:
        return np.asarray(image)


def _same(
    known: NDArray[np.uint8],
    known_records: Sequence[Record],
    images: NDArray[np.uint8],
    records: Sequence[Record],
    *,
    near: bool,
) -> dict[int, int]:
    """Return for each repeated image the number of the known one."""
    exact: dict[tuple[bytes, str | None], int] = {}
    for number, (image, record) in enumerate(zip(known, known_records, strict=True)):
        exact.setdefault((image.tobytes(), record.label), number)
    same = {}
    for number, (image, record) in enumerate(zip(images, records, strict=True)):
        if (found := exact.get((image.tobytes(), record.label))) is not None:
            same[number] = found
    if near and len(same) < len(records):
        squares = _square_means(known)
        order = np.argsort(squares.mean(axis=1), kind="stable")
        means, reach = squares.mean(axis=1)[order], np.array([-1, 1]) * _SQUARE_LEVELS
        for number, own in enumerate(_square_means(images)):
            if number in same:
                continue
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


def _merge(known: Rows, rows: Rows, same: dict[int, int]) -> None:
    """Give the kept images what only their removed copies say."""
    divides = len({record.subset for record in rows.records}) > 1
    divided = len({record.subset for record in known.records}) > 1
    for number, kept in same.items():
        own, other = known.records[kept], rows.records[number]
        known.records[kept] = dataclasses.replace(
            own,
            subset=other.subset if divides and not divided else own.subset,
            name=own.name or other.name,
            path=own.path or other.path,
            group=own.group or other.group,
        )
