"""Which images a run's weights have seen: its own, those of its start and of its teachers."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path

from mien.data import merged_sketches
from mien.errors import SpecError
from mien.inference import EmotionModel

__all__ = ["Seen", "all_seen", "note_seen", "noted_seen", "seen_by"]

_FILE = "seen.json"


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """The training images behind some weights, as far as they are known.

    Attributes:
        sketch: What `image_sketch` makes of the known ones; empty if there are none.
        unknown: What else the weights come from, whose images nothing says.
    """

    sketch: str = ""
    unknown: tuple[str, ...] = ()

    def facts(self) -> dict[str, str]:
        """Return it as entries of a spec's provenance."""
        lacks = {"training_sketch_lacks": ", ".join(self.unknown)} if self.unknown else {}
        return {"training_sketch": self.sketch} | lacks


def all_seen(parts: Iterable[Seen]) -> Seen:
    """Join what several networks have seen."""
    each = list(parts)
    unknown = dict.fromkeys(name for part in each for name in part.unknown)
    return Seen(merged_sketches(part.sketch for part in each), tuple(unknown))


def seen_by(path: Path) -> Seen:
    """Say which images a start or a teacher was trained on.

    Args:
        path: A model file, which ends with `.onnx`, the folder of a run, or a checkpoint in its
            `checkpoints`.

    Raises:
        ArtefactError: The file ends with `.onnx`, but is no emotion model.
    """
    if path.suffix == ".onnx":
        return _of_model(path)
    folder = path if path.is_dir() else path.absolute().parent.parent
    noted = noted_seen(folder)
    return noted if noted is not None else Seen(unknown=(path.name,))


def noted_seen(folder: Path) -> Seen | None:
    """Return what a run's folder notes of the images, or None if it notes nothing."""
    try:
        found = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        return Seen(merged_sketches([found["sketch"]]), tuple(map(str, found["unknown"])))
    except (OSError, ValueError, KeyError, TypeError, SpecError):
        return None


def note_seen(folder: Path, seen: Seen) -> None:
    """Write into a run's folder which images its weights see, for those who begin with them."""
    text = json.dumps(dataclasses.asdict(seen), indent=1)
    (folder / _FILE).write_text(text + "\n", encoding="utf-8")


def _of_model(path: Path) -> Seen:
    provenance = EmotionModel(path).spec.provenance
    lacks = provenance.get("training_sketch_lacks")
    before = tuple(lacks.split(", ")) if lacks else ()
    sketch = provenance.get("training_sketch")
    return Seen(unknown=(path.name,)) if sketch is None else Seen(sketch, before)
