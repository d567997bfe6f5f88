"""How a study is made."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal

from mien.errors import OptionsError
from mien.options import EventOptions, FaceOptions, VideoOptions, check_count, check_types

__all__ = ["StudyOptions", "TableFormat"]

TableFormat = Literal["parquet", "csv"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StudyOptions:
    """How a study analyses its inputs, and what it writes.

    Attributes:
        format: The format of the tables, `parquet` or `csv`.
        overwrite: Whether an earlier study in the folder is replaced.
        resume: Whether to continue the study in the folder: what is done is left out, what was
            changed since is analysed again, and what is new is added. Networks and options must be
            the same. Without an earlier study, a new one starts.
        video: How videos are analysed.
        faces: Which faces count, and below which confidence an answer is unsure; None takes the
            options of the Analyzer.
        events: What counts as an episode.
        workers: Processes, each with networks of its own.
        shard: `(number, of)`: analyse only every `of`-th input, from the `number`-th, from 1; the
            tables of the whole study are made by `merge_studies`. None analyses all.
        covariates: A CSV with a column `video` and others, such as `condition`, whose values make
            groups; None knows none.

    Raises:
        InputError: A number is out of its range.
        OptionsError: Options exclude each other, or have a wrong type.
    """

    format: TableFormat = "parquet"
    overwrite: bool = False
    resume: bool = False
    video: VideoOptions = dataclasses.field(default_factory=VideoOptions)
    faces: FaceOptions | None = None
    events: EventOptions = dataclasses.field(default_factory=EventOptions)
    workers: int = 1
    shard: tuple[int, int] | None = None
    covariates: str | Path | None = None

    def __post_init__(self) -> None:
        check_types(self)
        if self.resume and self.overwrite:
            raise OptionsError("resume continues and overwrite starts again; leave out one")
        check_count("workers", self.workers)
        if self.shard is None:
            return
        number, of = self.shard
        check_count("shard", number)
        check_count("shard", of)
        if number > of:
            raise OptionsError(f"shard: expected at most {of} of {of}, found {number}")
        if self.covariates is not None:
            raise OptionsError(
                "covariates: groups are compared where all shards are merged; give them to the "
                "merge"
            )
