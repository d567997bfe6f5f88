"""The note beside unfinished results that says how far they are sure, for a run that goes on."""

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
"""The file beside unfinished results."""

_SECONDS_BETWEEN = 1.0


class Journal:
    """Keeps how far an analysis has come in a small file; gone when the analysis has ended.

    Args:
        folder: Where the results go.
        settings: What has to be the same for a run to go on where another one stopped, as plain
            values that JSON can hold.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.path = folder / JOURNAL
        self._settings = json.loads(json.dumps(settings))
        self._written_at = float("-inf")

    def read(self) -> tuple[int, dict[str, Any]] | None:
        """Return how many bytes of the JSON Lines are sure and the position that they end at.

        Returns:
            None if no run was interrupted here.

        Raises:
            OutputError: That run had other settings, or the file is damaged.
        """
        try:
            document = json.loads(self.path.read_text(encoding="utf-8"))
            settings, length, position = (
                document[name] for name in ("settings", "length", "position")
            )
        except FileNotFoundError:
            return None
        except NotADirectoryError as error:
            reason = "is a file, expected a folder for the results. Choose another place"
            raise OutputError(f"{self.path.parent}: {reason}") from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise OutputError(
                f"{self.path}: cannot be read ({error}). Start anew with --overwrite"
            ) from error
        names = settings.keys() | self._settings.keys()
        other = sorted(n for n in names if settings.get(n) != self._settings.get(n))
        if other:
            raise OutputError(
                f"{self.path}: the interrupted run differs in {', '.join(other)}. Give the same "
                "again, or start anew with --overwrite"
            )
        return length, position

    def keep(self, length: Callable[[], int], position: Callable[[], Mapping[str, Any]]) -> None:
        """Note how far the results are sure, at most once a second.

        Args:
            length: Gives the bytes of the JSON Lines so far.
            position: Gives the position that they end at.

        Raises:
            OutputError: The disk is full or the folder went away.
        """
        now = time.monotonic()
        if now - self._written_at < _SECONDS_BETWEEN:
            return
        self._written_at = now
        document = {"settings": self._settings, "length": length(), "position": position()}
        with whole_file(self.path) as partial:
            partial.write_text(json.dumps(document), encoding="utf-8")

    def end(self) -> None:
        """Forget the run: it has ended, or another one begins anew."""
        self.path.unlink(missing_ok=True)
