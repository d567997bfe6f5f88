"""Albums: the faces of many images, grouped by how similar their expressions are."""

from mien.album.album import Album, AlbumOptions, album_to
from mien.album.groups import AlbumGroup

__all__ = ["Album", "AlbumGroup", "AlbumOptions", "album_to"]
