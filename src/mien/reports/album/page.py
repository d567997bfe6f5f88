"""The page of an album: groups, the clearest expressions, odd faces, and all with filters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath

from mien._wording import pluralize
from mien.reports.album.summary import AlbumFace, AlbumPage
from mien.reports.html.blocks import Tile, Tiles
from mien.reports.html.page import Figure, Page, Section, write_page

__all__ = ["write_album_page"]


def write_album_page(album: AlbumPage, path: Path) -> list[Path]:
    """Write the page of an album as one HTML file; an existing one is replaced.

    Faces lead to their images, by addresses relative to the file.

    Raises:
        OutputError: The file cannot be written.
        MissingExtraError: Jinja2 is not installed.
    """
    notes = [
        "expressions are compared, not people: nobody is recognised",
        "an expression is what a face shows to others, not what the person feels, and predictions "
        "are often wrong",
    ]
    if album.failed:
        notes.append(f"{pluralize(album.failed, 'input')} could not be read")
    page = Page(
        title=album.title,
        lead="Faces grouped by how similar their expressions are. A face leads to its image.",
        cards={
            "images": f"{album.images:,}",
            "faces": f"{album.faces:,}",
            "moments": f"{album.moments:,}",
            "groups": f"{len(album.groups):,}",
        },
        notes_title="Limits",
        notes=notes,
        sections=[_groups(album), _expressive(album), _all(album)],
        provenance="The table beside this page has all faces with their groups.",
    )
    return write_page(page, path, overwrite=True)


def _groups(album: AlbumPage) -> Section:
    return Section(
        title="Groups",
        lead="The most typical faces of each group, the most typical one first.",
        figures=[
            Figure(
                title=f"{number} {group.name}",
                sentence=f"{pluralize(group.faces, 'face')} in "
                f"{pluralize(group.moments, 'moment')}",
                body=[_tiles(group.typical, f"group-{number}")],
                wide=True,
            )
            for number, group in enumerate(album.groups, start=1)
        ],
    )


def _expressive(album: AlbumPage) -> Section:
    figures = [
        Figure(
            title=label,
            sentence=f"The faces that show {label} most clearly.",
            body=[_tiles(faces, f"expression-{label}")],
        )
        for label, faces in album.expressive
        if faces
    ]
    odd = Figure(
        title="odd ones",
        sentence="The faces that are least like their groups: mixed or rare expressions, and "
        "sometimes what is no face.",
        body=[_tiles(album.odd, "odd")],
        wide=True,
    )
    return Section(
        title="Expressions", lead="The clearest ones, and the odd ones.", figures=[*figures, odd]
    )


def _all(album: AlbumPage) -> Section:
    shown = len(album.gallery)
    sentence = "One face of each moment, the most typical faces first."
    if shown < album.moments:
        sentence = f"{shown:,} of {album.moments:,} moments, evenly from typical to odd."
    tiles = Tiles(
        tiles=[_tile(face) for face in album.gallery],
        name="all",
        filterable=True,
        large=True,
        by_confidence=True,
    )
    figure = Figure(title="All faces", sentence=sentence, body=[tiles], wide=True)
    return Section(
        title="All", lead="Choose an expression and how sure it has to be.", figures=[figure]
    )


def _tiles(faces: Sequence[AlbumFace], name: str) -> Tiles:
    return Tiles(tiles=[_tile(face) for face in faces], name=name, large=True)


def _tile(face: AlbumFace) -> Tile:
    name = PurePath(face.source).name
    shots = f", {face.shots} shots" if face.shots > 1 else ""
    return Tile(
        image=face.jpeg,
        label=face.emotion,
        text=f"{face.confidence:.0%}{', unsure' if face.unsure else ''}{shots}",
        title=name,
        link=face.address,
        confidence=face.confidence,
    )
