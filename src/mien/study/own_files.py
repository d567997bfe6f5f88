"""The files that a study writes and people edit: exports, charts, the report and the codebook.

ELAN, Praat, BORIS and drawing programs save into the file that they opened. So the study keeps the
hash of each such file that it writes, and later replaces or removes only one that still has it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections import defaultdict
from pathlib import Path

from mien._hashing import file_sha256
from mien._output import cannot_write, partial_path, whole_file
from mien._reading import parse_json

__all__ = ["OwnFiles"]

_JOURNAL = "records/written.jsonl"
_NAMES = 3


class OwnFiles:
    """What a study wrote, and whether it is still as it was written.

    The hash of a file stands in a journal before the file is there: after a kill, the file is known
    again.

    Args:
        folder: The study's folder; the caller holds its lock.

    Attributes:
        kept: The files, below the folder, that were to be written and that somebody had changed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._journal = folder / _JOURNAL
        self._known: defaultdict[str, set[str]] = defaultdict(set)
        self._written: set[str] = set()
        self.kept: list[str] = []
        with contextlib.suppress(OSError):
            for line in self._journal.read_text(encoding="utf-8", errors="replace").splitlines():
                # A kill may have cut off the last line: its file was not written yet.
                with contextlib.suppress(ValueError, TypeError):
                    name, sha256 = parse_json(line)
                    self._known[str(name)].add(str(sha256))

    def write(self, path: Path, content: bytes) -> None:
        """Write a file, unless there is one that somebody changed: that one stays.

        Args:
            path: The file, in the study's folder.
            content: All of it.

        Raises:
            OutputError: It cannot be written.
        """
        name = path.relative_to(self._folder).as_posix()
        wanted = hashlib.sha256(content).hexdigest()
        try:
            found = _sha256(path)
            self._written.add(name)
            if found not in (None, wanted) and found not in self._known[name]:
                self.kept.append(name)
                return
            if wanted not in self._known[name]:
                self._note(name, wanted)
        except OSError as error:
            raise cannot_write(path, error) from error
        if found != wanted:
            with whole_file(path) as partial:
                partial.write_bytes(content)

    def remove_others(self) -> None:
        """Remove what earlier ends wrote and this one did not, where nobody changed it.

        Raises:
            OutputError: It cannot be removed.
        """
        for name in self._known.keys() - self._written:
            path = self._folder / name
            try:
                if path.is_file() and _sha256(path) in (None, *self._known[name]):
                    path.unlink()
                partial_path(path).unlink(missing_ok=True)
            except OSError as error:
                raise cannot_write(path, error) from error

    def remove_all(self) -> None:
        """Remove all that is as it was written, and forget the rest.

        Raises:
            OutputError: Something cannot be removed.
        """
        self._written.clear()
        self.remove_others()
        self._journal.unlink(missing_ok=True)
        self._known.clear()

    def notes(self) -> list[str]:
        """Return a note on the files that were kept; none if there are none."""
        if not self.kept:
            return []
        shown = ", ".join(self.kept[:_NAMES])
        more = f" and {len(self.kept) - _NAMES} more" if len(self.kept) > _NAMES else ""
        return [
            f"{self._folder}: files were changed since they were written, and stay as they are: "
            f"{shown}{more}. Rename them to have them written anew"
        ]

    def _note(self, name: str, sha256: str) -> None:
        self._journal.parent.mkdir(parents=True, exist_ok=True)
        with self._journal.open("a+b") as journal:
            # A line of its own, after one that was cut off, too.
            start = b"\n" if journal.tell() else b""
            journal.write(start + json.dumps([name, sha256]).encode())
        self._known[name].add(sha256)


def _sha256(path: Path) -> str | None:
    """Return the hash of a file; None without one, or of an empty one, which is nobody's work."""
    return file_sha256(path) if path.is_file() and path.stat().st_size else None
