"""Resolving paths, folders and globs to images, videos and live sources."""

from __future__ import annotations

import glob
import logging
import os
import stat
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

from mien.errors import MediaError
from mien.media.images import IMAGE_SUFFIXES, why_unreadable
from mien.media.live_source import is_live
from mien.media.sequences import is_sequence
from mien.media.signatures import START_BYTES, format_name, is_container
from mien.media.videos import VIDEO_SUFFIXES

__all__ = ["count_by_suffix", "find_images", "find_media", "is_image_file", "is_video"]


_LOG = logging.getLogger(__name__)

_SOUND_SUFFIXES = frozenset((".mka", ".weba", ".wma"))
"""Sound in the containers of videos, which the first bytes do not tell."""

_IMAGES = frozenset(("JPEG", "PNG", "WebP", "BMP", "GIF", "TIFF", "AVIF", "HEIC"))
"""What is read as an image, by the names of `format_name`."""

_MAX_CHARACTER_BYTES = 4
"""A character of UTF-8 has at most so many bytes; the last one may be cut off."""

_RAW_PHOTOS = "TIFF"
"""The raw files of cameras are TIFFs, too, of which a small preview would be read."""


def is_video(path: str | Path) -> bool:
    """Return whether a path names a video or an image sequence.

    The first bytes of a file decide; where they are of no known format, or where there is no such
    file, its ending does.
    """
    if is_sequence(path):
        return True
    start = _start(path)
    if is_container(start):
        return True
    return format_name(start) not in _IMAGES and Path(path).suffix.lower() in VIDEO_SUFFIXES


def is_image_file(path: str | Path) -> bool:
    """Return whether a file among others is an image: by its ending, else by its first bytes."""
    return _is_wanted(Path(path), IMAGE_SUFFIXES, videos=False)


def _is_wanted(path: Path, suffixes: frozenset[str], *, videos: bool) -> bool:
    suffix = path.suffix.lower()
    if suffix in suffixes:
        return True
    if suffix in IMAGE_SUFFIXES | VIDEO_SUFFIXES | _SOUND_SUFFIXES:
        return False
    start = _start(path)
    if is_container(start):
        return videos
    name = format_name(start)
    return name in _IMAGES and not (suffix and name == _RAW_PHOTOS)


def _start(path: str | Path) -> bytes:
    """Return the first bytes of a file; none of what is no file, since a pipe would wait."""
    try:
        if Path(path).is_file():
            with Path(path).open("rb") as file:
                return file.read(START_BYTES)
    except (OSError, ValueError):
        pass
    return b""


def _is_text(start: bytes) -> bool:
    try:
        start.decode()
    except UnicodeDecodeError as error:
        is_cut = len(start) == START_BYTES and len(start) - error.start < _MAX_CHARACTER_BYTES
        return is_cut and b"\0" not in start
    return b"\0" not in start


def find_images(inputs: Iterable[str | Path]) -> Iterator[str | MediaError]:
    """Resolve paths, folders and globs to images; see `find_media`."""
    return _find(inputs, IMAGE_SUFFIXES, videos=False)


def find_media(
    inputs: Iterable[str | Path], *, exclude: Iterable[Path] = ()
) -> Iterator[str | MediaError]:
    """Resolve paths, folders and globs to images and videos.

    A folder stands for all images and videos below it, in the order of their names, links followed:
    files with a known ending, and others that begin like one. Hidden files and folders are left
    out. What else is left out is logged, as a warning if it is not text. A file that is named
    itself is taken whatever it is.

    Args:
        inputs: Paths, folders and patterns such as `shots/*.jpg` or `**/*.png`; cameras and
            addresses are passed on.
        exclude: Files and folders to leave out where folders and patterns would find them: those
            of the results.

    Returns:
        Paths, each once, and a `MediaError` for each input that stands for no file; the other
        inputs are resolved all the same.
    """
    return _find(inputs, IMAGE_SUFFIXES | VIDEO_SUFFIXES, videos=True, exclude=exclude)


