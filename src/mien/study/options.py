"""How a study is made."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal

from mien._checking import FilePath, Within, check_options
from mien.errors import OptionsError
from mien.options import MAX_WORKERS, EventOptions, FaceOptions, VideoOptions

__all__ = ["StudyOptions", "TableFormat"]

TableFormat = Literal["parquet", "csv"]

Shard = Annotated[int, Within(1, 1_000_000)]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StudyOptions:
    """How a study analyses its inputs, and what it writes.

    Attributes:
        format: The format of the tables, `parquet` or `csv`.
        overwrite: Whether an earlier study in the folder is replaced; files that it did not write,
            and those that somebody changed since, stay.
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
        OptionsError: Options exclude each other, have a wrong type or are out of their range.
    """

    format: TableFormat = "parquet"
    overwrite: bool = False
    resume: bool = False
    video: VideoOptions = dataclasses.field(default_factory=VideoOptions)
    faces: FaceOptions | None = None
    events: EventOptions = dataclasses.field(default_factory=EventOptions)
    workers: Annotated[int, Within(1, MAX_WORKERS)] = 1
    shard: tuple[Shard, Shard] | None = None
    covariates: FilePath | None = None

    def __post_init__(self) -> None:
        check_options(self)
        if self.resume and self.overwrite:
            raise OptionsError("resume continues and overwrite starts again; leave out one")
        if self.shard is None:
            return
        number, of = self.shard
        if number > of:
            raise OptionsError(f"shard: expected at most {of} of {of}, found {number}")
        if self.covariates is not None:
            raise OptionsError(
                "covariates: groups are compared where all shards are merged; give them to the "
                "merge"
            )
