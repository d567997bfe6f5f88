"""Resolving paths, folders and globs to images, videos and live sources."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from mien.errors import MediaError
from mien.media.images import IMAGE_SUFFIXES
from mien.media.live_source import is_live
from mien.media.sequences import is_sequence
from mien.media.videos import VIDEO_SUFFIXES

__all__ = ["find_images", "find_media", "is_video"]


def is_video(path: str | Path) -> bool:
    """Return whether a path names a video, by its ending, or an image sequence."""
    return Path(path).suffix.lower() in VIDEO_SUFFIXES or is_sequence(path)


def find_images(inputs: Iterable[str | Path]) -> Iterator[str | MediaError]:
    """Resolve paths, folders and globs to images; see `find_media`."""
    return _find(inputs, IMAGE_SUFFIXES)


def find_media(
    inputs: Iterable[str | Path], *, exclude: Path | None = None
) -> Iterator[str | MediaError]:
    """Resolve paths, folders and globs to images and videos.

    A folder stands for all files below it that have a known ending, in the order of their names,
    links followed; hidden files and folders are left out. A file that is named itself is taken
    whatever its ending.

    Args:
        inputs: Paths, folders and patterns such as `shots/*.jpg` or `**/*.png`; cameras and
            addresses are passed on.
        exclude: A folder to leave out where it lies within others: that of the results.

    Returns:
        Paths, each once, and a `MediaError` for each input that stands for no file; the other
        inputs are resolved all the same.
    """
    return _find(inputs, IMAGE_SUFFIXES | VIDEO_SUFFIXES, exclude)


def _find(
    inputs: Iterable[str | Path], suffixes: frozenset[str], exclude: Path | None = None
) -> Iterator[str | MediaError]:
    paths: set[str] = set()
    for given in inputs:
        for found in _resolve(str(given), suffixes, exclude):
            if isinstance(found, MediaError):
                yield found
            elif found not in paths:
                paths.add(found)
                yield found


def _resolve(
    given: str, suffixes: frozenset[str], exclude: Path | None
) -> Iterator[str | MediaError]:
    if not given.strip():
        yield MediaError(repr(given), "an empty path. Name an image or a folder")
    elif is_live(given):
        yield given
    elif os.path.isdir(given):  # noqa: PTH112 - Path raises for a name that is too long
        yield from _walk(given, suffixes, exclude)
    elif not os.path.lexists(given) and glob.has_magic(given):
        yield from _match(given)
    else:
        yield given


def _match(pattern: str) -> Iterator[str | MediaError]:
    # Path.glob takes no absolute pattern.
    matches = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207
    files = [path for path in matches if not Path(path).is_dir()]
    if not files:
        yield MediaError(pattern, "the pattern matches no file. Check it")
    yield from files


def _walk(
    folder: str, suffixes: frozenset[str], exclude: Path | None
) -> Iterator[str | MediaError]:
    errors: list[OSError] = []
    count = 0
    # Links may lead back to a folder that was visited, and results may lie among the inputs.
    visited = {os.path.realpath(exclude)} if exclude is not None else set()
    for parent, folders, files in os.walk(folder, onerror=errors.append, followlinks=True):
        real = os.path.realpath(parent)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(parent, name)
            # Reading a pipe or a device would wait for ever.
            wanted = not name.startswith(".") and path.suffix.lower() in suffixes
            if wanted and (path.is_file() or not path.exists()):
                count += 1
                yield str(path)
    for error in errors:
        reason = f"the folder cannot be read: {error.strerror}. Change its permissions"
        yield MediaError(str(error.filename or folder), reason)
    if not count and not errors:
        endings = ", ".join(sorted(suffixes))
        yield MediaError(folder, f"the folder holds no image or video (looked for {endings})")
