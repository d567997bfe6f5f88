"""The journal of a run: two files beside unfinished results, its inputs and its last checkpoint."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mien._output import cannot_write, partial_path, write_durably
from mien.errors import OutputError
from mien.runs.fingerprint import Fingerprint

__all__ = [
    "JOURNAL",
    "Journal",
    "SavedPosition",
    "forget_finished",
    "forget_unfinished",
    "has_finished",
]

JOURNAL = "results.unfinished.json"
"""The name of the file with the last checkpoint."""

_INPUTS = "results.unfinished.inputs-{}.json"
"""The name of the file with the inputs, with a part of its hash. There may be many inputs, so they
are written only once."""

_FINISHED = "results.run.json"
"""The name of the file that says, after the end, with what settings and inputs a run was made."""

_INTERVAL_S = 1.0
_MAX_NAMES = 3
_HASH = "SHA-256 "
_SHOWN_HASH = len(_HASH) + 12


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SavedPosition:
    """A checkpoint of a run, and what belongs to it in the folder of the results.

    Attributes:
        length: Bytes of JSON Lines.
        crc32: The checksum of these bytes.
        position: The position of the analysis.
        notes: Remarks on what was drawn.
        not_drawn: The inputs before it that have no drawn copy, apart from unreadable images.
        replaces: Whether the run replaces results that were there before it.
        is_complete: Whether all inputs are done, so that only the files are to be finished.
    """

    length: int = 0
    crc32: int = 0
    position: Mapping[str, Any]
    notes: Sequence[str] = ()
    not_drawn: Sequence[str] = ()
    replaces: bool = False
    is_complete: bool = False


class Journal:
    """Saves the checkpoints of a run in a small file, which is removed at the end of the run.

    Args:
        folder: The folder of the results.
        settings: What a run must have in common with the interrupted run that it resumes, as plain
            values that JSON can hold.
        inputs: The fingerprint of each input, in order.

    Attributes:
        path: The file with the last checkpoint.
        saved: The last checkpoint in the file; None if there is none.
    """

    def __init__(
        self, folder: Path, settings: Mapping[str, Any], inputs: Mapping[str, Fingerprint]
    ) -> None:
        self.path = folder / JOURNAL
        self._settings = json.loads(json.dumps(settings))
        self._inputs = inputs
        self._inputs_text = json.dumps(list(inputs.items()))
        self._written_at = float("-inf")
        self._latest: SavedPosition | None = None
        self.saved: SavedPosition | None = None

    def read(self) -> SavedPosition | None:
        """Read the last checkpoint of an interrupted run.

        Returns:
            The checkpoint; None if no run was interrupted here.

        Raises:
            OutputError: The interrupted run had other settings or inputs, or a file is damaged.
        """
        try:
            document = json.loads(self.path.read_text(encoding="utf-8"))
            run = document["run"]
            if document["sha256"] != _sha256(json.dumps(run)):
                raise ValueError("it is damaged")
            settings, saved = run["settings"], SavedPosition(**run["saved"])
            inputs_text = self._inputs_path(run["inputs"]).read_text(encoding="utf-8")
            if run["inputs"] != _sha256(inputs_text):
                raise ValueError("the list of inputs is damaged")
        except NotADirectoryError as error:
            reason = "is a file, expected a folder for the results. Choose another folder"
            raise OutputError(f"{self.path.parent}: {reason}") from error
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            if isinstance(error, FileNotFoundError) and not self.path.exists():
                return None
            raise OutputError(
                f"{self.path}: cannot be read ({error}). Start again with overwrite=True"
            ) from error
        self._compare(self.path, "interrupted", settings, json.loads(inputs_text))
        self._latest = self.saved = saved
        return saved

    def check_finished(self) -> None:
        """Check that the run that ended here had these settings and inputs.

        Folders of earlier releases do not say so; they pass.

        Raises:
            OutputError: It had others, or the file that says so is damaged.
        """
        path = self.path.with_name(_FINISHED)
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            run = document["run"]
            if document["sha256"] != _sha256(json.dumps(run)):
                raise ValueError("it is damaged")
            settings, inputs = run["settings"], run["inputs"]
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise OutputError(
                f"{path}: cannot be read ({error}). Start again with overwrite=True"
            ) from error
        self._compare(path, "complete", settings, inputs)

    def _compare(
        self,
        path: Path,
        kind: str,
        settings: Mapping[str, Any],
        inputs: list[tuple[str, list[Any] | None]],
    ) -> None:
        """Compare an earlier run with this one.

        Raises:
            OutputError: They differ; the message names settings and inputs.
        """
        names = settings.keys() | self._settings.keys()
        differing = sorted(n for n in names if settings.get(n) != self._settings.get(n))
        told = [
            _difference(name, settings.get(name), self._settings.get(name)) for name in differing
        ]
        faults = [f"differs in {', '.join(told)}"] if told else []
        if inputs != json.loads(self._inputs_text):
            faults.append(f"had other inputs: {self._differing_inputs(inputs)}")
        if faults:
            raise OutputError(
                f"{path}: the {kind} run {' and '.join(faults)}. Use its values and "
                "inputs, or start again with overwrite=True"
            )

    def _differing_inputs(self, before: list[tuple[str, list[Any] | None]]) -> str:
        """Describe how the inputs differ from those of the interrupted run, with some names."""
        earlier = {source: _as_fingerprint(found) for source, found in before}
        changed = [s for s in self._inputs if s in earlier and self._inputs[s] != earlier[s]]
        kinds = {
            "changed since": changed,
            "new": [source for source in self._inputs if source not in earlier],
            "missing now": [source for source in earlier if source not in self._inputs],
        }
        parts = [_some(sources, kind) for kind, sources in kinds.items() if sources]
        return "; ".join(parts) or "they are in another order"

    def save(self, saved: SavedPosition, *, now: bool = False) -> None:
        """Save a checkpoint, at most once a second; `flush` saves one that was left out.

        Args:
            saved: The checkpoint; all its results are in the file system.
            now: Whether to save it at once.

        Raises:
            OutputError: The disk is full or the folder has been removed.
        """
        self._latest = saved
        if now or self.is_due:
            self.flush()

    @property
    def is_due(self) -> bool:
        """Whether the last checkpoint was saved more than a second ago."""
        return time.monotonic() - self._written_at >= _INTERVAL_S

    def flush(self) -> None:
        """Save the latest checkpoint if it is not in the file yet.

        Raises:
            OutputError: The disk is full or the folder has been removed.
        """
        if self._latest is None or self._latest is self.saved:
            return
        if not self.path.parent.is_dir():
            raise OutputError(f"{self.path.parent}: the folder of the results has been removed")
        self._written_at = time.monotonic()
        inputs = _sha256(self._inputs_text)
        if self.saved is None:
            write_durably(self._inputs_path(inputs), self._inputs_text)
        run = {
            "settings": self._settings,
            "inputs": inputs,
            "saved": dataclasses.asdict(self._latest),
        }
        # Before it is hashed, it has to look as it will when it is read.
        run = json.loads(json.dumps(run))
        write_durably(self.path, json.dumps({"sha256": _sha256(json.dumps(run)), "run": run}))
        if self.saved is None:
            # Those of a run that is replaced.
            _remove_inputs(self.path.parent, but=self._inputs_path(inputs))
        self.saved = self._latest

    def _inputs_path(self, sha256: str) -> Path:
        return self.path.with_name(_INPUTS.format(sha256[:12]))

    def finish(self) -> None:
        """Save what the run was made with beside its results, and remove the other files.

        Raises:
            OutputError: They cannot be written or removed.
        """
        run = {"settings": self._settings, "inputs": json.loads(self._inputs_text)}
        document = {"sha256": _sha256(json.dumps(run)), "run": run}
        write_durably(self.path.with_name(_FINISHED), json.dumps(document))
        self.remove()

    def remove(self) -> None:
        """Remove the files: the run has ended, or a new one starts from the beginning.

        Raises:
            OutputError: They cannot be removed.
        """
        self.saved = self._latest = None
        try:
            self.path.unlink(missing_ok=True)
            _remove_inputs(self.path.parent)
        except OSError as error:
            raise cannot_write(self.path, error) from error


def has_finished(folder: Path) -> bool:
    """Return whether a run that wrote JSON Lines has ended in a folder, by what it left there."""
    return (folder / _FINISHED).is_file()


def forget_finished(folder: Path) -> None:
    """Remove what an earlier run of a folder says of itself, whose results are replaced.

    Raises:
        OutputError: It cannot be removed.
    """
    try:
        (folder / _FINISHED).unlink(missing_ok=True)
    except NotADirectoryError:
        return  # there is no run
    except OSError as error:
        raise cannot_write(folder / _FINISHED, error) from error


def forget_unfinished(folder: Path, lines: str) -> None:
    """Remove the journal and the unfinished lines of an interrupted run that is replaced.

    Args:
        folder: The folder of the results.
        lines: The name of the JSON Lines.

    Raises:
        OutputError: They cannot be removed.
    """
    if not (folder / JOURNAL).exists():
        return
    try:
        partial_path(folder / lines).unlink(missing_ok=True)
        _remove_inputs(folder)
        (folder / JOURNAL).unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(folder / JOURNAL, error) from error


def _remove_inputs(folder: Path, *, but: Path | None = None) -> None:
    for path in folder.glob(_INPUTS.format("*")):
        if path != but:
            path.unlink(missing_ok=True)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _difference(name: str, before: Any, now: Any) -> str:
    """Name a setting that is another one; of a network, say also which one it was.

    Args:
        name: The setting.
        before: Its value in the earlier run; the hash of a network's file, None without a network.
        now: Its value in this one.
    """
    values = [before, now]
    if not any(isinstance(each, str) and each.startswith(_HASH) for each in values):
        return name
    was, given = (
        "none" if each is None else f"the file of {each[:_SHOWN_HASH]}..." for each in values
    )
    return f"{name} (it had {was}, this has {given})"


def _as_fingerprint(found: list[Any] | None) -> Fingerprint:
    return None if found is None else tuple(found)


def _some(sources: Sequence[str], kind: str) -> str:
    shown = ", ".join(sources[:_MAX_NAMES])
    more = len(sources) - _MAX_NAMES
    return f"{shown}{f' and {more} more' if more > 0 else ''} {kind}"
