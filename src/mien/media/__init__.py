"""Where frames come from and where results go."""

from mien.media.drawing import draw_result
from mien.media.folder import ResultFolder
from mien.media.pictures import MAX_PIXELS, PICTURE_SUFFIXES, read_picture
from mien.media.sources import find_pictures
from mien.media.writers import FORMATS, ResultWriter, open_writer

__all__ = [
    "FORMATS",
    "MAX_PIXELS",
    "PICTURE_SUFFIXES",
    "ResultFolder",
    "ResultWriter",
    "draw_result",
    "find_pictures",
    "open_writer",
    "read_picture",
]
