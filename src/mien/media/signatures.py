"""Telling what a file is by how it begins, whatever its name says."""

from __future__ import annotations

import re

__all__ = ["PROMISED_VIDEOS", "START_BYTES", "format_name", "is_container", "is_other_video"]

PROMISED_VIDEOS = "MP4, MOV, MKV, WebM, AVI, FLV, OGG, MPEG, MPEG-TS, MXF or WMV"
"""What is read, as a person says it."""

START_BYTES = 1024
"""As many bytes of a file's beginning tell what it is."""

_BOXES = frozenset((b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"))
"""What an MP4 or MOV file begins with, behind four bytes of length (ISO/IEC 14496-12)."""

_BEGINNINGS = (
    *(b"\x1a\x45\xdf\xa3", b"FLV\x01", b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3"),
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c",
    b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02",
)
"""Matroska and WebM, Flash, MPEG program and video streams, ASF (WMV), MXF."""

_OGG = b"OggS"
_OGG_VIDEO = re.compile(rb"\x80theora|\x01video|BBCD\0|OVP80|fishead")
"""How the headers of video in Ogg begin, all of which stand before the first contents."""

_SOUND_BRANDS = frozenset((b"M4A ", b"M4B ", b"M4P "))

_TS_PACKET, _TS_SYNC = 188, 0x47
"""MPEG-TS (ISO/IEC 13818-1): packets of so many bytes, each of which begins with this one."""

_TS_TIMECODE = 4
"""Bytes before each packet on Blu-ray discs (.m2ts)."""

_IMAGE_BRANDS = {
    **dict.fromkeys(
        (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "HEIC"
    ),
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
    b"crx ": "Canon raw (CR3)",
}
"""Images in the boxes of ISO/IEC 14496-12, by the brand of their `ftyp`."""

_FORMATS: tuple[tuple[str, bytes], ...] = (
    ("JPEG", rb"\xff\xd8\xff"),
    ("PNG", rb"\x89PNG\r\n\x1a\n"),
    ("GIF", rb"GIF8[79]a"),
    ("WebP", rb"RIFF....WEBP"),
    ("Canon raw (CR2)", rb"II\*\0....CR"),
    ("TIFF", rb"II[*+]\0|MM\0[*+]"),
    ("BMP", rb"BM....\0\0\0\0"),
    ("PostScript (EPS)", rb"\s*%!PS|\xc5\xd0\xd3\xc6"),
    ("PDF", rb"(?:.{0,200})%PDF-\d"),
    ("JPEG XL", rb"\xff\x0a|\0\0\0\x0cJXL "),
    ("JPEG 2000", rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51"),
    ("Photoshop (PSD)", rb"8BPS"),
    ("Windows icon (ICO)", rb"\0\0\x01\0[\x01-\xff]\0"),
    ("Windows cursor (CUR)", rb"\0\0\x02\0[\x01-\xff]\0"),
    ("Apple icon (ICNS)", rb"icns"),
    ("DirectDraw surface (DDS)", rb"DDS "),
    ("PPM or PGM", rb"P[1-7]\s|P[fF]\s"),
    ("QOI", rb"qoif"),
    ("PCX", rb"\x0a[\0\x02-\x05]\x01[\x01\x02\x04\x08]"),
    ("SGI", rb"\x01\xda[\0\x01][\x01\x02]"),
    ("Windows metafile (WMF)", rb"\xd7\xcd\xc6\x9a"),
    ("Windows metafile (EMF)", rb"\x01\0\0\0.{36} EMF"),
    ("OpenEXR", rb"\x76\x2f\x31\x01"),
    ("Radiance HDR", rb"#\?(?:RADIANCE|RGBE)"),
    ("FITS", rb"SIMPLE  ="),
    ("XPM", rb"/\* XPM \*/"),
    ("XBM", rb"\s*#define \w+_width"),
    ("Fujifilm raw (RAF)", rb"FUJIFILMCCD-RAW"),
    ("NUT video", rb"nut/multimedia container\0"),
    ("RealMedia video", rb"\.RMF\0\0\0"),
    ("IVF video", rb"DKIF\0\0"),
    ("Y4M video", rb"YUV4MPEG2 "),
    ("raw H.264 video", rb"\0\0\0?\x01(?:[\x27\x47\x67]|\x09[\x10-\xf0].{0,4}\x01[\x27\x47\x67])"),
    ("raw H.265 video", rb"\0\0\0?\x01(?:\x40\x01|\x46\x01.{1,6}\x01\x40\x01)"),
    ("DV video", rb"\x1f\x07\0"),
    ("GXF video", rb"\0\0\0\0\x01\xbc"),
    ("WTV video", rb"\xb7\xd8\0\x20\x37\x49\xda\x11"),
    ("Flash (SWF) video", rb"[FCZ]WS[\x03-\x40]"),
    ("HDF5", rb"\x89HDF\r\n\x1a\n"),
    ("HLS playlist (m3u8)", rb"(?:\xef\xbb\xbf)?\s*#EXTM3U"),
    ("playlist (ffconcat)", rb"\s*ffconcat version"),
    ("playlist (pls)", rb"(?i:\s*\[playlist\])"),
    ("stream description (SDP)", rb"v=0\r?\no="),
    ("playlist (DASH)", rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml.{0,400}?<)?(?:!--.{0,400}?--\s*<)?MPD\b"),
    ("HTML", rb"(?i:\s*<(?:!doctype html|html)\b)"),
    ("SVG", rb"(?:\xef\xbb\xbf)?\s*(?=<).{0,900}?<svg\b"),
    ("ZIP archive", rb"PK\x03\x04"),
    ("gzip archive", rb"\x1f\x8b"),
    ("WAV sound", rb"RIFF....WAVE"),
    ("MP3 sound", rb"ID3[\x02-\x04]"),
    ("MPEG-4 sound (M4A)", rb"....ftypM4[ABP] "),
    ("Ogg sound", rb"OggS"),
    ("FLAC sound", rb"fLaC"),
)
"""Names for people and the bytes that such files begin with; the first that fits counts."""

_PATTERNS = tuple((name, re.compile(pattern, re.DOTALL)) for name, pattern in _FORMATS)


def is_container(start: bytes) -> bool:
    """Say whether a file's first `START_BYTES` bytes are those of a video.

    Playlists and the like, which make FFmpeg open other files and addresses, are none.
    """
    return (
        (start[4:8] in _BOXES and start[8:12] not in (*_IMAGE_BRANDS, *_SOUND_BRANDS))
        or start.startswith(_BEGINNINGS)
        or (start.startswith(b"RIFF") and start[8:12] == b"AVI ")
        or (start.startswith(_OGG) and _OGG_VIDEO.search(start) is not None)
        or _is_transport_stream(start)
    )


def _is_transport_stream(start: bytes) -> bool:
    for before in (0, _TS_TIMECODE):
        syncs = start[before :: _TS_PACKET + before]
        if len(syncs) > 1 and all(each == _TS_SYNC for each in syncs):
            return True
    return False


def format_name(start: bytes) -> str | None:
    """Name what a file is that is no video by its first `START_BYTES` bytes.

    Returns:
        For example `PostScript (EPS)` or `HEIC`; None if the bytes are of no known format.
    """
    if start[4:8] == b"ftyp" and start[8:12] in _IMAGE_BRANDS:
        return _IMAGE_BRANDS[start[8:12]]
    return next((name for name, pattern in _PATTERNS if pattern.match(start)), None)


def is_other_video(name: str) -> bool:
    """Say whether a name of `format_name` is that of a video, which is not read."""
    return name.endswith(" video")
