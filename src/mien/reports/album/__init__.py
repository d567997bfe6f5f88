"""The page and the contact sheet of an album."""

from mien.reports.album.page import write_album_page
from mien.reports.album.sheet import draw_album
from mien.reports.album.summary import AlbumFace, AlbumPage, AlbumRow

__all__ = ["AlbumFace", "AlbumPage", "AlbumRow", "draw_album", "write_album_page"]
