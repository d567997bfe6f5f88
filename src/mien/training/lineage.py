"""The training images behind a network's weights: its own, and those of its start and teachers."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path

from mien._reading import read_json
from mien.data import merged_sketches
from mien.errors import SpecError
from mien.inference import EmotionModel
from mien.training.run import write_run_file

__all__ = [
    "Lineage",
    "lineage_of",
    "lineage_of_model",
    "merge_lineages",
    "read_lineage",
    "write_lineage",
]

_FILE = "lineage.json"


@dataclasses.dataclass(frozen=True, slots=True)
class Lineage:
    """The known training images behind some weights, and the sources that are unknown.

    Attributes:
        sketch: The known images, as `image_sketch` describes them; empty if there are none.
        unknown: Names of other networks behind the weights whose training images are not known.
    """

    sketch: str = ""
    unknown: tuple[str, ...] = ()

    def provenance(self) -> dict[str, str]:
        """Return the lineage as entries of a spec's provenance."""
        lacks = {"training_sketch_lacks": ", ".join(self.unknown)} if self.unknown else {}
        return {"training_sketch": self.sketch} | lacks


def merge_lineages(lineages: Iterable[Lineage]) -> Lineage:
    """Return the lineage of weights that depend on several networks."""
    every = list(lineages)
    unknown = dict.fromkeys(name for lineage in every for name in lineage.unknown)
    return Lineage(merged_sketches(lineage.sketch for lineage in every), tuple(unknown))


def lineage_of(path: Path) -> Lineage:
    """Return the lineage of a start or a teacher.

    Args:
        path: A model file, which ends with `.onnx`, the folder of a run, or a checkpoint in its
            `checkpoints`.

    Raises:
        ArtefactError: The file ends with `.onnx`, but is not an emotion model.
    """
    if path.suffix == ".onnx":
        return lineage_of_model(EmotionModel(path))
    folder = path if path.is_dir() else path.absolute().parent.parent
    found = read_lineage(folder)
    return found if found is not None else Lineage(unknown=(path.name,))


def read_lineage(folder: Path) -> Lineage | None:
    """Return the lineage in a run's folder, or None if there is no readable one."""
    try:
        found = read_json(folder / _FILE, SpecError, expected="the lineage of a run")
        return Lineage(merged_sketches([found["sketch"]]), tuple(map(str, found["unknown"])))
    except (KeyError, TypeError, SpecError):
        return None


def write_lineage(folder: Path, lineage: Lineage) -> None:
    """Write a lineage into a run's folder, for trainings that start from its weights.

    Raises:
        OutputError: The file cannot be written.
    """
    text = json.dumps(dataclasses.asdict(lineage), indent=1)
    write_run_file(folder / _FILE, text + "\n")


def lineage_of_model(model: EmotionModel) -> Lineage:
    """Return the lineage of a model file, as its spec has it."""
    provenance = model.spec.provenance
    lacks = provenance.get("training_sketch_lacks")
    unknown = tuple(lacks.split(", ")) if lacks else ()
    sketch = provenance.get("training_sketch")
    return Lineage(unknown=(model.path.name,)) if sketch is None else Lineage(sketch, unknown)
