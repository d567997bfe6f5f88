"""Writing files: a file is only replaced on request, and gets its name when it is complete."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mien.errors import OutputError

__all__ = [
    "REPORT_SUFFIXES",
    "cannot_write",
    "check_output",
    "check_writable",
    "is_same_file",
    "partial_path",
    "whole_file",
    "write_durably",
]


REPORT_SUFFIXES = (".html", ".htm")
"""The endings of a report's file."""


def check_output(
    path: Path,
    *,
    overwrite: bool = False,
    suffixes: Sequence[str] = (),
    inputs: Iterable[str | Path] = (),
) -> None:
    """Check before the work that a file can be written afterwards.

    Args:
        path: The file that will be written; missing folders are made later.
        overwrite: Whether an existing file may be replaced.
        suffixes: The endings that the file may have, in small letters; empty for any.
        inputs: Files that are read and must stay, whatever `overwrite` says.

    Raises:
        OutputError: The file has another ending, exists already, is an input or a folder, or would
            lie below a file.
    """
    if path.is_dir():
        raise OutputError(f"{path}: is a folder, expected the name of a file")
    if suffixes and path.suffix.lower() not in suffixes:
        raise OutputError(f"{path}: expected a name that ends in {', '.join(suffixes)}")
    if path.exists() and any(is_same_file(path, each) for each in inputs):
        raise OutputError(f"{path}: is one of the inputs. Choose another name")
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: exists already. Choose another name or pass overwrite=True")
    parent = next(parent for parent in path.absolute().parents if parent.exists())
    if not parent.is_dir():
        raise OutputError(f"{path}: {parent} is a file, expected a folder")


def check_writable(folder: Path) -> None:
    """Check before long work that files can be made in a folder; nothing is left there.

    Args:
        folder: The folder; if it is missing, the nearest one above it is tried.

    Raises:
        OutputError: They cannot.
    """
    existing = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    try:
        with tempfile.TemporaryDirectory(dir=existing, prefix=".mien-"):
            pass
    except OSError as error:
        raise cannot_write(folder, error) from error


def is_same_file(path: str | Path, other: str | Path) -> bool:
    """Return whether two paths lead to one file or folder, which is there."""
    try:
        return Path(path).samefile(other)
    except (OSError, ValueError):
        return False


def partial_path(path: Path) -> Path:
    """Return the path that a file has until it is complete."""
    return path.with_name(path.name + ".partial")


def cannot_write(path: Path, error: Exception) -> OutputError:
    """Return the error for a file that cannot be written."""
    return OutputError(f"{path}: cannot write: {getattr(error, 'strerror', None) or error}")


@contextlib.contextmanager
def whole_file(path: Path, *, overwrite: bool = True) -> Iterator[Path]:
    """Write a file under a partial name, and rename it at the end.

    Missing folders are made. If the block fails, the partial file is removed, and an existing file
    stays.

    Args:
        path: The path of the finished file.
        overwrite: Whether an existing file may be replaced.

    Yields:
        The partial path, which the block writes.

    Raises:
        OutputError: The file exists already, or cannot be written.
    """
    check_output(path, overwrite=overwrite)
    partial = partial_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        partial.replace(path)
    except OSError as error:
        _remove(partial)
        raise cannot_write(path, error) from error
    except BaseException:
        _remove(partial)
        raise


def write_durably(path: Path, text: str) -> None:
    """Write a text as a whole file that a power cut leaves as it was before, or as it is now.

    Raises:
        OutputError: It cannot be written.
    """
    with whole_file(path) as partial, partial.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _remove(partial: Path) -> None:
    with contextlib.suppress(OSError):
        partial.unlink()
