"""Where frames come from and where results go."""

from mien.media.image_file import MAX_PIXELS, open_image
from mien.media.images import IMAGE_SUFFIXES, convert_image, decode_image, read_image
from mien.media.inputs import Channels, ImageInput, as_frame, check_channels
from mien.media.live_source import LiveSource, cameras, is_camera, is_live
from mien.media.recognition import has_rows_of
from mien.media.scaling import scale_rgb
from mien.media.signatures import PROMISED_VIDEOS, START_BYTES, format_name, is_container
from mien.media.sources import (
    count_by_suffix,
    find_images,
    find_media,
    is_image_file,
    is_video,
)
from mien.media.timestamps import format_timestamp
from mien.media.video_writer import VideoWriter
from mien.media.videos import VIDEO_SUFFIXES, Video, VideoFrame
from mien.media.writers import (
    FORMATS,
    ResultWriter,
    arrow_table,
    open_table,
    open_writer,
)

__all__ = [
    "FORMATS",
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "PROMISED_VIDEOS",
    "START_BYTES",
    "VIDEO_SUFFIXES",
    "Channels",
    "ImageInput",
    "LiveSource",
    "ResultWriter",
    "Video",
    "VideoFrame",
    "VideoWriter",
    "arrow_table",
    "as_frame",
    "cameras",
    "check_channels",
    "convert_image",
    "count_by_suffix",
    "decode_image",
    "find_images",
    "find_media",
    "format_name",
    "format_timestamp",
    "has_rows_of",
    "is_camera",
    "is_container",
    "is_image_file",
    "is_live",
    "is_video",
    "open_image",
    "open_table",
    "open_writer",
    "read_image",
    "scale_rgb",
]
