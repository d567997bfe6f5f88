"""Predictions for every image of a dataset: from a model, or from a saved table."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien._checking import check_path
from mien._output import whole_file
from mien.data import Dataset, Progress
from mien.emotions import LABEL_SETS, SIX
from mien.errors import DatasetError, InputError
from mien.evaluation.prediction_table import is_table, read_predictions
from mien.inference import EmotionModel

__all__ = ["Predictor", "ensemble", "open_predictor", "save_predictions"]

_BATCH = 256
_FROM_1 = ". Rows are counted from 0, and this table seems to count from 1"
_PREFIX = "p_"

Probabilities = NDArray[np.floating]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Predictor:
    """Gives probabilities for images of a dataset: a model, a table of predictions or an ensemble.

    Attributes:
        name: Its name in tables.
        model: The model that is run; None for a table or an ensemble.
        known: The table: by label set, rows of the dataset `(n,)` and their probabilities `(n, K)`.
        members: The ensemble's members.
    """

    name: str
    model: EmotionModel | None = None
    known: Mapping[str, tuple[NDArray[np.int64], Probabilities]] = dataclasses.field(
        default_factory=dict
    )
    members: tuple[Predictor, ...] = ()

    def probabilities(
        self, data: Dataset, *, on_progress: Progress | None = None
    ) -> dict[str, Probabilities]:
        """Return probabilities `(N, K)` by the label set's name.

        Args:
            data: The images.
            on_progress: Called with the number of images done and their total.

        Raises:
            InputError: The table has no row for one of the images.
        """
        if self.model is not None:
            return _run(self.model, data, on_progress)
        if self.members:
            return self._mean(data, on_progress)
        return {name: self._from_table(name, data) for name in self.known}

    def check_rows(self, data: Dataset) -> None:
        """Check that a table counts its rows as a dataset does.

        Args:
            data: The whole dataset, not only the subset that is evaluated.

        Raises:
            InputError: A row is beyond the dataset, or only row 0 is missing, as in a table that
                counts from 1.
        """
        for member in self.members:
            member.check_rows(data)
        last = int(data.rows.max(initial=0))
        for rows, _ in self.known.values():
            from_1 = _FROM_1 if rows.min() == 1 else ""
            if rows.max() > last:
                raise InputError(
                    f"{self.name}: has row {rows.max()}, but the last one of {data.source} is "
                    f"{last}{from_1}"
                )
            if from_1 and 0 in data.rows and len(rows) >= len(data) - 1:
                raise InputError(f"{self.name}: has every row of {data.source} but 0{from_1}")

    def embedding(self, data: Dataset) -> NDArray[np.float32] | None:
        """Return the model's embedding of each image, `(N, D)`; None where it has none."""
        if self.model is None or "embedding" not in {o.name for o in self.model.spec.outputs}:
            return None
        batches = [self.model.run(crops) for crops in _batches(self.model, data)]
        return np.concatenate([outputs["embedding"] for outputs in batches])

    def _mean(self, data: Dataset, on_progress: Progress | None) -> dict[str, Probabilities]:
        outputs = []
        for member in self.members:
            outputs.append(member.probabilities(data))
            if on_progress is not None:
                on_progress(len(outputs), len(self.members))
        shared = [name for name in outputs[0] if all(name in each for each in outputs)]
        return {name: np.mean([each[name] for each in outputs], axis=0) for name in shared}

    def _from_table(self, name: str, data: Dataset) -> Probabilities:
        rows, values = self.known[name]
        order = np.argsort(rows)
        place = np.searchsorted(rows[order], data.rows).clip(max=len(rows) - 1)
        missing = rows[order][place] != data.rows
        if missing.any():
            from_1 = _FROM_1 if np.isin(data.rows + 1, rows).all() else ""
            raise InputError(
                f"{self.name}: no prediction for {int(missing.sum())} of {len(data)} images, "
                f"first for row {data.rows[missing.argmax()]}. Predict all images of "
                f"{data.source}{from_1}"
            )
        found: Probabilities = values[order][place]
        return found


