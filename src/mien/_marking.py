"""Marker files of folders that the program may fill and clear.

Only a new or empty folder is marked. A folder with any other contents is refused and not changed.
"""

from __future__ import annotations

import dataclasses
import itertools
import stat
import time
from pathlib import Path

from mien.errors import OutputError

__all__ = ["Marker", "holds_text", "write_new"]

_MAX_NAMES = 3
_CLAIM_TIMEOUT_S = 2.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """A file that marks a folder as made by the program.

    Attributes:
        name: The name of the file.
        text: Its exact contents.
        kind: What such a folder is, for messages, for example `folder of jobs`.
        option: What sets the folder in Python; the command line shows its own option.
        allowed_prefix: An unmarked folder may have files whose names start with this; None allows
            none.
    """

    name: str
    text: str
    kind: str
    option: str
    allowed_prefix: str | None = None

    def is_in(self, folder: Path) -> bool:
        """Return whether a folder is marked."""
        return holds_text(folder / self.name, self.text)

    def check(self, folder: Path) -> bool:
        """Check that a folder is marked, or may be marked; nothing is changed.

        Returns:
            Whether it is marked. A folder that is missing or empty is not.

        Raises:
            OutputError: It is a file, cannot be read, or holds other files.
        """
        try:
            if self.is_in(folder):
                return True
            others = (each.name for each in folder.iterdir() if not self._is_allowed(each))
            names = sorted(itertools.islice(others, _MAX_NAMES + 1))
            if not names or (names == [self.name] and self._has_partial_marker(folder)):
                return False
            if self.is_in(folder):  # another process has marked and filled it in the meantime
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
        contents = ", ".join(names[:_MAX_NAMES]) + (", ..." if len(names) > _MAX_NAMES else "")
        raise OutputError(
            f"{folder}: holds {contents}, and no {self.name}, so it is not a {self.kind}. Choose a "
            f"new or empty folder with {self.option}"
        )

    def claim(self, folder: Path) -> None:
        """Make and mark a folder, unless it is marked already.

        Raises:
            OutputError: It is a file, cannot be read or written, or holds other files.
        """
        if self.check(folder):
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_new(folder / self.name, self.text)
        except FileExistsError as error:
            # Another process is writing the marker now; wait until it is complete.
            until = time.monotonic() + _CLAIM_TIMEOUT_S
            while not self.is_in(folder):
                if time.monotonic() > until:
                    raise self._unusable(folder, error) from error
                time.sleep(0.01)
        except OSError as error:
            raise self._unusable(folder, error) from error

    def _is_allowed(self, path: Path) -> bool:
        return self.allowed_prefix is not None and path.name.startswith(self.allowed_prefix)

    def _has_partial_marker(self, folder: Path) -> bool:
        """Return whether a folder's marker has been written only in part."""
        marker = folder / self.name
        status = marker.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_size >= len(self.text.encode()):
            return False
        return self.text.encode().startswith(marker.read_bytes())

    def _unusable(self, folder: Path, error: OSError) -> OutputError:
        return OutputError(
            f"{folder}: cannot be used: {error}. Choose another folder with {self.option}"
        )


def holds_text(path: Path, text: str) -> bool:
    """Return whether a path is a regular file, not a link, that holds exactly this text."""
    try:
        status = path.lstat()
        # A file of another size is not read: it may be large.
        has_size = stat.S_ISREG(status.st_mode) and status.st_size == len(text.encode())
        return has_size and path.read_bytes() == text.encode()
    except (FileNotFoundError, NotADirectoryError):
        return False


def write_new(path: Path, text: str) -> None:
    """Write a new file.

    Raises:
        OSError: The file exists already, or cannot be written.
    """
    with path.open("x", encoding="utf-8", newline="\n") as file:
        file.write(text)
