"""Video uploads: the body, or the file of a form, is written to disk as it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import Request

from mien.errors import MediaError
from mien.media import PROMISED_VIDEOS, START_BYTES, format_name, is_container
from mien.server.decoding import Decoder
from mien.server.errors import ApiError
from mien.server.forms import FormFiles
from mien.server.limits import limit_body
from mien.server.options import ServerOptions
from mien.server.runner import UPLOAD

__all__ = ["FORM_FIELDS", "MAX_NAME", "receive_video"]

FORM_FIELDS = ("file", "files")
"""The names that the form's field with the video may have; the first is documented."""

MAX_NAME = 200
"""Limit of the characters of a video's name."""

_UNSPECIFIC_TYPES = ("", "application/octet-stream")


async def receive_video(
    request: Request,
    folder: Path,
    options: ServerOptions,
    *,
    decoder: Decoder,
    name: str | None,
) -> tuple[str, float | None]:
    """Write an upload to its folder and check that it is a video.

    Args:
        request: Its body is the video, or a form with the video.
        folder: The folder to write to.
        options: Limits.
        decoder: Opens the video.
        name: The video's name; None takes the file's name in the form.

    Returns:
        The video's name and its length in seconds; the length is None if the file does not have it.

    Raises:
        ApiError: 400, 408, 413, 415 or 422; the message says what is wrong.
    """
    content_type = request.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    form = None
    if kind == "multipart/form-data":
        form = FormFiles(content_type, fields=FORM_FIELDS, option="max_fps=5")
    if form is None and not kind.startswith("video/") and kind not in _UNSPECIFIC_TYPES:
        raise ApiError(
            415, f"expected video/*, application/octet-stream or multipart/form-data, found {kind}"
        )
    request = limit_body(
        request, max_bytes=options.max_video_bytes, timeout_s=options.upload_timeout_s
    )
    path = folder / UPLOAD
    with path.open("wb") as file:
        async for piece in _pieces(request, form):
            await asyncio.to_thread(file.write, piece)
    name = (name or (form and form.names[0]) or "video")[:MAX_NAME]
    await asyncio.to_thread(_check_container, path, name)
    try:
        duration_s = await decoder.video_duration_s(str(path))
    except MediaError as error:
        raise ApiError(422, f"{name}: {error.reason}") from error
    if duration_s is not None and duration_s > options.max_video_s:
        raise ApiError(413, f"the video is longer than {options.max_video_s:g} s")
    return name, duration_s


async def _pieces(request: Request, form: FormFiles | None) -> AsyncIterator[bytes]:
    async for chunk in request.stream():
        for piece in [chunk] if form is None else [each for _, each in form.feed(chunk)]:
            yield piece
    if form is not None:
        form.close()


def _check_container(path: Path, name: str) -> None:
    with path.open("rb") as file:
        start = file.read(START_BYTES)
    if not is_container(start):
        found = format_name(start) or "of no known format"
        raise ApiError(
            422, f"{name}: {found}, not a video that can be analysed. Send {PROMISED_VIDEOS}"
        )
