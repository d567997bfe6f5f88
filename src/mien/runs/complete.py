"""The results of a run that has ended: whether another run with the same inputs would give them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mien.errors import OutputError
from mien.media import is_live
from mien.runs.fingerprint import fingerprint

__all__ = ["failures_of_complete"]


def failures_of_complete(
    folder: Path, sources: Mapping[str, str], *, formats: Sequence[str], draw: bool
) -> dict[str, str]:
    """Check that complete results are those of these inputs and options, as far as they show it.

    Args:
        folder: The folder of the results.
        sources: The names in the results, by input.
        formats: The formats that were asked for.
        draw: Whether drawn copies were asked for.

    Returns:
        The sources that could not be read or are damaged, with the last error.

    Raises:
        OutputError: They are of other inputs, an input was changed after them, a format or the
            drawn copies are missing, or the file is damaged.
    """
    path = folder / "results.jsonl"
    failures: dict[str, str] = {}
    found: set[str] = set()
    try:
        written_ns = path.stat().st_mtime_ns
        with path.open(encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                found.add(row["source"])
                if "error" in row:
                    failures[row["source"]] = row["error"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _refusal(f"{path}: cannot be read ({error})") from error
    if others := sorted(found.difference(sources.values())):
        raise _refusal(f"{path}: has results of other inputs: {others[0]}")
    if changed := list(_changed_after(written_ns, sources)):
        raise _refusal(f"{path}: {changed[0]} was changed after the results were written")
    for name in formats:
        if not (folder / f"results.{name}").exists():
            raise _refusal(f"{folder}: the run is complete, but without results.{name}")
    if draw and found.difference(failures) and not (folder / "drawn").is_dir():
        raise _refusal(f"{folder}: the run is complete, but without drawn copies")
    return failures


def _changed_after(time_ns: int, sources: Iterable[str]) -> Iterable[str]:
    for source in sources:
        known = None if is_live(source) else fingerprint(source)
        if known is not None and known[1] > time_ns:
            yield source


def _refusal(what: str) -> OutputError:
    return OutputError(f"{what}. Start again with overwrite=True, or choose another folder")