def _find(
    inputs: Iterable[str | Path],
    suffixes: frozenset[str],
    *,
    videos: bool,
    exclude: Iterable[Path] = (),
) -> Iterator[str | MediaError]:
    def is_wanted(path: Path) -> bool:
        return _is_wanted(path, suffixes, videos=videos)

    excluded = frozenset(map(os.path.realpath, exclude))
    places: set[str] = set()
    real_folders: dict[str, str] = {}

    def place(path: str) -> str:
        """Return the same for all spellings of a path; a link is not what it leads to."""
        if is_live(path):
            return path
        folder, name = os.path.split(path)
        if folder not in real_folders:
            real_folders[folder] = os.path.realpath(folder)
        return os.path.join(real_folders[folder], name)  # noqa: PTH118

    for given in inputs:
        for found in _resolve(str(given), is_wanted, excluded):
            if isinstance(found, MediaError):
                yield found
            elif (found_place := place(found)) not in places:
                places.add(found_place)
                yield found


def _is_excluded(path: str | Path, excluded: Collection[str]) -> bool:
    """Return whether a path is one of those that are left out, or lies below one."""
    if not excluded:
        return False
    real = Path(os.path.realpath(path))
    return any(str(each) in excluded for each in (real, *real.parents))


def _resolve(
    given: str, is_wanted: Callable[[Path], bool], excluded: Collection[str]
) -> Iterator[str | MediaError]:
    if not given.strip():
        yield MediaError(repr(given), "an empty path. Name an image or a folder")
    elif "\0" in given:
        reason = "not a valid file name, it contains a zero byte. Check the path"
        yield MediaError(given.replace("\0", "\\0"), reason)
    elif is_live(given):
        yield given
    elif os.path.isdir(given):  # noqa: PTH112 - Path raises for a name that is too long
        yield from _walk(given, is_wanted, excluded)
    elif not os.path.lexists(given) and glob.has_magic(given):
        yield from _match(given, excluded)
    else:
        yield given


def _match(pattern: str, excluded: Collection[str]) -> Iterator[str | MediaError]:
    # Path.glob takes no absolute pattern.
    matches = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207
    files = [
        path
        for path in matches
        if not os.path.isdir(path) and not _is_excluded(path, excluded)  # noqa: PTH112
    ]
    if not files:
        yield MediaError(pattern, "the pattern matches no file. Check it")
    yield from files


def _walk(
    folder: str, is_wanted: Callable[[Path], bool], excluded: Collection[str]
) -> Iterator[str | MediaError]:
    if _is_excluded(folder, excluded):
        yield MediaError(folder, "is where the results go. Choose another folder for them")
        return
    errors: list[OSError] = []
    count = 0
    left_out: list[Path] = []
    # Links may lead back to a folder that was visited.
    visited: set[str] = set()
    for parent, folders, files in os.walk(folder, onerror=errors.append, followlinks=True):
        real = os.path.realpath(parent)
        if real in visited or _is_excluded(real, excluded):
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(parent, name)
            mode, error = _mode(path)
            # Reading a pipe or a device would wait for ever.
            if name.startswith(".") or (mode is not None and not stat.S_ISREG(mode)):
                continue
            if os.path.join(real, name) in excluded:  # noqa: PTH118
                continue
            if is_wanted(path):
                count += 1
                yield str(path)
            elif error is not None and not isinstance(error, FileNotFoundError):
                # Perhaps a link to a folder: what is there is not known.
                count += 1
                yield MediaError(str(path), why_unreadable(error))
            else:
                left_out.append(path)
    _log_left_out(folder, left_out)
    for error in errors:
        reason = f"the folder cannot be read: {error.strerror}. Change its permissions"
        yield MediaError(str(error.filename or folder), reason)
    if not count and not errors:
        others = f", only {count_by_suffix(left_out)}" if left_out else ""
        yield MediaError(folder, f"the folder holds no image or video{others}. Check the path")


def _mode(path: Path) -> tuple[int | None, OSError | None]:
    """Return what kind of file there is, or why that cannot be known."""
    try:
        return path.stat().st_mode, None
    except OSError as error:
        return None, error


def _log_left_out(folder: str, paths: list[Path]) -> None:
    if not paths:
        return
    all_text = all(_is_text(_start(path)) for path in paths)
    _LOG.log(
        logging.INFO if all_text else logging.WARNING,
        "%s: left out what is no image or video: %s",
        folder,
        count_by_suffix(paths),
    )


def count_by_suffix(paths: Iterable[Path]) -> str:
    """Return the number of files by their ending: `3 .psd, 1 without an ending`."""
    counts = Counter(path.suffix.lower() or "without an ending" for path in paths)
    return ", ".join(f"{count:,} {suffix}" for suffix, count in counts.most_common())
