"""The networks at work behind the API: images in, rows out, all requests' faces together."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import io
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from mien.detect import FileDetector
from mien.errors import MediaError
from mien.inference import Analyzer, DetectedFrame, Pipeline
from mien.media import decode_image
from mien.options import FaceOptions
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
        detector: The detector among them, with its file.
        options: Limits.
    """

    def __init__(self, analyzer: Analyzer, detector: FileDetector, options: ServerOptions) -> None:
        self.analyzer, self.detector, self.options = analyzer, detector, options
        self.pipeline = analyzer.pipeline
        self.metrics = Metrics()
        self.images = Admission(options.max_waiting, "requests")
        self.memory = Memory(options.max_bytes_waiting)
        self.streams = Admission(options.max_streams, "streams")
        self.pool = ThreadPoolExecutor(options.workers or os.cpu_count() or 1, "mien-images")
        self.batcher = Batcher(analyzer.model.classify, ran=self.metrics.batch.observe)
        self.closing = False

    def close(self) -> None:
        """Finish what is in work."""
        self.closing = True
        self.pool.shutdown(cancel_futures=True)
        self.batcher.close()

    async def analyze(
        self,
        data: bytes,
        source: str,
        *,
        face_options: FaceOptions | None = None,
        draw: bool = False,
    ) -> dict[str, Any]:
        """Analyse one encoded image; what cannot be read has an `error`.

        Raises:
            Problem: 503 if it took too long.
        """
        try:
            work = self._analyze(data, source, self.pipeline.with_options(face_options), draw)
            return await asyncio.wait_for(work, self.options.request_timeout_s)
        except MediaError as error:
            return _document(FrameResult(source=source, error=error.reason))
        except TimeoutError:
            limit = f"{self.options.request_timeout_s:g} s"
            raise Problem(
                503, f"{source}: took longer than {limit}", headers={"Retry-After": "5"}
            ) from None

    async def _analyze(
        self, data: bytes, source: str, pipeline: Pipeline, draw: bool
    ) -> dict[str, Any]:
        loop = asyncio.get_running_loop()

        def detect() -> tuple[Frame, DetectedFrame]:
            frame = decode_image(data, source, max_pixels=self.options.max_pixels)
            return frame, pipeline.detect_and_crop(frame)

        def detect_and_draw() -> dict[str, Any]:
            # In one go: an image that waited for its turn to be drawn would be held decoded, and
            # small uploads may be large images.
            frame, detected = detect()
            result = pipeline.record(detected, self.batcher.submit(detected.crops).result())
            return _document(result) | {"drawn_jpeg": _drawn(frame, result)}

        if draw:
            document = await loop.run_in_executor(self.pool, detect_and_draw)
        else:
            _, detected = await loop.run_in_executor(self.pool, detect)
            answers = await asyncio.wrap_future(self.batcher.submit(detected.crops))
            document = _document(pipeline.record(detected, answers))
        self.metrics.faces.inc(len(document["faces"]))
        return document

    def described(self) -> dict[str, Any]:
        """Return what the two model files say about themselves."""
        models = {"emotion": self.pipeline.model.spec, "face": self.detector.spec}
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
