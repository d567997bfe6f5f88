"""An album: images in; a table, a contact sheet and a page of their faces out."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Literal, get_args
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from mien._addresses import without_credentials
from mien._checking import Within, check_options, check_path
from mien._output import cannot_write, check_output, check_writable
from mien.album.faces import AlbumFaces
from mien.album.groups import AlbumGroup, Grouping, group_faces, require_grouping
from mien.columns import COLUMNS, Column
from mien.drawing import write_image
from mien.emotions import SIX
from mien.errors import MediaError, OptionsError, OutputError
from mien.inference import Analyzer, check_paths, is_image, predict_images
from mien.media import find_media, has_rows_of, open_table
from mien.options import FaceOptions
from mien.reports import (
    AlbumFace,
    AlbumPage,
    AlbumRow,
    draw_album,
    require_charts,
    write_album_page,
)
from mien.structures import Frame, FrameResult

__all__ = ["Album", "AlbumOptions", "album_to"]

AlbumFormat = Literal["parquet", "csv"]

_PAGE, _SHEET = "album.html", "album.png"
_TYPICAL, _ODD, _EXPRESSIVE = 16, 24, 8
_MAX_GROUPS = 1000
_MAX_SHOWN = 1500
"""Faces on the page, about 5 MB; a page with ten times as many is slow to open."""

OWN_COLUMNS = (
    Column(
        name="group",
        path=("group",),
        kind="integer",
        meaning="the number of the group of similar expressions, from 0, largest first",
        minimum=0,
    ),
    Column(
        name="distance",
        path=("distance",),
        kind="number",
        meaning="one minus the cosine of the embedding with that of the group's most typical face",
        minimum=0,
        maximum=2,
    ),
    Column(
        name="is_medoid",
        path=("is_medoid",),
        kind="boolean",
        meaning="whether it is the group's most typical face",
    ),
    Column(
        name="moment",
        path=("moment",),
        kind="integer",
        meaning="the number of the moment; nearly identical shots have the same one",
        minimum=0,
    ),
)
"""The columns that an album adds to those of a face."""

_TABLE = (*(column for column in COLUMNS if column.rows != "error"), *OWN_COLUMNS)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AlbumOptions:
    """How an album is made.

    Attributes:
        groups: How many groups of expressions; None chooses a number from 1 to 12.
        format: The format of the table of faces, `parquet` or `csv`.
        overwrite: Whether an earlier album in the folder is replaced.
        faces: Which faces count, and below which confidence an answer is unsure; None takes the
            options of the Analyzer.

    Raises:
        OptionsError: An option has a wrong type, or `groups` is out of its range.
    """

    groups: Annotated[int, Within(1, _MAX_GROUPS)] | None = None
    format: AlbumFormat = "parquet"
    overwrite: bool = False
    faces: FaceOptions | None = None

    def __post_init__(self) -> None:
        check_options(self)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Album:
    """An album that was made.

    Attributes:
        folder: Its folder.
        images: How many images were read.
        faces: How many faces are in them.
        groups: The groups of similar expressions, the largest first.
        medoids: The source of each group's most typical face.
        failures: The inputs that could not be read, with the reason.
        written: The files; empty if there is no face.
    """

    folder: Path
    images: int
    faces: int
    groups: tuple[AlbumGroup, ...] = ()
    medoids: tuple[str, ...] = ()
    failures: dict[str, str] = dataclasses.field(default_factory=dict)
    written: tuple[Path, ...] = ()


def album_to(
    folder: str | Path,
    inputs: str | Path | Iterable[str | Path],
    *,
    options: AlbumOptions | None = None,
    analyzer: Analyzer | None = None,
    on_start: Callable[[Sequence[str]], None] = lambda sources: None,
    on_result: Callable[[FrameResult], None] = lambda result: None,
) -> Album:
    """Group the faces of many images by how similar their expressions are.

    Expressions are compared, by the network's embedding, and not people: nobody is recognised.
    Memory grows by about 15 kB a face while they are grouped, however large the images are.

    Args:
        folder: Where the album is written; it is made if it is missing. `faces.parquet` or
            `faces.csv` has a row per face, `album.png` the most typical faces of each group, and
            `album.html` can be filtered and leads to the images.
        inputs: Images, folders and globs.
        options: How the album is made.
        analyzer: Networks and settings; None takes the shipped networks.
        on_start: Called once with the inputs.
        on_result: Called with the result of each image.

    Returns:
        The album. Without a face its folder stays empty.

    Raises:
        InputError: Something among the inputs is no path.
        OptionsError: `options` are none.
        OutputError: The files exist already, or cannot be written.
        SpecError: The network has no embedding.
        MissingExtraError: The extra `data` is not installed.
    """
    if options is not None and not isinstance(options, AlbumOptions):
        raise OptionsError(f"options: expected AlbumOptions, found {type(options).__name__}")
    options = options or AlbumOptions()
    path = check_path("folder", folder)
    require_grouping()
    require_charts()
    analyzer = analyzer or Analyzer()
    pipeline = analyzer.pipeline.with_options(options.faces)
    pipeline.check_embedding()
    names = (f"faces.{options.format}", _SHEET, _PAGE)
    own = [path / f"faces.{each}" for each in get_args(AlbumFormat)]
    own += [path / _SHEET, path / _PAGE]
    for file in own:
        check_output(file, overwrite=options.overwrite)
    _refuse_foreign(path, names)
    check_writable(path)
    _make(path)
    media = list(find_media(check_paths(inputs), exclude=own))
    failures = {}
    for each in media:
        if isinstance(each, MediaError):
            failures[each.source] = each.reason
        elif not is_image(each):
            failures[without_credentials(each)] = "is no image; an album is made of images"
    images = [str(each) for each in media if is_image(each)]
    on_start(images)
    with AlbumFaces(path) as faces:
        for predicted in predict_images(pipeline, images, workers=analyzer.workers):
            result = predicted.result
            if result.error is not None:
                failures[result.source] = result.error
            elif isinstance(predicted.frame, Frame):
                for face in result.faces:
                    faces.add(face, predicted.frame.frame_rgb)
            on_result(result)
        read = len(images) - sum(source in failures for source in images)
        if len(faces) == 0:
            return Album(folder=path, images=read, faces=0, failures=failures)
        grouping = group_faces(
            faces.embeddings,
            faces.probabilities,
            faces.greys,
            faces.sharpness,
            groups=options.groups,
        )
        _write_table(path / names[0], faces, grouping)
        page = _page(path, faces, grouping, images=read, failed=len(failures))
        write_image(draw_album(page.groups), path / _SHEET)
        write_album_page(page, path / _PAGE)
        for other in set(get_args(AlbumFormat)) - {options.format}:
            # A table of the album that was replaced would be taken for this one's.
            if has_rows_of(path / f"faces.{other}", _TABLE):
                _remove(path / f"faces.{other}")
        medoids = tuple(faces.row(group.medoid)["source"] for group in grouping.groups)
        return Album(
            folder=path,
            images=read,
            faces=len(faces),
            groups=grouping.groups,
            medoids=medoids,
            failures=failures,
            written=tuple(path / name for name in names),
        )


def _refuse_foreign(folder: Path, names: Sequence[str]) -> None:
    """Refuse to replace files that are of no album, whose table tells what it is.

    Raises:
        OutputError: There is such a file.
    """
    is_album = any(has_rows_of(folder / f"faces.{each}", _TABLE) for each in get_args(AlbumFormat))
    for path in (folder / name for name in names):
        is_own = has_rows_of(path, _TABLE) if path.name == names[0] else is_album
        if path.exists() and not is_own:
            what = "exists already, and is not of an album"
            raise OutputError(f"{path}: {what}. Choose another folder")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: cannot be removed: {error.strerror or error}") from error


def _write_table(path: Path, faces: AlbumFaces, grouping: Grouping) -> None:
    medoids = {group.medoid for group in grouping.groups}
    with open_table(path, _TABLE) as table:
        for number, row in enumerate(faces.rows()):
            own = {
                "group": int(grouping.group[number]),
                "distance": float(grouping.distance[number]),
                "is_medoid": number in medoids,
                "moment": int(grouping.moment[number]),
            }
            table.write_rows([row | own])


def _page(
    folder: Path, faces: AlbumFaces, grouping: Grouping, *, images: int, failed: int
) -> AlbumPage:
    shown, distance = grouping.shown, grouping.distance
    probabilities = faces.probabilities
    by_distance = shown[np.argsort(distance[shown], kind="stable")]

    def face(number: int) -> AlbumFace:
        row = faces.row(number)
        return AlbumFace(
            jpeg=faces.jpeg(number),
            emotion=row["emotion"],
            confidence=row["confidence"],
            unsure=row["unsure"],
            source=row["source"],
            address=_address(row["source"], folder),
            group=int(grouping.group[number]),
            shots=int((grouping.moment == grouping.moment[number]).sum()),
        )

    rows = [
        AlbumRow(
            name=group.name,
            faces=group.faces,
            moments=group.moments,
            typical=[
                face(number)
                for number in by_distance[grouping.group[by_distance] == group.number][:_TYPICAL]
            ],
        )
        for group in grouping.groups
    ]
    expressive = [
        (label, [face(number) for number in _strongest(probabilities[shown], place, shown)])
        for place, label in enumerate(SIX.labels)
    ]
    step = -(-len(by_distance) // _MAX_SHOWN)
    return AlbumPage(
        title=folder.absolute().name,
        images=images,
        failed=failed,
        faces=len(faces),
        moments=len(shown),
        groups=rows,
        expressive=expressive,
        odd=[face(number) for number in by_distance[::-1][:_ODD]],
        gallery=[face(number) for number in by_distance[::step]],
    )


def _strongest(
    probabilities: NDArray[np.float32], place: int, shown: NDArray[np.int64]
) -> list[int]:
    """Return the faces that show an expression most clearly, the clearest first."""
    answers = probabilities.argmax(axis=1) == place
    order = np.argsort(-probabilities[:, place], kind="stable")
    return [int(shown[number]) for number in order[answers[order]][:_EXPRESSIVE]]


def _address(source: str, folder: Path) -> str:
    """Return the address of an image for a page in the folder."""
    path = Path(source).absolute()
    try:
        relative = Path(os.path.relpath(path, folder.absolute()))
    except ValueError:  # another drive
        return path.as_uri()
    return quote(os.fsencode(relative.as_posix()))
