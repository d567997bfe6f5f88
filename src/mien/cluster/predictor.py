"""Faces and expressions in batches of images, for Ray Data, Spark and whatever else has batches."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mien._checking import check_count
from mien.columns import result_columns
from mien.errors import InputError, MediaError, OptionsError
from mien.inference import Analyzer, predict_loaded
from mien.media import arrow_table, decode_image, read_image
from mien.options import MAX_THREADS, MAX_WORKERS, FaceOptions
from mien.structures import Frame, FrameResult
from mien.structures.tables import data_frame

__all__ = ["Predictor", "spark_schema"]

_SPARK = {"text": "string", "integer": "bigint", "number": "double", "boolean": "boolean"}


class Predictor:
    """Takes batches of images and returns their faces as rows of a table.

    A batch has the column `path`, or `bytes` with what an image file holds, or both: then the bytes
    are read, and the path is what the rows call the image. The rows have the columns of mien's CSV
    and Parquet files: one for each face, and one for an image without a face, or with `error` for
    one that cannot be read.

    The networks are loaded at the first batch, in the process that calls, so that a Predictor can
    be sent to others. Ray Data makes one for each actor:
    `images.map_batches(Predictor, compute=ray.data.ActorPoolStrategy(size=2))`. Spark takes
    `images.mapInPandas(lambda batches: map(Predictor(), batches), spark_schema())`.

    Args:
        model: The ONNX file of an emotion network; None takes the shipped network.
        detector: The ONNX file of a face detector; None takes the shipped detector.
        face_options: Which faces count, and below which confidence an answer is unsure.
        units: Whether the rows have expression units, by the shipped network, or the ONNX file of
            another one.
        threads: Threads of one network run.
        device: The device of the networks, as for `Analyzer`.
        workers: Threads that read images and find faces; one for each CPU that an actor has.

    Raises:
        InputError: A number is out of range.
        OptionsError: `face_options` is something else.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        detector: str | Path | None = None,
        face_options: FaceOptions | None = None,
        units: bool | str | Path = False,
        threads: int = 1,
        device: str = "cpu",
        workers: int = 1,
    ) -> None:
        if not isinstance(face_options, FaceOptions | None):
            found = type(face_options).__name__
            raise OptionsError(f"face_options: expected FaceOptions or None, found {found}")
        threads = check_count("threads", threads, MAX_THREADS)
        workers = check_count("workers", workers, MAX_WORKERS)
        self._load = functools.partial(
            Analyzer,
            model,
            detector=detector,
            face_options=face_options,
            units=units,
            threads=threads,
            device=device,
            workers=workers,
        )
        self._units = units is not False
        self._analyzer: Analyzer | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the networks, which each process loads itself."""
        return {**self.__dict__, "_analyzer": None}

    def __call__(self, batch: Any) -> Any:
        """Find the faces in a batch of images.

        Args:
            batch: A data frame of pandas, a pyarrow table, or a mapping from column names to
                sequences of the same length.

        Returns:
            A data frame of pandas for one, else a pyarrow table. Without an image it has no row.

        Raises:
            InputError: The batch has neither `path` nor `bytes`, or is something else.
            ArtefactError: A model file is missing or damaged.
            DeviceError: The device is not available.
            MissingExtraError: The extra `tables` is not installed.
        """
        columns, is_pandas = _columns(batch)
        loaders = [_loader(path, data) for path, data in _images(columns)]
        rows: list[dict[str, Any]] = []
        if loaders:
            analyzer = self._loaded()
            for each in predict_loaded(analyzer.pipeline, loaders, workers=analyzer.workers):
                rows += _rows(each.result)
        if is_pandas:
            return data_frame(rows, "pandas", units=self._units)
        return arrow_table(rows, result_columns(units=self._units))

    def _loaded(self) -> Analyzer:
        if self._analyzer is None:
            self._analyzer = self._load()
        return self._analyzer


def spark_schema(*, units: bool = False) -> str:
    """Return the columns of the rows as a schema of Spark: `source string, frame bigint, ...`.

    Args:
        units: Whether they have expression units.
    """
    columns = result_columns(units=units)
    return ", ".join(f"{column.name} {_SPARK[column.kind]}" for column in columns)


def _columns(batch: Any) -> tuple[Mapping[str, Sequence[Any]], bool]:
    """Return the columns `path` and `bytes` of a batch, and whether it is a data frame of pandas.

    Raises:
        InputError: It has neither.
    """
    is_arrow = hasattr(batch, "column_names") and hasattr(batch, "to_pydict")
    is_pandas = not is_arrow and hasattr(batch, "columns") and hasattr(batch, "iloc")
    if not (is_arrow or is_pandas or isinstance(batch, Mapping)):
        found = type(batch).__name__
        raise InputError(
            f"batch: expected columns of pandas, pyarrow or a mapping, found {found}. Ray Data "
            "and mapInPandas give such batches"
        )
    names = list(batch.column_names if is_arrow else batch.columns if is_pandas else batch)
    wanted = [name for name in ("path", "bytes") if name in names]
    if not wanted:
        found = ", ".join(map(str, names)) or "none"
        raise InputError(f"batch: expected a column 'path' or 'bytes', found {found}")
    if is_arrow:
        return {name: batch.column(name).to_pylist() for name in wanted}, False
    return {name: list(batch[name]) for name in wanted}, is_pandas


def _images(columns: Mapping[str, Sequence[Any]]) -> list[tuple[Any, Any]]:
    """Return path and bytes of each image; None for a column that is not there.

    Raises:
        InputError: The columns differ in length.
    """
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        found = " and ".join(f"{count} of {name!r}" for name, count in lengths.items())
        raise InputError(f"batch: expected columns of one length, found {found}")
    (count,) = set(lengths.values())
    nothing: list[Any] = [None] * count
    paths, data = columns.get("path", nothing), columns.get("bytes")
    if data is None:
        return [(_text(path), None) for path in paths]
    return [(_text(path), b"" if _is_missing(each) else each)
            for path, each in zip(paths, data, strict=True)]  # fmt: skip


def _loader(path: str | None, data: Any) -> tuple[str, Callable[[], Frame]]:
    """Return what the rows call an image, and what reads it."""
    source = path or ("path" if data is None else "bytes")

    def load() -> Frame:
        if data is None:
            if path is None:
                raise MediaError(source, "the column 'path' has no value in this row")
            return read_image(path)
        if not isinstance(data, bytes | bytearray | memoryview):
            found = type(data).__name__
            raise MediaError(source, f"expected the bytes of an image file, found {found}")
        if not data:
            raise MediaError(source, "the column 'bytes' has no value in this row")
        return decode_image(bytes(data), source)

    return source, load


def _is_missing(value: Any) -> bool:
    """Return whether a value is one of those by which pandas and numpy say that there is none."""
    return (
        value is None
        or type(value).__name__ == "NAType"
        or (isinstance(value, float) and math.isnan(value))
    )


def _text(value: Any) -> str | None:
    return None if _is_missing(value) or value == "" else str(value)


def _rows(result: FrameResult) -> list[dict[str, Any]]:
    """Return the nested rows of an image; one without a face has a row, too."""
    return result.to_rows() or [{"source": result.source, "frame": result.frame}]
