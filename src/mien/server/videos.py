"""A video on its way in: the whole body or the file of a form, straight onto the disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import Request

from mien.errors import MediaError
from mien.media import START_BYTES, Video, format_name, is_container
from mien.server.forms import FormFile
from mien.server.limits import limited
from mien.server.options import ServerOptions
from mien.server.problems import Problem
from mien.server.runner import UPLOAD

__all__ = ["FORM_FIELD", "MAX_NAME", "receive_video"]

FORM_FIELD = "file"
"""Under which name a form holds the video."""

MAX_NAME = 200
"""Letters of a video's name."""

_NOTHING_SAID = ("", "application/octet-stream")


async def receive_video(
    request: Request, folder: Path, options: ServerOptions, name: str | None
) -> tuple[str, float | None]:
    """Write an upload to its folder and look whether it is a video.

    Args:
        request: Its body is the video, or a form with the video.
        folder: Where to.
        options: Limits.
        name: What to call the video; None takes the form's name for it.

    Returns:
        The video's name and its length in seconds, None if its file does not say.

    Raises:
        Problem: 400, 408, 413, 415 or 422 with what is wrong.
    """
    given = request.headers.get("content-type", "")
    kind = given.partition(";")[0].strip().lower()
    form = FormFile(given, field=FORM_FIELD) if kind == "multipart/form-data" else None
    if form is None and not kind.startswith("video/") and kind not in _NOTHING_SAID:
        raise Problem(
            415, f"expected video/*, application/octet-stream or multipart/form-data, found {kind}"
        )
    request = limited(
        request, max_bytes=options.max_video_bytes, timeout_s=options.upload_timeout_s
    )
    path = folder / UPLOAD
    with path.open("wb") as file:
        async for piece in _pieces(request, form):
            await asyncio.to_thread(file.write, piece)
    found = name or (form and form.filename) or "video"
    duration_s = await asyncio.to_thread(_length, path, found[:MAX_NAME])
    if duration_s is not None and duration_s > options.max_video_s:
        raise Problem(413, f"the video is longer than {options.max_video_s:g} s")
    return found[:MAX_NAME], duration_s


async def _pieces(request: Request, form: FormFile | None) -> AsyncIterator[bytes]:
    async for chunk in request.stream():
        piece = chunk if form is None else form.feed(chunk)
        if piece:
            yield piece
    if form is not None:
        form.close()


def _length(path: Path, name: str) -> float | None:
    with path.open("rb") as file:
        start = file.read(START_BYTES)
    if not is_container(start):
        found = format_name(start) or "of no known format"
        taken = "MP4, MOV, MKV, WebM, AVI, OGG, MPEG-TS or FLV"
        raise Problem(422, f"{name}: {found}, not a video that is taken here. Send {taken}")
    try:
        with Video(path) as video:
            return video.duration_s
    except MediaError as error:
        raise Problem(422, f"{name}: {error.reason}") from error
