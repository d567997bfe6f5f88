"""The networks at work behind the API: images in, rows out, all requests' faces together."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import io
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from mien.detect import OnnxDetector
from mien.errors import MediaError
from mien.inference import Analyzer
from mien.inference.images import Searched, detect_and_crop, frame_result
from mien.media import decode_image
from mien.server.batching import Batcher
from mien.server.limits import Admission, Memory
from mien.server.metrics import Metrics
from mien.server.options import ServerOptions
from mien.server.problems import Problem
from mien.structures import Frame, FrameResult

__all__ = ["Service"]

_JPEG_QUALITY = 88


class Service:
    """What all endpoints share.

    Args:
        analyzer: The networks.
        faces: The detector among them, with its file.
        options: Limits.
    """

    def __init__(self, analyzer: Analyzer, faces: OnnxDetector, options: ServerOptions) -> None:
        self.analyzer, self.faces, self.options = analyzer, faces, options
        self.metrics = Metrics()
        self.images = Admission(options.most_waiting, "requests")
        self.memory = Memory(options.most_bytes_waiting)
        self.streams = Admission(options.most_streams, "streams")
        self.pool = ThreadPoolExecutor(options.workers or os.cpu_count() or 1, "mien-images")
        self.batcher = Batcher(analyzer.model.probabilities, ran=self.metrics.batch.observe)
        self.closing = False

    def close(self) -> None:
        """Finish what is in work."""
        self.closing = True
        self.pool.shutdown(cancel_futures=True)
        self.batcher.close()

    def sized(self, min_face_px: int | None) -> Analyzer:
        """Return the analyzer for another smallest face."""
        if min_face_px is None or min_face_px == self.analyzer.min_face_px:
            return self.analyzer
        return Analyzer(self.analyzer.model, detector=self.faces, min_face_px=min_face_px)

    async def analyze(
        self, data: bytes, source: str, *, min_face_px: int | None = None, draw: bool = False
    ) -> dict[str, Any]:
        """Analyse one encoded image; what cannot be read has an `error`.

        Raises:
            Problem: 503 if it took too long.
        """
        try:
            work = self._analyze(data, source, self.sized(min_face_px), draw)
            return await asyncio.wait_for(work, self.options.request_timeout_s)
        except MediaError as error:
            return _document(FrameResult(source=source, error=error.reason))
        except TimeoutError:
            limit = f"{self.options.request_timeout_s:g} s"
            raise Problem(
                503, f"{source}: took longer than {limit}", headers={"Retry-After": "5"}
            ) from None

    async def _analyze(
        self, data: bytes, source: str, analyzer: Analyzer, draw: bool
    ) -> dict[str, Any]:
        loop = asyncio.get_running_loop()

        def find() -> Searched:
            frame = decode_image(data, source, max_pixels=self.options.most_pixels)
            return (frame, *detect_and_crop(analyzer, frame))

        def find_and_draw() -> dict[str, Any]:
            # In one go: an image that waited for its turn to be drawn would be held decoded, and
            # small uploads may be large images.
            found = find()
            result = frame_result(analyzer, *found, self.batcher.submit(found[2]).result())
            return _document(result) | {"drawn_jpeg": _drawn(found[0], result)}

        if draw:
            document = await loop.run_in_executor(self.pool, find_and_draw)
        else:
            found = await loop.run_in_executor(self.pool, find)
            probabilities = await asyncio.wrap_future(self.batcher.submit(found[2]))
            document = _document(frame_result(analyzer, *found, probabilities))
        self.metrics.faces.inc(len(document["faces"]))
        return document

    def described(self) -> dict[str, Any]:
        """Return what the two model files say about themselves."""
        models = {"emotion": self.analyzer.model.spec, "face": self.faces.spec}
        found = {name: dataclasses.asdict(spec) for name, spec in models.items()}
        for document in found.values():
            document["provenance"].pop("training_sketch", None)
        return found


def _drawn(frame: Frame, result: FrameResult) -> str:
    packed = io.BytesIO()
    result.plot(frame_rgb=frame.frame_rgb).save(packed, "JPEG", quality=_JPEG_QUALITY)
    return base64.b64encode(packed.getvalue()).decode()


def _document(result: FrameResult) -> dict[str, Any]:
    document: dict[str, Any] = {
        "source": result.source,
        "width": result.width,
        "height": result.height,
        "faces": [] if result.error is not None else result.to_rows(),
        "notes": list(result.notes),
    }
    if result.error is not None:
        document["error"] = result.error
    return document
