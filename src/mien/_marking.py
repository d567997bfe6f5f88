"""Folders that the program may fill and clear: new and empty ones, which it marks as its own.

A folder that holds anything else is refused and stays as it is, whatever its contents are called.
"""

from __future__ import annotations

import dataclasses
import itertools
import stat
import time
from pathlib import Path

from mien.errors import OutputError

__all__ = ["Marker", "holds_text", "write_new"]

_SHOWN = 3
_CLAIMED_WITHIN_S = 2.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """The file that makes a folder the program's own.

    Attributes:
        name: Of the file.
        text: What stands in it, to the letter.
        kind: What such a folder is, for messages: `folder of jobs`.
        option: How another one is chosen.
        beside: Files whose names begin so may lie in a folder that is claimed, since they are only
            ever added to; None for none.
    """

    name: str
    text: str
    kind: str
    option: str
    beside: str | None = None

    def is_in(self, folder: Path) -> bool:
        """Say whether a folder is marked."""
        return holds_text(folder / self.name, self.text)

    def check(self, folder: Path) -> bool:
        """Hold a folder against what may become, or is, the program's own; it stays as it is.

        Returns:
            Whether it is marked already; one that is missing or empty is not.

        Raises:
            OutputError: It is a file, cannot be read, or holds what the program did not make.
        """
        try:
            if self.is_in(folder):
                return True
            others = (each.name for each in folder.iterdir() if not self._may_lie_in(each))
            names = sorted(itertools.islice(others, _SHOWN + 1))
            if not names or (names == [self.name] and self._is_begun(folder)):
                return False
            if self.is_in(folder):  # another process has claimed and filled it in between
                return True
        except FileNotFoundError:
            return False
        except OSError as error:
            if folder.is_file():
                raise OutputError(
                    f"{folder}: is a file, expected a folder. Choose another folder with "
                    f"{self.option}"
                ) from error
            raise self._unusable(folder, error) from error
        found = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
        raise OutputError(
            f"{folder}: holds {found}, and no {self.name}, so that it is no {self.kind}. Choose a "
            f"new or empty one with {self.option}"
        )

    def claim(self, folder: Path) -> None:
        """Make a folder the program's own, if it is not yet: it is made, or empty.

        Raises:
            OutputError: See `check`; or it cannot be written.
        """
        if self.check(folder):
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_new(folder / self.name, self.text)
        except FileExistsError as error:
            # Another process has just begun to claim it, which is as good.
            until = time.monotonic() + _CLAIMED_WITHIN_S
            while not self.is_in(folder):
                if time.monotonic() > until:
                    raise self._unusable(folder, error) from error
                time.sleep(0.01)
        except OSError as error:
            raise self._unusable(folder, error) from error

    def _may_lie_in(self, path: Path) -> bool:
        return self.beside is not None and path.name.startswith(self.beside)

    def _is_begun(self, folder: Path) -> bool:
        """Say whether a folder's marker is one of ours that is not written to its end."""
        marker = folder / self.name
        found = marker.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_size >= len(self.text.encode()):
            return False
        return self.text.encode().startswith(marker.read_bytes())

    def _unusable(self, folder: Path, error: OSError) -> OutputError:
        return OutputError(
            f"{folder}: cannot be used: {error}. Choose another folder with {self.option}"
        )


def holds_text(path: Path, text: str) -> bool:
    """Say whether a path is a plain file, no link, that holds just this text."""
    try:
        found = path.lstat()
        # What is longer is not read: it may be anything.
        fits = stat.S_ISREG(found.st_mode) and found.st_size == len(text.encode())
        return fits and path.read_bytes() == text.encode()
    except (FileNotFoundError, NotADirectoryError):
        return False


def write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet.

    Raises:
        OSError: It is there, or cannot be written.
    """
    with path.open("x", encoding="utf-8", newline="\n") as file:
        file.write(text)
