"""Where frames come from and where results go."""

from mien.media.containers import is_container
from mien.media.drawing import draw_on, draw_result
from mien.media.film_writer import FilmWriter
from mien.media.films import FILM_SUFFIXES, Film, FilmFrame
from mien.media.folder import ResultFolder
from mien.media.journal import Journal
from mien.media.live_source import LiveSource, cameras, is_live
from mien.media.picture_writer import check_picture_name, write_picture
from mien.media.pictures import (
    MAX_PIXELS,
    PICTURE_SUFFIXES,
    convert_picture,
    decode_picture,
    read_picture,
)
from mien.media.sources import find_media, find_pictures, is_film
from mien.media.thumbnails import face_thumbnail
from mien.media.times import clock
from mien.media.writers import FORMATS, ResultWriter, open_writer

__all__ = [
    "FILM_SUFFIXES",
    "FORMATS",
    "MAX_PIXELS",
    "PICTURE_SUFFIXES",
    "Film",
    "FilmFrame",
    "FilmWriter",
    "Journal",
    "LiveSource",
    "ResultFolder",
    "ResultWriter",
    "cameras",
    "check_picture_name",
    "clock",
    "convert_picture",
    "decode_picture",
    "draw_on",
    "draw_result",
    "face_thumbnail",
    "find_media",
    "find_pictures",
    "is_container",
    "is_film",
    "is_live",
    "open_writer",
    "read_picture",
    "write_picture",
]
