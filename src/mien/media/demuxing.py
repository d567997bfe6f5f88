"""The one place where FFmpeg is made to open something to read: what was named, and nothing else.

FFmpeg by itself follows what a file says: a playlist (HLS, ffconcat, SDP) makes it open other files
and addresses, and a name such as `concat:a|b` is one of its protocols. So each kind of source has a
list of the containers and of the protocols that may be used; FFmpeg hands both lists on to whatever
it opens next.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

from mien.errors import MediaError
from mien.media.images import why_unreadable
from mien.media.sequences import sequence_options
from mien.media.signatures import (
    PROMISED_VIDEOS,
    START_BYTES,
    format_name,
    is_container,
    is_other_video,
)

if TYPE_CHECKING:
    from av.container import InputContainer

__all__ = [
    "open_camera",
    "open_sequence",
    "open_stream",
    "open_video",
    "read_address",
    "reason_of",
]

_VIDEOS = (
    *("mov", "matroska", "avi", "flv", "mpegts", "mpeg", "mpegvideo", "m4v", "ogg", "asf"),
    "mxf",
)
"""The containers of a video, by FFmpeg's names; none of them names another file or address."""

_CAMERA_IMAGES = (
    *("mpjpeg", "mjpeg", "jpeg_pipe", "png_pipe", "webp_pipe", "bmp_pipe", "gif", "gif_pipe"),
    "tiff_pipe",
)
"""Images as cameras send them over HTTP: one after the other, or one alone."""

_HLS = ("hls", "aac", "ac3", "eac3", "mp3", "webvtt")
"""Playlists of a stream, and what their parts may be beside videos."""

_MAX_IMAGE_BYTES, _MAX_IMAGE_S = 1 << 27, 60.0
"""An image at an address is read into memory; a stream that looks like one does not end."""

_HTTP = "http,https,httpproxy,tcp,tls,crypto,data"
"""What an `http://` source may use: a stream's parts come over HTTP, never from this machine's
files; `crypto` and `data` are for their keys."""

_RTSP = "rtsp,rtsps,rtp,srtp,udp,tcp,tls,http,https,httpproxy"


def open_video(path: str | Path) -> InputContainer:
    """Open a video file; it cannot make FFmpeg open anything else.

    Args:
        path: The file.

    Raises:
        MediaError: It is missing or no video; the reason names what it is.
    """
    source = str(path)
    try:
        Path(path).stat()
    except (OSError, ValueError) as error:
        raise MediaError(source, why_unreadable(error)) from error
    options = {"protocol_whitelist": "file", "format_whitelist": ",".join(_VIDEOS)}
    # Without the prefix a file whose name begins like a protocol would be taken for an address.
    return _opened(source, f"file:{source}", options)


def open_sequence(pattern: str | Path) -> InputContainer:
    """Open numbered images (`shot_%04d.png`) as a video.

    Raises:
        MediaError: There are none, one is missing between others, or they cannot be read.
    """
    name, options = sequence_options(pattern)
    options |= {"protocol_whitelist": "file", "format_whitelist": "image2"}
    return _opened(str(pattern), f"file:{name}", options)


def open_stream(address: str, *, timeout_s: float) -> InputContainer:
    """Open an `rtsp://` or `http://` address; it cannot make FFmpeg open files of this machine.

    Raises:
        av.FFmpegError: It cannot be reached.
        OSError: Likewise, or what it sends is no video or image that is read.
    """
    import av

    if address.startswith("rtsp"):
        options = {"rtsp_transport": "tcp", "protocol_whitelist": _RTSP, "format_whitelist": "rtsp"}
    else:
        formats = [*_VIDEOS, *_CAMERA_IMAGES, *_HLS]
        if address.lower().endswith((".jpg", ".jpeg")):
            # By such a name FFmpeg takes an address for an image, a JPEG, whatever is sent.
            formats.append("image2")
        options = {"protocol_whitelist": _HTTP, "format_whitelist": ",".join(formats)}
    try:
        return av.open(address, options=options, timeout=timeout_s)
    except av.error.ArgumentError as error:
        # This is how FFmpeg says that a container is not on the list.
        raise OSError("what it sends is no video that is read") from error


def read_address(address: str, *, timeout_s: float) -> tuple[bytes, bool]:
    """Read the image at an `http://` address whole, as by `open_stream`.

    Args:
        address: The address.
        timeout_s: How long one answer may take.

    Returns:
        The bytes that were sent, and whether they are all that the server announced.

    Raises:
        av.FFmpegError: It cannot be reached.
        OSError: Likewise, or it sends too much.
    """
    import av

    options = {"protocol_whitelist": _HTTP, "format_whitelist": "data"}
    begin_s, parts, length = time.monotonic(), list[bytes](), 0
    with av.open(address, format="data", options=options, timeout=timeout_s) as container:
        # A server that does not say how much it sends ends with an error, too.
        with contextlib.suppress(av.FFmpegError, OSError):
            for packet in container.demux():
                parts.append(bytes(packet))
                length += packet.size
                is_late = time.monotonic() - begin_s > _MAX_IMAGE_S
                if length > _MAX_IMAGE_BYTES or is_late or format_name(parts[0]) is None:
                    break
        announced = container.size
    if length > _MAX_IMAGE_BYTES:
        raise OSError(f"an image of more than {_MAX_IMAGE_BYTES >> 20} MiB")
    return b"".join(parts), length >= announced


def open_camera(name: str, *, platform: str, options: dict[str, str]) -> InputContainer:
    """Open a camera.

    Args:
        name: The device as the platform calls it.
        platform: FFmpeg's name for the system's cameras.
        options: FFmpeg's, for that platform.

    Raises:
        av.FFmpegError: It cannot be opened.
        OSError: Likewise.
    """
    import av

    return av.open(name, format=platform, options=options)


def _opened(source: str, opened: str, options: dict[str, str]) -> InputContainer:
    import av

    try:
        return av.open(opened, options=options)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise MediaError(source, _why(source, error)) from error


def _why(source: str, error: Exception) -> str:
    try:
        with Path(source).open("rb") as file:
            start = file.read(START_BYTES)
    except (OSError, ValueError):
        start = b""
    name = None if is_container(start) else format_name(start)
    if name is not None and is_other_video(name):
        return f"{name}, which is not read. Convert it to {PROMISED_VIDEOS}"
    if name is not None:
        return f"{name}, not a video that is read. Give {PROMISED_VIDEOS}"
    reason = reason_of(error)
    return f"no video that can be read ({reason}). Give {PROMISED_VIDEOS}, or copy it again"


def reason_of(error: Exception) -> str:
    """Return what FFmpeg or the system says of an error, without addresses and paths."""
    return str(getattr(error, "strerror", None) or error)
