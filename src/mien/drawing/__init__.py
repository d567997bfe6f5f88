"""Drawing into images with Pillow: shapes, text, and the faces of a result; and writing images."""

from mien.drawing.faces import DrawableFace, draw
from mien.drawing.image_files import check_image_name, write_image
from mien.drawing.shapes import (
    Area,
    Colour,
    fill_rounded,
    outline_rounded,
    text_width,
    write_text,
)
from mien.drawing.thumbnails import face_thumbnail

__all__ = [
    "Area",
    "Colour",
    "DrawableFace",
    "check_image_name",
    "draw",
    "face_thumbnail",
    "fill_rounded",
    "outline_rounded",
    "text_width",
    "write_image",
    "write_text",
]
