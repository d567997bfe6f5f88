"""The journal of a run: a file beside unfinished results with the last checkpoint."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mien._output import whole_file
from mien.errors import OutputError

__all__ = ["JOURNAL", "Journal"]

JOURNAL = "results.unfinished.json"
"""The name of the journal."""

_INTERVAL_S = 1.0


class Journal:
    """Saves the checkpoints of a run in a small file, which is removed at the end of the run.

    Args:
        folder: The folder of the results.
        settings: What a run must have in common with the interrupted run that it resumes, as plain
            values that JSON can hold.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.path = folder / JOURNAL
        self._settings = json.loads(json.dumps(settings))
        self._written_at = float("-inf")

    def read(self) -> tuple[int, dict[str, Any]] | None:
        """Read the last checkpoint of an interrupted run.

        Returns:
            The bytes of JSON Lines that belong to the checkpoint, and the position of the analysis;
            None if no run was interrupted here.

        Raises:
            OutputError: The interrupted run had other settings, or the file is damaged.
        """
        try:
            document = json.loads(self.path.read_text(encoding="utf-8"))
            settings, length, position = (
                document[name] for name in ("settings", "length", "position")
            )
        except FileNotFoundError:
            return None
        except NotADirectoryError as error:
            reason = "is a file, expected a folder for the results. Choose another folder"
            raise OutputError(f"{self.path.parent}: {reason}") from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise OutputError(
                f"{self.path}: cannot be read ({error}). Start again with overwrite=True"
            ) from error
        names = settings.keys() | self._settings.keys()
        differing = sorted(n for n in names if settings.get(n) != self._settings.get(n))
        if differing:
            raise OutputError(
                f"{self.path}: the interrupted run differs in {', '.join(differing)}. Use its "
                "values, or start again with overwrite=True"
            )
        return length, position

    def save(self, length: Callable[[], int], position: Callable[[], Mapping[str, Any]]) -> None:
        """Save a checkpoint, at most once a second.

        Args:
            length: Returns the bytes of JSON Lines so far.
            position: Returns the position of the analysis that belongs to them.

        Raises:
            OutputError: The disk is full or the folder has been removed.
        """
        now = time.monotonic()
        if now - self._written_at < _INTERVAL_S:
            return
        self._written_at = now
        document = {"settings": self._settings, "length": length(), "position": position()}
        with whole_file(self.path) as partial:
            partial.write_text(json.dumps(document), encoding="utf-8")

    def remove(self) -> None:
        """Remove the file: the run has ended, or a new one starts from the beginning."""
        self.path.unlink(missing_ok=True)
