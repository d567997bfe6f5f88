"""Predictions for every image of a dataset: from a model, or from a saved table."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien._output import whole_file
from mien._reading import read_csv, read_parquet_columns
from mien.data import Dataset, Progress
from mien.emotions import LABEL_SETS, SIX, LabelSet, canonical_label
from mien.errors import DatasetError, InputError
from mien.inference import EmotionModel

__all__ = ["Predictor", "ensemble", "open_predictor", "save_predictions"]

_BATCH = 256
_PREFIX = "p_"
_MAX_ROUNDING = 0.05
"""How far a row's sum may be from 1, for tables with two decimals."""

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
            return _run(self.model, data.images, on_progress)
        if self.members:
            return self._mean(data, on_progress)
        return {name: self._from_table(name, data) for name in self.known}

    def embedding(self, data: Dataset) -> NDArray[np.float32] | None:
        """Return the model's embedding of each image, `(N, D)`; None where it has none."""
        if self.model is None or "embedding" not in {o.name for o in self.model.spec.outputs}:
            return None
        starts = range(0, len(data), _BATCH)
        batches = [self.model.run(data.images[start : start + _BATCH]) for start in starts]
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
            raise InputError(
                f"{self.name}: no prediction for {int(missing.sum())} of {len(data)} images, "
                f"first for row {data.rows[missing.argmax()]}. Predict all images of {data.source}"
            )
        found: Probabilities = values[order][place]
        return found


def open_predictor(path: str | Path | None) -> Predictor:
    """Open a model file, a table of predictions, or a folder of such tables.

    A table (Parquet or CSV) has a column `row`, the row in the dataset, and a column `p_<label>`
    for each label of one label set, in any order and spelling.

    Args:
        path: An ONNX file, a `.parquet`, a `.csv` or a folder of these; None takes the shipped
            model.

    Raises:
        ArtefactError: The file is no model, has no spec, or is no such table.
        MissingExtraError: pyarrow, which reads Parquet, is not installed.
    """
    if path is None:
        return Predictor(name="mien", model=EmotionModel(None))
    path = Path(path)
    if path.is_dir():
        tables = sorted(p for p in path.iterdir() if p.suffix in (".parquet", ".csv"))
        if not tables:
            raise DatasetError(f"{path}: no table of predictions (.parquet or .csv) in this folder")
        return Predictor(name=path.name, known=dict(_read_table(table) for table in tables))
    if path.suffix in (".parquet", ".csv"):
        return Predictor(name=path.stem, known=dict([_read_table(path)]))
    return Predictor(name=path.stem, model=EmotionModel(path))


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
        path = Path(folder) / f"{name}.csv"
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


def _run(
    model: EmotionModel, images: NDArray[np.uint8], on_progress: Progress | None
) -> dict[str, Probabilities]:
    by_label_set: dict[str, list[Probabilities]] = {}
    for start in range(0, len(images), _BATCH):
        outputs = model.run(images[start : start + _BATCH])
        for name, probabilities in model.head_probabilities(outputs).items():
            by_label_set.setdefault(model.spec.head_labels[name], []).append(probabilities)
        by_label_set.setdefault(SIX.name, []).append(model.combine(outputs))
        if on_progress is not None:
            on_progress(min(start + _BATCH, len(images)), len(images))
    return {name: np.concatenate(values) for name, values in by_label_set.items()}


def _read_table(path: Path) -> tuple[str, tuple[NDArray[np.int64], Probabilities]]:
    columns = _columns(path)
    by_label = {}
    for column in columns:
        if column.startswith(_PREFIX):
            by_label[canonical_label(column.removeprefix(_PREFIX))] = column
    label_set = _label_set(path, set(by_label))
    if "row" not in columns:
        raise DatasetError(f"{path}: no column 'row'; it has {', '.join(columns)}")
    try:
        numbers = np.asarray(columns["row"], np.float64)
        ordered = [columns[by_label[label]] for label in label_set.labels]
        values = np.array(ordered, np.float64).T
    except (TypeError, ValueError, OverflowError) as error:
        raise DatasetError(f"{path}: expected numbers in every column ({error})") from error
    whole = (numbers >= 0) & (numbers < 2**53) & (numbers == np.floor(numbers))
    if not whole.all():
        found = numbers[~whole][0]
        raise DatasetError(f"{path}: row: expected whole numbers from 0, found {found:g}")
    rows = numbers.astype(np.int64)
    right = ((values >= 0) & (values <= 1)).all(axis=1)  # NaN is not
    right &= np.abs(values.sum(axis=1) - 1) <= _MAX_ROUNDING
    if not right.all():
        found = ", ".join(f"{value:g}" for value in values[~right][0])
        raise DatasetError(
            f"{path}: expected probabilities of 0 to 1 that sum to 1, found {found} in row "
            f"{rows[~right][0]}"
        )
    if len(np.unique(rows)) != len(rows):
        raise DatasetError(f"{path}: expected each row once, found some rows twice")
    return label_set.name, (rows, values)


def _columns(path: Path) -> Mapping[str, Sequence[object]]:
    read = read_parquet_columns if path.suffix == ".parquet" else read_csv
    columns = read(path, DatasetError, expected="a table of predictions, as `mien evaluate` writes")
    if not any(columns.values()):
        raise DatasetError(f"{path}: a table without a row; expected one row for each image")
    return columns


def _label_set(path: Path, labels: set[str]) -> LabelSet:
    for known in LABEL_SETS.values():
        if set(known.labels) == labels:
            return known
    sets = "; ".join(f"{known.name}: {', '.join(known.labels)}" for known in LABEL_SETS.values())
    raise DatasetError(
        f"{path}: the columns {_PREFIX}<label> are of no label set, found "
        f"{', '.join(sorted(labels))}; expected those of {sets}"
    )