def open_predictor(path: str | Path | None) -> Predictor:
    """Open a model file, a table of predictions, or a folder of such tables.

    A table (Parquet or CSV) has a column `row`, the row in the dataset from 0, and a column
    `p_<label>` for each label of one label set, in any order and spelling.

    Args:
        path: An ONNX file, a `.parquet`, a `.csv` or a folder of these; None takes the shipped
            model.

    Raises:
        ArtefactError: The file is no model or has no spec.
        DatasetError: The table or folder is no such table, or has none.
        MissingExtraError: Pyarrow, which reads Parquet, is not installed.
    """
    if path is None:
        return Predictor(name="mien", model=EmotionModel(None))
    path = check_path("path", path)
    if path.is_dir():
        return Predictor(name=path.resolve().name, known=_read_folder(path))
    if is_table(path):
        return Predictor(name=path.name.partition(".")[0], known=dict([read_predictions(path)]))
    return Predictor(name=path.stem, model=EmotionModel(path))


def _read_folder(path: Path) -> dict[str, tuple[NDArray[np.int64], Probabilities]]:
    tables = sorted(file for file in path.iterdir() if is_table(file))
    if not tables:
        raise DatasetError(f"{path}: no table of predictions (.parquet or .csv) in this folder")
    known: dict[str, tuple[NDArray[np.int64], Probabilities]] = {}
    for table in tables:
        name, predictions = read_predictions(table)
        if name in known:
            raise DatasetError(f"{path}: two tables of {name}, {table.name} is one. Remove one")
        known[name] = predictions
    return known


def ensemble(predictors: Sequence[Predictor]) -> Predictor:
    """Return the ensemble of several predictors: the mean of their probabilities.

    It has the outputs that all of them have.

    Raises:
        InputError: There are fewer than two.
    """
    if len(predictors) < 2:
        raise InputError(f"an ensemble: expected at least two models, found {len(predictors)}")
    return Predictor(name=f"mean of {len(predictors)}", members=tuple(predictors))


def save_predictions(
    rows: NDArray[np.int64], predictions: Mapping[str, Probabilities], folder: str | Path
) -> list[Path]:
    """Write predictions as CSV, one file per label set, in the form that `open_predictor` reads.

    Args:
        rows: `(N,)`, the images' rows in the dataset.
        predictions: By label set, probabilities `(N, K)`.
        folder: Where the files go; existing ones are replaced.

    Returns:
        The files written.

    Raises:
        OutputError: A file cannot be written.
    """
    written = []
    for name, values in predictions.items():
        path = check_path("folder", folder) / f"{name}.csv"
        labels = LABEL_SETS[name].labels
        with whole_file(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["row", *(_PREFIX + label for label in labels)])
            writer.writerows(
                [row, *(f"{value:.6g}" for value in line)]
                for row, line in zip(rows.tolist(), values, strict=True)
            )
        written.append(path)
    return written


def _batches(model: EmotionModel, data: Dataset) -> Iterator[NDArray[np.uint8]]:
    """Yield the crops of a dataset as the model takes them, some at a time."""
    for start in range(0, len(data), _BATCH):
        yield data.select(slice(start, start + _BATCH)).crops(model.crop)


def _run(
    model: EmotionModel, data: Dataset, on_progress: Progress | None
) -> dict[str, Probabilities]:
    by_label_set: dict[str, list[Probabilities]] = {}
    done = 0
    for crops in _batches(model, data):
        outputs = model.run(crops)
        done += len(crops)
        for name, probabilities in model.head_probabilities(outputs).items():
            labels = model.spec.head_labels[name]
            # No ground truth of FER-2013 is in a model's own labels; of the six the answer counts.
            if labels in LABEL_SETS and labels != SIX.name:
                by_label_set.setdefault(labels, []).append(probabilities)
        by_label_set.setdefault(SIX.name, []).append(model.combine(outputs))
        if on_progress is not None:
            on_progress(done, len(data))
    return {name: np.concatenate(values) for name, values in by_label_set.items()}
